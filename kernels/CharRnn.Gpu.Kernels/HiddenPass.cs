using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>The hidden states of some streams through all of a step's time (E1).</summary>
/// <remarks>
/// <code>h[t] = tanh(Wxh[x[t]] + h[t-1]·Whh + bh)   (E1)</code>
/// Shapes:    x [T,B]  h [T+1,B,H]  Wxh [V,H]  Whh [H,H]  bh [H].
/// Launch:    part of a kernel; a team owns streams [first, first + count), which need no other team.
/// Writes:    tokens and h of the team's own streams; h[-1] becomes the state that the step before left in h[T-1].
/// Reference: ReferenceRnn.HiddenStep.
/// </remarks>
public static class HiddenPass
{
    /// <summary>Runs the pass for a team's streams.</summary>
    public static void Run(ArrayView<float> scratch, ForwardViews v, RnnDims d, StepArguments step, int first, int count)
    {
        Begin(v, d, step, first, count);
        Steps(scratch, v, d, first, count, 0, d.T);
    }

    /// <summary>Fetches the characters and the state that the step before left.</summary>
    internal static void Begin(ForwardViews v, RnnDims d, StepArguments step, int first, int count)
    {
        int states = d.B * d.HRow; // one time step
        Tokens.Gather(v.Tokens, d.B, v.Window, step.WindowLength, step.Position, first, count, d.T + 1);
        if (step.StartsOver != 0)
            Rows.Zero(v.H.SubView(first * d.HRow, count * d.HRow), count * d.HRow);
        else
            Rows.Copy(v.H.SubView(first * d.HRow, count * d.HRow), v.H.SubView((d.T * states) + (first * d.HRow), count * d.HRow), count * d.HRow);
    }

    /// <summary>Time steps [begin, end).</summary>
    internal static void Steps(ArrayView<float> scratch, ForwardViews v, RnnDims d, int first, int count, int begin, int end)
    {
        int states = d.B * d.HRow;
        for (int t = begin; t < end; t++)
        {
            var previous = v.H.SubView((t * states) + (first * d.HRow), count * d.HRow);
            var h = v.H.SubView(((t + 1) * states) + (first * d.HRow), count * d.HRow);
            Rows.Gather(h, v.Weights.Wxh, v.Tokens.SubView((t * d.B) + first, count), v.Weights.Bh, count, d.HRow);
            Product.Run(scratch, h, Layout.Rows(d.HRow), previous, d.HRow, v.Weights.Whh, Layout.Panels(d.H), count, d.H, d.H, 1, t);
            Activation.Tanh(h, count * d.HRow);
        }
    }
}
