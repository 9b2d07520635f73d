using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the states of a layer in all time steps of a step, or in one where that is worth a launch (E1, E10, E11).</summary>
/// <remarks>
/// <code>E1, E10–E12: see HiddenPass</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    one group per block of streams × units. If there are several shares of the units, their groups meet between time steps, so
///            a launch of several time steps has only as many groups as run at once. Where blocks are whole rows, it can fetch the
///            step's characters and the carried states of all layers first, or do only that (end = begin). Above the lowest layer it
///            follows InputKernel.
/// Writes:    gates and states of its block; tokens, h[-1] and c[-1] where it fetches.
/// Reference: ReferenceRnn.Run, ReferenceCell.Forward.
/// </remarks>
public static class HiddenKernel
{
    /// <summary>The kernel, before which the groups have met so often.</summary>
    public static void Run(
        TrainingViews v, RnnDims d, StepArguments step, int l, int fetch, int begin, int end, BlockGrid grid, int met)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        int team = Team.Index(), steps = TimeStepMeeting.StepsBetween(grid, end - begin);
        var scratch = Team.Scratch();
        var block = HiddenBlock.Of(d, begin, end, team, grid);
        if (fetch != 0 && block.Count > 0)
            HiddenPass.Begin(v.Forward, d, step, block.First, block.Count);
        for (int t = begin; t < end; t += steps)
        {
            HiddenPass.Steps(scratch, v.Forward, d, v.Forward.Layers[l], step.Dropout, block.During(t, t + steps));
            if (t + steps < end)
                met = TimeStepMeeting.Meet(v.Status, grid, team, met);
        }
    }
}
