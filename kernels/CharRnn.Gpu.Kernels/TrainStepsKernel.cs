using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>
/// Many training steps in one launch: on the CPU by all teams, which meet between the phases; on a GPU by one team, for
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
    private const int Phases = 3;

    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments first, int steps)
    {
        int team = Team.Index();
        for (int n = 0; n < steps; n++)
        {
            StepArguments step = first.Later(n, d.T);
            int met = step.Slot * Phases;
            SequenceKernel.RunTeam(team, v, d, step);
            Team.Meet(v.Status, met, step.Teams);
            GradientKernel.RunTeam(team, v, d, step);
            Team.Meet(v.Status, met + 1, step.Teams);
            UpdateKernel.RunTeam(team, v, d, step);
            Team.Meet(v.Status, met + 2, step.Teams);
        }
    }
}
