using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Transposes matrices.</summary>
public static unsafe class Transposition
{
    /// <summary>
    /// Transposes some rows of a matrix: <c>to[j, i] = from[i, j]</c> for i in <c>[first, first + count)</c> and all j.
    /// </summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(
        ArrayView<float> to, Layout toLayout, ArrayView<float> from, Layout fromLayout, int first, int count, int columns)
    {
        if (count == 0)
            return;
        float* destination = Simd.Pointer(to), source = Simd.Pointer(from);
        const int Side = 4; // a register of the narrowest vectors; squares begin at multiples of it and never span panels
        for (int i0 = first; i0 < first + count; i0 = (i0 + Side) & -Side)
        {
            int rows = Math.Min((i0 + Side) & -Side, first + count) - i0;
            float* row = source + ((long)i0 * fromLayout.Row), transposed = destination + toLayout.Offset(0, i0);
            for (int j0 = 0; j0 < columns; j0 += Layout.PanelWidth)
            {
                int width = Math.Min(Layout.PanelWidth, columns - j0), j = 0;
                if (rows == Side)
                    for (; j + Side <= width; j += Side)
                        TransposeSquare(transposed + ((long)(j0 + j) * toLayout.Row), toLayout.Row, row + j, fromLayout.Row);
                for (; j < width; j++)
                    for (int i = 0; i < rows; i++)
                        transposed[((long)(j0 + j) * toLayout.Row) + i] = row[((long)i * fromLayout.Row) + j];
                row += fromLayout.Panel;
            }
        }
    }

    /// <summary>Transposes four rows of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeSquare(float* to, long toRow, float* from, long fromRow)
    {
        Vector128<float> r0 = Vector128.Load(from), r1 = Vector128.Load(from + fromRow);
        Vector128<float> r2 = Vector128.Load(from + (2 * fromRow)), r3 = Vector128.Load(from + (3 * fromRow));
        Vector128<float> low02 = Simd.ZipLow(r0, r2), low13 = Simd.ZipLow(r1, r3);
        Vector128<float> high02 = Simd.ZipHigh(r0, r2), high13 = Simd.ZipHigh(r1, r3);
        Simd.ZipLow(low02, low13).Store(to);
        Simd.ZipHigh(low02, low13).Store(to + toRow);
        Simd.ZipLow(high02, high13).Store(to + (2 * toRow));
        Simd.ZipHigh(high02, high13).Store(to + (3 * toRow));
    }

    internal static void TransposeOnGroup(
        ArrayView<float> to, Layout toLayout, ArrayView<float> from, Layout fromLayout, int first, int count, int columns)
    {
        for (int element = Group.IdxX; element < count * columns; element += Group.DimX)
        {
            int i = element / columns;
            int j = element - (i * columns);
            to[toLayout.Offset(j, first + i)] = from[fromLayout.Offset(first + i, j)];
        }

        Team.Barrier();
    }
}
