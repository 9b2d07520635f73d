using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Moving and adding rows of equal, padded length.</summary>
public static unsafe class Rows
{
    /// <summary><c>to[i] = from[i]</c> for <paramref name="count"/> floats.</summary>
    [IntrinsicImplementation]
    public static void Copy(ArrayView<float> to, ArrayView<float> from, int count) =>
        new Span<float>(Simd.Pointer(from), count).CopyTo(new Span<float>(Simd.Pointer(to), count));

    internal static void CopyOnGroup(ArrayView<float> to, ArrayView<float> from, int count)
    {
        for (int i = Group.IdxX; i < count; i += Group.DimX)
            to[i] = from[i];
        Team.Barrier();
    }

    /// <summary>Some rows of a table in another order: <c>to[r] = table[indices[r]]</c>.</summary>
    [IntrinsicImplementation]
    public static void Pick(ArrayView<float> to, ArrayView<float> table, ArrayView<int> indices, int rows, int row)
    {
        if (rows == 0)
            return;
        float* destination = Simd.Pointer(to), source = Simd.Pointer(table);
        int* index = Simd.Pointer(indices);
        for (int r = 0; r < rows; r++)
            new Span<float>(source + ((long)index[r] * row), row).CopyTo(new Span<float>(destination + ((long)r * row), row));
    }

    internal static void PickOnGroup(ArrayView<float> to, ArrayView<float> table, ArrayView<int> indices, int rows, int row)
    {
        for (int element = Group.IdxX; element < rows * row; element += Group.DimX)
        {
            int r = element / row;
            to[element] = table[(indices[r] * row) + element - (r * row)];
        }

        Team.Barrier();
    }

    /// <summary>The same of single numbers: <c>to[r] = table[indices[r]]</c>.</summary>
    [IntrinsicImplementation]
    public static void PickNumbers(ArrayView<int> to, ArrayView<int> table, ArrayView<int> indices, int rows)
    {
        for (int r = 0; r < rows; r++)
            to[r] = table[indices[r]];
    }

    internal static void PickNumbersOnGroup(ArrayView<int> to, ArrayView<int> table, ArrayView<int> indices, int rows)
    {
        for (int r = Group.IdxX; r < rows; r += Group.DimX)
            to[r] = table[indices[r]];
        Team.Barrier();
    }

    /// <summary><c>to[i] = 0</c> for <paramref name="count"/> floats.</summary>
    [IntrinsicImplementation]
    public static void Zero(ArrayView<float> to, int count)
    {
        if (count > 0)
            new Span<float>(Simd.Pointer(to), count).Clear();
    }

    internal static void ZeroOnGroup(ArrayView<float> to, int count)
    {
        for (int i = Group.IdxX; i < count; i += Group.DimX)
            to[i] = 0f;
        Team.Barrier();
    }

    /// <summary>Every row becomes the bias: where a product then accumulates. <c>to[r] = bias</c></summary>
    [IntrinsicImplementation]
    public static void Fill(ArrayView<float> to, ArrayView<float> bias, int rows, int row)
    {
        var source = new Span<float>(Simd.Pointer(bias), row);
        float* destination = Simd.Pointer(to);
        for (int r = 0; r < rows; r++)
            source.CopyTo(new Span<float>(destination + ((long)r * row), row));
    }

    internal static void FillOnGroup(ArrayView<float> to, ArrayView<float> bias, int rows, int row)
    {
        for (int i = Group.IdxX; i < rows * row; i += Group.DimX)
            to[i] = bias[i % row];
        Team.Barrier();
    }

    /// <summary>
    /// The one-hot product of E1 as a look-up, the first columns of it: <c>to[r] = table[indices[r]] + bias</c>. Of a CPU worker;
    /// groups have it in <see cref="GroupRecurrence"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gather(
        ArrayView<float> to, ArrayView<float> table, ArrayView<int> indices, ArrayView<float> bias, int rows, int row, int columns)
    {
        float* destination = Simd.Pointer(to), source = Simd.Pointer(table), addend = Simd.Pointer(bias);
        int* index = Simd.Pointer(indices);
        for (int r = 0; r < rows; r++)
        {
            float* from = source + ((long)index[r] * row);
            for (int i = 0; i < columns; i += Vector<float>.Count)
                *(Vector<float>*)(destination + i) = *(Vector<float>*)(from + i) + *(Vector<float>*)(addend + i);
            destination += row;
        }
    }

    /// <summary>
    /// The transpose of <see cref="Gather"/>, in the order of r: <c>to[v] = Σ from[r]</c> over the rows r with
    /// <c>indices[r] = first + v</c>, for v below <paramref name="values"/> and the first <paramref name="columns"/> columns.
    /// </summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScatterAdd(
        ArrayView<float> scratch, ArrayView<float> to, ArrayView<int> indices, ArrayView<float> from, int rows, int first, int values, int row, int columns)
    {
        float* destination = Simd.Pointer(to), source = Simd.Pointer(from);
        int* index = Simd.Pointer(indices);
        for (int v = 0; v < values; v++)
            new Span<float>(destination + ((long)v * row), columns).Clear();
        for (int r = 0; r < rows; r++)
            if ((uint)(index[r] - first) < (uint)values)
                Add(destination + ((long)(index[r] - first) * row), source + ((long)r * row), columns);
    }

    // As a product with a matrix of ones and zeros: a third of what dWhy takes, and no sorting.
    internal static void ScatterAddOnGroup(
        ArrayView<float> scratch, ArrayView<float> to, ArrayView<int> indices, ArrayView<float> from, int rows, int first, int values, int row, int columns) =>
        GroupProduct.RunTransposed(
            scratch, new Product.Element(to, Layout.Rows(row), 0), new OneHot(indices, first), from, Layout.Rows(row), values, columns, rows);

    /// <summary>Sums of the first columns, in the order of the rows: <c>to[i] = Σ from[r, i]</c>.</summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sum(ArrayView<float> scratch, ArrayView<float> to, ArrayView<float> from, int rows, int row, int columns)
    {
        float* destination = Simd.Pointer(to), source = Simd.Pointer(from);
        new Span<float>(destination, columns).Clear();
        for (int r = 0; r < rows; r++)
            Add(destination, source + ((long)r * row), columns);
    }

    internal static void SumOnGroup(ArrayView<float> scratch, ArrayView<float> to, ArrayView<float> from, int rows, int row, int columns) =>
        GroupProduct.RunTransposed(
            scratch, new Product.Element(to, Layout.Rows(row), 0), default(Ones), from, Layout.Rows(row), 1, columns, rows);

    /// <summary>
    /// Some rows of a matrix turned over: <c>to[j, i] = from[i, j]</c> for i in <c>[first, first + count)</c> and all j.
    /// </summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(ArrayView<float> to, Layout toLayout, ArrayView<float> from, Layout fromLayout, int first, int count, int columns)
    {
        if (count == 0)
            return;
        float* destination = Simd.Pointer(to), source = Simd.Pointer(from);
        const int Block = 4; // a register of the narrowest vectors; blocks begin at multiples of it and never span panels
        for (int i0 = first; i0 < first + count; i0 = (i0 + Block) & -Block)
        {
            int rows = Math.Min((i0 + Block) & -Block, first + count) - i0;
            float* row = source + ((long)i0 * fromLayout.Row), turned = destination + toLayout.Offset(0, i0);
            for (int j0 = 0; j0 < columns; j0 += Layout.PanelWidth)
            {
                int width = Math.Min(Layout.PanelWidth, columns - j0), j = 0;
                if (rows == Block)
                    for (; j + Block <= width; j += Block)
                        TransposeBlock(turned + ((long)(j0 + j) * toLayout.Row), toLayout.Row, row + j, fromLayout.Row);
                for (; j < width; j++)
                    for (int i = 0; i < rows; i++)
                        turned[((long)(j0 + j) * toLayout.Row) + i] = row[((long)i * fromLayout.Row) + j];
                row += fromLayout.Panel;
            }
        }
    }

    /// <summary>Four rows of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeBlock(float* to, long toRow, float* from, long fromRow)
    {
        Vector128<float> r0 = Vector128.Load(from), r1 = Vector128.Load(from + fromRow);
        Vector128<float> r2 = Vector128.Load(from + (2 * fromRow)), r3 = Vector128.Load(from + (3 * fromRow));
        Vector128<float> low02 = Simd.ZipLow(r0, r2), low13 = Simd.ZipLow(r1, r3), high02 = Simd.ZipHigh(r0, r2), high13 = Simd.ZipHigh(r1, r3);
        Simd.ZipLow(low02, low13).Store(to);
        Simd.ZipHigh(low02, low13).Store(to + toRow);
        Simd.ZipLow(high02, high13).Store(to + (2 * toRow));
        Simd.ZipHigh(high02, high13).Store(to + (3 * toRow));
    }

    internal static void TransposeOnGroup(ArrayView<float> to, Layout toLayout, ArrayView<float> from, Layout fromLayout, int first, int count, int columns)
    {
        for (int element = Group.IdxX; element < count * columns; element += Group.DimX)
        {
            int i = element / columns;
            int j = element - (i * columns);
            to[toLayout.Offset(j, first + i)] = from[fromLayout.Offset(first + i, j)];
        }

        Team.Barrier();
    }

    private readonly struct OneHot(ArrayView<int> indices, int first) : ITurnedLeft
    {
        private readonly ArrayView<int> _indices = indices;
        private readonly int _first = first;

        public Float4 Load(int step, int row)
        {
            int value = _indices[step] - _first - row;
            return new Float4(value == 0 ? 1f : 0f, value == 1 ? 1f : 0f, value == 2 ? 1f : 0f, value == 3 ? 1f : 0f);
        }
    }

    private readonly struct Ones : ITurnedLeft
    {
        public Float4 Load(int step, int row) => new(1f, 0f, 0f, 0f);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* to, float* from, int row)
    {
        for (int i = 0; i < row; i += Vector<float>.Count)
            *(Vector<float>*)(to + i) += *(Vector<float>*)(from + i);
    }
}
