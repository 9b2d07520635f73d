using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// Large products, of which each thread keeps a tile of 8 × 8 elements in its registers. It loads half as much for an operation as a
/// tile of 4 × 4 elements does, and loads are what limits a GPU then.
/// </summary>
/// <remarks>
/// The right half of a tile is not beside the left one: neighbouring threads have neighbouring halves, so that their loads lie side by
/// side. A quarter of a tile at a time goes through the scratch before it is stored. Each section of k is added to what is stored.
/// </remarks>
internal static partial class GroupProduct
{
    /// <summary>Computes <c>A[m,k] · B[k,n]</c>.</summary>
    private static void RunWide(
        ArrayView<float> scratch, Elements c, WideTiling tiling, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout,
        int m, int k)
    {
        for (int section = 0; section < k; section += tiling.SectionSteps)
        {
            for (int turn = 0; turn < tiling.Tiles; turn += Group.DimX)
            {
                int work = turn + Group.IdxX;
                (int row, int left, int right, int begin, int steps) = tiling.Place(work, section, k);
                WideTile sum = default;
                if (steps > 0)
                    sum = WideSum(a, row, aRow, m, b, bLayout.Offset(begin, left), bLayout.Offset(begin, right), begin, steps);
                tiling.Put(scratch, c, sum, work, section > 0 ? 1 : 0);
            }
        }

        Team.Barrier();
    }

    /// <summary>Computes <c>A[k,m]ᵀ · B[k,n]</c>.</summary>
    private static void RunWideTransposed<TLeft>(
        ArrayView<float> scratch, Elements c, WideTiling tiling, TLeft a, ArrayView<float> b, Layout bLayout, int m, int k)
        where TLeft : struct, ITransposedLeft<TLeft>
    {
        int next = bLayout.Row / TileSide;
        for (int section = 0; section < k; section += tiling.SectionSteps)
        {
            for (int turn = 0; turn < tiling.Tiles; turn += Group.DimX)
            {
                int work = turn + Group.IdxX;
                (int row, int left, int right, int begin, int steps) = tiling.Place(work, section, k);
                WideTile sum = default;
                if (steps > 0)
                {
                    TLeft a0 = a.At(begin, row);
                    ArrayView<Float4> b0 = From(Float4.Of(b), bLayout.Offset(begin, left) / TileSide);
                    int below = row + TileSide < m ? TileSide : 0;
                    int across = (bLayout.Offset(0, right) - bLayout.Offset(0, left)) / TileSide;
                    for (; steps > 1; steps -= 2)
                    {
                        TLeft a1 = a0.Next();
                        ArrayView<Float4> b1 = From(b0, next);
                        Float4 top0 = a0.Load(0), bottom0 = a0.Load(below), left0 = b0[0], right0 = b0[across];
                        Float4 top1 = a1.Load(0), bottom1 = a1.Load(below), left1 = b1[0], right1 = b1[across];
                        sum = sum.Plus(top0, bottom0, left0, right0).Plus(top1, bottom1, left1, right1);
                        (a0, b0) = (a1.Next(), From(b1, next));
                    }

                    if (steps > 0)
                    {
                        Float4 left0 = b0[0], right0 = b0[across];
                        sum = sum.Plus(a0.Load(0), a0.Load(below), left0, right0);
                    }
                }

                tiling.Put(scratch, c, sum, work, section > 0 ? 1 : 0);
            }
        }

        Team.Barrier();
    }

    /// <summary>Sums some steps of a tile, where A is stored row by row. Rows past the last repeat it; their sums are not used.</summary>
    private static WideTile WideSum(
        ArrayView<float> a, int row, int aRow, int m, ArrayView<float> b, int leftPlace, int rightPlace, int begin, int steps)
    {
        ArrayView<Float4> left = From(Float4.Of(b), leftPlace / TileSide), right = From(Float4.Of(b), rightPlace / TileSide);
        int next = aRow / 2, below = m - 1 - row;
        ArrayView<Float2> row0 = Float2.Of(a).SubView(((row * aRow) + begin) / 2), row1 = row0.SubView(below > 0 ? next : 0);
        ArrayView<Float2> row2 = row1.SubView(below > 1 ? next : 0), row3 = row2.SubView(below > 2 ? next : 0);
        ArrayView<Float2> row4 = row3.SubView(below > 3 ? next : 0), row5 = row4.SubView(below > 4 ? next : 0);
        ArrayView<Float2> row6 = row5.SubView(below > 5 ? next : 0), row7 = row6.SubView(below > 6 ? next : 0);
        WideTile sum = default;
        for (; steps > 1; steps -= 2)
        {
            ArrayView<Float4> left1 = From(left, PanelStep), right1 = From(right, PanelStep);
            Float2 a0 = row0[0], a1 = row1[0], a2 = row2[0], a3 = row3[0], a4 = row4[0], a5 = row5[0], a6 = row6[0], a7 = row7[0];
            Float4 b0 = left[0], b1 = right[0], b2 = left1[0], b3 = right1[0];
            sum = sum.Plus(new Float4(a0.X, a1.X, a2.X, a3.X), new Float4(a4.X, a5.X, a6.X, a7.X), b0, b1)
                .Plus(new Float4(a0.Y, a1.Y, a2.Y, a3.Y), new Float4(a4.Y, a5.Y, a6.Y, a7.Y), b2, b3);
            (row0, row1, row2, row3) = (row0.SubView(1), row1.SubView(1), row2.SubView(1), row3.SubView(1));
            (row4, row5, row6, row7) = (row4.SubView(1), row5.SubView(1), row6.SubView(1), row7.SubView(1));
            (left, right) = (From(left1, PanelStep), From(right1, PanelStep));
        }

        if (steps > 0)
        {
            Float2 a0 = row0[0], a1 = row1[0], a2 = row2[0], a3 = row3[0], a4 = row4[0], a5 = row5[0], a6 = row6[0], a7 = row7[0];
            Float4 b0 = left[0], b1 = right[0];
            sum = sum.Plus(new Float4(a0.X, a1.X, a2.X, a3.X), new Float4(a4.X, a5.X, a6.X, a7.X), b0, b1);
        }

        return sum;
    }

    /// <summary>How a large product is divided into tiles, and k into sections of slices.</summary>
    private readonly struct WideTiling
    {
        // More slices than these take too long to add.
        private const int MostSlices = 8;

        /// <summary>Whether the product is so large that tiles of this size keep the threads busy, at least in the first turn.</summary>
        public readonly bool Pays;

        /// <summary>The number of tiles.</summary>
        public readonly int Tiles;

        private readonly int _slices, _stepsOfSlice, _across, _m, _n;

        public WideTiling(int m, int n, int k)
        {
            int down = (m + (2 * TileSide) - 1) / (2 * TileSide);
            (_m, _n, _across) = (m, n, (n + (2 * TileSide) - 1) / (2 * TileSide));
            Tiles = down * _across;
            int threads = Group.DimX / Tiles, room = threads < k / LeastSliceSteps ? threads : k / LeastSliceSteps;
            _slices = room >= MostSlices ? MostSlices : room >= 4 ? 4 : room >= 2 ? 2 : 1;
            int steps = (((k + _slices - 1) / _slices) + 1) / 2 * 2;
            _stepsOfSlice = steps > SectionTerms ? SectionTerms : steps;

            // Tiles that lie partly outside are wasted work, and so are threads without a tile.
            int quarters = ((m + TileSide - 1) / TileSide) * ((n + TileSide - 1) / TileSide);
            Pays = Tiles * _slices >= Group.DimX && 32 * Tiles <= 9 * quarters && k >= LeastSliceSteps;
        }

        /// <summary>Whether it is worth while to ask, with few instructions.</summary>
        public static bool MayPay(int m, int n) =>
            Team.HasWideTiles() != 0 && m * n >= 4 * TileSide * TileSide / MostSlices * Group.DimX;

        /// <summary>The steps of k that all slices take before elements, or parts of them, are complete.</summary>
        public int SectionSteps => _slices * _stepsOfSlice;

        /// <summary>
        /// The first row of a tile, its first columns on the left and on the right, and the steps of k that a slice of it has in a section,
        /// from where on; a thread that has no slice has none. The columns on the right may lie behind the last column.
        /// </summary>
        public (int Row, int Left, int Right, int Begin, int Steps) Place(int work, int section, int k)
        {
            int slice = work / Tiles, tile = work - (slice * Tiles), begin = section + (slice * _stepsOfSlice);
            int steps = slice >= _slices ? 0 : begin + _stepsOfSlice < k ? _stepsOfSlice : k - begin;
            return (Row(tile), Left(tile), Right(tile), begin, steps);
        }

        /// <summary>Hands out the elements of this thread's tile, or of the slices of tiles that all threads of the group have.</summary>
        public void Put(ArrayView<float> scratch, Elements c, WideTile sum, int tile, int more)
        {
            ArrayView<Float4> sums = Float4.Of(scratch);
            for (int quarter = 0; quarter < 4; quarter++)
            {
                Tile part = sum.First;
                int own = Group.IdxX;
                (sums[own], sums[own + Slots], sums[own + (2 * Slots)], sums[own + (3 * Slots)]) = (part.R0, part.R1, part.R2, part.R3);
                sum = sum.Next();
                if (_slices == 1)
                {
                    for (int i = 0; i < TileSide; i++)
                        PutRow(c, quarter, tile, i, sums[own + (i * Slots)], more);
                }
                else
                {
                    Team.Barrier();
                    int parts = SumParts(scratch, Tiles, TileSide, _slices);
                    for (int work = Group.IdxX; work < Tiles * TileSide; work += Group.DimX)
                    {
                        int i = work / Tiles, place = work - (i * Tiles);
                        PutRow(c, quarter, place, i, SumOf(scratch, (i * Slots) + place, parts, _slices / parts * Tiles), more);
                    }

                    Team.Barrier();
                }
            }
        }

        private int Row(int tile) => tile / _across * 2 * TileSide;

        private int Left(int tile) => tile % _across * TileSide;

        private int Right(int tile) => Left(tile) + (_across * TileSide);

        private void PutRow(Elements c, int quarter, int tile, int i, Float4 sum, int more)
        {
            int row = Row(tile) + (quarter / 2 * TileSide) + i, column = quarter % 2 == 0 ? Left(tile) : Right(tile);
            if (tile < Tiles && row < _m && column < _n)
                c.Put(row, column, sum, more);
        }
    }
}
