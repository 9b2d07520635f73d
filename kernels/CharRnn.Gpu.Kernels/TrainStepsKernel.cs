using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Many training steps in one launch by one team, for models so small that launches would cost more than the work.</summary>
/// <remarks>
/// <code>E1–E9, <c>steps</c> times: the three kernels above, one after the other</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    one team; the steps must not wrap and must lie in the window.
/// Writes:    all that the three write.
/// Reference: ReferenceTrainer.Step.
/// </remarks>
public static class TrainStepsKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments first, int steps)
    {
        int team = Team.Index();
        for (int n = 0; n < steps; n++)
        {
            StepArguments step = first.Later(n, d.T);
            SequenceKernel.RunTeam(team, v, d, step);
            GradientKernel.RunTeam(team, v, d, step);
            UpdateKernel.RunTeam(team, v, d, step);
        }
    }
}
