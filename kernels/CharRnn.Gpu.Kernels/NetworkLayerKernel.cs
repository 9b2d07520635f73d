using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes one layer of a feed-forward network for a whole batch, forward or back.</summary>
/// <remarks>
/// <code>N1 for a hidden layer, N1–N3 for the last one, or N4 on the way back: see NetworkPass</code>
/// Shapes:    as <see cref="NetworkViews"/>.
/// Launch:    one group per block of rows × neurons, after NetworkBeginKernel. The last layer forward has whole rows, because a loss
///            depends on all neurons.
/// Writes:    h[l] or δ[l] of its block; in the last layer forward, δ[L] and the losses.
/// Reference: ReferenceNetwork.Run.
/// </remarks>
public static class NetworkLayerKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(NetworkViews v, NetworkArguments step, int l, int back, BlockGrid grid)
    {
        int team = Team.Index();
        var scratch = Team.Scratch();
        if (StoppingCriterion.HasEnded(v))
            return;
        NetworkLayer layer = v.Layers[l];
        int rows = step.Count, rowShare = team / grid.Columns, columnShare = team - (rowShare * grid.Columns);
        int neurons = back != 0 ? layer.Inputs : layer.Outputs;
        int first = Share.Begin(rows, rowShare, grid.Rows), count = Share.Begin(rows, rowShare + 1, grid.Rows) - first;
        int left = Share.PanelBegin(neurons, columnShare, grid.Columns);
        int width = Share.PanelBegin(neurons, columnShare + 1, grid.Columns) - left;
        if (count == 0 || width == 0)
            return;
        if (back != 0)
            NetworkPass.Backward(scratch, v, step.Dropout, l, first, count, left, width);
        else if (l == v.Layers.IntLength - 1)
            NetworkPass.Output(scratch, v, layer, first, count, rows);
        else
            NetworkPass.Forward(scratch, v, step.Dropout, l, first, count, left, width);
    }
}
