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
            int slot = tiling.Slot(work);
            Sum(scratch, slot, tiling.TileRows, tiling.Slice(work, aRow, bLayout), a, aRow, b);
            tiling.Put(scratch, slot, c, work);
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
            int slot = tiling.Slot(work);
            (int row, int column, int begin, int steps) = tiling.Part(work);
            TransposedTile(scratch, slot, a.At(begin, row), b, bLayout, bLayout.Offset(begin, column), steps);
            tiling.Put(scratch, slot, c, work);
        }

        tiling.Finish(scratch, c);
    }

    /// <summary>Computes a slice of a tile of a product, and leaves it in the scratch.</summary>
    private static void Sum(
        ArrayView<float> scratch, int slot, int tileRows, TileSlice slice, ArrayView<float> a, int aRow, ArrayView<float> b)
    {
        ArrayView<Float4> left = From(Float4.Of(a), slice.Left / TileSide), right = From(Float4.Of(b), slice.Right / TileSide);
        if (tileRows == 1)
            RowTile(scratch, slot, left, right, slice.Steps);
        else
            SquareTile(scratch, slot, left, aRow / TileSide, slice.Below, right, slice.Steps);
    }

    /// <summary>Computes 1 × 4 elements, and leaves them in the scratch.</summary>
    private static void RowTile(ArrayView<float> scratch, int slot, ArrayView<Float4> left, ArrayView<Float4> right, int steps)
    {
        ArrayView<Float4> sums = Float4.Of(scratch);
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

        sums[slot] = total;
    }

    /// <summary>
    /// Computes 4 × 4 elements, where A is stored row by row, and leaves them in the scratch. Rows past the last repeat it; their sums are
    /// not used.
    /// </summary>
    private static void SquareTile(
        ArrayView<float> scratch, int slot, ArrayView<Float4> row0, int next, int below, ArrayView<Float4> right, int steps)
    {
        Sums sums = Sums.Of(scratch, slot, steps < 8);
        if (steps == 0)
            return;

        // Views that move on, because a compiler can add their constant indices to the addresses of loads. At last they lie behind the
        // operands' ends, where nothing is read.
        ArrayView<Float4> row1 = From(row0, below > 0 ? next : 0), row2 = From(row1, below > 1 ? next : 0);
        var left = new FourRows(row0, row1, row2, From(row2, below > 2 ? next : 0));
        bool isFirst = true;
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

            sums.Add(sum, isFirst);
            isFirst = false;
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
        ArrayView<float> scratch, int slot, TLeft left, ArrayView<float> b, Layout bLayout, int place, int steps)
        where TLeft : struct, ITransposedLeft<TLeft>
    {
        Sums sums = Sums.Of(scratch, slot, steps < 8);
        if (steps == 0)
            return;
        int next = bLayout.Row / TileSide;
        ArrayView<Float4> right = From(Float4.Of(b), place / TileSide);
        bool isFirst = true;
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

            sums.Add(sum, isFirst);
            isFirst = false;
        }

        if (steps == 0)
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

        public static Sums Of(ArrayView<float> scratch, int slot, bool areZero)
        {
            ArrayView<Float4> row0 = From(Float4.Of(scratch), slot), row1 = From(row0, Slots), row2 = From(row1, Slots);
            var sums = new Sums(row0, row1, row2, From(row2, Slots));
            if (areZero)
                sums.Write(default);
            return sums;
        }

        /// <summary>Adds a tile to what is there, or writes it if it is the first.</summary>
        public void Add(Tile tile, bool isFirst)
        {
            if (isFirst)
                Write(tile);
            else
                Write(Read().Plus(tile));
        }

        public Tile Read() => new(_row0[0], _row1[0], _row2[0], _row3[0]);

        public void Write(Tile tile) => (_row0[0], _row1[0], _row2[0], _row3[0]) = (tile.R0, tile.R1, tile.R2, tile.R3);
    }

    /// <summary>How a product is divided into tiles, and k into slices.</summary>
    private readonly struct Tiling
    {
        /// <summary>The number of tiles, of those side by side, of slices of each, and of rows of a tile.</summary>
        public readonly int Tiles, Across, Slices, TileRows;

        private readonly int _perSlice, _m, _k;

        public Tiling(int tileRows, int m, int n, int k, int leastSteps)
        {
            (TileRows, _m, _k) = (tileRows, m, k);
            Across = (n + TileSide - 1) / TileSide;
            Tiles = (tileRows == 1 ? m : (m + TileSide - 1) / TileSide) * Across;

            // There is no loop, because PoCL 6.0 never leaves one here.
            int threads = Slots / Tiles, most = k / leastSteps, room = threads < most ? threads : most;
            Slices = room >= 16 ? 16 : room >= 8 ? 8 : room >= 4 ? 4 : room >= 2 ? 2 : 1;
            _perSlice = (((k + Slices - 1) / Slices) + TileSide - 1) / TileSide * TileSide;
        }

        /// <summary>Where in the scratch a thread leaves a slice of a tile. If a tile has one slice, nobody else needs it.</summary>
        public int Slot(int work) => Slices > 1 ? work : Group.IdxX;

        /// <summary>
        /// The first row and the first column of a tile, and the steps of k that are summed as one of its slices, from where on; the last
        /// slices may have none.
        /// </summary>
        public (int Row, int Column, int Begin, int Steps) Part(int work)
        {
            int slice = work / Tiles, begin = slice * _perSlice, steps = _k - begin < _perSlice ? _k - begin : _perSlice;
            (int row, int column) = Place(work - (slice * Tiles));
            return steps > 0 ? (row, column, begin, steps) : (row, column, 0, 0);
        }

        /// <summary>Where a slice of a tile begins in the operands of a product whose left side is stored row by row.</summary>
        public TileSlice Slice(int work, int aRow, Layout bLayout)
        {
            (int row, int column, int begin, int steps) = Part(work);
            return new TileSlice((row * aRow) + begin, _m - 1 - row, bLayout.Offset(begin, column), steps);
        }

        /// <summary>The first row and the first column of a tile.</summary>
        public (int Row, int Column) Place(int tile)
        {
            int down = tile / Across;
            return (down * TileRows, (tile - (down * Across)) * TileSide);
        }

        /// <summary>Stores the elements of a tile, if it has one slice. Its sums are in the scratch.</summary>
        public void Put(ArrayView<float> scratch, int slot, Elements c, int work)
        {
            if (Slices > 1)
                return;
            (int row, int column) = Place(work);
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
    }

    /// <summary>A slice of a tile of a product whose left side is stored row by row.</summary>
    /// <param name="left">Where its first row begins in the left side.</param>
    /// <param name="below">The number of rows of the product below that row.</param>
    /// <param name="right">Where it begins in the right side.</param>
    /// <param name="steps">The steps of k.</param>
    private readonly struct TileSlice(int left, int below, int right, int steps)
    {
        public readonly int Left = left, Below = below, Right = right, Steps = steps;
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
