using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Propagates the gradient back through all time steps of a layer, or through one (E6, E7).</summary>
/// <remarks>
/// <code>E6, E7: see BackwardPass</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    one group per block of streams × units; a grid of several shares of the units is for a single time step.
/// Writes:    da of its block.
/// Reference: ReferenceRnn.Run, ReferenceCell.Backward.
/// </remarks>
public static class ChainKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, int l, int begin, int end, BlockGrid grid)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        Recurrence.Backward(Team.Scratch(), v, v.Forward.Layers[l], d, HiddenBlock.Of(d, begin, end, Team.Index(), grid));
        Team.Arrive(v.Status, StepStatus.ChainsReady);
    }
}
