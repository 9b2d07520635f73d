using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the outputs and the losses of a feed-forward network; nothing goes back.</summary>
/// <remarks>
/// <code>N1, N2: see NetworkPass</code>
/// Shapes:    as <see cref="NetworkViews"/>.
/// Launch:    one group per team; team i owns the i-th share of the rows.
/// Writes:    h[0] to h[L], the losses and δ[L] of its rows.
/// Reference: ReferenceNetwork.Output, ReferenceNetwork.Loss.
/// </remarks>
public static class NetworkEvaluateKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(NetworkViews v, NetworkArguments step)
    {
        int team = Team.Index(), rows = step.Count, first = Share.Begin(rows, team, step.Teams);
        int count = Share.Begin(rows, team + 1, step.Teams) - first;
        var scratch = Team.Scratch();
        if (count == 0)
            return;
        int last = v.Layers.IntLength - 1;
        NetworkLayer top = v.Layers[last];
        NetworkPass.Fetch(v, step, first, count);
        for (int l = 0; l < last; l++)
            NetworkPass.Forward(scratch, v, step.Dropout, l, first, count, 0, v.Layers[l].Outputs);
        NetworkPass.Answer(scratch, v, top, first, count);
        NetworkPass.Output(scratch, v, top, first, count, 1);
    }
}
