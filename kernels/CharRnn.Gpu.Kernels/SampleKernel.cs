using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>What sampling reads and writes.</summary>
public readonly struct SampleViews(
    ArrayView<int> tokens, ArrayView<float> uniforms, ArrayView<float> h, ArrayView<float> z, ParameterViews weights)
{
    /// <summary>The first input, then the characters that follow it, given or drawn, <c>[n+1]</c>.</summary>
    public readonly ArrayView<int> Tokens = tokens;

    /// <summary>A number in [0, 1) for each time step, <c>[n]</c>.</summary>
    public readonly ArrayView<float> Uniforms = uniforms;

    /// <summary>Hidden states, <c>[n+1, HRow]</c>: row 0 is the carried state.</summary>
    public readonly ArrayView<float> H = h;

    /// <summary>Logits, <c>[VRow]</c>.</summary>
    public readonly ArrayView<float> Z = z;

    /// <summary>The weights.</summary>
    public readonly ParameterViews Weights = weights;
}

/// <summary>Reads given characters and writes new ones, one after the other (E1, E2 and a draw).</summary>
/// <remarks>
/// <code>h = tanh(Wxh[x] + h·Whh + bh)   (E1);   z = h·Why + by   (E2);   x ~ draw(z)</code>
/// Shapes:    h [H]  z [V]  tokens [n+1].
/// Launch:    one team.
/// Writes:    the carried state, and tokens from index <c>given</c> + 1 on.
/// Reference: ReferenceRnn.HiddenStep, ReferenceRnn.Logits, ReferenceSampler.
/// </remarks>
public static class SampleKernel
{
    /// <summary>The kernel.</summary>
    /// <param name="v">Buffers.</param>
    /// <param name="d">Sizes; B is 1, and T at least n.</param>
    /// <param name="draw">How to draw.</param>
    /// <param name="given">How many of the tokens after the first are given; the rest are drawn.</param>
    /// <param name="steps">n, the number of time steps.</param>
    public static void Run(SampleViews v, RnnDims d, DrawArguments draw, int given, int steps)
    {
        var scratch = Team.Scratch();
        Recurrence.Forward(scratch, v.H, v.Tokens, v.Weights, d, HiddenBlock.Streams(d, 0, given, 0, 1));
        for (int i = given; i < steps; i++)
        {
            Recurrence.Forward(scratch, v.H, v.Tokens, v.Weights, d, HiddenBlock.Streams(d, i, i + 1, 0, 1));
            Rows.Copy(v.Z, v.Weights.By, d.VRow);
            Product.Run(
                scratch, v.Z, Layout.Rows(d.VRow), v.H.SubView((i + 1) * d.HRow, d.HRow), d.HRow, v.Weights.Why, Layout.Panels(d.H),
                1, d.V, d.H, 1, 0);
            Draw.Run(v.Tokens, i + 1, v.Z, d.V, draw, v.Uniforms, i);
        }

        Rows.Copy(v.H.SubView(0, d.HRow), v.H.SubView(steps * d.HRow, d.HRow), d.HRow);
    }
}
