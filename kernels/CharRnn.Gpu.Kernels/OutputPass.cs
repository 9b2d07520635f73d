using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the logits, the losses and their gradient for rows (t, b), which may come in any order (E2–E4).</summary>
/// <remarks>
/// <code>
/// z = h·Why + by                       (E2, of the highest layer)
/// loss = logsumexp z - z[y]            (E3, before its sums)
/// dz = (softmax z - onehot y) / B      (E4)
/// </code>
/// Shapes:    h [T,B,H]  y [T,B]  z, dz [T,B,V]  loss [T,B]  Why [H,V]  by [V].
/// Launch:    kernels call it; a team owns rows [row, row + rows) of the T·B, in time-major order.
/// Writes:    dz, before it z in the same place, and the losses of the team's own rows.
/// Reference: ReferenceRnn.Logits, ReferenceRnn.Run.
/// </remarks>
public static class OutputPass
{
    // The most rows that are computed together: enough for many tiles each time that Why is read, and so few that their logits are
    // still in a cache when the next primitive reads them.
    private const int RowsAtOnce = 128;

    /// <summary>Runs the pass for some rows of a step.</summary>
    public static void Run(ArrayView<float> scratch, ForwardViews v, RnnDims d, int row, int rows)
    {
        var z = v.Z.SubView(row * d.VRow, rows * d.VRow);
        Rows.Fill(z, v.Weights.By, rows, d.VRow, d.VRow);
        Product.Run(
            scratch, z, Layout.Rows(d.VRow), v.Top(d, row, rows), d.HRow, v.Weights.Why, Layout.Panels(d.H), rows, d.V, d.H, 1, 0);
        SoftmaxCrossEntropy.Run(
            scratch, z, v.Tokens.SubView(d.B + row, rows), v.Losses.SubView(row, rows), rows, d.VRow, d.V, 1f / d.Streams);
    }

    /// <summary>Runs the pass for some time steps of some streams, in as few products as their layout and the caches allow.</summary>
    public static void RunStreams(ArrayView<float> scratch, ForwardViews v, RnnDims d, int begin, int end, int first, int count)
    {
        for (int t = begin, steps = StepsAtOnce(d, count); t < end; t += steps)
            Run(scratch, v, d, (t * d.B) + first, (t + steps < end ? steps : end - t) * count);
    }

    /// <summary>
    /// The number of time steps whose outputs are one product. It is 1 for a share of the streams, whose rows are contiguous only within
    /// a time step.
    /// </summary>
    internal static int StepsAtOnce(RnnDims d, int count) => count < d.B ? 1 : d.B < RowsAtOnce ? RowsAtOnce / d.B : 1;
}
