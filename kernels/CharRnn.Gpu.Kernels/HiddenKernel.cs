using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the states of a layer in all time steps of a step, or in one where that is worth a launch (E1, E10, E11).</summary>
/// <remarks>
/// <code>E1, E10–E12: see HiddenPass</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    one group per block of streams × units; a grid of several shares of the units is for a single time step. Where blocks
///            are whole rows, it can fetch the step's characters and the carried states of all layers first, or do only that (end = begin).
///            Above the lowest layer it follows InputKernel.
/// Writes:    gates and states of its block; tokens, h[-1] and c[-1] where it fetches.
/// Reference: ReferenceRnn.Run, ReferenceCell.Forward.
/// </remarks>
public static class HiddenKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments step, int l, int fetch, int begin, int end, BlockGrid grid)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        var block = HiddenBlock.Of(d, begin, end, Team.Index(), grid);
        if (fetch != 0 && block.Count > 0)
            HiddenPass.Begin(v.Forward, d, step, block.First, block.Count);
        HiddenPass.Steps(Team.Scratch(), v.Forward, d, v.Forward.Layers[l], step.Dropout, block);
    }
}
