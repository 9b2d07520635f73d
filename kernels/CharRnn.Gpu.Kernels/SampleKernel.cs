using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Reads given characters and writes new ones, one after the other (E1, E2 and a draw).</summary>
/// <remarks>
/// <code>E1, E10 or E11 in every layer;   z = h·Why + by   (E2);   x ~ draw(z)</code>
/// Shapes:    as <see cref="ForwardViews"/>, B = 1.
/// Launch:    one team.
/// Writes:    the carried states, and tokens from index <c>given</c> + 1 on.
/// Reference: ReferenceRnn.Step, ReferenceRnn.Logits, ReferenceSampler.
/// </remarks>
public static class SampleKernel
{
    /// <summary>The kernel.</summary>
    /// <param name="v">Buffers; row 0 of the states is what is carried.</param>
    /// <param name="uniforms">A number in [0, 1) for each time step, <c>[steps]</c>.</param>
    /// <param name="d">Sizes; B is 1, and T at least <paramref name="steps"/>.</param>
    /// <param name="draw">How to draw.</param>
    /// <param name="given">How many of the tokens after the first are given; the rest are drawn.</param>
    /// <param name="steps">The number of time steps.</param>
    public static void Run(ForwardViews v, ArrayView<float> uniforms, RnnDims d, DrawArguments draw, int given, int steps)
    {
        var scratch = Team.Scratch();
        Layers(scratch, v, d, 0, given);
        for (int i = given; i < steps; i++)
        {
            Layers(scratch, v, d, i, i + 1);
            Rows.Copy(v.Z, v.Weights.By, d.VRow);
            Product.Run(
                scratch, v.Z, Layout.Rows(d.VRow), v.Top(d, i, 1), d.HRow, v.Weights.Why, Layout.Panels(d.H), 1, d.V, d.H, 1, 0);
            Draw.Run(v.Tokens, i + 1, v.Z, d.V, draw, uniforms, i);
        }

        for (int l = 0; l < d.Layers; l++)
        {
            Carry(v.H, v.Layers[l].H, d, steps);
            if (CellKind.HasCellState(d.Cell))
                Carry(v.C, v.Layers[l].C, d, steps);
        }
    }

    private static void Layers(ArrayView<float> scratch, ForwardViews v, RnnDims d, int begin, int end)
    {
        for (int l = 0; l < d.Layers; l++)
        {
            RecurrentLayer layer = v.Layers[l];
            if (l > 0 && end > begin)
                HiddenPass.Inputs(scratch, v, d, layer, begin, end - begin, 0, d.Columns);
            Recurrence.Forward(scratch, v, layer, d, HiddenBlock.Streams(d, begin, end, 0, 1));
        }
    }

    private static void Carry(ArrayView<float> states, int begin, RnnDims d, int steps) =>
        Rows.Copy(states.SubView(begin, d.HRow), states.SubView(begin + (steps * d.HRow), d.HRow), d.HRow);
}
