using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Outputs and losses of a feed-forward network, forward only.</summary>
/// <remarks>
/// <code>N1, N2; of a softmax the logits</code>
/// Shapes:    as <see cref="NetworkViews"/>.
/// Launch:    one group per team; team i owns the i-th share of the rows.
/// Writes:    h, h[L] too, and losses of its rows (and δ[L] on the way).
/// Reference: ReferenceNetwork.Output, ReferenceNetwork.Loss.
/// </remarks>
public static class NetworkEvaluateKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(NetworkViews v, NetworkArguments step)
    {
        int team = Team.Index(), rows = step.Count, first = Share.Begin(rows, team, step.Teams), count = Share.Begin(rows, team + 1, step.Teams) - first;
        var scratch = Team.Scratch();
        if (count == 0)
            return;
        int last = v.Layers.IntLength - 1;
        NetworkLayer top = v.Layers[last];
        NetworkPass.Fetch(v, step, first, count);
        for (int l = 0; l < last; l++)
            NetworkPass.Forward(scratch, v, v.Layers[l], first, count, 0, v.Layers[l].Outputs);
        NetworkPass.Answer(scratch, v, top, first, count);
        NetworkPass.Output(scratch, v, top, first, count, 1);
    }
}
