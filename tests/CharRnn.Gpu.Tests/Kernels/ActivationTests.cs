using System.Numerics;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Tests.Devices;
using ILGPU;

namespace CharRnn.Gpu.Tests.Kernels;

[Collection(typeof(DeviceTests))]
public class ActivationTests
{
    // Whole rows of 16 values: every SIMD lane and, with three threads, uneven shares.
    private static readonly float[] Specials =
    [
        0f, -0f, 1e-4f, -1e-4f, 50, -50, 100, -100, float.NaN, float.PositiveInfinity, float.NegativeInfinity,
        float.Epsilon, -1e-38f, 9.02f, 9.03f, float.MaxValue,
    ];

    // Even steps over (-10, 10), and every magnitude below 1 down to 1e-35.
    private static readonly float[] Dense =
    [
        .. Enumerable.Range(-100_000, 200_000).Select(i => i * 1e-4f),
        .. Enumerable.Range(0, 70_000).Select(i => (i % 2 == 0 ? 1 : -1) * (float)Math.Pow(10, -i / 2000.0)),
    ];

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Tanh_is_right_at_special_values(DeviceKind group)
    {
        foreach (float[] y in Tanh(group, Specials))
        {
            Assert.Equal([0f, 0f], y[..2]);
            Assert.InRange(Values.UlpsFrom(Math.Tanh(1e-4f), y[2]), 0, 4);
            Assert.InRange(Values.UlpsFrom(Math.Tanh(-1e-4f), y[3]), 0, 4);
            float[] expected = [1f, -1f, 1f, -1f, float.NaN, 1f, -1f];
            foreach ((float one, float tanh) in expected.Zip(y[4..11]).Concat(y[13..].Select(tanh => (1f, tanh))))
            {
                Assert.Equal(float.IsNaN(one), float.IsNaN(tanh));
                Assert.False(Math.Abs(tanh) > 1);
                Assert.False(Values.UlpsFrom(one, tanh) > 3);
            }

            Assert.InRange(y[11], 0f, float.Epsilon); // a GPU may flush what is below 1e-38
            Assert.InRange(y[12], -1e-38f, 0f);
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Tanh_is_within_four_units_in_the_last_place_below_one_half_and_six_above(DeviceKind group)
    {
        foreach (float[] y in Tanh(group, Dense))
        {
            double below = 0, above = 0; // measured: 3.3 and 5
            foreach ((float x, float tanh) in Dense.Zip(y))
            {
                double ulps = Values.UlpsFrom(Math.Tanh(x), tanh);
                (below, above) = Math.Abs(x) < 0.5 ? (Math.Max(below, ulps), above) : (below, Math.Max(above, ulps));
            }

            Assert.InRange(below, 0.5, 4);
            Assert.InRange(above, 0.5, 6);
        }
    }

    [Fact]
    public void The_gradient_through_tanh_is_one_minus_its_square_and_touches_no_other_column()
    {
        const int Rows = 7, Row = 48, Columns = 32;
        var data = new OperandData { A = Values.Random(Rows * Row, 1), B = Values.Random(Rows * Row, 2), N = new(Rows, Columns, Row: Row) };
        double[] expected =
        [
            .. data.A.Zip(data.B, (dh, h) => (1 - ((double)h * h)) * dh).Select((da, i) => i % Row < Columns ? da : data.A[i]),
        ];
        OperandData actual = Bodies.Simd(
            data, o => Activation.RunGradient(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns, Activation.Hyperbolic));
        Agreement.Within(1e-7, expected, actual.A, "SIMD");
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Exp_is_within_two_units_in_the_last_place_and_zero_where_floats_end(DeviceKind group)
    {
        float[] xs =
        [
            .. Enumerable.Range(-86_999, 174_999).Select(i => i * 1e-3f),
            0f, -0f, -87.01f, -1e30f, float.NegativeInfinity, float.NaN,
        ];
        OperandData data = new() { A = xs, N = new(Columns: xs.Length) };
        float[] simd = [.. xs.Select(x => Simd.Exp(new Vector<float>(x))[0])];
        foreach (float[] y in (float[][])[simd, Bodies.OnGroup(group, data, ExpKernel).A])
        {
            Assert.InRange(xs.Zip(y).SkipLast(6).Max(pair => Values.UlpsFrom(Math.Exp(pair.First), pair.Second)), 0.5, 2); // measured: 1.0
            Assert.Equal([1f, 1f, 0f, 0f, 0f, float.NaN], y[^6..]);
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Log_is_within_three_units_in_the_last_place(DeviceKind group)
    {
        // Every exponent with sampled mantissas, and all about 1, where a logarithm is small.
        float[] xs =
        [
            .. from exponent in Enumerable.Range(1, 254)
               from mantissa in Enumerable.Range(0, 400)
               select BitConverter.Int32BitsToSingle((exponent << 23) | (mantissa * 20_972)),
            .. Enumerable.Range(-50_000, 100_000).Select(i => BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(1f) + i)),
            float.NaN, float.PositiveInfinity,
        ];
        OperandData data = new() { A = xs, N = new(Columns: xs.Length) };
        float[] simd = [.. xs.Select(x => Simd.Log(new Vector<float>(x))[0])];
        foreach (float[] y in (float[][])[simd, Bodies.OnGroup(group, data, LogKernel).A])
        {
            Assert.InRange(xs.Zip(y).SkipLast(2).Max(pair => Values.UlpsFrom(Math.Log(pair.First), pair.Second)), 0.4, 3);
            Assert.Equal([float.NaN, float.NaN], y[^2..]);
        }
    }

    private static float[][] Tanh(DeviceKind group, float[] x)
    {
        var data = new OperandData { A = x, B = new float[x.Length], N = new(Columns: x.Length) };
        return
        [
            Bodies.Simd(data, o => Activation.Run(o.A, o.B, 1, o.N.Columns, o.N.Columns, Activation.Hyperbolic)).A,
            [.. x.Select(KernelMath.Tanh)],
            Bodies.OnGroup(group, data, TanhKernel).A,
        ];
    }

    private static void TanhKernel(Operands o)
    {
        for (int i = Group.IdxX; i < o.N.Columns; i += Group.DimX)
            o.A[i] = KernelMath.Tanh(o.A[i]);
    }

    private static void ExpKernel(Operands o)
    {
        for (int i = Group.IdxX; i < o.N.Columns; i += Group.DimX)
            o.A[i] = KernelMath.Exp(o.A[i]);
    }

    private static void LogKernel(Operands o)
    {
        for (int i = Group.IdxX; i < o.N.Columns; i += Group.DimX)
            o.A[i] = KernelMath.Log(o.A[i]);
    }
}
