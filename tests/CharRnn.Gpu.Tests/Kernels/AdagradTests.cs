using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Tests.Devices;

namespace CharRnn.Gpu.Tests.Kernels;

[Collection(typeof(DeviceTests))]
public class AdagradTests
{
    private const int Rows = 3, Columns = 33;
    private const float Rate = 0.1f, Clip = 0.5f;

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void An_update_is_E9_with_the_clip_biting_both_signs(DeviceKind group)
    {
        OperandData data = Parameters();
        Assert.Contains(data.C, g => g > Clip);
        Assert.Contains(data.C, g => g < -Clip);
        int count = data.A.Length;
        (double[] theta, double[] memory) = (new double[count], new double[count]);
        for (int i = 0; i < count; i++)
        {
            double g = Math.Clamp((double)data.C[i], -Clip, Clip);
            memory[i] = data.B[i] + (g * g);
            theta[i] = data.A[i] - (Rate * g / Math.Sqrt(memory[i] + 1e-8));
        }

        foreach (OperandData result in Update(group, data))
        {
            for (int i = 0; i < count; i++)
            {
                // Element by element: an update of ±0.1 from a tiny gradient counts like any other.
                Assert.InRange(result.A[i], theta[i] - 2e-7, theta[i] + 2e-7);
                Assert.InRange(result.B[i], memory[i] * (1 - 2e-7), memory[i] * (1 + 2e-7));
            }

            Assert.Equal(data.C, result.C); // the gradient stays unclipped
            _ = Values.Unpad(result.A, Rows, Columns);
            _ = Values.Unpad(result.B, Rows, Columns);
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void The_clip_keeps_NaN_and_cuts_infinities(DeviceKind group)
    {
        OperandData data = Parameters();
        (data.C[0], data.C[1], data.C[2]) = (float.NaN, float.PositiveInfinity, float.NegativeInfinity);
        (data.A[1], data.A[2], data.B[1], data.B[2]) = (0, 0, 0, 0);
        data.B[3] = float.PositiveInfinity; // of gradients that a huge clip let pass
        foreach (OperandData result in Update(group, data))
        {
            Assert.InRange(result.A[3], data.A[3] - 1e-7f, data.A[3] + 1e-7f);
            Assert.Equal([float.NaN, float.NaN], [result.A[0], result.B[0]]);
            Assert.Equal([Clip * Clip, Clip * Clip], result.B[1..3]);
            Assert.InRange(result.A[1], -Rate - 1e-7f, -Rate + 1e-7f);
            Assert.Equal(-result.A[1], result.A[2]);
            Assert.All(result.A[3..], value => Assert.True(float.IsFinite(value)));
        }
    }

    /// <summary>Gradients of every size down to 1e-7, memory from 0 on, zeros in the padding.</summary>
    private static OperandData Parameters() => new()
    {
        A = Values.RandomRows(Rows, Columns, 1),
        B = Values.Pad([.. Values.Random(Rows * Columns, 2).Select((m, i) => i % 4 == 0 ? 0 : Math.Abs(m))], Rows, Columns),
        C = Values.Pad([.. Values.Random(Rows * Columns, 3).Select((g, i) => i % 2 == 0 ? g : g * (float)Math.Pow(10, -i % 8))], Rows, Columns),
        N = new(Columns: Values.RandomRows(Rows, Columns, 1).Length, X: Rate, Y: Clip),
    };

    private static OperandData[] Update(DeviceKind group, OperandData data) =>
        [Bodies.Simd(data, o => Adagrad.Update(o.A, o.B, o.C, o.N.Columns, o.N.X, o.N.Y)), Bodies.OnGroup(group, data, Kernel)];

    private static void Kernel(Operands o) => Adagrad.UpdateOnGroup(o.A, o.B, o.C, o.N.Columns, o.N.X, o.N.Y);
}
