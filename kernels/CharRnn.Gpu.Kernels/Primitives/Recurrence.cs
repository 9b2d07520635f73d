using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>The two chains through time, of a part of the hidden states: its streams hang on no other streams.</summary>
public static class Recurrence
{
    /// <summary>Threads of a group that keeps the weights in its registers, and the units that they have room for.</summary>
    public const int ResidentThreads = 256, ResidentSide = 128;

    /// <summary>E1: <c>h[t+1] = tanh(Wxh[x[t]] + h[t]·Whh + bh)</c>, where row 0 of h is the carried state.</summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="h">Hidden states <c>[T+1, B, HRow]</c>.</param>
    /// <param name="tokens">x, <c>[T, B]</c>.</param>
    /// <param name="w">The weights.</param>
    /// <param name="d">Sizes.</param>
    /// <param name="part">What to compute.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(ArrayView<float> scratch, ArrayView<float> h, ArrayView<int> tokens, ParameterViews w, RnnDims d, Part part)
    {
        if (part.Count == 0 || part.Units == 0)
            return;
        var whole = Part.Streams(d, part.Begin, part.End, part.First, part.Count);
        Layout panels = Layout.Panels(d.H);
        var whh = w.Whh.SubView(panels.Offset(0, part.Unit), w.Whh.Length - panels.Offset(0, part.Unit));
        for (int t = part.Begin; t < part.End; t++)
        {
            var next = part.At(h, d, t + 1);
            RowLookup.Gather(
                next, w.Wxh.SubView(part.Unit, w.Wxh.Length - part.Unit), tokens.SubView((t * d.B) + part.First, part.Count),
                w.Bh.SubView(part.Unit, w.Bh.Length - part.Unit), part.Count, d.HRow, part.Units);
            Product.Run(scratch, next, Layout.Rows(d.HRow), whole.At(h, d, t), d.HRow, whh, panels, part.Count, part.Units, d.H, 1, t);
            Activation.Tanh(next, part.Count, d.HRow, part.Units);
        }
    }

    internal static void ForwardOnGroup(ArrayView<float> scratch, ArrayView<float> h, ArrayView<int> tokens, ParameterViews w, RnnDims d, Part part)
    {
        if (part.Count > 0 && part.Units > 0)
            GroupRecurrence.Forward(scratch, h, tokens, w, d, part);
    }

    /// <summary>
    /// E6 and E7, from the last time step to the first: <c>da[t] = (1 - h[t+1]²) ⊙ (da[t] + da[t+1]·Whhᵀ)</c>, da[T] = 0.
    /// </summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="da">What the outputs send back, <c>[T, B, HRow]</c>; replaced by da.</param>
    /// <param name="h">Hidden states <c>[T+1, B, HRow]</c>.</param>
    /// <param name="whhTransposed">Whhᵀ in panels.</param>
    /// <param name="d">Sizes.</param>
    /// <param name="part">What to compute.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(ArrayView<float> scratch, ArrayView<float> da, ArrayView<float> h, ArrayView<float> whhTransposed, RnnDims d, Part part)
    {
        if (part.Count == 0 || part.Units == 0)
            return;
        var whole = Part.Streams(d, part.Begin, part.End, part.First, part.Count);
        Layout panels = Layout.Panels(d.H);
        var weights = whhTransposed.SubView(panels.Offset(0, part.Unit), whhTransposed.Length - panels.Offset(0, part.Unit));
        for (int t = part.End - 1; t >= part.Begin; t--)
        {
            var now = part.At(da, d, t);
            if (t + 1 < d.T)
                Product.Run(scratch, now, Layout.Rows(d.HRow), whole.At(da, d, t + 1), d.HRow, weights, panels, part.Count, part.Units, d.H, 1, t);
            Activation.TanhGradient(now, part.At(h, d, t + 1), part.Count, d.HRow, part.Units);
        }
    }

    internal static void BackwardOnGroup(
        ArrayView<float> scratch, ArrayView<float> da, ArrayView<float> h, ArrayView<float> whhTransposed, RnnDims d, Part part)
    {
        if (part.Count > 0 && part.Units > 0)
            GroupRecurrence.Backward(scratch, da, h, whhTransposed, d, part);
    }
}
