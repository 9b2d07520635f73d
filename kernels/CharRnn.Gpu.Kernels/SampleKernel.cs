using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>What sampling reads and writes.</summary>
public readonly struct SampleViews(
    ArrayView<int> tokens, ArrayView<float> uniforms, ArrayView<float> h, ArrayView<float> z, ParameterViews weights)
{
    /// <summary><c>[n+1]</c>: the first input, then the characters that follow it, given or drawn.</summary>
    public readonly ArrayView<int> Tokens = tokens;

    /// <summary>A number in [0, 1) per step, <c>[n]</c>.</summary>
    public readonly ArrayView<float> Uniforms = uniforms;

    /// <summary><c>[2, HRow]</c>: the carried state, and the next one on its way.</summary>
    public readonly ArrayView<float> H = h;

    /// <summary>Logits, <c>[VRow]</c>.</summary>
    public readonly ArrayView<float> Z = z;

    /// <summary>The weights.</summary>
    public readonly ParameterViews Weights = weights;
}

/// <summary>How a character is drawn; the fields are those of the host's sampling options.</summary>
public readonly struct DrawArguments(float temperature, int topK, float topP)
{
    /// <summary>Divides the logits; 0 takes the likeliest.</summary>
    public readonly float Temperature = temperature;

    /// <summary>Keep the k likeliest; 0 keeps all.</summary>
    public readonly int TopK = topK;

    /// <summary>Keep the likeliest that reach this probability; 1 keeps all.</summary>
    public readonly float TopP = topP;
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
    /// <param name="d">Sizes; T and B are 1.</param>
    /// <param name="draw">How to draw.</param>
    /// <param name="given">How many of the tokens after the first are given; the rest are drawn.</param>
    /// <param name="steps">n.</param>
    public static void Run(SampleViews v, RnnDims d, DrawArguments draw, int given, int steps)
    {
        var scratch = Team.Scratch();
        var h = v.H.SubView(0, d.HRow);
        var next = v.H.SubView(d.HRow, d.HRow);
        for (int i = 0; i < steps; i++)
        {
            Rows.Gather(next, v.Weights.Wxh, v.Tokens.SubView(i, 1), v.Weights.Bh, 1, d.HRow);
            Product.Run(scratch, next, Layout.Rows(d.HRow), h, d.HRow, v.Weights.Whh, Layout.Panels(d.H), 1, d.H, d.H, 1, i);
            Activation.Tanh(next, d.HRow);
            Rows.Copy(h, next, d.HRow);
            if (i >= given)
            {
                Rows.Copy(v.Z, v.Weights.By, d.VRow);
                Product.Run(scratch, v.Z, Layout.Rows(d.VRow), h, d.HRow, v.Weights.Why, Layout.Panels(d.H), 1, d.V, d.H, 1, 0);
                Draw.Run(v.Tokens, i + 1, v.Z, d.V, draw, v.Uniforms, i);
            }
        }
    }
}
