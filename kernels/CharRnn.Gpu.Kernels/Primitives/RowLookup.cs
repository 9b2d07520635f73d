using System.Numerics;
using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Looks up rows in tables by their indices.</summary>
public static unsafe class RowLookup
{
    /// <summary>Copies some rows of a table into padded rows: <c>to[r] = table[indices[r]]</c>.</summary>
    /// <param name="to">The rows; their padding stays.</param>
    /// <param name="row">Their padded length.</param>
    /// <param name="table">The table, <c>[n, columns]</c> without padding.</param>
    /// <param name="columns">The length of its rows.</param>
    /// <param name="indices">Which rows.</param>
    /// <param name="rows">How many.</param>
    [IntrinsicImplementation]
    public static void Pick(ArrayView<float> to, int row, ArrayView<float> table, int columns, ArrayView<int> indices, int rows)
    {
        if (rows == 0)
            return;
        float* destination = Simd.Pointer(to), source = Simd.Pointer(table);
        int* index = Simd.Pointer(indices);
        for (int r = 0; r < rows; r++)
            new Span<float>(source + ((long)index[r] * columns), columns)
                .CopyTo(new Span<float>(destination + ((long)r * row), columns));
    }

    internal static void PickOnGroup(ArrayView<float> to, int row, ArrayView<float> table, int columns, ArrayView<int> indices, int rows)
    {
        for (int element = Group.IdxX; element < rows * columns; element += Group.DimX)
        {
            int r = element / columns, i = element - (r * columns);
            to[(r * row) + i] = table[(indices[r] * columns) + i];
        }

        Team.Barrier();
    }

    /// <summary>Copies some rows of whole numbers into columns: <c>to[i, r] = table[indices[r], i]</c>.</summary>
    /// <param name="to">The columns.</param>
    /// <param name="column">The distance between them.</param>
    /// <param name="table">The table, <c>[n, columns]</c>.</param>
    /// <param name="columns">The length of its rows.</param>
    /// <param name="indices">Which rows.</param>
    /// <param name="rows">How many.</param>
    [IntrinsicImplementation]
    public static void PickColumns(ArrayView<int> to, int column, ArrayView<int> table, int columns, ArrayView<int> indices, int rows)
    {
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < columns; i++)
                to[(i * column) + r] = table[(indices[r] * columns) + i];
    }

    internal static void PickColumnsOnGroup(
        ArrayView<int> to, int column, ArrayView<int> table, int columns, ArrayView<int> indices, int rows)
    {
        for (int element = Group.IdxX; element < rows * columns; element += Group.DimX)
        {
            int r = element / columns, i = element - (r * columns);
            to[(i * column) + r] = table[(indices[r] * columns) + i];
        }

        Team.Barrier();
    }

    /// <summary>
    /// Adds the product of several one-hot vectors beside each other with a matrix, which is a sum of its rows:
    /// <c>z[r] += Σ w[codes[i, r]]</c> over the columns i of codes. A code below 0 is a vector of zeros.
    /// </summary>
    /// <param name="z">The rows.</param>
    /// <param name="row">Their padded length.</param>
    /// <param name="columns">Number of columns; SIMD bodies compute whole vectors.</param>
    /// <param name="w">The matrix, from the first column on.</param>
    /// <param name="layout">Where its elements lie.</param>
    /// <param name="codes">The codes, column after column.</param>
    /// <param name="column">The distance between the columns of codes.</param>
    /// <param name="count">How many of them there are.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="accumulate">0 to overwrite z, 1 to add to it as said.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(
        ArrayView<float> z, int row, int columns, ArrayView<float> w, Layout layout, ArrayView<int> codes, int column, int count, int rows,
        int accumulate)
    {
        float* to = Simd.Pointer(z), from = Simd.Pointer(w);
        int* code = Simd.Pointer(codes);
        for (int r = 0; r < rows; r++, to += row, code++)
            for (int i = 0; i < columns; i += Vector<float>.Count)
            {
                Vector<float> sum = accumulate != 0 ? *(Vector<float>*)(to + i) : Vector<float>.Zero;
                float* place = from + layout.Offset(0, i);
                for (int c = 0; c < count; c++)
                    if (code[(long)c * column] is >= 0 and int value)
                        sum += *(Vector<float>*)(place + ((long)value * layout.Row));
                *(Vector<float>*)(to + i) = sum;
            }
    }

    internal static void AddOnGroup(
        ArrayView<float> z, int row, int columns, ArrayView<float> w, Layout layout, ArrayView<int> codes, int column, int count, int rows,
        int accumulate)
    {
        for (int element = Group.IdxX; element < rows * columns; element += Group.DimX)
        {
            int r = element / columns, i = element - (r * columns), place = layout.Offset(0, i);
            float sum = accumulate != 0 ? z[(r * row) + i] : 0f;
            for (int c = 0; c < count; c++)
            {
                int value = codes[(c * column) + r];
                if (value >= 0)
                    sum += w[place + (value * layout.Row)];
            }

            z[(r * row) + i] = sum;
        }

        Team.Barrier();
    }

    /// <summary>
    /// Computes some columns of the one-hot product of E1 as a look-up: <c>to[r] = table[indices[r]] + bias</c>. Only CPU workers call it:
    /// groups do the same in <see cref="GroupRecurrence"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Gather(float* to, float* table, int* indices, float* bias, int rows, int row, int columns)
    {
        for (int r = 0; r < rows; r++, to += row)
        {
            float* from = table + ((long)indices[r] * row);
            for (int i = 0; i < columns; i += Vector<float>.Count)
                *(Vector<float>*)(to + i) = *(Vector<float>*)(from + i) + *(Vector<float>*)(bias + i);
        }
    }
}
