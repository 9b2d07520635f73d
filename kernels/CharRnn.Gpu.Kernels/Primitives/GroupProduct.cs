using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>What follows a <see cref="GroupProduct"/>: it takes each element of the product while that is in a register.</summary>
internal interface IEpilogue
{
    /// <summary>Takes the element at (row, column), a sum of products.</summary>
    void Put(int row, int column, float sum);
}

/// <summary>The left side of a product where it is a transpose: its rows are side by side in memory.</summary>
internal interface ITransposedLeft
{
    /// <summary>Loads four rows, from <paramref name="row"/> on, at a step of k.</summary>
    Float4 Load(int step, int row);
}

/// <summary>
/// Computes products in a thread group. Each thread keeps a tile of 4 × 4 elements, or of 1 × 4 where there are fewer rows, in its
/// registers. It reads the operands four floats at a time through the first-level cache; the scratch holds only partial sums.
/// </summary>
/// <remarks>
/// Where there are fewer tiles than threads, k is divided into slices. Each slice of a tile is summed by one thread, and the sums are
/// added in the order of the slices. The number of slices depends on the sizes alone. The rows of the operands are whole lines, and
/// begin at multiples of four floats. The methods are not inlined: a kernel has many products, and compiling each method once is enough.
/// </remarks>
internal static class GroupProduct
{
    /// <summary>Number of rows, and of columns, of a tile.</summary>
    public const int TileSide = 4;

    // Terms of a section, which are summed from zero: adding thousands of terms one after the other would lose digits.
    private const int SectionTerms = 256;

    // A slice has at least so many steps of k: fewer are not worth it.
    private const int SliceSteps = 16;

    /// <summary>Computes <c>A[m,k] · B[k,n]</c> and hands every element to <paramref name="epilogue"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TEpilogue>(
        ArrayView<float> scratch, TEpilogue epilogue, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout, int m, int n, int k)
        where TEpilogue : struct, IEpilogue
    {
        int tileRows = m < TileSide ? 1 : TileSide;
        var tiling = new Tiling(tileRows, m, n, k);
        for (int work = Group.IdxX; work < tiling.Tiles * tiling.Slices; work += Group.DimX)
        {
            int slice = work / tiling.Tiles, tile = work - (slice * tiling.Tiles), row = tiling.Row(tile), column = tiling.Column(tile);
            tiling.Put(scratch, epilogue, row, column, tileRows == 1
                ? RowTile(a, row * aRow, b, bLayout, column, tiling.Begin(slice), tiling.Stop(slice))
                : SquareTile(a, row, aRow, m, b, bLayout, column, tiling.Begin(slice), tiling.Stop(slice)));
        }

        tiling.Finish(scratch, epilogue);
    }

    /// <summary>Computes <c>A[k,m]ᵀ · B[k,n]</c> and hands every element to <paramref name="epilogue"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void RunTransposed<TLeft, TEpilogue>(
        ArrayView<float> scratch, TEpilogue epilogue, TLeft a, ArrayView<float> b, Layout bLayout, int m, int n, int k)
        where TLeft : struct, ITransposedLeft
        where TEpilogue : struct, IEpilogue
    {
        var tiling = new Tiling(TileSide, m, n, k);
        for (int work = Group.IdxX; work < tiling.Tiles * tiling.Slices; work += Group.DimX)
        {
            int slice = work / tiling.Tiles, tile = work - (slice * tiling.Tiles), row = tiling.Row(tile), column = tiling.Column(tile);
            tiling.Put(scratch, epilogue, row, column, TransposedTile(a, row, b, bLayout, column, tiling.Begin(slice), tiling.Stop(slice)));
        }

        tiling.Finish(scratch, epilogue);
    }

    /// <summary>Computes a tile of 1 × 4 elements, which are the first row of the result.</summary>
    private static Tile RowTile(ArrayView<float> a, int first, ArrayView<float> b, Layout bLayout, int column, int begin, int stop)
    {
        ArrayView<Float4> wideA = Float4.Of(a), wideB = Float4.Of(b);
        int place = bLayout.Offset(begin, column) / TileSide, next = bLayout.Row / TileSide;
        Float4 total = default;
        for (int section = begin; section < stop; section += SectionTerms)
        {
            int end = section + SectionTerms < stop ? section + SectionTerms : stop, step = section;
            Float4 sum = default;
            for (; step + 4 <= end; step += 4, place += 4 * next)
            {
                Float4 a0 = wideA[(first + step) / 4];
                Float4 b0 = wideB[place], b1 = wideB[place + next], b2 = wideB[place + (2 * next)], b3 = wideB[place + (3 * next)];
                sum = sum.Plus(a0.X, b0).Plus(a0.Y, b1).Plus(a0.Z, b2).Plus(a0.W, b3);
            }

            if (step < end)
            {
                Float4 a0 = wideA[(first + step) / 4];
                sum = sum.Plus(a0.X, wideB[place]);
                if (step + 1 < end)
                    sum = sum.Plus(a0.Y, wideB[place + next]);
                if (step + 2 < end)
                    sum = sum.Plus(a0.Z, wideB[place + (2 * next)]);
            }

            total = total.Plus(1f, sum);
        }

        return new Tile(total, default, default, default);
    }

    /// <summary>Computes 4 × 4 elements, where A is stored row by row. Rows past the last repeat it; their sums are not used.</summary>
    private static Tile SquareTile(
        ArrayView<float> a, int row, int aRow, int m, ArrayView<float> b, Layout bLayout, int column, int begin, int stop)
    {
        ArrayView<Float4> wideA = Float4.Of(a), wideB = Float4.Of(b);
        int p0 = row * aRow, p1 = (row + 1 < m ? row + 1 : m - 1) * aRow;
        int p2 = (row + 2 < m ? row + 2 : m - 1) * aRow, p3 = (row + 3 < m ? row + 3 : m - 1) * aRow;
        int place = bLayout.Offset(begin, column) / TileSide, next = bLayout.Row / TileSide;
        Tile total = default;
        for (int section = begin; section < stop; section += SectionTerms)
        {
            int end = section + SectionTerms < stop ? section + SectionTerms : stop, step = section;
            Tile sum = default;
            for (; step + 4 <= end; step += 4, place += 4 * next)
            {
                Float4 a0 = wideA[(p0 + step) / 4], a1 = wideA[(p1 + step) / 4], a2 = wideA[(p2 + step) / 4], a3 = wideA[(p3 + step) / 4];
                Float4 b0 = wideB[place], b1 = wideB[place + next], b2 = wideB[place + (2 * next)], b3 = wideB[place + (3 * next)];
                sum = sum.Plus(a0.X, a1.X, a2.X, a3.X, b0).Plus(a0.Y, a1.Y, a2.Y, a3.Y, b1)
                    .Plus(a0.Z, a1.Z, a2.Z, a3.Z, b2).Plus(a0.W, a1.W, a2.W, a3.W, b3);
            }

            if (step < end)
            {
                Float4 a0 = wideA[(p0 + step) / 4], a1 = wideA[(p1 + step) / 4], a2 = wideA[(p2 + step) / 4], a3 = wideA[(p3 + step) / 4];
                sum = sum.Plus(a0.X, a1.X, a2.X, a3.X, wideB[place]);
                if (step + 1 < end)
                    sum = sum.Plus(a0.Y, a1.Y, a2.Y, a3.Y, wideB[place + next]);
                if (step + 2 < end)
                    sum = sum.Plus(a0.Z, a1.Z, a2.Z, a3.Z, wideB[place + (2 * next)]);
            }

            total = total.Plus(sum);
        }

        return total;
    }

    /// <summary>Computes 4 × 4 elements, where A is a transpose, whose rows are side by side at every step of k.</summary>
    private static Tile TransposedTile<TLeft>(TLeft a, int row, ArrayView<float> b, Layout bLayout, int column, int begin, int stop)
        where TLeft : struct, ITransposedLeft
    {
        ArrayView<Float4> wideB = Float4.Of(b);
        int place = bLayout.Offset(begin, column) / TileSide, next = bLayout.Row / TileSide;
        Tile total = default;
        for (int section = begin; section < stop; section += SectionTerms)
        {
            int end = section + SectionTerms < stop ? section + SectionTerms : stop, step = section;
            Tile sum = default;
            for (; step + 8 <= end; step += 8, place += 8 * next)
            {
                // Loads take so long that sixteen at once are faster than eight: on an H100 the gradients take a sixth less with H = 1024.
                Float4 a0 = a.Load(step, row), a1 = a.Load(step + 1, row), a2 = a.Load(step + 2, row), a3 = a.Load(step + 3, row);
                Float4 b0 = wideB[place], b1 = wideB[place + next], b2 = wideB[place + (2 * next)], b3 = wideB[place + (3 * next)];
                Float4 a4 = a.Load(step + 4, row), a5 = a.Load(step + 5, row), a6 = a.Load(step + 6, row), a7 = a.Load(step + 7, row);
                Float4 b4 = wideB[place + (4 * next)], b5 = wideB[place + (5 * next)];
                Float4 b6 = wideB[place + (6 * next)], b7 = wideB[place + (7 * next)];
                sum = sum.Plus(a0, b0).Plus(a1, b1).Plus(a2, b2).Plus(a3, b3).Plus(a4, b4).Plus(a5, b5).Plus(a6, b6).Plus(a7, b7);
            }

            for (; step < end; step++, place += next)
                sum = sum.Plus(a.Load(step, row), wideB[place]);
            total = total.Plus(sum);
        }

        return total;
    }

    /// <summary>How a product is divided into tiles, and k into slices.</summary>
    private readonly struct Tiling
    {
        public readonly int Tiles, Slices;

        private readonly int _tileRows, _across, _perSlice, _m, _n, _k;

        public Tiling(int tileRows, int m, int n, int k)
        {
            (_tileRows, _m, _n, _k) = (tileRows, m, n, k);
            _across = (n + TileSide - 1) / TileSide;
            Tiles = (m + tileRows - 1) / tileRows * _across;

            // There is no loop, because PoCL 6.0 never leaves one here.
            int threads = Group.DimX / Tiles, room = threads < k / SliceSteps ? threads : k / SliceSteps;
            Slices = room >= 16 ? 16 : room >= 8 ? 8 : room >= 4 ? 4 : room >= 2 ? 2 : 1;
            _perSlice = (((k + Slices - 1) / Slices) + TileSide - 1) / TileSide * TileSide;
        }

        public int Begin(int slice) => slice * _perSlice;

        public int Stop(int slice) => Begin(slice) + _perSlice < _k ? Begin(slice) + _perSlice : _k;

        public int Row(int tile) => tile / _across * _tileRows;

        public int Column(int tile) => tile % _across * TileSide;

        /// <summary>Takes the sums of a tile, or of one slice of it where there are several.</summary>
        public void Put<TEpilogue>(ArrayView<float> scratch, TEpilogue epilogue, int row, int column, Tile sum)
            where TEpilogue : struct, IEpilogue
        {
            PutRow(scratch, epilogue, 0, row, column, sum.R0);
            if (_tileRows == 1)
                return;
            PutRow(scratch, epilogue, 1, row, column, sum.R1);
            PutRow(scratch, epilogue, 2, row, column, sum.R2);
            PutRow(scratch, epilogue, 3, row, column, sum.R3);
        }

        /// <summary>Adds the sums of the slices in their order, and hands out the elements.</summary>
        public void Finish<TEpilogue>(ArrayView<float> scratch, TEpilogue epilogue)
            where TEpilogue : struct, IEpilogue
        {
            Team.Barrier();
            if (Slices == 1)
                return;
            for (int work = Group.IdxX; work < Tiles * _tileRows * TileSide; work += Group.DimX)
            {
                int element = work / Tiles, tile = work - (element * Tiles);
                int row = Row(tile) + (element / TileSide), column = Column(tile) + (element % TileSide);
                float sum = 0f;
                for (int slice = 0; slice < Slices; slice++)
                    sum += scratch[(element * Group.DimX) + (slice * Tiles) + tile];
                if (row < _m && column < _n)
                    epilogue.Put(row, column, sum);
            }

            Team.Barrier();
        }

        private void PutRow<TEpilogue>(ArrayView<float> scratch, TEpilogue epilogue, int i, int row, int column, Float4 sum)
            where TEpilogue : struct, IEpilogue
        {
            if (Slices > 1)
            {
                int place = (i * TileSide * Group.DimX) + Group.IdxX;
                scratch[place] = sum.X;
                scratch[place + Group.DimX] = sum.Y;
                scratch[place + (2 * Group.DimX)] = sum.Z;
                scratch[place + (3 * Group.DimX)] = sum.W;
                return;
            }

            if (row + i >= _m)
                return;
            epilogue.Put(row + i, column, sum.X);
            if (column + 1 < _n)
                epilogue.Put(row + i, column + 1, sum.Y);
            if (column + 2 < _n)
                epilogue.Put(row + i, column + 2, sum.Z);
            if (column + 3 < _n)
                epilogue.Put(row + i, column + 3, sum.W);
        }
    }
}
