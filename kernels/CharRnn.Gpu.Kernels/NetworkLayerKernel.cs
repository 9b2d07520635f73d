using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>One layer of a feed-forward network for a whole batch, forward or back: a launch where one team is not enough.</summary>
/// <remarks>
/// <code>N1 of a hidden layer, N1–N3 of the last one, or N4: see NetworkPass</code>
/// Shapes:    as <see cref="NetworkViews"/>.
/// Launch:    one group per block: shares of the rows, and of the neurons but for the last layer forward, whose losses need all;
///            after NetworkBeginKernel.
/// Writes:    its block.
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
        int rows = step.Count, rowShare = team / grid.Columns, columnShare = team - (rowShare * grid.Columns), neurons = back != 0 ? layer.Inputs : layer.Outputs;
        int first = Share.Begin(rows, rowShare, grid.Rows), count = Share.Begin(rows, rowShare + 1, grid.Rows) - first;
        int left = Share.PanelBegin(neurons, columnShare, grid.Columns), width = Share.PanelBegin(neurons, columnShare + 1, grid.Columns) - left;
        if (count == 0 || width == 0)
            return;
        if (back != 0)
            NetworkPass.Backward(scratch, v, layer, v.Layers[l - 1], first, count, left, width);
        else if (l == v.Layers.IntLength - 1)
            NetworkPass.Output(scratch, v, layer, first, count, rows);
        else
            NetworkPass.Forward(scratch, v, layer, first, count, left, width);
    }
}
