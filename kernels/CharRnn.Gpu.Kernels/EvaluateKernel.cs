using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the loss of every prediction; nothing goes back.</summary>
/// <remarks>
/// <code>E1–E3, E10, E11: see HiddenPass, OutputPass</code>
/// Shapes:    as <see cref="ForwardViews"/>.
/// Launch:    one group per team; team i owns the i-th share of the streams.
/// Writes:    tokens, gates, states and losses of its streams.
/// Reference: ReferenceRnn.Evaluate.
/// </remarks>
public static class EvaluateKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(ForwardViews v, RnnDims d, StepArguments step)
    {
        int team = Team.Index();
        var scratch = Team.Scratch();
        int first = Share.Begin(d.B, team, step.Teams);
        int count = Share.Begin(d.B, team + 1, step.Teams) - first;
        if (count == 0)
            return;
        HiddenPass.Run(scratch, v, d, step, first, count);
        OutputPass.RunStreams(scratch, v, d, 0, d.T, first, count);
    }
}
