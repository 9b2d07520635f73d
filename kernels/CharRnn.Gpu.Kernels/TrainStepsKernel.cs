using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>
/// Runs many training steps in one launch. On the CPU all teams do so, which meet before and after the update. On a GPU one team does so,
/// which is measured and tested only: a launch for each phase is faster.
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
            GradientKernel.RunTeam(team, scratch, v, d, step);
            Team.Meet(v.Status, met, step.Teams);
            if (step.Update.NeedsNorm)
            {
                NormKernel.RunTeam(team, scratch, v.Update, step.Teams);
                Team.Meet(v.Status, met + 1, step.Teams);
            }

            UpdateKernel.RunTeam(team, scratch, v.Update, step.Update, step.Slot, step.Teams);
            Team.Meet(v.Status, met + meetings - 1, step.Teams);
        }
    }

    /// <summary>
    /// Computes E1–E4, E6 and E7, or their counterparts of other cells, for the streams of a team, which depend on no other team.
    /// </summary>
    private static void Sequence(int team, ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        int first = Share.Begin(d.B, team, step.Teams), count = Share.Begin(d.B, team + 1, step.Teams) - first;
        if (count > 0)
        {
            HiddenPass.Run(scratch, v.Forward, d, step, first, count);
            OutputPass.RunStreams(scratch, v.Forward, d, first, count);
            BackwardPass.OutputStreams(scratch, v, d, step.Dropout, first, count);
        }

        Team.Arrive(v.Status, StepStatus.OutputsReady);
        if (count > 0)
            BackwardPass.Layers(scratch, v, d, step.Dropout, first, count);
        Team.Arrive(v.Status, StepStatus.ChainsReady);
    }
}
