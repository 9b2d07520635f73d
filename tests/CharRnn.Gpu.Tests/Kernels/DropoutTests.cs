using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Randomness;

namespace CharRnn.Gpu.Tests.Kernels;

[Collection(typeof(DeviceTests))]
public class DropoutTests
{
    private const int Rows = 7, Row = 48, Columns = 39, FirstRow = 11, FirstUnit = 32, Layer = 2;
    private const long Step = 70_000;

    private static readonly DropoutMask s_mask = new(0.3, 0x1_0000_0007);

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Both_bodies_drop_what_the_mask_says_and_send_nothing_back_through_it(DeviceKind group)
    {
        float[] h = Values.RandomRows(Rows, Columns, 1);
        h[3] = 0;
        h[4] = -0f;
        var dropout = new DropoutArguments(s_mask.Threshold, s_mask.Scale, (uint)s_mask.Seed, (uint)(s_mask.Seed >> 32), (uint)Step);
        var data = new OperandData { A = new float[Rows * Row], B = h, N = new(Rows, Columns, Row: Row, Dropout: dropout) };
        float[] expected =
        [
            .. h.Select((value, i) => s_mask.Keeps(Step, Layer, FirstRow + (i / Row), FirstUnit + (i % Row)) ? value * s_mask.Scale : 0),
        ];
        Assert.InRange(expected.Count(value => value == 0), Rows * Columns / 5, Rows * Row / 2);
        foreach (float[] x in (float[][])[Bodies.Simd(data, Apply).A, Bodies.OnGroup(group, data, ApplyKernel).A])
        {
            Assert.Equal(expected, x);

            // The gradient of all ones, which the way back finds in the place of x: A is the gradient, B is x.
            float[] ones = [.. Enumerable.Range(0, Rows * Row).Select(i => i % Row < Columns ? 1f : 0)];
            OperandData back = data with { A = ones, B = x };
            float[] slopes =
            [
                .. ones.Select((one, i) => s_mask.Keeps(Step, Layer, FirstRow + (i / Row), FirstUnit + (i % Row)) ? one * s_mask.Scale : 0),
            ];
            Assert.Equal(slopes, Bodies.Simd(back, Gradient).A);
            Assert.Equal(slopes, Bodies.OnGroup(group, back, GradientKernel).A);
        }
    }

    private static void Apply(Operands o) =>
        Dropout.Apply(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns, FirstRow, FirstUnit, Layer, o.N.Dropout);

    private static void ApplyKernel(Operands o) =>
        Dropout.ApplyOnGroup(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns, FirstRow, FirstUnit, Layer, o.N.Dropout);

    private static void Gradient(Operands o) => Dropout.Gradient(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns, o.N.Dropout.Scale);

    private static void GradientKernel(Operands o) =>
        Dropout.GradientOnGroup(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns, o.N.Dropout.Scale);
}
