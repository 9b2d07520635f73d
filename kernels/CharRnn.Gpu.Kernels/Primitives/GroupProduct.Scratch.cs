using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Products whose elements other code takes from the scratch.</summary>
internal static partial class GroupProduct
{
    /// <summary>Whether the scratch can hold the sums of a product of this size.</summary>
    public static bool FitsScratch(int m, int n) => RowsOfTiles(m) / TileSide * ((n + TileSide - 1) / TileSide) <= Slots;

    /// <summary>The most rows that fit if there are so many columns.</summary>
    public static int RowsInScratch(int n) => Slots / ((n + TileSide - 1) / TileSide) * TileSide;

    /// <summary>The rows for which so many take room: a tile has one or four rows, and takes the room of four.</summary>
    public static int RowsOfTiles(int m) => m < TileSide ? TileSide * m : (m + TileSide - 1) / TileSide * TileSide;

    /// <summary>
    /// Products with one right side, one after the other, which fit the scratch. What a thread does in all of them is found once: in each
    /// time step, the divisions would take as long as a good part of the product. It keeps little, because registers are few.
    /// </summary>
    public readonly struct ScratchProduct
    {
        private readonly ArrayView<float> _b;
        private readonly TileSlice _first;
        private readonly int _tiles, _slices, _across, _tileRows;

        /// <summary>Plans products <c>A[m,k] · B[k,n]</c>, where B is in panels.</summary>
        public ScratchProduct(int aRow, ArrayView<float> b, int m, int n, int k)
        {
            var tiling = Divide(m, n, k);
            (_b, _first) = (b, tiling.Slice(Group.IdxX, aRow, Layout.Panels(k)));
            (_tiles, _slices, _across, _tileRows) = (tiling.Tiles, tiling.Slices, tiling.Across, tiling.TileRows);
        }

        /// <summary>Computes the product of a left side, with the sizes that it was planned for; it is complete behind a barrier.</summary>
        public void Run(ArrayView<float> scratch, ArrayView<float> a, int aRow, int m, int n, int k)
        {
            for (int work = Group.IdxX; work < _tiles * _slices; work += Group.DimX)
            {
                TileSlice slice = work == Group.IdxX ? _first : Divide(m, n, k).Slice(work, aRow, Layout.Panels(k));
                Sum(scratch, work, _tileRows, slice, a, aRow, _b);
            }
        }

        /// <summary>An element of the product.</summary>
        public float Element(ArrayView<float> scratch, int row, int column)
        {
            int slice = _tiles * TileSide, place = PlaceInScratch(row, column);
            if (_slices < 4)
                return _slices == 1 ? scratch[place] : scratch[place] + scratch[place + slice];
            float sum0 = 0f, sum1 = 0f, sum2 = 0f, sum3 = 0f;
            for (int left = _slices; left > 0; left -= 4)
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
        /// Elements of a row, whose columns are a panel's width apart; if there are three, the last is not one.
        /// </summary>
        public Float4 GateElements(ArrayView<float> scratch, int row, int column, int gates)
        {
            int place = PlaceInScratch(row, column), last = gates > 3 ? 3 * Layout.PanelWidth : 0;
            Float4 sum = default;
            for (int left = _slices; left > 0; left--)
            {
                sum = sum.Plus(
                    new Float4(
                        scratch[place], scratch[place + Layout.PanelWidth], scratch[place + (2 * Layout.PanelWidth)],
                        scratch[place + last]));
                place += _tiles * TileSide;
            }

            return sum;
        }

        private static Tiling Divide(int m, int n, int k) => new(m < TileSide ? 1 : TileSide, m, n, k, LeastSliceStepsInScratch);

        private int PlaceInScratch(int row, int column)
        {
            int down = _tileRows == 1 ? row : row / TileSide, i = _tileRows == 1 ? 0 : row % TileSide;
            return (((i * Slots) + (down * _across) + (column / TileSide)) * TileSide) + (column % TileSide);
        }
    }
}
