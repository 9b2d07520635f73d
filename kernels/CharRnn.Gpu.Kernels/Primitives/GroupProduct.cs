using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Four rows of a left side that is a transpose, so that they are side by side in memory at each step of k.</summary>
internal interface ITransposedLeft<TSelf>
{
    /// <summary>Whether it is a matrix in memory. Then products with it may be large, and have code of their own for that.</summary>
    bool IsMatrix { get; }

    /// <summary>The four rows from <paramref name="row"/> on, at a step of k.</summary>
    TSelf At(int step, int row);

    /// <summary>The same rows at the next step.</summary>
    TSelf Next();

    /// <summary>Loads them, or the four rows that are so many rows below, a multiple of four.</summary>
    Float4 Load(int below);
}

/// <summary>
/// Computes products in a thread group. Each thread keeps a tile of 4 × 4 elements, or of 1 × 4 where there are fewer rows, in its
/// registers; <see cref="WideTiling"/> has larger ones. It reads the operands four floats at a time through the first-level cache; the
/// scratch holds only sums.
/// </summary>
/// <remarks>
/// Where there are few tiles, k is divided into slices. Each slice of a tile is summed by one thread, and the sums are added in an order
/// that depends on the sizes and the number of threads alone. The rows of the operands are whole lines, and begin at multiples of four
/// floats. The methods are inlined, so that a compiler knows that the operands are in global memory. The sums of sections of a tile of
/// 4 × 4 go through the scratch, which leaves registers for the loads of eight steps of k.
/// </remarks>
internal static partial class GroupProduct
{
    /// <summary>Number of rows, and of columns, of a tile.</summary>
    public const int TileSide = 4;

    // Terms of a section, which are summed from zero: adding thousands of terms one after the other would lose digits. It is a multiple
    // of the eight, four or two steps of k that a loop takes at once. In a tile of 4 × 4, terms that are left are added to the total one by
    // one.
    private const int SectionTerms = 256;

    // Distance between the rows of a panel, in vectors of four floats.
    private const int PanelStep = Layout.PanelWidth / TileSide;

    // A slice has at least so many steps of k, and fewer where their sums need no further barrier: less is not worth it.
    private const int LeastSliceSteps = 16, LeastSliceStepsInScratch = 8;

    // The tiles for which the scratch has room.
    private const int Slots = Reduction.MaxGroupSize;

    /// <summary>Computes <c>C[m,n] (+)= A[m,k] · B[k,n]</c>, where B is in panels.</summary>
    public static void Run(
        ArrayView<float> scratch, Elements c, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout, int m, int n, int k)
    {
        if (WideTiling.MayPay(m, n))
        {
            var wide = new WideTiling(m, n, k);
            if (wide.Pays)
            {
                RunWide(scratch, c, wide, a, aRow, b, bLayout, m, k);
                return;
            }
        }

        var tiling = new Tiling(m < TileSide ? 1 : TileSide, m, n, k, LeastSliceSteps);
        for (int work = Group.IdxX; work < tiling.Tiles * tiling.Slices; work += Group.DimX)
        {
            int slot = tiling.Slot(work), tile = Sum(scratch, slot, tiling, work, a, aRow, b, bLayout, m);
            tiling.Put(scratch, slot, c, tile);
        }

        tiling.Finish(scratch, c);
    }

    /// <summary>Computes <c>C[m,n] = A[k,m]ᵀ · B[k,n]</c>.</summary>
    public static void RunTransposed<TLeft>(
        ArrayView<float> scratch, Elements c, TLeft a, ArrayView<float> b, Layout bLayout, int m, int n, int k)
        where TLeft : struct, ITransposedLeft<TLeft>
    {
        if (a.IsMatrix && WideTiling.MayPay(m, n))
        {
            var wide = new WideTiling(m, n, k);
            if (wide.Pays)
            {
                RunWideTransposed(scratch, c, wide, a, b, bLayout, m, k);
                return;
            }
        }

        var tiling = new Tiling(TileSide, m, n, k, LeastSliceSteps);
        for (int work = Group.IdxX; work < tiling.Tiles * tiling.Slices; work += Group.DimX)
        {
            int slice = work / tiling.Tiles, tile = work - (slice * tiling.Tiles), begin = tiling.Begin(slice), slot = tiling.Slot(work);
            (int row, int column) = tiling.Place(tile);
            TransposedTile(scratch, slot, a, row, b, bLayout, column, begin, tiling.Stop(begin));
            tiling.Put(scratch, slot, c, tile);
        }

        tiling.Finish(scratch, c);
    }

    /// <summary>
    /// Computes a product whose elements other code takes from the scratch, behind a barrier. It must fit: see
    /// <see cref="FitsScratch"/>.
    /// </summary>
    public static Tiling SumsInScratch(
        ArrayView<float> scratch, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout, int m, int n, int k)
    {
        var tiling = new Tiling(m < TileSide ? 1 : TileSide, m, n, k, LeastSliceStepsInScratch);
        for (int work = Group.IdxX; work < tiling.Tiles * tiling.Slices; work += Group.DimX)
            Sum(scratch, work, tiling, work, a, aRow, b, bLayout, m);
        return tiling;
    }

    /// <summary>Whether the scratch can hold the sums of a product of this size.</summary>
    public static bool FitsScratch(int m, int n) => RowsOfTiles(m) / TileSide * ((n + TileSide - 1) / TileSide) <= Slots;

    /// <summary>The most rows that fit if there are so many columns.</summary>
    public static int RowsInScratch(int n) => Slots / ((n + TileSide - 1) / TileSide) * TileSide;

    /// <summary>The rows for which so many take room: a tile has one or four rows, and takes the room of four.</summary>
    public static int RowsOfTiles(int m) => m < TileSide ? TileSide * m : (m + TileSide - 1) / TileSide * TileSide;

    /// <summary>Computes a slice of a tile of a product, and leaves it in the scratch.</summary>
    /// <returns>The tile.</returns>
    private static int Sum(
        ArrayView<float> scratch, int slot, Tiling tiling, int work, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout,
        int m)
    {
        int slice = work / tiling.Tiles, tile = work - (slice * tiling.Tiles), begin = tiling.Begin(slice), stop = tiling.Stop(begin);
        (int row, int column) = tiling.Place(tile);
        if (tiling.TileRows == 1)
            RowTile(scratch, slot, a, row * aRow, b, bLayout, column, begin, stop);
        else
            SquareTile(scratch, slot, a, row, aRow, m, b, bLayout, column, begin, stop);
        return tile;
    }

    /// <summary>Computes 1 × 4 elements, and leaves them in the scratch.</summary>
    private static void RowTile(
        ArrayView<float> scratch, int slot, ArrayView<float> a, int first, ArrayView<float> b, Layout bLayout, int column, int begin,
        int stop)
    {
        ArrayView<Float4> sums = Float4.Of(scratch);
        Float4 total = default;
        sums[slot] = total;
        int steps = stop - begin;
        if (steps <= 0)
            return;
        ArrayView<Float4> left = From(Float4.Of(a), (first + begin) / TileSide);
        ArrayView<Float4> right = From(Float4.Of(b), bLayout.Offset(begin, column) / TileSide);
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

        sums[slot] = total;
    }

    /// <summary>
    /// Computes 4 × 4 elements, where A is stored row by row, and leaves them in the scratch. Rows past the last repeat it; their sums are
    /// not used.
    /// </summary>
    private static void SquareTile(
        ArrayView<float> scratch, int slot, ArrayView<float> a, int row, int aRow, int m, ArrayView<float> b, Layout bLayout, int column,
        int begin, int stop)
    {
        Sums sums = Sums.Cleared(scratch, slot);
        int steps = stop - begin;
        if (steps <= 0)
            return;

        // Views that move on, because a compiler can add their constant indices to the addresses of loads. At last they lie behind the
        // operands' ends, where nothing is read.
        ArrayView<Float4> right = From(Float4.Of(b), bLayout.Offset(begin, column) / TileSide);
        ArrayView<Float4> row0 = From(Float4.Of(a), ((row * aRow) + begin) / TileSide);
        int next = aRow / TileSide, below = m - 1 - row;
        ArrayView<Float4> row1 = From(row0, below > 0 ? next : 0), row2 = From(row1, below > 1 ? next : 0);
        var left = new FourRows(row0, row1, row2, From(row2, below > 2 ? next : 0));
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
        ArrayView<float> scratch, int slot, TLeft a, int row, ArrayView<float> b, Layout bLayout, int column, int begin, int stop)
        where TLeft : struct, ITransposedLeft<TLeft>
    {
        Sums sums = Sums.Cleared(scratch, slot);
        int next = bLayout.Row / TileSide, steps = stop - begin;
        if (steps <= 0)
            return;
        TLeft left = a.At(begin, row);
        ArrayView<Float4> right = From(Float4.Of(b), bLayout.Offset(begin, column) / TileSide);
        while (steps >= 8)
        {
            Tile sum = default;
            int section = steps < SectionTerms ? steps / 8 : SectionTerms / 8;
            steps -= section * 8;
            for (; section > 0; section--)
            {
                // Loads take so long that sixteen at once are faster than eight: on an H100, large gradients took a sixth less time.
                TLeft left1 = left.Next(), left2 = left1.Next(), left3 = left2.Next(), left4 = left3.Next(), left5 = left4.Next();
                TLeft left6 = left5.Next(), left7 = left6.Next();
                ArrayView<Float4> right1 = From(right, next), right2 = From(right1, next), right3 = From(right2, next);
                ArrayView<Float4> right4 = From(right3, next), right5 = From(right4, next), right6 = From(right5, next);
                ArrayView<Float4> right7 = From(right6, next);
                Float4 a0 = left.Load(0), a1 = left1.Load(0), a2 = left2.Load(0), a3 = left3.Load(0);
                Float4 b0 = right[0], b1 = right1[0], b2 = right2[0], b3 = right3[0];
                Float4 a4 = left4.Load(0), a5 = left5.Load(0), a6 = left6.Load(0), a7 = left7.Load(0);
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
            total = total.Plus(left.Load(0), right[0]);
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

    /// <summary>The sums of a tile in the scratch: its four rows, each beside those of the other tiles.</summary>
    private readonly struct Sums(ArrayView<Float4> row0, ArrayView<Float4> row1, ArrayView<Float4> row2, ArrayView<Float4> row3)
    {
        private readonly ArrayView<Float4> _row0 = row0, _row1 = row1, _row2 = row2, _row3 = row3;

        public static Sums Cleared(ArrayView<float> scratch, int slot)
        {
            ArrayView<Float4> row0 = From(Float4.Of(scratch), slot), row1 = From(row0, Slots), row2 = From(row1, Slots);
            var sums = new Sums(row0, row1, row2, From(row2, Slots));
            sums.Write(default);
            return sums;
        }

        public void Add(Tile tile) => Write(Read().Plus(tile));

        public Tile Read() => new(_row0[0], _row1[0], _row2[0], _row3[0]);

        public void Write(Tile tile) => (_row0[0], _row1[0], _row2[0], _row3[0]) = (tile.R0, tile.R1, tile.R2, tile.R3);
    }

    /// <summary>How a product is divided into tiles, and k into slices.</summary>
    public readonly struct Tiling
    {
        /// <summary>The number of tiles, of slices of each, and of rows of a tile.</summary>
        public readonly int Tiles, Slices, TileRows;

        private readonly int _across, _perSlice, _m, _k;

        public Tiling(int tileRows, int m, int n, int k, int leastSteps)
        {
            (TileRows, _m, _k) = (tileRows, m, k);
            _across = (n + TileSide - 1) / TileSide;
            Tiles = (tileRows == 1 ? m : (m + TileSide - 1) / TileSide) * _across;

            // There is no loop, because PoCL 6.0 never leaves one here.
            int room = Slots / Tiles < k / leastSteps ? Slots / Tiles : k / leastSteps;
            Slices = room >= 16 ? 16 : room >= 8 ? 8 : room >= 4 ? 4 : room >= 2 ? 2 : 1;
            _perSlice = (((k + Slices - 1) / Slices) + TileSide - 1) / TileSide * TileSide;
        }

        /// <summary>Where in the scratch a thread leaves a slice of a tile. If a tile has one slice, nobody else needs it.</summary>
        public int Slot(int work) => Slices > 1 ? work : Group.IdxX;

        public int Begin(int slice) => slice * _perSlice;

        /// <summary>Where the slice that begins at a step of k stops.</summary>
        public int Stop(int begin) => begin + _perSlice < _k ? begin + _perSlice : _k;

        /// <summary>The first row and the first column of a tile.</summary>
        public (int Row, int Column) Place(int tile)
        {
            int down = tile / _across;
            return (down * TileRows, (tile - (down * _across)) * TileSide);
        }

        /// <summary>Stores the elements of a tile that has one slice. Its sums are in the scratch.</summary>
        public void Put(ArrayView<float> scratch, int slot, Elements c, int tile)
        {
            if (Slices > 1)
                return;
            (int row, int column) = Place(tile);
            ArrayView<Float4> sums = Float4.Of(scratch);
            for (int i = 0; i < TileRows && row + i < _m; i++)
                c.Put(row + i, column, sums[(i * Slots) + slot], 0);
        }

        /// <summary>Adds the sums of the slices, and stores the elements.</summary>
        public void Finish(ArrayView<float> scratch, Elements c)
        {
            Team.Barrier();
            if (Slices == 1)
                return;
            int parts = SumParts(scratch, Tiles, TileRows, Slices);
            for (int work = Group.IdxX; work < Tiles * TileRows; work += Group.DimX)
            {
                int i = work / Tiles, tile = work - (i * Tiles);
                Float4 sum = SumOf(scratch, (i * Slots) + tile, parts, Slices / parts * Tiles);
                (int row, int column) = Place(tile);
                if (row + i < _m)
                    c.Put(row + i, column, sum, 0);
            }

            Team.Barrier();
        }

        /// <summary>The element of one of <see cref="SumsInScratch"/>.</summary>
        public float Element(ArrayView<float> scratch, int row, int column)
        {
            int slice = Tiles * TileSide, place = PlaceInScratch(row, column);
            if (Slices < 4)
                return Slices == 1 ? scratch[place] : scratch[place] + scratch[place + slice];
            float sum0 = 0f, sum1 = 0f, sum2 = 0f, sum3 = 0f;
            for (int left = Slices; left > 0; left -= 4)
            {
                sum0 += scratch[place];
                sum1 += scratch[place + slice];
                sum2 += scratch[place + (2 * slice)];
                sum3 += scratch[place + (3 * slice)];
                place += 4 * slice;
            }

            return sum0 + sum1 + (sum2 + sum3);
        }

        /// <summary>
        /// Elements of one of <see cref="SumsInScratch"/> in a row, whose columns are a panel's width apart; if there are three, the last
        /// is not one.
        /// </summary>
        public Float4 GateElements(ArrayView<float> scratch, int row, int column, int gates)
        {
            int place = PlaceInScratch(row, column), last = gates > 3 ? 3 * Layout.PanelWidth : 0;
            Float4 sum = default;
            for (int left = Slices; left > 0; left--)
            {
                sum = sum.Plus(
                    new Float4(
                        scratch[place], scratch[place + Layout.PanelWidth], scratch[place + (2 * Layout.PanelWidth)],
                        scratch[place + last]));
                place += Tiles * TileSide;
            }

            return sum;
        }

        private int PlaceInScratch(int row, int column)
        {
            int down = row / TileRows, i = row - (down * TileRows), tile = (down * _across) + (column / TileSide);
            return (((i * Slots) + tile) * TileSide) + (column % TileSide);
        }
    }

    /// <summary>
    /// Adds the sums of slices in the scratch, in their order, to those of fewer parts, as many as keep the threads busy.
    /// </summary>
    /// <returns>The number of sums that are left of each element, which lie where the first slices of their parts did.</returns>
    private static int SumParts(ArrayView<float> scratch, int tiles, int rows, int slices)
    {
        int idle = Slots / (tiles * rows), most = slices / 4;
        int parts = idle >= 4 && most >= 4 ? 4 : idle >= 2 && most >= 2 ? 2 : 1;
        if (parts == 1)
            return slices;
        ArrayView<Float4> sums = Float4.Of(scratch);
        int ofPart = slices / parts;
        for (int work = Group.IdxX; work < tiles * rows * parts; work += Group.DimX)
        {
            int part = work / (tiles * rows), place = work - (part * tiles * rows), row = place / tiles;
            int first = (row * Slots) + (part * ofPart * tiles) + place - (row * tiles);
            sums[first] = SumOf(scratch, first, ofPart, tiles);
        }

        Team.Barrier();
        return parts;
    }

    /// <summary>Adds so many vectors of the scratch that have this distance.</summary>
    private static Float4 SumOf(ArrayView<float> scratch, int first, int count, int distance)
    {
        ArrayView<Float4> next = From(Float4.Of(scratch), first);
        Float4 sum = next[0];
        for (int left = count - 1; left > 0; left--)
        {
            next = From(next, distance);
            sum = sum.Plus(next[0]);
        }

        return sum;
    }
}

/// <summary>The elements of a product, four of a row at a time.</summary>
/// <param name="c">Where they begin.</param>
/// <param name="layout">Where they are.</param>
/// <param name="accumulate">0 to overwrite what is there, 1 to add to it.</param>
internal readonly struct Elements(ArrayView<float> c, Layout layout, int accumulate)
{
    private readonly ArrayView<Float4> _c = Float4.Of(c);
    private readonly Layout _layout = layout;
    private readonly int _accumulate = accumulate;

    /// <summary>
    /// Stores four elements of a row, from a column on. Those behind the last column are products with the padding of the right side.
    /// </summary>
    /// <param name="row">The row.</param>
    /// <param name="column">The first column, a multiple of four.</param>
    /// <param name="sum">The sums.</param>
    /// <param name="more">1 if these are further terms of elements that are there already.</param>
    public void Put(int row, int column, Float4 sum, int more)
    {
        int place = _layout.Offset(row, column) / GroupProduct.TileSide;
        if (_accumulate + more != 0)
        {
            Float4 before = _c[place];
            sum = before.Plus(sum);
        }

        _c[place] = sum;
    }
}
