using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Tests.Devices;

namespace CharRnn.Gpu.Tests.Kernels;

[Collection(typeof(DeviceTests))]
public class ParameterUpdateTests
{
    private const int Rows = 3, Columns = 33, Padded = 48;
    private const float Rate = 0.1f, Clip = 0.5f, Scale = 0.75f, Decay = 0.25f, Keep = 0.875f, RootCorrection = 1.5f, Epsilon = 1e-8f;
    private const float First = 0.75f, Second = 0.875f;

    public static MatrixTheoryData<DeviceKind, int> GroupsAndRules => new(
        [.. Bodies.Groups.Select(row => row.Data)],
        [ParameterUpdate.Adagrad, ParameterUpdate.RmsProp, ParameterUpdate.Adam, ParameterUpdate.Momentum, ParameterUpdate.Descent]);

    [Theory]
    [MemberData(nameof(GroupsAndRules))]
    public void An_update_is_its_rule_with_the_clip_biting_both_signs_and_the_first_rows_decaying(DeviceKind group, int rule)
    {
        OperandData data = Parameters(rule, decayed: Padded);
        Assert.Contains(data.C, g => g * Scale > Clip);
        Assert.Contains(data.C, g => g * Scale < -Clip);
        int count = data.A.Length;
        double[] theta = [.. data.A], first = [.. data.B], second = [.. data.D];
        for (int i = 0; i < count; i++)
        {
            double g = Math.Clamp((double)data.C[i] * Scale, -Clip, Clip);
            if (i < Padded)
                (g, theta[i]) = (g + (Decay * theta[i]), theta[i] * Keep);
            theta[i] -= Rate * Change(rule, g, ref first[i], ref second[i]);
        }

        foreach (OperandData result in Update(group, data))
        {
            for (int i = 0; i < count; i++)
            {
                // Element by element: an update of ±0.1 from a tiny gradient counts like any other.
                Assert.InRange(result.A[i], theta[i] - 4e-7, theta[i] + 4e-7);
                double error = rule == ParameterUpdate.Momentum ? 4e-7 : 4e-7 * Math.Abs(first[i]); // whose terms may cancel
                Assert.InRange(result.B[i], first[i] - error, first[i] + error);
                Assert.InRange(result.D[i], second[i] * (1 - 4e-7), second[i] * (1 + 4e-7));
            }

            Assert.Equal(data.C, result.C); // the gradient stays as it is
            foreach (float[] values in (float[][])[result.A, result.B, result.D])
                _ = Values.Unpad(values, Rows, Columns);
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void The_clip_keeps_NaN_and_cuts_infinities(DeviceKind group)
    {
        OperandData data = Parameters(ParameterUpdate.Adagrad, decayed: 0);
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

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void The_squares_are_those_of_the_gradient_before_scale_and_clip(DeviceKind group)
    {
        OperandData data = Parameters(ParameterUpdate.Descent, decayed: 0) with { D = new float[3] };
        double expected = data.C.Sum(g => (double)g * g);
        foreach (OperandData result in (OperandData[])[Bodies.Simd(data, Measured), Bodies.OnGroup(group, data, MeasuredKernel)])
        {
            Agreement.Within(5e-7, expected, result.D[1], "Σ g² of the update");
            Assert.Equal([0f, 0f], [result.D[0], result.D[2]]);
        }

        foreach (OperandData result in (OperandData[])[Bodies.Simd(data, Squares), Bodies.OnGroup(group, data, SquaresKernel)])
            Agreement.Within(5e-7, expected, result.D[1], "Σ g² alone");
    }

    private static double Change(int rule, double g, ref double first, ref double second)
    {
        switch (rule)
        {
            case ParameterUpdate.Adagrad:
                first += g * g;
                return g / Math.Sqrt(first + Epsilon);
            case ParameterUpdate.RmsProp:
                first = (Second * first) + ((1 - Second) * g * g);
                return g / (Math.Sqrt(first) + Epsilon);
            case ParameterUpdate.Adam:
                first = (First * first) + ((1 - First) * g);
                second = (Second * second) + ((1 - Second) * g * g);
                return first / ((Math.Sqrt(second) * RootCorrection) + Epsilon);
            case ParameterUpdate.Momentum:
                return first = (First * first) + g;
            default:
                return g;
        }
    }

    /// <summary>Gradients of every size down to 1e-7, moments from 0 on, zeros in the padding.</summary>
    private static OperandData Parameters(int rule, int decayed) => new()
    {
        A = Values.RandomRows(Rows, Columns, 1),
        B = Values.Pad([.. Values.Random(Rows * Columns, 2).Select((m, i) => i % 4 == 0 ? 0 : Math.Abs(m))], Rows, Columns),
        C = Values.Pad(
            [.. Values.Random(Rows * Columns, 3).Select((g, i) => i % 2 == 0 ? 2 * g : g * (float)Math.Pow(10, -i % 8))], Rows, Columns),
        D = Values.Pad([.. Values.Random(Rows * Columns, 4).Select((v, i) => i % 4 == 0 ? 0 : Math.Abs(v))], Rows, Columns),
        N = new(
            Columns: Rows * Padded, X: decayed > 0 ? Scale : 1,
            Update: new UpdateArguments(rule, Clip, 0, First, 1 - First, Second, 1 - Second, Epsilon, Decay, decayed, 0),
            Rates: new StepRates(Rate, RootCorrection, Keep)),
    };

    private static OperandData[] Update(DeviceKind group, OperandData data) =>
        [Bodies.Simd(data, Simd), Bodies.OnGroup(group, data, Kernel)];

    private static void Simd(Operands o) =>
        ParameterUpdate.Run(default, o.A, o.B, o.D, o.C, 0, o.N.Columns, o.N.Update, o.N.Rates, o.N.X, default, -1);

    private static void Kernel(Operands o) =>
        ParameterUpdate.RunOnGroup(Team.ScratchOnGroup(), o.A, o.B, o.D, o.C, 0, o.N.Columns, o.N.Update, o.N.Rates, o.N.X, o.D, -1);

    private static void Measured(Operands o) =>
        ParameterUpdate.Run(default, o.A, o.B, o.B, o.C, 0, o.N.Columns, o.N.Update, o.N.Rates, o.N.X, o.D, 1);

    private static void MeasuredKernel(Operands o) =>
        ParameterUpdate.RunOnGroup(Team.ScratchOnGroup(), o.A, o.B, o.B, o.C, 0, o.N.Columns, o.N.Update, o.N.Rates, o.N.X, o.D, 1);

    private static void Squares(Operands o) => Reduction.SumOfSquares(default, o.D, 1, o.C, o.N.Columns);

    private static void SquaresKernel(Operands o) => Reduction.SumOfSquaresOnGroup(Team.ScratchOnGroup(), o.D, 1, o.C, o.N.Columns);
}
