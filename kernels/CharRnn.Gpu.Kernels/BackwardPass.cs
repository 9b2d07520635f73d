using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Propagates the gradient back through the layers and time steps of a step, for some streams (E6, E7).</summary>
/// <remarks>
/// <code>
/// dh[t] = (dz[t]·Whyᵀ) ⊙ m / (1 - p) + da[t+1]·Whhᵀ,  da[T] = 0   (E6, E12)
///         below the highest layer with da·Wxhᵀ of the layer above in the place of dz·Whyᵀ
/// da[t] = (1 - h[t]²) ⊙ dh[t]                      (E7; in other cells the derivatives of E10 and E11)
/// </code>
/// Shapes:    dz [T,B,V]  h [T+1,B,H]  da [T,B,G·H]  Whyᵀ [V,H]  Wxhᵀ, Whhᵀ [G·H,H].
/// Launch:    kernels call it; streams depend on no other streams.
/// Writes:    da of the given streams or units; before it, dh.
/// Reference: ReferenceRnn.Run, ReferenceCell.Backward.
/// </remarks>
public static class BackwardPass
{
    /// <summary>Computes what the outputs of some time steps of some streams send back.</summary>
    public static void OutputStreams(
        ArrayView<float> scratch, TrainingViews v, RnnDims d, DropoutArguments dropout, int begin, int end, int first, int count)
    {
        for (int t = begin, steps = OutputPass.StepsAtOnce(d, count); t < end; t += steps)
            Outputs(scratch, v, d, dropout, (t * d.B) + first, (t + steps < end ? steps : end - t) * count);
    }

    /// <summary>Computes what the outputs send back, <c>dh = dz·Whyᵀ</c>, for rows (t, b), which may come in any order.</summary>
    public static void Outputs(ArrayView<float> scratch, TrainingViews v, RnnDims d, DropoutArguments dropout, int row, int rows)
    {
        RecurrentLayer top = v.Forward.Layers[d.Layers - 1];
        var dh = v.Dh.SubView(top.Dh + (row * d.HRow), rows * d.HRow);
        Product.Run(
            scratch, dh, Layout.Rows(d.HRow), v.Forward.Z.SubView(row * d.VRow, rows * d.VRow), d.VRow, v.WhyTransposed, Layout.Panels(d.V),
            rows, d.H, d.V, 0, 0);
        if (dropout.Drops)
            Dropout.Gradient(dh, v.Forward.Top(d, row, rows), rows, d.HRow, d.H, dropout.Scale);
    }

    /// <summary>Computes what a layer sends back to a block of the one below, for all time steps.</summary>
    public static void BelowBlock(
        ArrayView<float> scratch, TrainingViews v, RnnDims d, RecurrentLayer layer, DropoutArguments dropout, HiddenBlock block)
    {
        if (block.Count == 0 || block.Units == 0)
            return;
        for (int t = 0, steps = OutputPass.StepsAtOnce(d, block.Count); t < d.T; t += steps)
            Below(
                scratch, v, d, layer, dropout, (t * d.B) + block.First, (t + steps < d.T ? steps : d.T - t) * block.Count, block.Unit,
                block.Units);
    }

    /// <summary>
    /// Computes what a layer sends back to some units of the one below, <c>dh = da·Wxhᵀ</c>, for rows (t, b) in any order.
    /// </summary>
    public static void Below(
        ArrayView<float> scratch, TrainingViews v, RnnDims d, RecurrentLayer layer, DropoutArguments dropout, int row, int rows, int unit,
        int units)
    {
        RecurrentLayer below = v.Forward.Layers[layer.Index - 1];
        Layout panels = Layout.Panels(d.Columns);
        int place = (row * d.HRow) + unit, length = (rows * d.HRow) - unit, from = layer.WxhTransposed + panels.Offset(0, unit);
        var dh = v.Dh.SubView(below.Dh + place, length);
        Product.Run(
            scratch, dh, Layout.Rows(d.HRow), v.Deltas.SubView(layer.Deltas + (row * d.GateRow), rows * d.GateRow), d.GateRow,
            v.Update.Transposed.SubView(from, v.Update.Transposed.IntLength - from), panels, rows, units, d.Columns, 0, 0);
        if (dropout.Drops)
            Dropout.Gradient(dh, v.Forward.X.SubView(below.Above + place, length), rows, d.HRow, units, dropout.Scale);
    }
}
