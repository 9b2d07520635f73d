using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Networks;
using CharRnn.Reference;

namespace CharRnn.Gpu.Tests.Kernels;

/// <summary>What feed-forward networks have of their own: both bodies of each primitive against its formula in double.</summary>
[Collection(typeof(DeviceTests))]
public class NetworkPrimitiveTests
{
    private const int Rows = 7, Columns = 19;

    private static readonly (int Kind, ActivationFunction Function)[] s_activations =
    [
        (Activation.Identity, ActivationFunction.Identity), (Activation.Sigmoid, ActivationFunction.Sigmoid),
        (Activation.Hyperbolic, ActivationFunction.Tanh), (Activation.Rectifier, ActivationFunction.Relu),
    ];

    private static int Row => RnnDims.PaddedRow(Columns);

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void An_activation_takes_the_bias_and_is_the_references(DeviceKind group)
    {
        foreach ((int kind, ActivationFunction function) in s_activations)
        {
            var data = new OperandData
            {
                A = Values.RandomRows(Rows, Columns, 1, 5),
                B = Values.RandomRows(1, Columns, 2),
                N = new(Rows, Columns, Flag: kind, Row: Row),
            };
            double[] expected = [.. Enumerable.Range(0, Rows * Columns).Select(i =>
                ReferenceNetwork.Activate(function, (double)data.A[(i / Columns * Row) + (i % Columns)] + data.B[i % Columns]))];
            foreach (OperandData result in (OperandData[])[Bodies.Simd(data, SimdRun), Bodies.OnGroup(group, data, RunKernel)])
            {
                float[] actual = [.. Enumerable.Range(0, Rows).SelectMany(r => result.A[(r * Row)..((r * Row) + Columns)])];
                Agreement.Within(3e-7, expected, actual, $"{function}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void A_slope_is_taken_of_the_activation_and_keeps_the_padding_zero(DeviceKind group)
    {
        foreach ((int kind, ActivationFunction function) in s_activations)
        {
            double[] z = [.. Values.Random(Rows * Columns, 3, 3).Select(value => (double)value)];
            float[] h = [.. z.Select(value => (float)ReferenceNetwork.Activate(function, value))], delta = Values.Random(Rows * Columns, 4);
            var data = new OperandData
            {
                A = Values.Pad(delta, Rows, Columns),
                B = Values.Pad(h, Rows, Columns),
                N = new(Rows, Columns, Flag: kind, Row: Row),
            };
            double[] expected = [.. delta.Zip(z, (d, value) => d * ReferenceNetwork.Derivative(function, value))];
            foreach (OperandData result in (OperandData[])
            [
                Bodies.Simd(data, SimdGradient), Bodies.OnGroup(group, data, GradientKernelBody),
            ])
                Agreement.Within(3e-7, expected, Values.Unpad(result.A, Rows, Columns), $"{function}");
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Special_values_come_out_as_they_should(DeviceKind group)
    {
        float[] z = [0, -200, 200, float.PositiveInfinity, float.NegativeInfinity, float.NaN, 88, -88, -30];
        float[][] expected =
        [
            [0, -200, 200, float.PositiveInfinity, float.NegativeInfinity, float.NaN, 88, -88, -30],
            [0.5f, 0, 1, 1, 0, float.NaN, 1, 0, 9.357623e-14f],
            [0, -1, 1, 1, -1, float.NaN, 1, -1, -1],
            [0, 0, 200, float.PositiveInfinity, 0, float.NaN, 88, 0, 0],
        ];
        foreach ((int kind, ActivationFunction function) in s_activations)
        {
            var data = new OperandData { A = [.. z, .. new float[39]], B = new float[48], N = new(1, z.Length, Flag: kind, Row: 48) };
            foreach (OperandData result in (OperandData[])[Bodies.Simd(data, SimdRun), Bodies.OnGroup(group, data, RunKernel)])
                foreach ((float at, float right, float actual) in z.Zip(expected[kind], result.A))
                    Assert.True(
                        float.IsNaN(right)
                            ? float.IsNaN(actual)
                            : right == actual || Math.Abs(actual - right) <= 1e-6 * Math.Abs(right) + 1e-37,
                        $"{function}({at}) is {actual}");
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void A_loss_and_its_slope_are_the_formulas(DeviceKind group)
    {
        const float Scale = 0.125f;
        foreach ((int loss, int activation) in ((int, int)[])
        [
            .. s_activations.Select(one => (OutputLoss.SquaredError, one.Kind)), (OutputLoss.BinaryCrossEntropy, Activation.Sigmoid),
        ])
        {
            // Also far out, where e^z is no float.
            float[] z = [.. Values.Random(Rows * Columns, 5, 4).Select((value, i) => i % 17 == 0 ? 40 * value : value)];
            float[] y = Values.Random(Rows * Columns, 6);
            if (loss == OutputLoss.BinaryCrossEntropy)
                y = [.. y.Select(value => value > 0 ? 1f : 0f)];
            var data = new OperandData
            {
                A = Values.Pad(z, Rows, Columns),
                B = Values.Pad(y, Rows, Columns),
                C = new float[Rows],
                N = new(Rows, Columns, Flag: activation, Kind: loss, Row: Row, X: Scale),
            };
            ActivationFunction function = s_activations.Single(one => one.Kind == activation).Function;
            (double Loss, double Slope) One(double logit, double answer)
            {
                double h = ReferenceNetwork.Activate(function, logit);
                return loss == OutputLoss.BinaryCrossEntropy
                    ? (
                        Math.Max(logit, 0) - (answer * logit) + Math.Log(1 + Math.Exp(-Math.Abs(logit))),
                        (1 / (1 + Math.Exp(-logit)) - answer) * Scale)
                    : (
                        (h - answer) * (h - answer) / Columns,
                        2 * (h - answer) * ReferenceNetwork.Derivative(function, logit) * Scale / Columns);
            }

            (double Loss, double Slope)[] expected = [.. z.Zip(y, (logit, answer) => One(logit, answer))];
            double[] losses = [.. expected.Chunk(Columns).Select(row => row.Sum(one => one.Loss))];
            foreach (OperandData result in (OperandData[])[Bodies.Simd(data, SimdLoss), Bodies.OnGroup(group, data, LossKernel)])
            {
                Agreement.Within(5e-7, losses, result.C, $"losses of kind {loss}, {function}");
                Agreement.Within(
                    5e-7, [.. expected.Select(one => one.Slope)], Values.Unpad(result.A, Rows, Columns),
                    $"slopes of kind {loss}, {function}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Rows_and_numbers_are_picked_in_their_order(DeviceKind group)
    {
        int[] order = [4, 0, 6, 6, 2];
        var data = new OperandData
        {
            A = Values.Random(5 * Row, 8),
            B = Values.Random(Rows * Columns, 9),
            I = [.. order, 10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 60, 61, 70, 71, .. new int[11]],
            N = new(5, Columns, Row: Row),
        };
        float[] expected = [.. data.A];
        for (int r = 0; r < order.Length; r++)
            data.B.AsSpan(order[r] * Columns, Columns).CopyTo(expected.AsSpan(r * Row)); // and the padding stays
        foreach (OperandData result in (OperandData[])[Bodies.Simd(data, Pick), Bodies.OnGroup(group, data, PickKernel)])
        {
            Assert.Equal(expected, result.A);
            Assert.Equal([50, 10, 70, 70, 30, 0, 51, 11, 71, 71, 31], result.I[19..]);
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Look_ups_are_a_product_with_one_hot_vectors(DeviceKind group)
    {
        const int terms = 7;
        int[] codes = [0, 3, -1, 6, 2, -1, -1, 4, 6, 5]; // of five rows two columns
        float[] w = Values.Random(2 * terms * Layout.PanelWidth, 10), z = Values.RandomRows(5, Columns, 11);
        Layout panels = Layout.Panels(terms);
        for (int i = Columns; i < 2 * Layout.PanelWidth; i++)
            for (int r = 0; r < terms; r++)
                w[panels.Offset(r, i)] = 0;
        foreach (int accumulate in (int[])[0, 1])
        {
            var data = new OperandData { A = z, B = w, I = codes, N = new(5, Columns, Row: Row, Terms: terms, Flag: accumulate) };
            double[] expected =
            [
                .. from r in Enumerable.Range(0, 5)
                   from i in Enumerable.Range(0, Columns)
                   let before = accumulate * (double)z[(r * Row) + i]
                   select before + codes.Chunk(5).Sum(column => column[r] < 0 ? 0.0 : w[panels.Offset(column[r], i)]),
            ];
            foreach (OperandData result in (OperandData[])[Bodies.Simd(data, Add), Bodies.OnGroup(group, data, AddKernel)])
                Agreement.Within(1e-6, expected, Values.Unpad(result.A, 5, Columns), $"rows, accumulate {accumulate}");
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Rows_are_multiplied_by_factors_of_their_own(DeviceKind group)
    {
        var data = new OperandData
        {
            A = Values.Random(5 * Row, 12),
            B = Values.Random(5, 13),
            N = new(5, Columns, Row: Row),
        };
        float[] expected = [.. data.A.Select((x, i) => i % Row < Columns ? x * data.B[i / Row] : x)];
        foreach (OperandData result in (OperandData[])[Bodies.Simd(data, Scale), Bodies.OnGroup(group, data, ScaleKernel)])
            Assert.Equal(expected, result.A);
    }

    private static void SimdRun(Operands o) => Activation.Run(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns, o.N.Flag);

    private static void RunKernel(Operands o) => Activation.RunOnGroup(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns, o.N.Flag);

    private static void SimdGradient(Operands o) => Activation.RunGradient(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns, o.N.Flag);

    private static void GradientKernelBody(Operands o) => Activation.RunGradientOnGroup(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns, o.N.Flag);

    private static void SimdLoss(Operands o) => OutputLoss.Run(o.A, o.B, o.C, o.N.Rows, o.N.Row, o.N.Columns, o.N.X, o.N.Kind, o.N.Flag);

    private static void LossKernel(Operands o) =>
        OutputLoss.RunOnGroup(o.A, o.B, o.C, o.N.Rows, o.N.Row, o.N.Columns, o.N.X, o.N.Kind, o.N.Flag);

    private static void Pick(Operands o)
    {
        RowLookup.Pick(o.A, o.N.Row, o.B, o.N.Columns, o.I.SubView(0, 5), o.N.Rows);
        RowLookup.PickColumns(o.I.SubView(19, 11), 6, o.I.SubView(5, 14), 2, o.I.SubView(0, 5), o.N.Rows);
    }

    private static void PickKernel(Operands o)
    {
        RowLookup.PickOnGroup(o.A, o.N.Row, o.B, o.N.Columns, o.I.SubView(0, 5), o.N.Rows);
        RowLookup.PickColumnsOnGroup(o.I.SubView(19, 11), 6, o.I.SubView(5, 14), 2, o.I.SubView(0, 5), o.N.Rows);
    }

    private static void Add(Operands o) =>
        RowLookup.Add(o.A, o.N.Row, o.N.Columns, o.B, Layout.Panels(o.N.Terms), o.I, 5, 2, o.N.Rows, o.N.Flag);

    private static void AddKernel(Operands o) =>
        RowLookup.AddOnGroup(o.A, o.N.Row, o.N.Columns, o.B, Layout.Panels(o.N.Terms), o.I, 5, 2, o.N.Rows, o.N.Flag);

    private static void Scale(Operands o) => Gpu.Kernels.Primitives.Rows.Scale(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns);

    private static void ScaleKernel(Operands o) => Gpu.Kernels.Primitives.Rows.ScaleOnGroup(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns);
}
