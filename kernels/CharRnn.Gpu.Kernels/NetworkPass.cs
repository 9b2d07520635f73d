using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes layers of a feed-forward network, for some rows of a batch and some neurons of a layer.</summary>
/// <remarks>
/// <code>
/// h[l] = σ(h[l-1]·W[l]ᵀ + b[l])                    (N1; h[l-1] ⊙ m / (1 - p) with dropout, E12)
/// loss of each row; δ[L] = ∂J/∂z[L]                (N2, N3)
/// δ[l] = (δ[l+1]·W[l+1]) ⊙ σ′(z[l])                (N4)
/// </code>
/// Shapes:    h[l], δ[l] [rows, out]; W[l] [out, in].
/// Launch:    kernels call it; rows depend on no other rows, and neurons on no others of their layer.
/// Writes:    h[l] or δ[l] of those rows and neurons; in the last layer, δ[L] and the losses of whole rows.
/// Reference: ReferenceNetwork.Run.
/// </remarks>
public static class NetworkPass
{
    /// <summary>Fetches the step's rows of the data: h[0], the places of its inputs that are 1, y and weights.</summary>
    public static void Fetch(NetworkViews v, NetworkArguments step, int first, int count)
    {
        if (step.IsFetched)
            return;
        NetworkLayer bottom = v.Layers[0], top = v.Layers[v.Layers.IntLength - 1];
        NetworkRows rows = v.Rows;
        var order = v.Order.SubView(step.Begin + first, count);
        if (bottom.Numbers > 0)
            RowLookup.Pick(
                v.H.SubView(bottom.Below + (first * bottom.InputRow), count * bottom.InputRow), bottom.InputRow, rows.Numbers,
                bottom.Numbers, order, count);
        if (rows.Columns > 0)
            RowLookup.PickColumns(
                rows.BatchCodes.SubView(first, rows.BatchCodes.IntLength - first), rows.Batch, rows.Codes, rows.Columns, order, count);
        if (top.Loss == OutputLoss.SoftmaxCrossEntropy)
            RowLookup.PickColumns(rows.BatchClasses.SubView(first, count), rows.Batch, rows.Classes, 1, order, count);
        else
            RowLookup.Pick(
                rows.BatchTargets.SubView(first * top.OutputRow, count * top.OutputRow), top.OutputRow, rows.Targets, top.Outputs, order,
                count);
        if (rows.Weighted != 0)
            RowLookup.Pick(rows.BatchWeights.SubView(first, count), 1, rows.Weights, 1, order, count);
    }

    /// <summary>Computes a hidden layer (N1, E12) for rows [first, first + count) and neurons [left, left + width).</summary>
    public static void Forward(
        ArrayView<float> scratch, NetworkViews v, DropoutArguments dropout, int l, int first, int count, int left, int width)
    {
        NetworkLayer layer = v.Layers[l];
        Neurons(scratch, v, layer, v.H, layer.Above, first, count, left, width, layer.Activation);
        if (!dropout.Drops)
            return;
        int place = (first * layer.OutputRow) + left, length = (count * layer.OutputRow) - left;
        Dropout.Apply(
            v.H.SubView(layer.Dropped + place, length), v.H.SubView(layer.Above + place, length), count, layer.OutputRow, width, first,
            left, l, dropout);
    }

    /// <summary>Computes h[L], the answer of the last layer; with a softmax it is the logits.</summary>
    public static void Answer(ArrayView<float> scratch, NetworkViews v, NetworkLayer layer, int first, int count) =>
        Neurons(scratch, v, layer, v.H, layer.Above, first, count, 0, layer.Outputs, layer.Activation);

    /// <summary>Computes the logits, losses and δ of the last layer (N1–N3) for rows [first, first + count) of a step.</summary>
    public static void Output(ArrayView<float> scratch, NetworkViews v, NetworkLayer layer, int first, int count, int rows)
    {
        Neurons(scratch, v, layer, v.Delta, layer.Delta, first, count, 0, layer.Outputs, Activation.Identity);
        var z = v.Delta.SubView(layer.Delta + (first * layer.OutputRow), count * layer.OutputRow);
        var losses = v.Losses.SubView(first, count);
        if (layer.Loss == OutputLoss.SoftmaxCrossEntropy)
            SoftmaxCrossEntropy.Run(
                scratch, z, v.Rows.BatchClasses.SubView(first, count), losses, count, layer.OutputRow, layer.Outputs, 1f / rows);
        else
            OutputLoss.Run(
                z, v.Rows.BatchTargets.SubView(first * layer.OutputRow, count * layer.OutputRow), losses, count, layer.OutputRow,
                layer.Outputs, 1f / rows, layer.Loss, layer.Activation);
        if (v.Rows.Weighted == 0)
            return;
        var weights = v.Rows.BatchWeights.SubView(first, count);
        Rows.Scale(losses, weights, count, 1, 1);
        Rows.Scale(z, weights, count, layer.OutputRow, layer.Outputs);
    }

    /// <summary>Computes what a layer sends back to neurons [left, left + width) of the layer below (N4).</summary>
    public static void Backward(
        ArrayView<float> scratch, NetworkViews v, DropoutArguments dropout, int l, int first, int count, int left, int width)
    {
        NetworkLayer layer = v.Layers[l], below = v.Layers[l - 1];
        Layout panels = Layout.Panels(layer.Outputs);
        int place = first * layer.InputRow, from = layer.Transposed + panels.Offset(0, left);
        var to = v.Delta.SubView(below.Delta + place + left, (count * layer.InputRow) - left);
        var delta = v.Delta.SubView(layer.Delta + (first * layer.OutputRow), count * layer.OutputRow);
        Product.Run(
            scratch, to, Layout.Rows(layer.InputRow), delta, layer.OutputRow,
            v.Update.Transposed.SubView(from, v.Update.Transposed.IntLength - from), panels,
            count, width, layer.Outputs, 0, 0);
        int length = (count * layer.InputRow) - left;
        if (dropout.Drops)
            Dropout.Gradient(to, v.H.SubView(below.Dropped + place + left, length), count, layer.InputRow, width, dropout.Scale);
        Activation.RunGradient(to, v.H.SubView(below.Above + place + left, length), count, layer.InputRow, width, below.Activation);
    }

    private static void Neurons(
        ArrayView<float> scratch, NetworkViews v, NetworkLayer layer, ArrayView<float> to, int begin, int first, int count, int left,
        int width, int activation)
    {
        Layout panels = Layout.Panels(layer.Inputs);
        int from = layer.Weights + panels.Offset(0, left);
        var z = to.SubView(begin + (first * layer.OutputRow) + left, (count * layer.OutputRow) - left);
        var weights = v.Update.Theta.SubView(from, v.Update.Theta.IntLength - from);
        if (layer.Numbers > 0)
            Product.Run(
                scratch, z, Layout.Rows(layer.OutputRow), v.H.SubView(layer.Below + (first * layer.InputRow), count * layer.InputRow),
                layer.InputRow, weights, panels, count, width, layer.Numbers, 0, 0);
        if (layer.Numbers < layer.Inputs)
            RowLookup.Add(
                z, layer.OutputRow, width, weights, panels, v.Rows.BatchCodes.SubView(first, v.Rows.BatchCodes.IntLength - first),
                v.Rows.Batch, v.Rows.Columns, count, layer.Numbers > 0 ? 1 : 0);
        Activation.Run(z, v.Update.Theta.SubView(layer.Bias + left, layer.OutputRow - left), count, layer.OutputRow, width, activation);
    }
}
