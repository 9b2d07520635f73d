using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>The hidden states of some time steps (E1): all of a step's, or, where a launch is nothing beside the work, one.</summary>
/// <remarks>
/// <code>E1: see HiddenPass</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    one group per block of streams × units; more than one share of the units for one time step only. A launch whose
///            blocks are whole rows fetches the step's characters and carried state, if it begins at time 0.
/// Writes:    h of its block; tokens and h[-1] where it fetches.
/// Reference: ReferenceRnn.HiddenStep.
/// </remarks>
public static class HiddenKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments step, int begin, int end, Shares shares)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        var part = Part.Of(d, begin, end, Team.Index(), shares);
        if (shares.Columns == 1 && begin == 0 && part.Count > 0)
            HiddenPass.Begin(v.Forward, d, step, part.First, part.Count);
        HiddenPass.Steps(Team.Scratch(), v.Forward, d, part);
    }
}
