using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Outputs and losses of a feed-forward network, forward only.</summary>
/// <remarks>
/// <code>N1–N3, the loss's 1/n left out: of a cross-entropy, p = δ[L] + y</code>
/// Shapes:    as <see cref="NetworkViews"/>.
/// Launch:    one group per team; team i owns the i-th share of the rows.
/// Writes:    h, losses and δ[L] of its rows; with the squared error also h[L].
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
        bool squared = top.Kind != NetworkLayer.Softmax && top.Kind != OutputLoss.BinaryCrossEntropy;
        NetworkPass.Fetch(v, step, first, count);
        for (int l = 0; l < (squared ? last + 1 : last); l++)
            NetworkPass.Forward(scratch, v, v.Layers[l], first, count, 0, v.Layers[l].Outputs);
        NetworkPass.Output(scratch, v, top, first, count, 1);
    }
}
