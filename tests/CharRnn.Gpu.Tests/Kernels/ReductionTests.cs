using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Tests.Devices;
using ILGPU;

namespace CharRnn.Gpu.Tests.Kernels;

[Collection(typeof(DeviceTests))]
public class ReductionTests
{
    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Sum_adds_and_scales_into_one_place(DeviceKind group)
    {
        foreach (int count in (int[])[1, 2, 7, 33, 1000])
        {
            OperandData data = new() { A = [1, 2, 3], B = Values.Random(count, 1), N = new(count, First: 1, X: 0.25f) };
            double expected = data.B.Sum(value => (double)value) / 4;
            foreach (float[] to in (float[][])[
                Bodies.Simd(data, o => Reduction.Sum(default, o.A, o.N.First, o.B, o.N.Rows, o.N.X)).A,
                Bodies.OnGroup(group, data, SumKernel).A])
            {
                Agreement.Within(2e-6, expected, to[1], $"sum of {count}");
                Assert.Equal([1f, 3f], [to[0], to[2]]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void A_total_reaches_every_thread_and_is_the_hosts(DeviceKind group)
    {
        foreach (int count in (int[])[1, 2, 7, 33, 1000])
        {
            OperandData data = new() { A = new float[count], B = Values.Random(count, 1), N = new(count) };
            Agreement.Within(2e-6, data.B.Sum(value => (double)value), Reduction.Total(data.B, 1), $"total of {count}");
            Assert.Equal(Reduction.Total(data.B, 1), Bodies.Simd(data, o => o.A[0] = Reduction.Total(default, o.B, o.N.Rows)).A[0]);
            int threads = group == DeviceKind.Cpu ? 3 : TestDevices.Get(group).GroupSize;
            Assert.All(
                Bodies.OnGroup(group, data, TotalKernel).A.Take(threads), total => Assert.Equal(Reduction.Total(data.B, threads), total));
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void A_value_that_is_not_finite_is_found_at_every_position(DeviceKind group)
    {
        foreach (int count in (int[])[1, 7, 33, 91])
            foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
            {
                // Row r is bad at r, the last row nowhere; its flag keeps what it was.
                float[] rows = Values.Random((count + 1) * count, 1);
                for (int r = 0; r < count; r++)
                    rows[(r * count) + r] = bad;
                Assert.Equal([.. Enumerable.Repeat(1, count), 7], Flags(group, rows, count + 1));
            }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Large_finite_values_are_no_false_alarm(DeviceKind group)
    {
        const int Count = 91;
        float[][] rows =
        [
            [.. Enumerable.Repeat(float.MaxValue, Count)],
            [.. Enumerable.Repeat(-1e38f, Count)],
            [.. Enumerable.Range(0, Count).Select(i => i % 2 == 0 ? 3e38f : -3e38f)],
            [.. Enumerable.Repeat(float.Epsilon, Count)],
            new float[Count],
        ];
        Assert.Equal([7, 7, 7, 7, 7], Flags(group, [.. rows.SelectMany(row => row)], rows.Length));
    }

    /// <summary>The flags of some rows by both bodies, which must agree; 7 before.</summary>
    private static int[] Flags(DeviceKind group, float[] values, int rows)
    {
        OperandData data = new() { A = values, I = [.. Enumerable.Repeat(7, rows)], N = new(rows, values.Length / rows) };
        int[] simd = Bodies.Simd(data, o =>
        {
            for (int r = 0; r < o.N.Rows; r++)
                Reduction.FlagNonFinite(o.I, r, o.A.SubView(r * o.N.Columns, o.N.Columns), o.N.Columns);
        }).I;
        Assert.Equal(simd, Bodies.OnGroup(group, data, FlagKernel).I);
        return simd;
    }

    private static void SumKernel(Operands o) => Reduction.SumOnGroup(Team.ScratchOnGroup(), o.A, o.N.First, o.B, o.N.Rows, o.N.X);

    private static void TotalKernel(Operands o)
    {
        float total = Reduction.TotalOnGroup(Team.ScratchOnGroup(), o.B, o.N.Rows);
        if (Group.IdxX < o.N.Rows)
            o.A[Group.IdxX] = total;
    }

    private static void FlagKernel(Operands o)
    {
        for (int r = 0; r < o.N.Rows; r++)
            Reduction.FlagNonFiniteOnGroup(o.I, r, o.A.SubView(r * o.N.Columns, o.N.Columns), o.N.Columns);
    }
}
