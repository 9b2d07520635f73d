using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>
/// Many training steps in one launch: on the CPU by all teams, which meet before and after the update; on a GPU by one team, for
/// models so small that launches would cost more than the work.
/// </summary>
/// <remarks>
/// <code>E1–E9, <c>steps</c> times: the three kernels above, one after the other</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    teams that run side by side, or one; the steps must not wrap and must lie in the window.
/// Writes:    all that the three write.
/// Reference: ReferenceTrainer.Step.
/// </remarks>
public static class TrainStepsKernel
{
    private const int Meetings = 2;

    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments first, int steps)
    {
        int team = Team.Index();
        var scratch = Team.Scratch();
        for (int n = 0; n < steps; n++)
        {
            StepArguments step = first.Later(n, d.T);
            int met = step.Slot * Meetings;
            SequenceKernel.RunTeam(team, scratch, v, d, step);
            GradientKernel.RunTeam(team, scratch, v, d, step);
            Team.Meet(v.Status, met, step.Teams);
            UpdateKernel.RunTeam(team, v, d, step);
            Team.Meet(v.Status, met + 1, step.Teams);
        }
    }
}
