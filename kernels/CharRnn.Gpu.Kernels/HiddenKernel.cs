using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>The hidden states of some time steps (E1): all of a step's, or, where a launch is nothing beside the work, one.</summary>
/// <remarks>
/// <code>E1: see HiddenPass</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    one group per block of streams × units; more than one share of the units for one time step only. Where blocks are
///            whole rows, it can fetch the step's characters and carried state first, or do nothing else (end = begin).
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
