using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>
/// Runs many training steps in one launch. On the CPU all teams do so, which meet before and after the update, and where they share the
/// units of streams after each time step. On a GPU one team does so, which is measured and tested only: a launch for each phase is faster.
/// </summary>
/// <remarks>
/// <code>E1–E16, <c>steps</c> times: the passes, GradientKernel, NormKernel, UpdateKernel</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    teams that run side by side, or one team; p must not return to 0, and the steps must be within the window.
/// Writes:    all that these write.
/// Reference: ReferenceTrainer.Step.
/// </remarks>
public static class TrainStepsKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments first, int steps)
    {
        int team = Team.Index();
        var scratch = Team.Scratch();
        int meetings = first.Update.NeedsNorm ? 3 : 2;
        for (int n = 0; n < steps; n++)
        {
            StepArguments step = first.Later(n, d.T);
            int met = step.Slot * meetings;
            if (v.Status[StepStatus.Diverged] == 0)
                Sequence(team, scratch, v, d, step);
            GradientKernel.RunTeam(team, scratch, v, d, step, GradientKernel.Tasks(d, step.GradientGrids, 0, d.Layers + 1));
            Team.Meet(v.Status, StepStatus.Arrivals, met, step.Teams);
            if (step.Update.NeedsNorm)
            {
                NormKernel.RunTeam(team, scratch, v.Update, step.Teams);
                Team.Meet(v.Status, StepStatus.Arrivals, met + 1, step.Teams);
            }

            UpdateKernel.RunTeam(team, scratch, v.Update, step.Update, step.Slot, step.Teams);
            Team.Meet(v.Status, StepStatus.Arrivals, met + meetings - 1, step.Teams);
        }
    }

    /// <summary>
    /// Computes E1–E4, E6 and E7, or their counterparts of other cells, for a team's block of the states. Streams depend on no other
    /// streams, but a team that has only some of their units meets the others after each time step.
    /// </summary>
    private static void Sequence(int team, ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        BlockGrid grid = step.HiddenGrid;
        var block = HiddenBlock.Of(d, 0, d.T, team, grid);
        int share = team % grid.Columns, perMeeting = TimeStepMeeting.StepsBetween(grid, d.T), met = step.Slot * 2 * d.Layers * d.T;
        if (share == 0 && block.Count > 0)
            HiddenPass.Begin(v.Forward, d, step, block.First, block.Count);
        met = TimeStepMeeting.Meet(v.Status, grid, team, met);
        for (int l = 0; l < d.Layers; l++)
        {
            RecurrentLayer layer = v.Forward.Layers[l];
            if (l > 0)
                HiddenPass.InputsOfBlock(scratch, v.Forward, d, layer, block);
            for (int t = 0; t < d.T; t += perMeeting)
            {
                HiddenPass.Steps(scratch, v.Forward, d, layer, step.Dropout, block.During(t, t + perMeeting));
                met = TimeStepMeeting.Meet(v.Status, grid, team, met);
            }
        }

        // Teams that share the units of streams have a share of their time steps each.
        int begin = Share.Begin(d.T, share, grid.Columns), end = Share.Begin(d.T, share + 1, grid.Columns);
        if (block.Count > 0)
        {
            OutputPass.RunStreams(scratch, v.Forward, d, begin, end, block.First, block.Count);
            BackwardPass.OutputStreams(scratch, v, d, step.Dropout, begin, end, block.First, block.Count);
        }

        Team.Arrive(v.Status, StepStatus.OutputsReady);
        if (grid.Columns > 1)
            Team.Await(v.Status, StepStatus.OutputsReady, (step.Slot + 1) * step.Teams);
        for (int l = d.Layers - 1; l >= 0; l--)
        {
            RecurrentLayer layer = v.Forward.Layers[l];
            for (int t = d.T; t > 0; t -= perMeeting)
            {
                Recurrence.Backward(scratch, v, layer, d, block.During(t - perMeeting, t));
                if (l > 0 || t > perMeeting)
                    met = TimeStepMeeting.Meet(v.Status, grid, team, met);
            }

            if (l > 0)
                BackwardPass.BelowBlock(scratch, v, d, layer, step.Dropout, block);
        }

        Team.Arrive(v.Status, StepStatus.ChainsReady);
    }
}
