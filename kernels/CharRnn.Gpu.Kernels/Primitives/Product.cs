using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>The one matrix product, <c>C[m,n] (+)= A[m,k] · B[k,n]</c>: every product of E1–E8 is this one.</summary>
/// <remarks>
/// Each element of C gets, block of k by block, a chain of multiply-adds that begins at zero, whatever the tiles: on the CPU
/// the result does not depend on how rows are shared out, and small terms are not rounded at the size of what C held before.
/// </remarks>
public static unsafe class Product
{
    // Steps of k whose panel of B (two vectors wide) and strip of A stay in the first-level cache together.
    private const int KBlock = 256;

    // Rows of a transposed A that are packed at a time, at most: with KBlock they take 128 KB of the second-level cache.
    private const int RowBlock = 128;

    // Steps of a transposed A whose cache lines, and B's, stay in the first-level cache as they lie.
    private const int UnpackedSteps = 64;

    // The first-level cache of today's processors, at least.
    private const int FirstLevelBytes = 32 << 10;

    // Entries of the first-level table of memory pages; a panel whose rows lie in more is packed.
    private const long MappedBytes = 64 * 4096;

    /// <summary>Rows of C that are computed together, at most.</summary>
    public const int MaxTileRows = 6;

    private const int CacheLine = 64;

    /// <summary>Computes C; with <paramref name="accumulate"/> ≠ 0, adds to it.</summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="c">C.</param>
    /// <param name="cLayout">Where C's elements lie.</param>
    /// <param name="a">A, row by row.</param>
    /// <param name="aRow">Distance between A's rows.</param>
    /// <param name="b">B.</param>
    /// <param name="bLayout">Where B's elements lie.</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="k">Terms per element.</param>
    /// <param name="accumulate">0 to overwrite C, 1 to add to it.</param>
    /// <param name="turn">
    /// Of one row: odd to take the columns from the last to the first. A chain of products with the same B takes turns, and so
    /// finds in the cache what the product before it used last. It changes no result.
    /// </param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(
        ArrayView<float> scratch, ArrayView<float> c, Layout cLayout, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout,
        int m, int n, int k, int accumulate, int turn)
    {
        if (m > 0)
            Blocks(Simd.Pointer(c), cLayout, Simd.Pointer(a), aRow, 1, Simd.Pointer(b), bLayout, m, Simd.WholeVectors(n), k, accumulate != 0, turn);
    }

    internal static void RunOnGroup(
        ArrayView<float> scratch, ArrayView<float> c, Layout cLayout, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout,
        int m, int n, int k, int accumulate, int _) =>
        GroupProduct.Run(scratch, new Element(c, cLayout, accumulate), a, aRow, b, bLayout, m, n, k);

    /// <summary>Computes C from a transpose, <c>C[m,n] = A[k,m]ᵀ · B[k,n]</c>.</summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="c">C.</param>
    /// <param name="cLayout">Where C's elements lie.</param>
    /// <param name="a">A, whose columns are the rows of the product's left side. On a GPU it begins at a multiple of four floats.</param>
    /// <param name="aRow">Distance between A's rows, the steps of k.</param>
    /// <param name="b">B.</param>
    /// <param name="bLayout">Where B's elements lie.</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="k">Terms per element.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RunTransposed(
        ArrayView<float> scratch, ArrayView<float> c, Layout cLayout, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout, int m, int n, int k)
    {
        if (m == 0)
            return;
        float* pc = Simd.Pointer(c), pa = Simd.Pointer(a), pb = Simd.Pointer(b);
        int width = Simd.WholeVectors(n);
        if (m > 1 && k > UnpackedSteps)
            Packed(pc, cLayout, pa, aRow, pb, bLayout, m, width, k);
        else
            Blocks(pc, cLayout, pa, 1, aRow, pb, bLayout, m, width, k, false, 0);
    }

    internal static void RunTransposedOnGroup(
        ArrayView<float> scratch, ArrayView<float> c, Layout cLayout, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout, int m, int n, int k) =>
        GroupProduct.RunTransposed(scratch, new Element(c, cLayout, 0), new Turned(a, aRow), b, bLayout, m, n, k);

    private readonly struct Turned(ArrayView<float> a, int aRow) : ITurnedLeft
    {
        private readonly ArrayView<Float4> _a = Float4.Of(a);
        private readonly int _row = aRow / GroupProduct.TileSide;

        public Float4 Load(int step, int row) => _a[(step * _row) + (row / GroupProduct.TileSide)];
    }

    internal readonly struct Element(ArrayView<float> c, Layout layout, int accumulate) : IProductEnd
    {
        private readonly ArrayView<float> _c = c;
        private readonly Layout _layout = layout;
        private readonly int _accumulate = accumulate;

        public void Put(int row, int column, float sum)
        {
            int place = _layout.Offset(row, column);
            _c[place] = _accumulate != 0 ? _c[place] + sum : sum;
        }
    }

    /// <summary>A product of operands that caches like as they lie, a block of k after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Blocks(
        float* c, Layout cLayout, float* a, int aRow, int aStep, float* b, Layout bLayout, int m, int width, int k, bool accumulate, int turn)
    {
        for (int k0 = 0; k0 < k; k0 += KBlock)
        {
            var block = new Block(c, cLayout, Math.Min(KBlock, k - k0), accumulate || k0 > 0);
            float* blockA = a + ((long)k0 * aStep), blockB = b + ((long)k0 * bLayout.Row);
            if (m == 1)
                block.SingleRow(blockA, aStep, blockB, bLayout, width, turn);
            else
                block.Rows(blockA, aRow, aStep, blockB, bLayout, m, width);
        }
    }

    /// <summary>
    /// A product whose A is a transpose: its operands lie in strides that neither caches nor prefetchers like, so strips
    /// of A (a tile's rows) and, where it spans many pages, a panel of B are copied to where tiles read them one float after
    /// the other.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    [SkipLocalsInit]
    private static void Packed(
        float* c, Layout cLayout, float* a, int aStep, float* b, Layout bLayout, int m, int width, int k)
    {
        int lanes = Vector<float>.Count;
        byte* stripMemory = stackalloc byte[(RowBlock * KBlock * sizeof(float)) + CacheLine];
        byte* panelMemory = stackalloc byte[(2 * lanes * KBlock * sizeof(float)) + CacheLine];
        bool packPanels = (long)Math.Min(KBlock, k) * bLayout.Row * sizeof(float) > MappedBytes;
        float* strips = Aligned(stripMemory), panel = Aligned(panelMemory);
        for (int k0 = 0; k0 < k; k0 += KBlock)
        {
            int steps = Math.Min(KBlock, k - k0);
            var block = new Block(c, cLayout, steps, accumulate: k0 > 0);
            float* blockA = a + ((long)k0 * aStep), blockB = b + ((long)k0 * bLayout.Row);
            int blocks = (m + RowBlock - 1) / RowBlock;
            for (int i = 0; i < blocks; i++)
            {
                int row0 = Share.Begin(m, i, blocks), rows = Share.Begin(m, i + 1, blocks) - row0, tiles = TileCount(rows);
                for (int tile = 0, row = 0; tile < tiles; tile++)
                {
                    int count = (rows / tiles) + (tile < rows % tiles ? 1 : 0);
                    PackStrip(strips + ((long)row * steps), blockA + row0 + row, aStep, count, steps);
                    row += count;
                }

                for (int column = 0; column < width; column += 2 * lanes)
                {
                    bool two = column + lanes < width;
                    if (packPanels)
                    {
                        PackPanel(panel, blockB, bLayout, column, steps, two);
                        block.Tiles(row0, rows, column, two, strips, packed: true, steps, 0, panel, 2 * lanes, lanes);
                        continue;
                    }

                    long place = Place(bLayout, column);
                    block.Tiles(row0, rows, column, two, strips, packed: true, steps, 0, blockB + place, bLayout.Row, Place(bLayout, column + lanes) - place);
                }
            }
        }
    }

    /// <summary>A tile's rows of A, step by step: <c>strip[step·count + i] = a[i + step·aStep]</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackStrip(float* strip, float* a, int aStep, int count, int k)
    {
        if (count >= 4)
        {
            // Two vectors of four, which overlap where there are fewer than eight.
            for (int step = 0; step < k; step++, strip += count, a += aStep)
            {
                Vector128<float> begin = Vector128.Load(a), end = Vector128.Load(a + count - 4);
                begin.Store(strip);
                end.Store(strip + count - 4);
            }

            return;
        }

        for (int step = 0; step < k; step++, strip += count, a += aStep)
            for (int i = 0; i < count; i++)
                strip[i] = a[i];
    }

    /// <summary>Two vectors of B's columns, or one, step by step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackPanel(float* panel, float* b, Layout layout, int column, int k, bool two)
    {
        int lanes = Vector<float>.Count;
        float* from = b + Place(layout, column);
        long next = Place(layout, column + lanes) - Place(layout, column);
        for (int step = 0; step < k; step++, panel += 2 * lanes, from += layout.Row)
        {
            *(Vector<float>*)panel = *(Vector<float>*)from;
            if (two)
                *(Vector<float>*)(panel + lanes) = *(Vector<float>*)(from + next);
        }
    }

    private static float* Aligned(byte* memory) => (float*)(((nuint)memory + CacheLine - 1) & ~(nuint)(CacheLine - 1));

    /// <summary>The place of a column; long, since a panel may begin past 2³¹ bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Place(Layout layout, int column) => ((long)(column / Layout.PanelWidth) * layout.Panel) + (column % Layout.PanelWidth);

    /// <summary>Rows in tiles of at most six, spread evenly: 25 rows are five fives, not four sixes and a one.</summary>
    private static int TileCount(int rows) => (rows + MaxTileRows - 1) / MaxTileRows;

    /// <summary>A product whose k fits one block.</summary>
    private readonly struct Block(float* c, Layout cLayout, int k, bool accumulate)
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Rows(float* a, int aRow, int aStep, float* b, Layout bLayout, int m, int width)
        {
            int lanes = Vector<float>.Count;
            for (int column = 0; column < width; column += 2 * lanes)
            {
                long place = Place(bLayout, column);
                Tiles(0, m, column, column + lanes < width, a, packed: false, aRow, aStep, b + place, bLayout.Row, Place(bLayout, column + lanes) - place);
            }
        }

        /// <summary>
        /// All tiles of two columns of vectors, or of one: first those with a row more, then the others.
        /// </summary>
        /// <param name="row">C's first row.</param>
        /// <param name="rows">C's rows.</param>
        /// <param name="column">C's first column.</param>
        /// <param name="two">Whether there is a second vector.</param>
        /// <param name="a">A, from that row on.</param>
        /// <param name="packed">Whether A lies in strips, a tile's rows side by side in each step.</param>
        /// <param name="aRow">Distance between A's rows; of strips, the floats that each row adds.</param>
        /// <param name="aStep">Distance between A's steps; strips have their own.</param>
        /// <param name="b">B's first vector.</param>
        /// <param name="bStep">Distance between steps of B.</param>
        /// <param name="bNext">Distance of the second vector.</param>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Tiles(int row, int rows, int column, bool two, float* a, bool packed, long aRow, long aStep, float* b, long bStep, long bNext)
        {
            int tiles = TileCount(rows), count = rows / tiles, larger = rows % tiles;
            float* to = c + ((long)row * cLayout.Row) + Place(cLayout, column);
            long next = Place(cLayout, column + Vector<float>.Count) - Place(cLayout, column);
            if (larger > 0)
                Tiles(count + 1, larger, two, to, next, a, packed, aRow, aStep, b, bStep, bNext);
            long done = (long)larger * (count + 1);
            Tiles(count, tiles - larger, two, to + (done * cLayout.Row), next, a + (done * aRow), packed, aRow, aStep, b, bStep, bNext);
        }

        // Inlined, as is the next: at 256 units, calls with so many arguments took 3 % of a step.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Tiles(int count, int tiles, bool two, float* to, long next, float* a, bool packed, long aRow, long aStep, float* b, long bStep, long bNext)
        {
            switch (count)
            {
                case 1: Tiles<One>(tiles, two, to, next, a, packed, aRow, aStep, b, bStep, bNext); break;
                case 2: Tiles<Two>(tiles, two, to, next, a, packed, aRow, aStep, b, bStep, bNext); break;
                case 3: Tiles<Three>(tiles, two, to, next, a, packed, aRow, aStep, b, bStep, bNext); break;
                case 4: Tiles<Four>(tiles, two, to, next, a, packed, aRow, aStep, b, bStep, bNext); break;
                case 5: Tiles<Five>(tiles, two, to, next, a, packed, aRow, aStep, b, bStep, bNext); break;
                default: Tiles<Six>(tiles, two, to, next, a, packed, aRow, aStep, b, bStep, bNext); break;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Tiles<TRows>(int tiles, bool two, float* to, long next, float* a, bool packed, long aRow, long aStep, float* b, long bStep, long bNext)
            where TRows : struct, ICount
        {
            (long row, long step) = packed ? (1, TRows.Value) : (aRow, aStep);
            if (two)
                Tiles<TRows, Two>(tiles, to, next, a, TRows.Value * aRow, row, step, b, bStep, bNext);
            else
                Tiles<TRows, One>(tiles, to, next, a, TRows.Value * aRow, row, step, b, bStep, bNext);
        }

        /// <summary>
        /// Tiles of up to 6 rows × 2 vectors of C, held in registers over all k: 12 independent chains hide the latency of a
        /// multiply-add. The counts are constants of each instantiation, so rows and vectors that it lacks cost nothing.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Tiles<TRows, TVectors>(int tiles, float* to, long next, float* a, long aTile, long aRow, long aStep, float* b, long bStep, long bNext)
            where TRows : struct, ICount
            where TVectors : struct, ICount
        {
            long cRow = cLayout.Row;
            for (; tiles > 0; tiles--)
            {
                Vector<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
                Vector<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
                float* pa = a, pb = b;
                for (int steps = k / 2; steps > 0; steps--, pa += 2 * aStep, pb += 2 * bStep)
                {
                    Step<TRows, TVectors>(
                        pa, aRow, pb, bNext, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                    Step<TRows, TVectors>(
                        pa + aStep, aRow, pb + bStep, bNext, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                }

                if (k % 2 != 0)
                    Step<TRows, TVectors>(
                        pa, aRow, pb, bNext, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);

                float* pc = to;
                Put<TRows, TVectors, One>(ref pc, cRow, next, c00, c01);
                Put<TRows, TVectors, Two>(ref pc, cRow, next, c10, c11);
                Put<TRows, TVectors, Three>(ref pc, cRow, next, c20, c21);
                Put<TRows, TVectors, Four>(ref pc, cRow, next, c30, c31);
                Put<TRows, TVectors, Five>(ref pc, cRow, next, c40, c41);
                Put<TRows, TVectors, Six>(ref pc, cRow, next, c50, c51);
                to = pc;
                a += aTile;
            }
        }

        /// <summary>One term of every chain of a tile.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Step<TRows, TVectors>(
            float* a, long aRow, float* b, long bNext, ref Vector<float> c00, ref Vector<float> c01, ref Vector<float> c10, ref Vector<float> c11,
            ref Vector<float> c20, ref Vector<float> c21, ref Vector<float> c30, ref Vector<float> c31, ref Vector<float> c40, ref Vector<float> c41,
            ref Vector<float> c50, ref Vector<float> c51)
            where TRows : struct, ICount
            where TVectors : struct, ICount
        {
            Vector<float> b0 = *(Vector<float>*)b;
            Vector<float> b1 = TVectors.Value > 1 ? *(Vector<float>*)(b + bNext) : default;
            MultiplyAdd<TRows, TVectors, One>(a, b0, b1, ref c00, ref c01);
            MultiplyAdd<TRows, TVectors, Two>(a + aRow, b0, b1, ref c10, ref c11);
            MultiplyAdd<TRows, TVectors, Three>(a + (2 * aRow), b0, b1, ref c20, ref c21);
            MultiplyAdd<TRows, TVectors, Four>(a + (3 * aRow), b0, b1, ref c30, ref c31);
            MultiplyAdd<TRows, TVectors, Five>(a + (4 * aRow), b0, b1, ref c40, ref c41);
            MultiplyAdd<TRows, TVectors, Six>(a + (5 * aRow), b0, b1, ref c50, ref c51);
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
        private void Put<TRows, TVectors, TRow>(ref float* to, long cRow, long next, Vector<float> c0, Vector<float> c1)
            where TRows : struct, ICount
            where TVectors : struct, ICount
            where TRow : struct, ICount
        {
            if (TRow.Value > TRows.Value)
                return;
            Put(to, c0);
            if (TVectors.Value > 1)
                Put(to + next, c1);
            to += cRow;
        }

        /// <summary>One row of C: many vectors at a time, since the loads of B are the limit and latency must still hide.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void SingleRow(float* a, int aStep, float* b, Layout bLayout, int width, int turn)
        {
            // Whole panels to each pass, spread evenly, and at most 14 vectors, which leave two registers to work with.
            int panels = Layout.PanelCount(width), most = 14 * Vector<float>.Count / Layout.PanelWidth;
            int passes = (panels + most - 1) / most;
            if (passes == 1 && panels * k * CacheLine > FirstLevelBytes)
                passes = 2; // what does not fit as a whole may in halves
            for (int i = 0; i < passes; i++)
            {
                int pass = turn % 2 == 0 ? i : passes - 1 - i;
                int column = panels * pass / passes * Layout.PanelWidth;
                int end = Math.Min(width, panels * (pass + 1) / passes * Layout.PanelWidth);
                Row((end - column) / Vector<float>.Count, a, aStep, b + Place(bLayout, column), bLayout, c + Place(cLayout, column));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Row(int vectors, float* a, int aStep, float* b, Layout bLayout, float* pc)
        {
            switch (vectors)
            {
                case 14: Row<Fourteen>(a, aStep, b, bLayout, pc); break;
                case 13: Row<Thirteen>(a, aStep, b, bLayout, pc); break;
                case 12: Row<Twelve>(a, aStep, b, bLayout, pc); break;
                case 11: Row<Eleven>(a, aStep, b, bLayout, pc); break;
                case 10: Row<Ten>(a, aStep, b, bLayout, pc); break;
                case 9: Row<Nine>(a, aStep, b, bLayout, pc); break;
                case 8: Row<Eight>(a, aStep, b, bLayout, pc); break;
                case 7: Row<Seven>(a, aStep, b, bLayout, pc); break;
                case 6: Row<Six>(a, aStep, b, bLayout, pc); break;
                case 5: Row<Five>(a, aStep, b, bLayout, pc); break;
                case 4: Row<Four>(a, aStep, b, bLayout, pc); break;
                case 3: Row<Three>(a, aStep, b, bLayout, pc); break;
                case 2: Row<Two>(a, aStep, b, bLayout, pc); break;
                default: Row<One>(a, aStep, b, bLayout, pc); break;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Row<TVectors>(float* a, int aStep, float* b, Layout bLayout, float* pc)
            where TVectors : struct, ICount
        {
            Vector<float> c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default;
            Vector<float> c7 = default, c8 = default, c9 = default, c10 = default, c11 = default, c12 = default, c13 = default;
            long panel = bLayout.Panel;
            for (int step = k; step > 0; step--)
            {
                var broadcast = new Vector<float>(*a);
                MultiplyAdd<TVectors>(0, broadcast, b, panel, ref c0);
                MultiplyAdd<TVectors>(1, broadcast, b, panel, ref c1);
                MultiplyAdd<TVectors>(2, broadcast, b, panel, ref c2);
                MultiplyAdd<TVectors>(3, broadcast, b, panel, ref c3);
                MultiplyAdd<TVectors>(4, broadcast, b, panel, ref c4);
                MultiplyAdd<TVectors>(5, broadcast, b, panel, ref c5);
                MultiplyAdd<TVectors>(6, broadcast, b, panel, ref c6);
                MultiplyAdd<TVectors>(7, broadcast, b, panel, ref c7);
                MultiplyAdd<TVectors>(8, broadcast, b, panel, ref c8);
                MultiplyAdd<TVectors>(9, broadcast, b, panel, ref c9);
                MultiplyAdd<TVectors>(10, broadcast, b, panel, ref c10);
                MultiplyAdd<TVectors>(11, broadcast, b, panel, ref c11);
                MultiplyAdd<TVectors>(12, broadcast, b, panel, ref c12);
                MultiplyAdd<TVectors>(13, broadcast, b, panel, ref c13);
                a += aStep;
                b += bLayout.Row;
            }

            Put<TVectors>(0, pc, c0);
            Put<TVectors>(1, pc, c1);
            Put<TVectors>(2, pc, c2);
            Put<TVectors>(3, pc, c3);
            Put<TVectors>(4, pc, c4);
            Put<TVectors>(5, pc, c5);
            Put<TVectors>(6, pc, c6);
            Put<TVectors>(7, pc, c7);
            Put<TVectors>(8, pc, c8);
            Put<TVectors>(9, pc, c9);
            Put<TVectors>(10, pc, c10);
            Put<TVectors>(11, pc, c11);
            Put<TVectors>(12, pc, c12);
            Put<TVectors>(13, pc, c13);
        }

        /// <summary>The place of a row's i-th vector behind a panel's begin; all but the panel's distance is known to the compiler.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static long VectorPlace(int i, long panel) =>
            (i * Vector<float>.Count / Layout.PanelWidth * panel) + (i * Vector<float>.Count % Layout.PanelWidth);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void MultiplyAdd<TVectors>(int i, Vector<float> broadcast, float* b, long panel, ref Vector<float> sum)
            where TVectors : struct, ICount
        {
            if (i < TVectors.Value)
                sum = Simd.FusedMultiplyAdd(broadcast, *(Vector<float>*)(b + VectorPlace(i, panel)), sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Put<TVectors>(int i, float* pc, Vector<float> sum)
            where TVectors : struct, ICount
        {
            if (i < TVectors.Value)
                Put(pc + VectorPlace(i, cLayout.Panel), sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Put(float* to, Vector<float> sum) => *(Vector<float>*)to = accumulate ? *(Vector<float>*)to + sum : sum;
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

    private readonly struct Seven : ICount { public static int Value => 7; }

    private readonly struct Eight : ICount { public static int Value => 8; }

    private readonly struct Nine : ICount { public static int Value => 9; }

    private readonly struct Ten : ICount { public static int Value => 10; }

    private readonly struct Eleven : ICount { public static int Value => 11; }

    private readonly struct Twelve : ICount { public static int Value => 12; }

    private readonly struct Thirteen : ICount { public static int Value => 13; }

    private readonly struct Fourteen : ICount { public static int Value => 14; }
}
