using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Tests.Devices;

namespace CharRnn.Gpu.Tests.Kernels;

[Collection(typeof(DeviceTests))]
public class ProductTests
{
    // Widths that end in every kind of tile: a part of one vector, two, four and eight vectors and what is left.
    private static readonly int[] Widths = [1, 7, 33, 65, 97];

    // One term, a few, and more than one and than two blocks of k.
    private static readonly int[] Depths = [1, 7, 65, 257, 515];

    [Fact]
    public void The_SIMD_body_multiplies_matrices_of_any_size()
    {
        foreach (int m in Enumerable.Range(1, 13))
            foreach (OperandData data in Products(m, Widths, Depths))
                Check(data, Bodies.Simd(data, Run));
    }

    [Theory]
    [InlineData(129, 33, 65)] // A is packed in two blocks of rows
    [InlineData(257, 17, 300)] // in three, and two of k
    [InlineData(7, 300, 257)] // B's rows lie in more memory pages than the processor keeps at hand: its panels are packed, too
    [InlineData(130, 600, 130)]
    public void The_SIMD_body_packs_what_lies_far_apart(int m, int n, int k)
    {
        foreach (bool panels in (bool[])[false, true])
        {
            OperandData data = Case(m, n, k, accumulate: 0, transposed: true, panels);
            Check(data, Bodies.Simd(data, Run));
        }
    }

    [Fact]
    public void A_product_may_have_more_rows_than_tiles_times_rows_can_count()
    {
        OperandData data = Case(120_001, 1, 1, accumulate: 0, transposed: false);
        Check(data, Bodies.Simd(data, Run));
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void The_group_body_multiplies_matrices_of_any_size(DeviceKind group)
    {
        foreach (int m in (int[])[1, 2, 7, 13])
            foreach (OperandData data in Products(m, [1, 33, 65], [1, 65, 257]))
                Check(data, Bodies.OnGroup(group, data, data.N.StepStride == 1 ? RunKernel : RunTransposedKernel));
    }

    /// <summary>Tiles of 8 × 8: more than a group has threads, fewer but with slices of k, and in several sections.</summary>
    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void The_group_body_multiplies_large_matrices(DeviceKind group)
    {
        foreach ((int m, int n, int k) in ((int, int, int)[])[(136, 128, 21), (62, 64, 1100), (64, 128, 301), (127, 129, 64)])
            foreach (bool transposed in (bool[])[false, true])
            {
                OperandData data = Case(m, n, k, accumulate: transposed ? 0 : 1, transposed);
                Check(data, Bodies.OnGroup(group, data, transposed ? RunTransposedKernel : RunKernel));
            }
    }

    [Fact]
    public void A_row_has_the_same_bits_whatever_rows_it_is_computed_with()
    {
        foreach (OperandData all in Products(13, Widths, [7, 257]).Where(data => data.N.Row != 0))
        {
            float[] expected = Bodies.Simd(all, Run).C;
            int row = all.N.Row;
            for (int first = 0; first < 13; first++)
                for (int count = 1; count <= 13 - first; count++)
                {
                    OperandData some = all with
                    {
                        A = all.A[(first * all.N.RowStride)..],
                        C = all.C[(first * row)..((first + count) * row)],
                        N = all.N with { Rows = count },
                    };
                    Assert.Equal(expected[(first * row)..((first + count) * row)], Bodies.Simd(some, Run).C);
                }
        }
    }

    [Fact]
    public void A_value_that_is_not_finite_reaches_its_own_row_only()
    {
        OperandData data = Case(13, 33, 65, accumulate: 0, transposed: false);
        float[] clean = Bodies.Simd(data, Run).C;
        data.A[(5 * data.N.RowStride) + 64] = float.NaN;
        float[] c = Bodies.Simd(data, Run).C;
        for (int i = 0; i < 13 * data.N.Row; i++)
            if (i / data.N.Row != 5)
                Assert.Equal(clean[i], c[i]);
            else if (i % data.N.Row < 33)
                Assert.Equal(float.NaN, c[i]);
    }

    private static IEnumerable<OperandData> Products(int m, int[] widths, int[] depths) =>
        from n in widths
        from k in depths
        from transposed in (bool[])[false, true]
        from accumulate in transposed ? (int[])[0] : [0, 1]
        from panels in (bool[])[false, true]
        select Case(m, n, k, accumulate, transposed, panels);

    /// <summary>
    /// C holds values before, whether or not they count; it lies in rows or in panels. So does B, if the left side is a transpose.
    /// </summary>
    private static OperandData Case(int m, int n, int k, int accumulate, bool transposed, bool panels = false)
    {
        (int rowStride, int stepStride) = transposed ? (1, RnnDims.PaddedRow(m)) : (RnnDims.PaddedRow(k), 1);
        return new OperandData
        {
            A = transposed ? Values.RandomRows(k, m, 1) : Values.RandomRows(m, k, 1),
            B = panels || !transposed ? ToPanels(Values.RandomRows(k, n, 2), k, n) : Values.RandomRows(k, n, 2),
            C = panels ? ToPanels(Values.RandomRows(m, n, 3), m, n) : Values.RandomRows(m, n, 3),
            N = new(m, n, k, panels ? 0 : RnnDims.PaddedRow(n), Flag: accumulate, RowStride: rowStride, StepStride: stepStride),
        };
    }

    private static float[] ToPanels(float[] rows, int count, int columns)
    {
        var panels = new float[Layout.PanelCount(columns) * count * Layout.PanelWidth];
        for (int r = 0; r < count; r++)
            for (int c = 0; c < columns; c++)
                panels[Layout.Panels(count).Offset(r, c)] = rows[(r * RnnDims.PaddedRow(columns)) + c];
        return panels;
    }

    /// <summary>A row length of 0 stands for panels.</summary>
    private static Layout LayoutOfC(Numbers s) => s.Row == 0 ? Layout.Panels(s.Rows) : Layout.Rows(s.Row);

    private static Layout LayoutOfB(Numbers s) => s.Row == 0 || s.StepStride == 1 ? Layout.Panels(s.Terms) : Layout.Rows(s.Row);

    private static void Check(OperandData data, OperandData result)
    {
        Numbers s = data.N;
        (Layout b, Layout c) = (LayoutOfB(s), LayoutOfC(s));
        if (s.Row != 0)
            _ = Values.Unpad(result.C, s.Rows, s.Columns); // the padding is still zero
        for (int i = 0; i < s.Rows; i++)
            for (int j = 0; j < s.Columns; j++)
            {
                double sum = s.Flag != 0 ? data.C[c.Offset(i, j)] : 0, magnitude = Math.Abs(sum);
                for (int t = 0; t < s.Terms; t++)
                {
                    double term = (double)data.A[(i * s.RowStride) + (t * s.StepStride)] * data.B[b.Offset(t, j)];
                    sum += term;
                    magnitude += Math.Abs(term);
                }

                // What so many roundings can do at most, whatever their order.
                double bound = (s.Terms + 2) * magnitude / (1 << 24);
                Assert.InRange(result.C[c.Offset(i, j)], sum - bound, sum + bound);
            }
    }

    private static void Run(Operands o)
    {
        (Layout b, Layout c) = (LayoutOfB(o.N), LayoutOfC(o.N));
        if (o.N.StepStride == 1)
            Product.Run(default, o.C, c, o.A, o.N.RowStride, o.B, b, o.N.Rows, o.N.Columns, o.N.Terms, o.N.Flag, 0);
        else
            Product.RunTransposed(default, o.C, c, o.A, o.N.StepStride, o.B, b, o.N.Rows, o.N.Columns, o.N.Terms);
    }

    private static void RunKernel(Operands o) => Product.RunOnGroup(
        Team.ScratchOnGroup(), o.C, LayoutOfC(o.N), o.A, o.N.RowStride, o.B, LayoutOfB(o.N),
        o.N.Rows, o.N.Columns, o.N.Terms, o.N.Flag, 0);

    private static void RunTransposedKernel(Operands o) => Product.RunTransposedOnGroup(
        Team.ScratchOnGroup(), o.C, LayoutOfC(o.N), o.A, o.N.StepStride, o.B, LayoutOfB(o.N),
        o.N.Rows, o.N.Columns, o.N.Terms);
}
