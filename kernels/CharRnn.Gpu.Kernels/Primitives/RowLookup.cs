using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Looks up rows of equal, padded length in a table by their indices.</summary>
public static unsafe class RowLookup
{
    /// <summary>Copies some rows of a table in another order: <c>to[r] = table[indices[r]]</c>.</summary>
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

    /// <summary>Copies single numbers in the same way: <c>to[r] = table[indices[r]]</c>.</summary>
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
