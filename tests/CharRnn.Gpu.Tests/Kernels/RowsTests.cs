using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Tests.Devices;

namespace CharRnn.Gpu.Tests.Kernels;

/// <summary>Both bodies add in the same order, so both must equal plain loops bit by bit.</summary>
[Collection(typeof(DeviceTests))]
public class RowsTests
{
    private const int Count = 13, Columns = 33, TableRows = 7;
    private static readonly int Row = RnnDims.PaddedRow(Columns);
    private static readonly int[] Indices = [.. Enumerable.Range(0, Count).Select(i => i * 5 % 6)]; // row 6 of the table is never used

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Copy_copies(DeviceKind group)
    {
        OperandData data = TwoOperands();
        Check(group, data, data.B, o => Rows.Copy(o.A, o.B, o.N.Columns), CopyKernel);
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Zero_clears(DeviceKind group) =>
        Check(group, TwoOperands(), new float[Count * Row], o => Rows.Zero(o.A, o.N.Columns), ZeroKernel);

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Fill_repeats_the_bias(DeviceKind group)
    {
        OperandData data = TwoOperands() with { B = Values.RandomRows(1, Columns, 3) };
        data = data with { N = data.N with { Columns = Columns } };
        float[] expected = [.. data.A.Select((value, i) => i % Row < Columns ? data.B[i % Row] : value)];
        Check(group, data, expected, o => Rows.Fill(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns), FillKernel);
    }

    [Fact]
    public void Gather_looks_up_rows_and_adds_the_bias()
    {
        OperandData data = TwoOperands() with
        {
            B = Values.RandomRows(TableRows, Columns, 4),
            C = Values.RandomRows(1, Columns, 5),
            I = Indices,
        };
        float[] expected =
            [.. Enumerable.Range(0, Count * Row).Select(i => data.B[(Indices[i / Row] * Row) + (i % Row)] + data.C[i % Row])];
        Assert.Equal(expected, Bodies.Simd(data, Gather).A);

        static unsafe void Gather(Operands o) => RowLookup.Gather(
            Simd.Pointer(o.A), Simd.Pointer(o.B), Simd.Pointer(o.I), Simd.Pointer(o.C), o.N.Rows, o.N.Row, o.N.Row);
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void ScatterAdd_sums_the_rows_of_each_index_and_touches_no_other_column(DeviceKind group)
    {
        for (int columns = Layout.PanelWidth; columns <= Row; columns += Layout.PanelWidth)
            foreach ((int first, int values) in ((int, int)[])[(0, TableRows), (0, 4), (4, 3)])
            {
                OperandData data = new()
                {
                    A = Values.Random(values * Row, 6),
                    B = Values.RandomRows(Count, Columns, 7),
                    I = Indices,
                    N = new(Count, columns, Row: Row, First: first, Terms: values),
                };
                foreach (Layout layout in (Layout[])[Layout.Rows(Row), Layout.Panels(values)])
                {
                    float[] expected = [.. data.A];
                    for (int i = 0; i < values * columns; i++)
                        expected[layout.Offset(i / columns, i % columns)] = 0;
                    for (int i = 0; i < Count * Row; i++)
                        if (i % Row < columns && Indices[i / Row] >= first && Indices[i / Row] < first + values)
                            expected[layout.Offset(Indices[i / Row] - first, i % Row)] += data.B[i];
                    OperandData operands = data with { N = data.N with { Flag = layout.Panel == Layout.PanelWidth ? 0 : 1 } };
                    Check(group, operands, expected, ScatterAdd, ScatterAddKernel);
                }
            }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Sum_adds_the_rows_and_touches_no_other_column(DeviceKind group)
    {
        for (int columns = Layout.PanelWidth; columns <= Row; columns += Layout.PanelWidth)
        {
            OperandData data = TwoOperands() with { A = Values.Random(Row, 8), N = new(Count, columns, Row: Row) };
            float[] expected = [.. data.A];
            expected.AsSpan(0, columns).Clear();
            for (int i = 0; i < Count * Row; i++)
                if (i % Row < columns)
                    expected[i % Row] += data.B[i];
            Check(group, data, expected, o => RowSums.Sum(default, o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns), SumKernel);
        }
    }

    [Theory]
    [MemberData(nameof(Bodies.Groups), MemberType = typeof(Bodies))]
    public void Transpose_turns_rows_to_columns_and_touches_nothing_else(DeviceKind group)
    {
        foreach ((int rows, int columns) in ((int, int)[])[(1, 1), (13, 33), (33, 13), (7, 65), (17, 16)])
        {
            foreach ((int first, int count) in ((int, int)[])[(0, rows), (rows / 3, rows - (rows / 3)), (rows / 2, 0)])
            {
                // Panels of one number of rows to panels of the other.
                OperandData data = new()
                {
                    A = Values.Random(Layout.PanelCount(rows) * columns * Layout.PanelWidth, 9),
                    B = Values.Random(Layout.PanelCount(columns) * rows * Layout.PanelWidth, 10),
                    N = new(rows, columns, First: first, Terms: count),
                };
                float[] expected = [.. data.A];
                for (int i = first; i < first + count; i++)
                    for (int j = 0; j < columns; j++)
                        expected[Layout.Panels(columns).Offset(j, i)] = data.B[Layout.Panels(rows).Offset(i, j)];
                Check(
                    group, data, expected,
                    o => Transposition.Transpose(
                        o.A, Layout.Panels(o.N.Columns), o.B, Layout.Panels(o.N.Rows), o.N.First, o.N.Terms, o.N.Columns),
                    TransposeKernel);
            }
        }
    }

    private static OperandData TwoOperands() => new()
    {
        A = Values.Random(Count * Row, 1),
        B = Values.RandomRows(Count, Columns, 2),
        N = new(Count, Count * Row, Row: Row),
    };

    private static void Check(DeviceKind group, OperandData data, float[] expected, Action<Operands> simd, Action<Operands> kernel)
    {
        Assert.Equal(expected, Bodies.Simd(data, simd).A);
        Assert.Equal(expected, Bodies.OnGroup(group, data, kernel).A);
    }

    private static void CopyKernel(Operands o) => Rows.CopyOnGroup(o.A, o.B, o.N.Columns);

    private static void ZeroKernel(Operands o) => Rows.ZeroOnGroup(o.A, o.N.Columns);

    private static void FillKernel(Operands o) => Rows.FillOnGroup(o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns);

    private static void ScatterAdd(Operands o) => RowSums.ScatterAdd(
        default, o.A, o.N.Flag == 0 ? Layout.Rows(o.N.Row) : Layout.Panels(o.N.Terms), o.I, o.B, o.N.Row, o.N.Rows, o.N.First, o.N.Terms,
        o.N.Columns);

    private static void ScatterAddKernel(Operands o) => RowSums.ScatterAddOnGroup(
        Team.ScratchOnGroup(), o.A, o.N.Flag == 0 ? Layout.Rows(o.N.Row) : Layout.Panels(o.N.Terms), o.I, o.B, o.N.Row, o.N.Rows, o.N.First,
        o.N.Terms, o.N.Columns);

    private static void SumKernel(Operands o) => RowSums.SumOnGroup(Team.ScratchOnGroup(), o.A, o.B, o.N.Rows, o.N.Row, o.N.Columns);

    private static void TransposeKernel(Operands o) =>
        Transposition.TransposeOnGroup(o.A, Layout.Panels(o.N.Columns), o.B, Layout.Panels(o.N.Rows), o.N.First, o.N.Terms, o.N.Columns);
}
