using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Propagates the gradient back through all time steps of a layer, or through one (E6, E7).</summary>
/// <remarks>
/// <code>E6, E7: see BackwardPass</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    one group per block of streams × units. If there are several shares of the units, their groups meet between time steps, so
///            a launch of several time steps has only as many groups as run at once.
/// Writes:    da of its block.
/// Reference: ReferenceRnn.Run, ReferenceCell.Backward.
/// </remarks>
public static class ChainKernel
{
    /// <summary>The kernel, before which the groups have met so often.</summary>
    public static void Run(TrainingViews v, RnnDims d, int l, int begin, int end, BlockGrid grid, int met)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        int team = Team.Index(), steps = TimeStepMeeting.StepsBetween(grid, end - begin);
        var scratch = Team.Scratch();
        var block = HiddenBlock.Of(d, begin, end, team, grid);
        for (int t = end; t > begin; t -= steps)
        {
            Recurrence.Backward(scratch, v, v.Forward.Layers[l], d, block.During(t - steps, t));
            if (t - steps > begin)
                met = TimeStepMeeting.Meet(v.Status, grid, team, met);
        }

        Team.Arrive(v.Status, StepStatus.ChainsReady);
    }
}
