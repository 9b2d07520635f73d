using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Reference;
using CharRnn.Sampling;

namespace CharRnn.Gpu.Tests.Kernels;

[Collection(typeof(DeviceTests))]
public class DrawTests
{
    private const int Draws = 40;

    public static MatrixTheoryData<DeviceKind, int> Sizes => new(Enum.GetValues<DeviceKind>(), [2, 7, 33, 129]);

    [Theory]
    [MemberData(nameof(Sizes))]
    public void A_draw_is_the_references_for_any_logits_and_options(DeviceKind group, int v)
    {
        int draws = 0, ambiguous = 0;
        foreach (float temperature in (float[])[0, 0.3f, 1, 5])
            foreach (int topK in (int[])[0, 1, 2, v / 2, v, v + 3])
                foreach (float topP in (float[])[1, 0.93f, 0.47f, 0.05f])
                {
                    var options = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP };
                    OperandData data = Logits(v, options);
                    int[] simd = Simd(data), onGroup = Bodies.OnGroup(group, data, Kernel).I;
                    for (int n = 0; n < Draws; n++)
                    {
                        double[] z = [.. data.A.AsSpan(n * data.N.Row, v).ToArray().Select(value => (double)value)];
                        int[] right = RightChoices(z, options, data.B[n]);
                        Assert.Contains(simd[n], right);
                        Assert.Contains(onGroup[n], right);
                        draws++;
                        ambiguous += right.Length > 1 ? 1 : 0;
                    }
                }

        Assert.InRange(ambiguous, 0, draws / 20);
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void At_temperature_zero_the_first_of_the_likeliest_is_taken(DeviceKind group)
    {
        const int V = 33;
        OperandData data = Logits(V, new() { Temperature = 0 });
        for (int n = 0; n < Draws; n++)
            (data.A[(n * data.N.Row) + (n % V)], data.A[(n * data.N.Row) + V - 1]) = (200, 200);
        int[] expected = [.. Enumerable.Range(0, Draws).Select(n => n % V)];
        Assert.Equal(expected, Simd(data));
        Assert.Equal(expected, Bodies.OnGroup(group, data, Kernel).I);
    }

    /// <summary>Every third row ties, every fifth is all equal; small and large spreads; u at both ends and anywhere between.</summary>
    private static OperandData Logits(int v, SamplingOptions options)
    {
        float[] u = [0, 1 - (1f / (1 << 24)), .. Values.Random(Draws - 2, 21).Select(Math.Abs)];
        float[] z = [.. Values.Random(Draws * v, 20).Select((value, i) =>
        {
            int n = i / v;
            float spread = value * (n % 4 == 0 ? 40 : n % 4 == 1 ? 0.5f : 4);
            return n % 5 == 0 ? -3.7f : n % 3 == 0 ? MathF.Round(spread) : spread;
        })];
        return new OperandData
        {
            A = Values.Pad(z, Draws, v),
            B = u,
            I = new int[Draws],
            N = new(Columns: v, Row: RnnDims.PaddedRow(v), Draw: new DrawArguments(options.Temperature, options.TopK, options.TopP)),
        };
    }

    /// <summary>
    /// The reference's choice; both neighbours where u, or a sum that is compared with top-p, lies within the rounding of float32 from an
    /// edge.
    /// </summary>
    private static int[] RightChoices(double[] z, SamplingOptions options, double u)
    {
        const float Rounding = 3e-6f;
        var choices = new HashSet<int>();
        foreach (float p in (float[])[options.TopP, options.TopP - Rounding, Math.Min(1, options.TopP + Rounding)])
        {
            double[] probabilities = ReferenceSampler.Probabilities(z, options with { TopP = p });
            foreach (double near in (double[])[u, u - Rounding, u + Rounding])
                choices.Add(ReferenceSampler.Choose(probabilities, Math.Clamp(near, 0, 1)));
        }

        return [.. choices];
    }

    private static int[] Simd(OperandData data) => Bodies.Simd(data, o =>
    {
        for (int n = 0; n < Draws; n++)
            Draw.Run(o.I, n, o.A.SubView(n * o.N.Row, o.N.Row), o.N.Columns, o.N.Draw, o.B, n);
    }).I;

    private static void Kernel(Operands o)
    {
        for (int n = 0; n < Draws; n++)
            Draw.RunOnGroup(o.I, n, o.A.SubView(n * o.N.Row, o.N.Row), o.N.Columns, o.N.Draw, o.B, n);
    }
}
