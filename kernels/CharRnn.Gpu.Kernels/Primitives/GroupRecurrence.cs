using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// Computes the chains in a thread group. For one stream of up to 128 units, the weights stay in the registers of the threads and the
/// state stays in the scratch, so that a time step reads no weights and waits at two barriers. Otherwise every time step is a product
/// with an epilogue.
/// </summary>
internal static class GroupRecurrence
{
    // A thread of a resident group holds 16 rows of four columns; 32 threads cover the columns, and eight slices cover the rows.
    private const int ResidentSide = Recurrence.ResidentSide, TilesAcross = ResidentSide / GroupProduct.TileSide;

    // Where a resident group keeps the state that it multiplies: behind the sums of the slices.
    private const int State = Recurrence.ResidentThreads * GroupProduct.TileSide;

    /// <inheritdoc cref="Recurrence.Forward"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Forward(
        ArrayView<float> scratch, ArrayView<float> h, ArrayView<int> tokens, ParameterViews w, RnnDims d, HiddenBlock block)
    {
        if (Resides(d, block))
        {
            ForwardResident(scratch, h, tokens, w, d, block);
            return;
        }

        var whole = HiddenBlock.Streams(d, block.Begin, block.End, block.First, block.Count);
        Layout panels = Layout.Panels(d.H);
        int from = panels.Offset(0, block.Unit);
        for (int t = block.Begin; t < block.End; t++)
        {
            var epilogue = new ForwardEpilogue(
                block.At(h, d, t + 1), tokens.SubView((t * d.B) + block.First, block.Count),
                w.Wxh.SubView(block.Unit, w.Wxh.IntLength - block.Unit), w.Bh.SubView(block.Unit, w.Bh.IntLength - block.Unit), d.HRow);
            GroupProduct.Run(
                scratch, epilogue, whole.At(h, d, t), d.HRow, w.Whh.SubView(from, w.Whh.IntLength - from), panels,
                block.Count, block.Units, d.H);
        }
    }

    /// <inheritdoc cref="Recurrence.Backward"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Backward(
        ArrayView<float> scratch, ArrayView<float> da, ArrayView<float> h, ArrayView<float> whhTransposed, RnnDims d, HiddenBlock block)
    {
        if (Resides(d, block))
        {
            BackwardResident(scratch, da, h, whhTransposed, d, block);
            return;
        }

        var whole = HiddenBlock.Streams(d, block.Begin, block.End, block.First, block.Count);
        Layout panels = Layout.Panels(d.H);
        int from = panels.Offset(0, block.Unit);
        for (int t = block.End - 1; t >= block.Begin; t--)
        {
            // Nothing comes back to the last time step, so its sum has no terms.
            bool last = t + 1 == d.T;
            GroupProduct.Run(
                scratch, new BackwardEpilogue(block.At(da, d, t), block.At(h, d, t + 1), d.HRow), whole.At(da, d, last ? t : t + 1), d.HRow,
                whhTransposed.SubView(from, whhTransposed.IntLength - from), panels, block.Count, block.Units, last ? 0 : d.H);
        }
    }

    private static bool Resides(RnnDims d, HiddenBlock block) =>
        block.Count == 1 && block.Units == d.H && d.H <= ResidentSide && block.End - block.Begin > 1
            && Group.DimX == Recurrence.ResidentThreads;

    private static void ForwardResident(
        ArrayView<float> scratch, ArrayView<float> h, ArrayView<int> tokens, ParameterViews w, RnnDims d, HiddenBlock block)
    {
        Resident weights = Resident.Load(w.Whh, d.H);
        int unit = Group.IdxX;
        bool owner = unit < d.H;
        float bias = owner ? w.Bh[unit] : 0f;
        if (unit < ResidentSide)
            scratch[State + unit] = owner ? block.At(h, d, block.Begin)[unit] : 0f;
        Team.Barrier();
        for (int t = block.Begin; t < block.End; t++)
        {
            float input = owner ? w.Wxh[(tokens[(t * d.B) + block.First] * d.HRow) + unit] + bias : 0f;
            weights.Multiply(scratch);
            if (owner)
            {
                float state = KernelMath.Tanh(Resident.Sum(scratch) + input);
                block.At(h, d, t + 1)[unit] = state;
                scratch[State + unit] = state;
            }

            Team.Barrier();
        }
    }

    private static void BackwardResident(
        ArrayView<float> scratch, ArrayView<float> da, ArrayView<float> h, ArrayView<float> whhTransposed, RnnDims d, HiddenBlock block)
    {
        Resident weights = Resident.Load(whhTransposed, d.H);
        int unit = Group.IdxX;
        bool owner = unit < d.H;
        if (unit < ResidentSide)
            scratch[State + unit] = owner && block.End < d.T ? block.At(da, d, block.End)[unit] : 0f;
        Team.Barrier();
        for (int t = block.End - 1; t >= block.Begin; t--)
        {
            float sent = owner ? block.At(da, d, t)[unit] : 0f, state = owner ? block.At(h, d, t + 1)[unit] : 0f;
            weights.Multiply(scratch);
            if (owner)
            {
                float gradient = (Resident.Sum(scratch) + sent) * (1f - (state * state));
                block.At(da, d, t)[unit] = gradient;
                scratch[State + unit] = gradient;
            }

            Team.Barrier();
        }
    }

    /// <summary>The elements of a matrix that a thread holds in its registers.</summary>
    private readonly struct Resident(Tile w0, Tile w1, Tile w2, Tile w3)
    {
        private readonly Tile _w0 = w0, _w1 = w1, _w2 = w2, _w3 = w3;

        public static Resident Load(ArrayView<float> matrix, int side)
        {
            ArrayView<Float4> wide = Float4.Of(matrix);
            int row = Group.IdxX / TilesAcross * 16;
            return new Resident(Rows(wide, row, side), Rows(wide, row + 4, side), Rows(wide, row + 8, side), Rows(wide, row + 12, side));
        }

        /// <summary>Multiplies the state by the matrix, and leaves the sums of the slices in the scratch.</summary>
        public void Multiply(ArrayView<float> scratch)
        {
            ArrayView<Float4> wide = Float4.Of(scratch);
            int place = (State / GroupProduct.TileSide) + (Group.IdxX / TilesAcross * 4);
            Float4 first = Add(Add(default, wide[place], _w0), wide[place + 1], _w1);
            wide[Group.IdxX] = Add(Add(first, wide[place + 2], _w2), wide[place + 3], _w3);
            Team.Barrier();
        }

        /// <summary>Adds the sums of the slices for the element of the product that this thread owns.</summary>
        public static float Sum(ArrayView<float> scratch)
        {
            int unit = Group.IdxX;
            float low = scratch[unit] + scratch[unit + ResidentSide]
                + (scratch[unit + (2 * ResidentSide)] + scratch[unit + (3 * ResidentSide)]);
            float high = scratch[unit + (4 * ResidentSide)] + scratch[unit + (5 * ResidentSide)]
                + (scratch[unit + (6 * ResidentSide)] + scratch[unit + (7 * ResidentSide)]);
            return low + high;
        }

        private static Tile Rows(ArrayView<Float4> matrix, int row, int side) =>
            new(Row(matrix, row, side), Row(matrix, row + 1, side), Row(matrix, row + 2, side), Row(matrix, row + 3, side));

        private static Float4 Row(ArrayView<Float4> matrix, int row, int side)
        {
            int column = Group.IdxX % TilesAcross * GroupProduct.TileSide;
            return row < side && column < side ? matrix[Layout.Panels(side).Offset(row, column) / GroupProduct.TileSide] : default;
        }

        private static Float4 Add(Float4 sum, Float4 state, Tile w) =>
            sum.Plus(state.X, w.R0).Plus(state.Y, w.R1).Plus(state.Z, w.R2).Plus(state.W, w.R3);
    }

    /// <summary>Computes what E1 has besides its product.</summary>
    private readonly struct ForwardEpilogue(
        ArrayView<float> to, ArrayView<int> tokens, ArrayView<float> table, ArrayView<float> bias, int row) : IEpilogue
    {
        private readonly ArrayView<float> _to = to, _table = table, _bias = bias;
        private readonly ArrayView<int> _tokens = tokens;
        private readonly int _row = row;

        public void Put(int row, int column, float sum) =>
            _to[(row * _row) + column] = KernelMath.Tanh(sum + _table[(_tokens[row] * _row) + column] + _bias[column]);
    }

    /// <summary>Computes what E6 and E7 have besides their product.</summary>
    private readonly struct BackwardEpilogue(ArrayView<float> da, ArrayView<float> h, int row) : IEpilogue
    {
        private readonly ArrayView<float> _da = da, _h = h;
        private readonly int _row = row;

        public void Put(int row, int column, float sum)
        {
            int place = (row * _row) + column;
            _da[place] = (_da[place] + sum) * (1f - (_h[place] * _h[place]));
        }
    }
}
