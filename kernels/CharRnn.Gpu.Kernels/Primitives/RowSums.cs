using System.Numerics;
using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Adds rows of equal, padded length in their order.</summary>
public static unsafe class RowSums
{
    /// <summary>
    /// Computes the transpose of <see cref="RowLookup.Gather"/>: <c>to[v] = Σ from[r]</c> over the rows r with
    /// <c>indices[r] = first + v</c>, in the order of r, for v below <paramref name="values"/> and the first
    /// <paramref name="columns"/> columns; <paramref name="layout"/> says where the elements of <c>to</c> lie.
    /// </summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScatterAdd(
        ArrayView<float> scratch, ArrayView<float> to, Layout layout, ArrayView<int> indices, ArrayView<float> from, int row, int rows,
        int first, int values, int columns)
    {
        float* destination = Simd.Pointer(to), source = Simd.Pointer(from);
        int* index = Simd.Pointer(indices);
        int width = layout.Panel == Layout.PanelWidth ? columns : Layout.PanelWidth; // of rows all columns follow each other
        for (int left = 0; left < columns; left += width, source += width)
        {
            float* panel = destination + layout.Offset(0, left);
            int count = Math.Min(width, columns - left);
            for (int v = 0; v < values; v++)
                new Span<float>(panel + ((long)v * layout.Row), count).Clear();
            for (int r = 0; r < rows; r++)
                if ((uint)(index[r] - first) < (uint)values)
                    Add(panel + ((long)(index[r] - first) * layout.Row), source + ((long)r * row), count);
        }
    }

    // This is a product with a matrix of ones and zeros: it needs no sorting, and takes a third of the time of dWhy.
    internal static void ScatterAddOnGroup(
        ArrayView<float> scratch, ArrayView<float> to, Layout layout, ArrayView<int> indices, ArrayView<float> from, int row, int rows,
        int first, int values, int columns) =>
        GroupProduct.RunTransposed(
            scratch, new Elements(to, layout, 0), new OneHot(indices, first), from, Layout.Rows(row), values, columns, rows);

    /// <summary>Sums the first columns in the order of the rows: <c>to[i] = Σ from[r, i]</c>.</summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sum(ArrayView<float> scratch, ArrayView<float> to, ArrayView<float> from, int rows, int row, int columns)
    {
        float* destination = Simd.Pointer(to), source = Simd.Pointer(from);
        new Span<float>(destination, columns).Clear();
        for (int r = 0; r < rows; r++)
            Add(destination, source + ((long)r * row), columns);
    }

    // A kernel has many sums, which are little of its work: it is smaller where they share one compiled method.
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void SumOnGroup(ArrayView<float> scratch, ArrayView<float> to, ArrayView<float> from, int rows, int row, int columns) =>
        GroupProduct.RunTransposed(
            scratch, new Elements(to, Layout.Rows(row), 0), default(Ones), from, Layout.Rows(row), 1, columns, rows);

    private readonly struct OneHot(ArrayView<int> indices, int first) : ITransposedLeft<OneHot>
    {
        private readonly ArrayView<int> _indices = indices;
        private readonly int _first = first;

        public bool IsMatrix => false;

        public OneHot At(int step, int row) => new(_indices.SubView(step), _first + row);

        public OneHot Next() => new(_indices.SubView(1), _first);

        public Float4 Load(int below)
        {
            int value = _indices[0] - _first - below;
            return new Float4(value == 0 ? 1f : 0f, value == 1 ? 1f : 0f, value == 2 ? 1f : 0f, value == 3 ? 1f : 0f);
        }
    }

    private readonly struct Ones : ITransposedLeft<Ones>
    {
        public bool IsMatrix => false;

        public Ones At(int step, int row) => this;

        public Ones Next() => this;

        public Float4 Load(int below) => new(1f, 0f, 0f, 0f);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* to, float* from, int row)
    {
        for (int i = 0; i < row; i += Vector<float>.Count)
            *(Vector<float>*)(to + i) += *(Vector<float>*)(from + i);
    }
}
