using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Computes the two chains through time for a block of the hidden states. Its streams depend on no other streams.</summary>
public static class Recurrence
{
    /// <summary>The threads of a group that keeps Whh in its registers, and the most units for which they have room.</summary>
    public const int ResidentThreads = 256, ResidentSide = 128;

    /// <summary>Computes E1, <c>h[t+1] = tanh(Wxh[x[t]] + h[t]·Whh + bh)</c>, where row 0 of h is the carried state.</summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="h">Hidden states <c>[T+1, B, HRow]</c>.</param>
    /// <param name="tokens">x, <c>[T, B]</c>.</param>
    /// <param name="w">The weights.</param>
    /// <param name="d">Sizes.</param>
    /// <param name="block">What to compute.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(
        ArrayView<float> scratch, ArrayView<float> h, ArrayView<int> tokens, ParameterViews w, RnnDims d, HiddenBlock block)
    {
        if (block.Count == 0 || block.Units == 0)
            return;
        var whole = HiddenBlock.Streams(d, block.Begin, block.End, block.First, block.Count);
        Layout panels = Layout.Panels(d.H);
        var whh = w.Whh.SubView(panels.Offset(0, block.Unit), w.Whh.Length - panels.Offset(0, block.Unit));
        for (int t = block.Begin; t < block.End; t++)
        {
            var next = block.At(h, d, t + 1);
            RowLookup.Gather(
                next, w.Wxh.SubView(block.Unit, w.Wxh.Length - block.Unit), tokens.SubView((t * d.B) + block.First, block.Count),
                w.Bh.SubView(block.Unit, w.Bh.Length - block.Unit), block.Count, d.HRow, block.Units);
            Product.Run(scratch, next, Layout.Rows(d.HRow), whole.At(h, d, t), d.HRow, whh, panels, block.Count, block.Units, d.H, 1, t);
            Activation.Tanh(next, block.Count, d.HRow, block.Units);
        }
    }

    internal static void ForwardOnGroup(
        ArrayView<float> scratch, ArrayView<float> h, ArrayView<int> tokens, ParameterViews w, RnnDims d, HiddenBlock block)
    {
        if (block.Count > 0 && block.Units > 0)
            GroupRecurrence.Forward(scratch, h, tokens, w, d, block);
    }

    /// <summary>
    /// Computes E6 and E7 from the last time step to the first, <c>da[t] = (1 - h[t+1]²) ⊙ (da[t] + da[t+1]·Whhᵀ)</c> with da[T] = 0.
    /// </summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="da">What the outputs send back, <c>[T, B, HRow]</c>, which da replaces.</param>
    /// <param name="h">Hidden states <c>[T+1, B, HRow]</c>.</param>
    /// <param name="whhTransposed">Whhᵀ in panels.</param>
    /// <param name="d">Sizes.</param>
    /// <param name="block">What to compute.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(
        ArrayView<float> scratch, ArrayView<float> da, ArrayView<float> h, ArrayView<float> whhTransposed, RnnDims d, HiddenBlock block)
    {
        if (block.Count == 0 || block.Units == 0)
            return;
        var whole = HiddenBlock.Streams(d, block.Begin, block.End, block.First, block.Count);
        Layout panels = Layout.Panels(d.H);
        var weights = whhTransposed.SubView(panels.Offset(0, block.Unit), whhTransposed.Length - panels.Offset(0, block.Unit));
        for (int t = block.End - 1; t >= block.Begin; t--)
        {
            var now = block.At(da, d, t);
            if (t + 1 < d.T)
                Product.Run(
                    scratch, now, Layout.Rows(d.HRow), whole.At(da, d, t + 1), d.HRow, weights, panels,
                    block.Count, block.Units, d.H, 1, t);
            Activation.TanhGradient(now, block.At(h, d, t + 1), block.Count, d.HRow, block.Units);
        }
    }

    internal static void BackwardOnGroup(
        ArrayView<float> scratch, ArrayView<float> da, ArrayView<float> h, ArrayView<float> whhTransposed, RnnDims d, HiddenBlock block)
    {
        if (block.Count > 0 && block.Units > 0)
            GroupRecurrence.Backward(scratch, da, h, whhTransposed, d, block);
    }
}
