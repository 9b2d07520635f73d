using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes layers of a feed-forward network, for some rows of a batch and some neurons of a layer.</summary>
/// <remarks>
/// <code>
/// h[l] = σ(h[l-1]·W[l]ᵀ + b[l])                    (N1)
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
    /// <summary>Fetches h[0] and y, which are the step's rows of the data.</summary>
    public static void Fetch(NetworkViews v, NetworkArguments step, int first, int count)
    {
        if (step.IsFetched)
            return;
        NetworkLayer bottom = v.Layers[0], top = v.Layers[v.Layers.IntLength - 1];
        var order = v.Order.SubView(step.Begin + first, count);
        RowLookup.Pick(
            v.H.SubView(bottom.Below + (first * bottom.InputRow), count * bottom.InputRow), v.Data, order, count, bottom.InputRow);
        if (top.Loss == OutputLoss.SoftmaxCrossEntropy)
            RowLookup.PickNumbers(v.BatchClasses.SubView(first, count), v.Classes, order, count);
        else
            RowLookup.Pick(v.BatchTargets.SubView(first * top.OutputRow, count * top.OutputRow), v.Targets, order, count, top.OutputRow);
    }

    /// <summary>Computes a hidden layer (N1) for rows [first, first + count) and neurons [left, left + width).</summary>
    public static void Forward(ArrayView<float> scratch, NetworkViews v, NetworkLayer layer, int first, int count, int left, int width) =>
        Neurons(scratch, v, layer, v.H, layer.Above, first, count, left, width, layer.Activation);

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
                scratch, z, v.BatchClasses.SubView(first, count), losses, count, layer.OutputRow, layer.Outputs, 1f / rows);
        else
            OutputLoss.Run(
                z, v.BatchTargets.SubView(first * layer.OutputRow, count * layer.OutputRow), losses, count, layer.OutputRow, layer.Outputs,
                1f / rows, layer.Loss, layer.Activation);
    }

    /// <summary>Computes what a layer sends back to neurons [left, left + width) of the layer below (N4).</summary>
    public static void Backward(
        ArrayView<float> scratch, NetworkViews v, NetworkLayer layer, NetworkLayer below, int first, int count, int left, int width)
    {
        Layout panels = Layout.Panels(layer.Outputs);
        int place = first * layer.InputRow, from = layer.Transposed + panels.Offset(0, left);
        var to = v.Delta.SubView(below.Delta + place + left, (count * layer.InputRow) - left);
        var delta = v.Delta.SubView(layer.Delta + (first * layer.OutputRow), count * layer.OutputRow);
        Product.Run(
            scratch, to, Layout.Rows(layer.InputRow), delta, layer.OutputRow,
            v.Update.Transposed.SubView(from, v.Update.Transposed.IntLength - from), panels,
            count, width, layer.Outputs, 0, 0);
        Activation.RunGradient(
            to, v.H.SubView(layer.Below + place + left, (count * layer.InputRow) - left), count, layer.InputRow, width, below.Activation);
    }

    private static void Neurons(
        ArrayView<float> scratch, NetworkViews v, NetworkLayer layer, ArrayView<float> to, int begin, int first, int count, int left,
        int width, int activation)
    {
        Layout panels = Layout.Panels(layer.Inputs);
        int from = layer.Weights + panels.Offset(0, left);
        var z = to.SubView(begin + (first * layer.OutputRow) + left, (count * layer.OutputRow) - left);
        var h = v.H.SubView(layer.Below + (first * layer.InputRow), count * layer.InputRow);
        Product.Run(
            scratch, z, Layout.Rows(layer.OutputRow), h, layer.InputRow,
            v.Update.Theta.SubView(from, v.Update.Theta.IntLength - from), panels, count, width, layer.Inputs, 0, 0);
        Activation.Run(z, v.Update.Theta.SubView(layer.Bias + left, layer.OutputRow - left), count, layer.OutputRow, width, activation);
    }
}
