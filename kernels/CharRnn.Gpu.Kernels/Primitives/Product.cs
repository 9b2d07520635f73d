using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>The one matrix product, <c>C[m,n] (+)= A[m,k] · B[k,n]</c>: every product of E1–E8 is this one.</summary>
/// <remarks>
/// A is read at <c>row·aRow + step·aStep</c>, so a transposed A is the same product with other strides. Each element
/// of C gets, block of k by block, a chain of multiply-adds that begins at zero, whatever the tiles: the result does not
/// depend on how rows are shared out, and small terms are not rounded at the size of what C held before.
/// </remarks>
public static unsafe class Product
{
    // Steps of k whose panel of B (two vectors wide) and strip of A stay in the first-level cache together.
    private const int KBlock = 256;

    private const int MaxTileRows = 6;

    /// <summary>Computes C; with <paramref name="accumulate"/> ≠ 0, adds to it.</summary>
    /// <param name="c">C; row r begins at <c>r·cRow</c>.</param>
    /// <param name="cRow">Row length of C.</param>
    /// <param name="a">A.</param>
    /// <param name="aRow">Distance between A's rows.</param>
    /// <param name="aStep">Distance between A's columns, the steps of k.</param>
    /// <param name="b">B; row s begins at <c>s·bRow</c>.</param>
    /// <param name="bRow">Row length of B.</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="k">Terms per element.</param>
    /// <param name="accumulate">0 to overwrite C, 1 to add to it.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(
        ArrayView<float> c, int cRow, ArrayView<float> a, int aRow, int aStep, ArrayView<float> b, int bRow, int m, int n, int k, int accumulate)
    {
        if (m == 0)
            return;
        float* pc = Simd.Pointer(c), pa = Simd.Pointer(a), pb = Simd.Pointer(b);
        int width = Simd.WholeVectors(n);
        for (int k0 = 0; k0 < k; k0 += KBlock)
        {
            int steps = Math.Min(KBlock, k - k0);
            var block = new Block(pc, cRow, pa + ((long)k0 * aStep), aRow, aStep, pb + ((long)k0 * bRow), bRow, steps, accumulate != 0 || k0 > 0);
            if (m == 1)
                block.SingleRow(width);
            else
                block.Tiles(m, width);
        }
    }

    internal static void RunOnGroup(
        ArrayView<float> c, int cRow, ArrayView<float> a, int aRow, int aStep, ArrayView<float> b, int bRow, int m, int n, int k, int accumulate)
    {
        for (int element = Group.IdxX; element < m * n; element += Group.DimX)
        {
            int row = element / n;
            int column = element - (row * n);
            float total = accumulate != 0 ? c[(row * cRow) + column] : 0f;
            for (int k0 = 0; k0 < k; k0 += KBlock)
            {
                int end = k0 + KBlock < k ? k0 + KBlock : k;
                float sum = 0f;
                for (int step = k0; step < end; step++)
                    sum += a[(row * aRow) + (step * aStep)] * b[(step * bRow) + column];
                total += sum;
            }

            c[(row * cRow) + column] = total;
        }

        Group.Barrier();
    }

    /// <summary>A product whose k fits one block.</summary>
    private readonly struct Block(float* c, int cRow, float* a, int aRow, int aStep, float* b, int bRow, int k, bool accumulate)
    {
        /// <summary>Rows in tiles of at most six, spread evenly (25 rows are five fives, not four sixes and a one).</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Tiles(int m, int width)
        {
            int tiles = (m + MaxTileRows - 1) / MaxTileRows;
            int lanes = Vector<float>.Count;
            for (int column = 0; column < width; column += 2 * lanes)
                for (int tile = 0; tile < tiles; tile++)
                {
                    int row = (int)((long)m * tile / tiles), rows = (int)((long)m * (tile + 1) / tiles) - row;
                    if (column + lanes < width)
                        Tile<Two>(row, rows, column);
                    else
                        Tile<One>(row, rows, column);
                }
        }

        private void Tile<TVectors>(int row, int rows, int column)
            where TVectors : struct, ICount
        {
            switch (rows)
            {
                case 1: Tile<One, TVectors>(row, column); break;
                case 2: Tile<Two, TVectors>(row, column); break;
                case 3: Tile<Three, TVectors>(row, column); break;
                case 4: Tile<Four, TVectors>(row, column); break;
                case 5: Tile<Five, TVectors>(row, column); break;
                default: Tile<Six, TVectors>(row, column); break;
            }
        }

        /// <summary>
        /// Up to 6 rows × 2 vectors of C, held in registers over all k: 12 independent chains hide the latency of a
        /// multiply-add. The counts are constants of each instantiation, so rows and vectors that it lacks cost nothing.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Tile<TRows, TVectors>(int row, int column)
            where TRows : struct, ICount
            where TVectors : struct, ICount
        {
            int lanes = Vector<float>.Count;
            float* pc = c + ((long)row * cRow) + column;
            Vector<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
            Vector<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
            float* pa = a + ((long)row * aRow), pb = b + column;
            long row3 = 3L * aRow;
            for (int step = 0; step < k; step++)
            {
                Vector<float> b0 = *(Vector<float>*)pb;
                Vector<float> b1 = TVectors.Value > 1 ? *(Vector<float>*)(pb + lanes) : default;
                MultiplyAdd<TRows, TVectors, One>(pa, b0, b1, ref c00, ref c01);
                MultiplyAdd<TRows, TVectors, Two>(pa + aRow, b0, b1, ref c10, ref c11);
                MultiplyAdd<TRows, TVectors, Three>(pa + (2 * aRow), b0, b1, ref c20, ref c21);
                MultiplyAdd<TRows, TVectors, Four>(pa + row3, b0, b1, ref c30, ref c31);
                MultiplyAdd<TRows, TVectors, Five>(pa + row3 + aRow, b0, b1, ref c40, ref c41);
                MultiplyAdd<TRows, TVectors, Six>(pa + row3 + (2 * aRow), b0, b1, ref c50, ref c51);
                pa += aStep;
                pb += bRow;
            }

            Store<TRows, TVectors, One>(pc, 0, c00, c01);
            Store<TRows, TVectors, Two>(pc, 1, c10, c11);
            Store<TRows, TVectors, Three>(pc, 2, c20, c21);
            Store<TRows, TVectors, Four>(pc, 3, c30, c31);
            Store<TRows, TVectors, Five>(pc, 4, c40, c41);
            Store<TRows, TVectors, Six>(pc, 5, c50, c51);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void MultiplyAdd<TRows, TVectors, TRow>(float* a, Vector<float> b0, Vector<float> b1, ref Vector<float> c0, ref Vector<float> c1)
            where TRows : struct, ICount
            where TVectors : struct, ICount
            where TRow : struct, ICount
        {
            if (TRow.Value > TRows.Value)
                return;
            var broadcast = new Vector<float>(*a);
            c0 = Simd.FusedMultiplyAdd(broadcast, b0, c0);
            if (TVectors.Value > 1)
                c1 = Simd.FusedMultiplyAdd(broadcast, b1, c1);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Store<TRows, TVectors, TRow>(float* pc, int row, Vector<float> c0, Vector<float> c1)
            where TRows : struct, ICount
            where TVectors : struct, ICount
            where TRow : struct, ICount
        {
            if (TRow.Value > TRows.Value)
                return;
            var to = (Vector<float>*)(pc + ((long)row * cRow));
            to[0] = accumulate ? to[0] + c0 : c0;
            if (TVectors.Value > 1)
                to[1] = accumulate ? to[1] + c1 : c1;
        }

        /// <summary>One row of C: eight vectors at a time, since the load of B is the limit and latency must still hide.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void SingleRow(int width)
        {
            int lanes = Vector<float>.Count;
            int column = 0;
            for (; column + (8 * lanes) <= width; column += 8 * lanes)
                Row8(column);
            for (; column + (4 * lanes) <= width; column += 4 * lanes)
                Row4(column);
            for (; column < width; column += lanes)
                Tile<One, One>(0, column);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Row8(int column)
        {
            Vector<float>* pc = (Vector<float>*)(c + column);
            Vector<float> c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
            float* pa = a, pb = b + column;
            for (int step = 0; step < k; step++)
            {
                var broadcast = new Vector<float>(*pa);
                Vector<float>* pv = (Vector<float>*)pb;
                c0 = Simd.FusedMultiplyAdd(broadcast, pv[0], c0);
                c1 = Simd.FusedMultiplyAdd(broadcast, pv[1], c1);
                c2 = Simd.FusedMultiplyAdd(broadcast, pv[2], c2);
                c3 = Simd.FusedMultiplyAdd(broadcast, pv[3], c3);
                c4 = Simd.FusedMultiplyAdd(broadcast, pv[4], c4);
                c5 = Simd.FusedMultiplyAdd(broadcast, pv[5], c5);
                c6 = Simd.FusedMultiplyAdd(broadcast, pv[6], c6);
                c7 = Simd.FusedMultiplyAdd(broadcast, pv[7], c7);
                pa += aStep;
                pb += bRow;
            }

            if (accumulate)
                (c0, c1, c2, c3, c4, c5, c6, c7) = (pc[0] + c0, pc[1] + c1, pc[2] + c2, pc[3] + c3, pc[4] + c4, pc[5] + c5, pc[6] + c6, pc[7] + c7);
            (pc[0], pc[1], pc[2], pc[3], pc[4], pc[5], pc[6], pc[7]) = (c0, c1, c2, c3, c4, c5, c6, c7);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Row4(int column)
        {
            Vector<float>* pc = (Vector<float>*)(c + column);
            Vector<float> c0 = default, c1 = default, c2 = default, c3 = default;
            float* pa = a, pb = b + column;
            for (int step = 0; step < k; step++)
            {
                var broadcast = new Vector<float>(*pa);
                Vector<float>* pv = (Vector<float>*)pb;
                c0 = Simd.FusedMultiplyAdd(broadcast, pv[0], c0);
                c1 = Simd.FusedMultiplyAdd(broadcast, pv[1], c1);
                c2 = Simd.FusedMultiplyAdd(broadcast, pv[2], c2);
                c3 = Simd.FusedMultiplyAdd(broadcast, pv[3], c3);
                pa += aStep;
                pb += bRow;
            }

            if (accumulate)
                (c0, c1, c2, c3) = (pc[0] + c0, pc[1] + c1, pc[2] + c2, pc[3] + c3);
            (pc[0], pc[1], pc[2], pc[3]) = (c0, c1, c2, c3);
        }
    }

    /// <summary>A number known to the compiler, so that tiles of each size are compiled from one text.</summary>
    private interface ICount
    {
        static abstract int Value { get; }
    }

    private readonly struct One : ICount { public static int Value => 1; }

    private readonly struct Two : ICount { public static int Value => 2; }

    private readonly struct Three : ICount { public static int Value => 3; }

    private readonly struct Four : ICount { public static int Value => 4; }

    private readonly struct Five : ICount { public static int Value => 5; }

    private readonly struct Six : ICount { public static int Value => 6; }
}
