using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the hidden states of all time steps of a step, or of one where that is worth a launch (E1).</summary>
/// <remarks>
/// <code>E1: see HiddenPass</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    one group per block of streams × units; a grid of several shares of the units is for a single time step. Where blocks
///            are whole rows, it can fetch the step's characters and the carried state first, or do only that (end = begin).
/// Writes:    h of its block; tokens and h[-1] where it fetches.
/// Reference: ReferenceRnn.HiddenStep.
/// </remarks>
public static class HiddenKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments step, int fetch, int begin, int end, BlockGrid grid)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        var block = HiddenBlock.Of(d, begin, end, Team.Index(), grid);
        if (fetch != 0 && block.Count > 0)
            HiddenPass.Begin(v.Forward, d, step, block.First, block.Count);
        HiddenPass.Steps(Team.Scratch(), v.Forward, d, block);
    }
}
