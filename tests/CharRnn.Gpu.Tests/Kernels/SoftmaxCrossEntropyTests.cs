using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Reference;

namespace CharRnn.Gpu.Tests.Kernels;

[Collection(typeof(DeviceTests))]
public class SoftmaxCrossEntropyTests
{
    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Loss_and_gradient_equal_the_definitions_for_logits_of_any_size(DeviceKind group)
    {
        foreach (int v in (int[])[2, 7, 33, 65, 130])
            foreach (float scale in (float[])[0.01f, 3, 60, 1e4f])
            {
                OperandData data = Logits(13, v, scale);
                var (losses, dz) = Expected(data, 13, v);
                foreach (OperandData result in Run(group, data))
                {
                    Agreement.Within(1e-6, losses, result.B, $"loss, V={v}, logits to {scale}");
                    Agreement.Within(1e-5, dz, Values.Unpad(result.A, 13, v), $"dz, V={v}, logits to {scale}");
                }
            }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void A_logit_that_is_not_finite_spoils_its_own_row_only(DeviceKind group)
    {
        const int Rows = 7, V = 33;
        OperandData clean = Logits(Rows, V, 3), spoilt = Logits(Rows, V, 3);
        int row = RnnDims.PaddedRow(V);
        spoilt.A[(1 * row) + 32] = float.NaN;
        spoilt.A[3 * row] = float.PositiveInfinity;
        spoilt.A[(5 * row) + 16] = float.NegativeInfinity;
        spoilt.I[5] = 16; // its character has probability 0: an infinite loss
        foreach (var (c, s) in Run(group, clean).Zip(Run(group, spoilt)))
        {
            Assert.Equal([float.NaN, float.NaN, float.PositiveInfinity], [s.B[1], s.B[3], s.B[5]]);
            foreach (int r in (int[])[0, 2, 4, 6])
            {
                Assert.Equal(c.B[r], s.B[r]);
                Assert.Equal(c.A[(r * row)..((r + 1) * row)], s.A[(r * row)..((r + 1) * row)]);
            }
        }
    }

    // Products with denormal numbers are slow on a CPU.
    [Fact]
    public void No_gradient_is_denormal_on_a_CPU()
    {
        const int Rows = 13, V = 33;
        OperandData data = Logits(Rows, V, 1);
        for (int r = 0; r < Rows; r++)
            for (int k = 0; k < V; k++)
                data.A[(r * RnnDims.PaddedRow(V)) + k] -= k == data.I[r] ? 0 : 3 * k;

        double[] dz = Expected(data, Rows, V).Dz;
        Assert.Contains(dz, value => value is > 0 and < 1e-38);
        float[] found = Values.Unpad(Run(DeviceKind.Cpu, data)[0].A, Rows, V);
        Assert.DoesNotContain(found, float.IsSubnormal);
        Agreement.Within(1e-5, dz, found, "dz");
    }

    private static OperandData Logits(int rows, int v, float scale) => new()
    {
        A = Values.RandomRows(rows, v, 1, scale),
        B = new float[rows],
        I = [.. Enumerable.Range(0, rows).Select(r => r * 5 % v)],
        N = new(rows, v, Row: RnnDims.PaddedRow(v), X: 1f / 3),
    };

    private static OperandData[] Run(DeviceKind group, OperandData data) =>
    [
        Bodies.Simd(data, o => SoftmaxCrossEntropy.Run(default, o.A, o.I, o.B, o.N.Rows, o.N.Row, o.N.Columns, o.N.X)),
        Bodies.OnGroup(group, data, Kernel),
    ];

    private static (double[] Losses, double[] Dz) Expected(OperandData data, int rows, int v)
    {
        (double[] losses, double[] dz) = (new double[rows], new double[rows * v]);
        for (int r = 0; r < rows; r++)
        {
            double[] z = [.. data.A.AsSpan(r * data.N.Row, v).ToArray().Select(value => (double)value)];
            double logSumExp = ReferenceRnn.LogSumExp(z);
            losses[r] = logSumExp - z[data.I[r]];
            for (int k = 0; k < v; k++)
                dz[(r * v) + k] = (Math.Exp(z[k] - logSumExp) - (k == data.I[r] ? 1 : 0)) / 3;
        }

        return (losses, dz);
    }

    private static void Kernel(Operands o) =>
        SoftmaxCrossEntropy.RunOnGroup(Team.ScratchOnGroup(), o.A, o.I, o.B, o.N.Rows, o.N.Row, o.N.Columns, o.N.X);
}
