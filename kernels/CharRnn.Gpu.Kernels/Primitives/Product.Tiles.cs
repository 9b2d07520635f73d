using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;

namespace CharRnn.Gpu.Kernels.Primitives;

// The tiles of C, each of which is held in registers over a section of k.
public static unsafe partial class Product
{
    /// <summary>The place of a column. It is a long, because a panel may begin past 2³¹ bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Place(Layout layout, int column) =>
        ((long)(column / Layout.PanelWidth) * layout.Panel) + (column % Layout.PanelWidth);

    /// <summary>The number of tiles over which rows are spread evenly: 25 rows are five fives, not four sixes and a one.</summary>
    private static int TileCount(int rows) => (rows + MaxTileRows - 1) / MaxTileRows;

    /// <summary>The product of one section of k.</summary>
    private readonly partial struct Section<TVector, TMath>(float* c, Layout cLayout, int k, bool accumulate)
        where TVector : unmanaged
        where TMath : struct, IVectorMath<TVector>
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Rows(float* a, int aRow, int aStep, float* b, Layout bLayout, int m, int width)
        {
            int lanes = Lanes<TVector>();
            for (int column = 0; column < width; column += 2 * lanes)
            {
                long place = Place(bLayout, column);
                Tiles(
                    0, m, column, column + lanes < width, a, packed: false, aRow, aStep, b + place, bLayout.Row,
                    Place(bLayout, column + lanes) - place);
            }
        }

        /// <summary>
        /// Computes all tiles of one column of vectors, or of two: first the tiles with one more row, then the others.
        /// </summary>
        /// <param name="row">C's first row.</param>
        /// <param name="rows">C's rows.</param>
        /// <param name="column">C's first column.</param>
        /// <param name="two">Whether there is a second vector.</param>
        /// <param name="a">A, from that row on.</param>
        /// <param name="packed">Whether A is in strips, where the rows of a tile are side by side at each step.</param>
        /// <param name="aRow">Distance between A's rows; in strips, the floats that each row adds.</param>
        /// <param name="aStep">Distance between A's steps; not used for strips, which have their own.</param>
        /// <param name="b">B's first vector.</param>
        /// <param name="bStep">Distance between steps of B.</param>
        /// <param name="bNext">Distance of the second vector.</param>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Tiles(
            int row, int rows, int column, bool two, float* a, bool packed, long aRow, long aStep, float* b, long bStep, long bNext)
        {
            int tiles = TileCount(rows), count = rows / tiles, larger = rows % tiles;
            float* to = c + ((long)row * cLayout.Row) + Place(cLayout, column);
            long next = Place(cLayout, column + Lanes<TVector>()) - Place(cLayout, column);
            if (larger > 0)
                Tiles(count + 1, larger, two, to, next, a, packed, aRow, aStep, b, bStep, bNext);
            long done = (long)larger * (count + 1);
            Tiles(count, tiles - larger, two, to + (done * cLayout.Row), next, a + (done * aRow), packed, aRow, aStep, b, bStep, bNext);
        }

        // This method and the next are inlined, because calls with so many arguments took 3 % of a step with 256 units.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Tiles(
            int count, int tiles, bool two, float* to, long next, float* a, bool packed, long aRow, long aStep, float* b, long bStep,
            long bNext)
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
        private void Tiles<TRows>(
            int tiles, bool two, float* to, long next, float* a, bool packed, long aRow, long aStep, float* b, long bStep, long bNext)
            where TRows : struct, ICount
        {
            (long row, long step) = packed ? (1, TRows.Value) : (aRow, aStep);
            if (two)
                Tiles<TRows, Two>(tiles, to, next, a, TRows.Value * aRow, row, step, b, bStep, bNext);
            else
                Tiles<TRows, One>(tiles, to, next, a, TRows.Value * aRow, row, step, b, bStep, bNext);
        }

        /// <summary>
        /// Computes tiles of up to 6 rows × 2 vectors, which are held in registers over the section: 12 independent sums hide the latency
        /// of a multiply-add. The counts are constants of each instantiation, so the rows and vectors that a tile lacks cost nothing.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private void Tiles<TRows, TColumns>(
            int tiles, float* to, long next, float* a, long aTile, long aRow, long aStep, float* b, long bStep, long bNext)
            where TRows : struct, ICount
            where TColumns : struct, ICount
        {
            long cRow = cLayout.Row;
            for (; tiles > 0; tiles--)
            {
                TVector c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
                TVector c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
                float* pa = a, pb = b;
                for (int steps = k / 2; steps > 0; steps--, pa += 2 * aStep, pb += 2 * bStep)
                {
                    Step<TRows, TColumns>(
                        pa, aRow, pb, bNext, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41,
                        ref c50, ref c51);
                    Step<TRows, TColumns>(
                        pa + aStep, aRow, pb + bStep, bNext, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31,
                        ref c40, ref c41, ref c50, ref c51);
                }

                if (k % 2 != 0)
                    Step<TRows, TColumns>(
                        pa, aRow, pb, bNext, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41,
                        ref c50, ref c51);

                float* pc = to;
                Put<TRows, TColumns, One>(ref pc, cRow, next, c00, c01);
                Put<TRows, TColumns, Two>(ref pc, cRow, next, c10, c11);
                Put<TRows, TColumns, Three>(ref pc, cRow, next, c20, c21);
                Put<TRows, TColumns, Four>(ref pc, cRow, next, c30, c31);
                Put<TRows, TColumns, Five>(ref pc, cRow, next, c40, c41);
                Put<TRows, TColumns, Six>(ref pc, cRow, next, c50, c51);
                to = pc;
                a += aTile;
            }
        }

        /// <summary>Adds one term to every sum of a tile.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Step<TRows, TColumns>(
            float* a, long aRow, float* b, long bNext, ref TVector c00, ref TVector c01,
            ref TVector c10, ref TVector c11, ref TVector c20, ref TVector c21,
            ref TVector c30, ref TVector c31, ref TVector c40, ref TVector c41,
            ref TVector c50, ref TVector c51)
            where TRows : struct, ICount
            where TColumns : struct, ICount
        {
            TVector b0 = *(TVector*)b;
            TVector b1 = TColumns.Value > 1 ? *(TVector*)(b + bNext) : default;
            MultiplyAdd<TRows, TColumns, One>(a, b0, b1, ref c00, ref c01);
            MultiplyAdd<TRows, TColumns, Two>(a + aRow, b0, b1, ref c10, ref c11);
            MultiplyAdd<TRows, TColumns, Three>(a + (2 * aRow), b0, b1, ref c20, ref c21);
            MultiplyAdd<TRows, TColumns, Four>(a + (3 * aRow), b0, b1, ref c30, ref c31);
            MultiplyAdd<TRows, TColumns, Five>(a + (4 * aRow), b0, b1, ref c40, ref c41);
            MultiplyAdd<TRows, TColumns, Six>(a + (5 * aRow), b0, b1, ref c50, ref c51);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void MultiplyAdd<TRows, TColumns, TRow>(
            float* a, TVector b0, TVector b1, ref TVector c0, ref TVector c1)
            where TRows : struct, ICount
            where TColumns : struct, ICount
            where TRow : struct, ICount
        {
            if (TRow.Value > TRows.Value)
                return;
            var broadcast = TMath.Repeat(*a);
            c0 = TMath.FusedMultiplyAdd(broadcast, b0, c0);
            if (TColumns.Value > 1)
                c1 = TMath.FusedMultiplyAdd(broadcast, b1, c1);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Put<TRows, TColumns, TRow>(ref float* to, long cRow, long next, TVector c0, TVector c1)
            where TRows : struct, ICount
            where TColumns : struct, ICount
            where TRow : struct, ICount
        {
            if (TRow.Value > TRows.Value)
                return;
            Put(to, c0);
            if (TColumns.Value > 1)
                Put(to + next, c1);
            to += cRow;
        }
    }
}
