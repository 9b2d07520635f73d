using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Fills and copies rows of equal, padded length.</summary>
public static unsafe class Rows
{
    /// <summary>Sets <c>to[i] = from[i]</c> for <paramref name="count"/> floats.</summary>
    [IntrinsicImplementation]
    public static void Copy(ArrayView<float> to, ArrayView<float> from, int count) =>
        new Span<float>(Simd.Pointer(from), count).CopyTo(new Span<float>(Simd.Pointer(to), count));

    internal static void CopyOnGroup(ArrayView<float> to, ArrayView<float> from, int count)
    {
        for (int i = Group.IdxX; i < count; i += Group.DimX)
            to[i] = from[i];
        Team.Barrier();
    }

    /// <summary>Sets <c>to[i] = 0</c> for <paramref name="count"/> floats.</summary>
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

    /// <summary>Sets the first columns of every row to the bias, <c>to[r] = bias</c>, before a product is added to it.</summary>
    [IntrinsicImplementation]
    public static void Fill(ArrayView<float> to, ArrayView<float> bias, int rows, int row, int columns)
    {
        var source = new Span<float>(Simd.Pointer(bias), columns);
        float* destination = Simd.Pointer(to);
        for (int r = 0; r < rows; r++)
            source.CopyTo(new Span<float>(destination + ((long)r * row), columns));
    }

    internal static void FillOnGroup(ArrayView<float> to, ArrayView<float> bias, int rows, int row, int columns)
    {
        for (int element = Group.IdxX; element < rows * columns; element += Group.DimX)
        {
            int r = element / columns, i = element - (r * columns);
            to[(r * row) + i] = bias[i];
        }

        Team.Barrier();
    }

    /// <summary>Multiplies every row by a number of its own: <c>x[r] *= factors[r]</c> in the first columns.</summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(ArrayView<float> x, ArrayView<float> factors, int rows, int row, int columns)
    {
        float* p = Simd.Pointer(x), factor = Simd.Pointer(factors);
        for (int r = 0; r < rows; r++, p += row)
            for (int i = 0; i < columns; i++)
                p[i] *= factor[r];
    }

    internal static void ScaleOnGroup(ArrayView<float> x, ArrayView<float> factors, int rows, int row, int columns)
    {
        for (int element = Group.IdxX; element < rows * columns; element += Group.DimX)
        {
            int r = element / columns, i = element - (r * columns);
            x[(r * row) + i] *= factors[r];
        }

        Team.Barrier();
    }
}
