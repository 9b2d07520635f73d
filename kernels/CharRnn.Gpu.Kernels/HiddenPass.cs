using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the hidden states of the time steps of a step (E1).</summary>
/// <remarks>
/// <code>h[t] = tanh(Wxh[x[t]] + h[t-1]·Whh + bh)   (E1)</code>
/// Shapes:    x [T,B]  h [T+1,B,H]  Wxh [V,H]  Whh [H,H]  bh [H].
/// Launch:    kernels call it; streams depend on no other streams.
/// Writes:    tokens and h of the given streams; h[-1] becomes the state that the step before left in h[T-1], or zero.
/// Reference: ReferenceRnn.HiddenStep.
/// </remarks>
public static class HiddenPass
{
    /// <summary>Runs the pass for some streams.</summary>
    public static void Run(ArrayView<float> scratch, ForwardViews v, RnnDims d, StepArguments step, int first, int count)
    {
        Begin(v, d, step, first, count);
        Steps(scratch, v, d, HiddenBlock.Streams(d, 0, d.T, first, count));
    }

    /// <summary>Fetches the characters and the state that the step before left.</summary>
    internal static void Begin(ForwardViews v, RnnDims d, StepArguments step, int first, int count)
    {
        int states = d.B * d.HRow; // floats of one time step
        Tokens.Gather(v.Tokens, d.B, v.Window, step.WindowLength, step.Position, first, count, d.T + 1);
        if (step.StartsOver != 0)
            Rows.Zero(v.H.SubView(first * d.HRow, count * d.HRow), count * d.HRow);
        else
            Rows.Copy(
                v.H.SubView(first * d.HRow, count * d.HRow), v.H.SubView((d.T * states) + (first * d.HRow), count * d.HRow),
                count * d.HRow);
    }

    /// <summary>Computes some time steps.</summary>
    internal static void Steps(ArrayView<float> scratch, ForwardViews v, RnnDims d, HiddenBlock block) =>
        Recurrence.Forward(scratch, v.H, v.Tokens, v.Weights, d, block);
}
