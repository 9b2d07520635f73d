using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>First launch of a training step: E1–E4, E6 and E7, each team its own streams with no synchronisation.</summary>
/// <remarks>
/// <code>E1–E4, E6, E7: see HiddenPass, OutputPass, BackwardPass</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    one group per team; team i owns the i-th share of the streams.
/// Writes:    tokens, h, dz, losses and da of its streams.
/// Reference: ReferenceRnn.Run.
/// </remarks>
public static class SequenceKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments step) => RunTeam(Team.Index(), Team.Scratch(), v, d, step);

    internal static void RunTeam(int team, ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        int first = Team.ShareBegin(d.B, team, step.Teams);
        int count = Team.ShareBegin(d.B, team + 1, step.Teams) - first;
        if (count > 0)
        {
            HiddenPass.Run(scratch, v.Forward, d, step, first, count);
            OutputPass.RunStreams(scratch, v.Forward, d, first, count);
            BackwardPass.OutputStreams(scratch, v, d, first, count);
        }

        Team.Arrive(v.Status, StepStatus.OutputsReady);
        if (count > 0)
            BackwardPass.Chain(scratch, v, d, first, count);
        Team.Arrive(v.Status, StepStatus.ChainsReady);
    }
}
