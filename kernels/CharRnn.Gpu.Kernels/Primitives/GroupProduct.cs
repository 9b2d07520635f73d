using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>What a group does with the elements of a <see cref="GroupProduct"/>.</summary>
internal interface IEpilogue
{
    /// <summary>
    /// Takes four elements of a row, from a column on. Those behind the last column are products with the padding of the right side.
    /// </summary>
    void Put(int row, int column, Float4 sum);
}

/// <summary>Four rows of a left side that is a transpose, so that they are side by side in memory at each step of k.</summary>
internal interface ITransposedLeft<TSelf>
{
    /// <summary>The four rows from <paramref name="row"/> on, at a step of k.</summary>
    TSelf At(int step, int row);

    /// <summary>The same rows at the next step.</summary>
    TSelf Next();

    /// <summary>Loads them.</summary>
    Float4 Load();
}

/// <summary>
/// Computes products in a thread group. Each thread keeps a tile of 4 × 4 elements, or of 1 × 4 where there are fewer rows, in its
/// registers. It reads the operands four floats at a time through the first-level cache; the scratch holds only sums.
/// </summary>
/// <remarks>
/// Where there are fewer tiles than threads, k is divided into slices. Each slice of a tile is summed by one thread, and the sums are
/// added in the order of the slices. The number of slices depends on the sizes alone. The rows of the operands are whole lines, and
/// begin at multiples of four floats. The methods are inlined, so that a compiler knows that the operands are in global memory. The sums
/// of sections of a tile of 4 × 4 go through the scratch, which leaves registers for the loads of eight steps of k.
/// </remarks>
internal static class GroupProduct
{
    /// <summary>Number of rows, and of columns, of a tile.</summary>
    public const int TileSide = 4;

    // Terms of a section, which are summed from zero: adding thousands of terms one after the other would lose digits. It is a multiple
    // of the eight or four steps of k that a loop takes at once. Terms that are left then are added to the total one by one.
    private const int SectionTerms = 256;

    // Distance between the rows of a panel, in vectors of four floats.
    private const int PanelStep = Layout.PanelWidth / TileSide;

    // A slice has at least so many steps of k: fewer are not worth it.
    private const int SliceSteps = 16;

    /// <summary>Computes <c>A[m,k] · B[k,n]</c>, where B is in panels, and hands every element to <paramref name="epilogue"/>.</summary>
    public static void Run<TEpilogue>(
        ArrayView<float> scratch, TEpilogue epilogue, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout, int m, int n, int k)
        where TEpilogue : struct, IEpilogue
    {
        int tileRows = m < TileSide ? 1 : TileSide;
        var tiling = new Tiling(tileRows, m, n, k);
        for (int work = Group.IdxX; work < tiling.Tiles * tiling.Slices; work += Group.DimX)
        {
            int slice = work / tiling.Tiles, begin = tiling.Begin(slice), stop = tiling.Stop(begin);
            (int row, int column) = tiling.Place(work - (slice * tiling.Tiles));
            if (tileRows == 1)
                RowTile(scratch, a, row * aRow, b, bLayout, column, begin, stop);
            else
                SquareTile(scratch, a, row, aRow, m, b, bLayout, column, begin, stop);
            tiling.Put(scratch, epilogue, row, column);
        }

        tiling.Finish(scratch, epilogue);
    }

    /// <summary>Computes <c>A[k,m]ᵀ · B[k,n]</c> and hands every element to <paramref name="epilogue"/>.</summary>
    public static void RunTransposed<TLeft, TEpilogue>(
        ArrayView<float> scratch, TEpilogue epilogue, TLeft a, ArrayView<float> b, Layout bLayout, int m, int n, int k)
        where TLeft : struct, ITransposedLeft<TLeft>
        where TEpilogue : struct, IEpilogue
    {
        var tiling = new Tiling(TileSide, m, n, k);
        for (int work = Group.IdxX; work < tiling.Tiles * tiling.Slices; work += Group.DimX)
        {
            int slice = work / tiling.Tiles, begin = tiling.Begin(slice), stop = tiling.Stop(begin);
            (int row, int column) = tiling.Place(work - (slice * tiling.Tiles));
            TransposedTile(scratch, a, row, b, bLayout, column, begin, stop);
            tiling.Put(scratch, epilogue, row, column);
        }

        tiling.Finish(scratch, epilogue);
    }

    /// <summary>Computes 1 × 4 elements, and leaves them in the scratch.</summary>
    private static void RowTile(
        ArrayView<float> scratch, ArrayView<float> a, int first, ArrayView<float> b, Layout bLayout, int column, int begin, int stop)
    {
        ArrayView<Float4> sums = Float4.Of(scratch);
        ArrayView<Float4> left = From(Float4.Of(a), (first + begin) / TileSide);
        ArrayView<Float4> right = From(Float4.Of(b), bLayout.Offset(begin, column) / TileSide);
        int steps = stop - begin;
        Float4 total = default;
        while (steps >= 4)
        {
            Float4 sum = default;
            int section = steps < SectionTerms ? steps / 4 : SectionTerms / 4;
            steps -= section * 4;
            for (; section > 0; section--)
            {
                Float4 a0 = left[0], b0 = right[0], b1 = right[PanelStep], b2 = right[2 * PanelStep], b3 = right[3 * PanelStep];
                sum = sum.Plus(a0.X, b0).Plus(a0.Y, b1).Plus(a0.Z, b2).Plus(a0.W, b3);
                (left, right) = (From(left, 1), From(right, 4 * PanelStep));
            }

            total = total.Plus(sum);
        }

        if (steps > 0)
        {
            Float4 a0 = left[0];
            total = total.Plus(a0.X, right[0]);
            if (steps > 1)
                total = total.Plus(a0.Y, right[PanelStep]);
            if (steps > 2)
                total = total.Plus(a0.Z, right[2 * PanelStep]);
        }

        sums[Group.IdxX] = total;
    }

    /// <summary>
    /// Computes 4 × 4 elements, where A is stored row by row, and leaves them in the scratch. Rows past the last repeat it; their sums are
    /// not used.
    /// </summary>
    private static void SquareTile(
        ArrayView<float> scratch, ArrayView<float> a, int row, int aRow, int m, ArrayView<float> b, Layout bLayout, int column, int begin,
        int stop)
    {
        // Views that move on, because a compiler can add their constant indices to the addresses of loads. At last they lie behind the
        // operands' ends, where nothing is read.
        ArrayView<Float4> right = From(Float4.Of(b), bLayout.Offset(begin, column) / TileSide);
        ArrayView<Float4> row0 = From(Float4.Of(a), ((row * aRow) + begin) / TileSide);
        int next = aRow / TileSide, below = m - 1 - row;
        ArrayView<Float4> row1 = From(row0, below > 0 ? next : 0), row2 = From(row1, below > 1 ? next : 0);
        var left = new FourRows(row0, row1, row2, From(row2, below > 2 ? next : 0));
        Sums sums = Sums.Cleared(scratch);
        int steps = stop - begin;
        while (steps >= 8)
        {
            Tile sum = default;
            int section = steps < SectionTerms ? steps / 8 : SectionTerms / 8;
            steps -= section * 8;
            for (; section > 0; section--)
            {
                sum = left.FourSteps(sum, right);
                (left, right) = (left.Next(), From(right, 4 * PanelStep));
                sum = left.FourSteps(sum, right);
                (left, right) = (left.Next(), From(right, 4 * PanelStep));
            }

            sums.Add(sum);
        }

        if (steps >= 4)
        {
            sums.Write(left.FourSteps(sums.Read(), right));
            (left, right, steps) = (left.Next(), From(right, 4 * PanelStep), steps - 4);
        }

        if (steps > 0)
            sums.Write(left.UpToThreeSteps(sums.Read(), steps, right));
    }

    /// <summary>
    /// Computes 4 × 4 elements, where A is a transpose, whose rows are side by side at every step of k, and leaves them in the scratch.
    /// </summary>
    private static void TransposedTile<TLeft>(
        ArrayView<float> scratch, TLeft a, int row, ArrayView<float> b, Layout bLayout, int column, int begin, int stop)
        where TLeft : struct, ITransposedLeft<TLeft>
    {
        TLeft left = a.At(begin, row);
        ArrayView<Float4> right = From(Float4.Of(b), bLayout.Offset(begin, column) / TileSide);
        int next = bLayout.Row / TileSide, steps = stop - begin;
        Sums sums = Sums.Cleared(scratch);
        while (steps >= 8)
        {
            Tile sum = default;
            int section = steps < SectionTerms ? steps / 8 : SectionTerms / 8;
            steps -= section * 8;
            for (; section > 0; section--)
            {
                // Loads take so long that sixteen at once are faster than eight: on an H100 the gradients take a sixth less with H = 1024.
                TLeft left1 = left.Next(), left2 = left1.Next(), left3 = left2.Next(), left4 = left3.Next(), left5 = left4.Next();
                TLeft left6 = left5.Next(), left7 = left6.Next();
                ArrayView<Float4> right1 = From(right, next), right2 = From(right1, next), right3 = From(right2, next);
                ArrayView<Float4> right4 = From(right3, next), right5 = From(right4, next), right6 = From(right5, next);
                ArrayView<Float4> right7 = From(right6, next);
                Float4 a0 = left.Load(), a1 = left1.Load(), a2 = left2.Load(), a3 = left3.Load();
                Float4 b0 = right[0], b1 = right1[0], b2 = right2[0], b3 = right3[0];
                Float4 a4 = left4.Load(), a5 = left5.Load(), a6 = left6.Load(), a7 = left7.Load();
                Float4 b4 = right4[0], b5 = right5[0], b6 = right6[0], b7 = right7[0];
                sum = sum.Plus(a0, b0).Plus(a1, b1).Plus(a2, b2).Plus(a3, b3).Plus(a4, b4).Plus(a5, b5).Plus(a6, b6).Plus(a7, b7);
                (left, right) = (left7.Next(), From(right7, next));
            }

            sums.Add(sum);
        }

        if (steps <= 0)
            return;
        Tile total = sums.Read();
        for (; steps > 0; steps--)
        {
            total = total.Plus(left.Load(), right[0]);
            (left, right) = (left.Next(), From(right, next));
        }

        sums.Write(total);
    }

    private static ArrayView<Float4> From(ArrayView<Float4> values, int place) => values.SubView(place);

    /// <summary>Four rows of a left side, from a step of k on, which is a multiple of four.</summary>
    private readonly struct FourRows(ArrayView<Float4> row0, ArrayView<Float4> row1, ArrayView<Float4> row2, ArrayView<Float4> row3)
    {
        private readonly ArrayView<Float4> _row0 = row0, _row1 = row1, _row2 = row2, _row3 = row3;

        /// <summary>The same rows, four steps later.</summary>
        public FourRows Next() => new(From(_row0, 1), From(_row1, 1), From(_row2, 1), From(_row3, 1));

        /// <summary>Adds four steps of the product with a right side in panels.</summary>
        public Tile FourSteps(Tile sum, ArrayView<Float4> right)
        {
            ArrayView<Float4> right1 = From(right, PanelStep), right2 = From(right1, PanelStep), right3 = From(right2, PanelStep);
            Float4 a0 = _row0[0], a1 = _row1[0], a2 = _row2[0], a3 = _row3[0];
            Float4 b0 = right[0], b1 = right1[0], b2 = right2[0], b3 = right3[0];
            return sum.Plus(a0.X, a1.X, a2.X, a3.X, b0).Plus(a0.Y, a1.Y, a2.Y, a3.Y, b1)
                .Plus(a0.Z, a1.Z, a2.Z, a3.Z, b2).Plus(a0.W, a1.W, a2.W, a3.W, b3);
        }

        /// <summary>Adds one to three steps of it, behind which the right side may end.</summary>
        public Tile UpToThreeSteps(Tile sum, int steps, ArrayView<Float4> right)
        {
            Float4 a0 = _row0[0], a1 = _row1[0], a2 = _row2[0], a3 = _row3[0];
            sum = sum.Plus(a0.X, a1.X, a2.X, a3.X, right[0]);
            if (steps > 1)
                sum = sum.Plus(a0.Y, a1.Y, a2.Y, a3.Y, right[PanelStep]);
            if (steps > 2)
                sum = sum.Plus(a0.Z, a1.Z, a2.Z, a3.Z, right[2 * PanelStep]);
            return sum;
        }
    }

    /// <summary>The sums of a thread's tile in the scratch: its four rows, each beside those of the other threads.</summary>
    private readonly struct Sums(ArrayView<Float4> row0, ArrayView<Float4> row1, ArrayView<Float4> row2, ArrayView<Float4> row3)
    {
        private readonly ArrayView<Float4> _row0 = row0, _row1 = row1, _row2 = row2, _row3 = row3;

        public static Sums Cleared(ArrayView<float> scratch)
        {
            ArrayView<Float4> row0 = From(Float4.Of(scratch), Group.IdxX), row1 = From(row0, Group.DimX), row2 = From(row1, Group.DimX);
            ArrayView<Float4> row3 = From(row2, Group.DimX);
            var sums = new Sums(row0, row1, row2, row3);
            sums.Write(default);
            return sums;
        }

        public void Add(Tile tile) => Write(Read().Plus(tile));

        public Tile Read() => new(_row0[0], _row1[0], _row2[0], _row3[0]);

        public void Write(Tile tile) => (_row0[0], _row1[0], _row2[0], _row3[0]) = (tile.R0, tile.R1, tile.R2, tile.R3);
    }

    /// <summary>How a product is divided into tiles, and k into slices.</summary>
    private readonly struct Tiling
    {
        public readonly int Tiles, Slices;

        private readonly int _tileRows, _across, _perSlice, _m, _k;

        public Tiling(int tileRows, int m, int n, int k)
        {
            (_tileRows, _m, _k) = (tileRows, m, k);
            _across = (n + TileSide - 1) / TileSide;
            Tiles = (tileRows == 1 ? m : (m + TileSide - 1) / TileSide) * _across;

            // There is no loop, because PoCL 6.0 never leaves one here.
            int threads = Group.DimX / Tiles, room = threads < k / SliceSteps ? threads : k / SliceSteps;
            Slices = room >= 16 ? 16 : room >= 8 ? 8 : room >= 4 ? 4 : room >= 2 ? 2 : 1;
            _perSlice = (((k + Slices - 1) / Slices) + TileSide - 1) / TileSide * TileSide;
        }

        public int Begin(int slice) => slice * _perSlice;

        /// <summary>Where the slice that begins at a step of k stops.</summary>
        public int Stop(int begin) => begin + _perSlice < _k ? begin + _perSlice : _k;

        /// <summary>The first row and the first column of a tile.</summary>
        public (int Row, int Column) Place(int tile)
        {
            int down = tile / _across;
            return (down * _tileRows, (tile - (down * _across)) * TileSide);
        }

        /// <summary>Hands out the elements of a tile that has one slice. Its sums are in the scratch.</summary>
        /// <remarks>An epilogue in a loop over rows needs fewer registers than four of them.</remarks>
        public void Put<TEpilogue>(ArrayView<float> scratch, TEpilogue epilogue, int row, int column)
            where TEpilogue : struct, IEpilogue
        {
            if (Slices > 1)
                return;
            ArrayView<Float4> sums = Float4.Of(scratch);
            for (int i = 0; i < _tileRows && row + i < _m; i++)
                epilogue.Put(row + i, column, sums[(i * Group.DimX) + Group.IdxX]);
        }

        /// <summary>Adds the sums of the slices in their order, and hands out the elements.</summary>
        public void Finish<TEpilogue>(ArrayView<float> scratch, TEpilogue epilogue)
            where TEpilogue : struct, IEpilogue
        {
            Team.Barrier();
            if (Slices == 1)
                return;
            ArrayView<Float4> sums = Float4.Of(scratch);
            for (int work = Group.IdxX; work < Tiles * _tileRows; work += Group.DimX)
            {
                int i = work / Tiles, tile = work - (i * Tiles);
                ArrayView<Float4> part = From(sums, (i * Group.DimX) + tile);
                Float4 sum = part[0];
                for (int left = Slices - 1; left > 0; left--)
                {
                    part = From(part, Tiles);
                    sum = sum.Plus(part[0]);
                }

                (int row, int column) = Place(tile);
                if (row + i < _m)
                    epilogue.Put(row + i, column, sum);
            }

            Team.Barrier();
        }
    }
}
