using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// Computes the chains in a thread group. For one stream of up to 128 vanilla units, the weights stay in the registers of the threads and
/// the state stays in the scratch, so that a time step reads no weights and waits at two barriers. Otherwise every time step is a product
/// with an epilogue, behind which cells with several gates compute unit by unit.
/// </summary>
internal static class GroupRecurrence
{
    // A thread of a resident group holds 16 rows of four columns; 32 threads cover the columns, and eight slices cover the rows.
    private const int ResidentSide = Recurrence.ResidentSide, TilesAcross = ResidentSide / GroupProduct.TileSide;

    // Where a resident group keeps the state that it multiplies: behind the sums of the slices.
    private const int State = Recurrence.ResidentThreads * GroupProduct.TileSide;

    /// <inheritdoc cref="Recurrence.Forward"/>
    public static void Forward(ArrayView<float> scratch, ForwardViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block)
    {
        if (Resides(d, block))
        {
            ForwardResident(scratch, v, layer, d, block);
            return;
        }

        Layout panels = Layout.Panels(d.H);
        ArrayView<float> whh = v.Weights.From(layer.Whh + panels.Offset(0, block.Column(d)));
        for (int t = block.Begin; t < block.End; t++)
        {
            GroupProduct.Run(
                scratch, new ForwardEpilogue(v, layer, d, block, t), From(v.H, block.RowsAt(d, layer.H, t)), d.HRow, whh, panels,
                block.Count, block.Columns(d), d.H);
            if (d.Gates > 1)
                Cells.ForwardOnGroup(v, layer, d, block, t);
        }
    }

    /// <inheritdoc cref="Recurrence.Backward"/>
    public static void Backward(ArrayView<float> scratch, TrainingViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block)
    {
        if (Resides(d, block))
        {
            BackwardResident(scratch, v, layer, d, block);
            return;
        }

        Layout panels = Layout.Panels(d.Columns);
        ArrayView<float> whh = From(v.Update.Transposed, layer.WhhTransposed + panels.Offset(0, block.Unit));
        for (int t = block.End - 1; t >= block.Begin; t--)
        {
            // Nothing comes back to the last time step, so its sum has no terms.
            bool last = t + 1 == d.T;
            GroupProduct.Run(
                scratch, new BackwardEpilogue(v, layer, d, block, t),
                From(v.RecurrentDeltas, block.GateRowsAt(d, layer.Deltas, last ? t : t + 1)), d.GateRow, whh, panels, block.Count,
                block.Units, last ? 0 : d.Columns);
            if (d.Gates > 1)
                Cells.BackwardOnGroup(v, layer, d, block, t);
        }
    }

    private static ArrayView<float> From(ArrayView<float> values, int place) => values.SubView(place, values.IntLength - place);

    private static bool Resides(RnnDims d, HiddenBlock block) =>
        d.Gates == 1 && block.Count == 1 && block.Units == d.H && d.H <= ResidentSide && block.End - block.Begin > 1
            && Group.DimX == Recurrence.ResidentThreads;

    private static void ForwardResident(ArrayView<float> scratch, ForwardViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block)
    {
        Resident weights = Resident.Load(v.Weights.From(layer.Whh), d.H);
        int unit = Group.IdxX;
        bool owner = unit < d.H;
        float bias = owner && layer.Index == 0 ? v.Weights.Arena[layer.Bh + unit] : 0f;
        if (unit < ResidentSide)
            scratch[State + unit] = owner ? v.H[block.At(d, layer.H, block.Begin) + unit] : 0f;
        Team.Barrier();
        for (int t = block.Begin; t < block.End; t++)
        {
            float input = 0f;
            if (owner && layer.Index == 0)
                input = v.Weights.Arena[layer.Wxh + (v.Tokens[(t * d.B) + block.First] * d.HRow) + unit] + bias;
            else if (owner)
                input = v.Gates[block.GatesAt(d, layer.Gates, t) + unit];
            weights.Multiply(scratch);
            if (owner)
            {
                float state = RnnCell.Forward(Resident.Sum(scratch) + input);
                v.H[block.At(d, layer.H, t + 1) + unit] = state;
                scratch[State + unit] = state;
            }

            Team.Barrier();
        }
    }

    private static void BackwardResident(ArrayView<float> scratch, TrainingViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block)
    {
        Resident weights = Resident.Load(From(v.Update.Transposed, layer.WhhTransposed), d.H);
        int unit = Group.IdxX;
        bool owner = unit < d.H;
        if (unit < ResidentSide)
            scratch[State + unit] = owner && block.End < d.T ? v.Deltas[block.GatesAt(d, layer.Deltas, block.End) + unit] : 0f;
        Team.Barrier();
        for (int t = block.End - 1; t >= block.Begin; t--)
        {
            float sent = owner ? v.Dh[block.At(d, layer.Dh, t) + unit] : 0f;
            float state = owner ? v.Forward.H[block.At(d, layer.H, t + 1) + unit] : 0f;
            weights.Multiply(scratch);
            if (owner)
            {
                float gradient = RnnCell.Backward(Resident.Sum(scratch) + sent, state);
                v.Deltas[block.GatesAt(d, layer.Deltas, t) + unit] = gradient;
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

    /// <summary>
    /// Adds the input's part of the pre-activations to the product, or keeps the two apart; of a vanilla cell it computes the state.
    /// </summary>
    /// <remarks>The views are made where they are used, because not every thread stores elements.</remarks>
    private readonly struct ForwardEpilogue(ForwardViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block, int t) : IEpilogue
    {
        private readonly ForwardViews _v = v;
        private readonly RecurrentLayer _layer = layer;
        private readonly RnnDims _d = d;
        private readonly HiddenBlock _block = block;
        private readonly int _t = t;

        public void Put(int row, int column, Float4 sum)
        {
            int tiles = _d.GateRow / GroupProduct.TileSide, tile = column / GroupProduct.TileSide, place = (row * tiles) + tile;
            int begin = _block.GatesAt(_d, _layer.Gates, _t), columns = _block.Column(_d);
            ArrayView<Float4> gates = Float4.Of(From(_v.Gates, begin));
            if (CellKind.KeepsApart(_d.Cell))
            {
                ArrayView<Float4> recurrent = Float4.Of(From(_v.Recurrent, begin));
                recurrent[place] = sum;
                sum = default;
            }

            Float4 z;
            if (_layer.Index == 0)
            {
                int token = _v.Tokens[(_t * _d.B) + _block.First + row];
                ArrayView<Float4> table = Float4.Of(_v.Weights.From(_layer.Wxh + columns));
                ArrayView<Float4> biases = Float4.Of(_v.Weights.From(_layer.Bh + columns));
                Float4 weights = table[(token * tiles) + tile], bias = biases[tile];
                z = sum.Plus(weights).Plus(bias);
            }
            else
            {
                Float4 input = gates[place];
                z = sum.Plus(input);
            }

            gates[place] = CellKind.Gates(_d.Cell) > 1 ? z
                : new Float4(RnnCell.Forward(z.X), RnnCell.Forward(z.Y), RnnCell.Forward(z.Z), RnnCell.Forward(z.W));
        }
    }

    /// <summary>Adds what comes from above to the product; of a vanilla cell it computes the gradient at the pre-activation.</summary>
    private readonly struct BackwardEpilogue(TrainingViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block, int t) : IEpilogue
    {
        private readonly TrainingViews _v = v;
        private readonly RecurrentLayer _layer = layer;
        private readonly RnnDims _d = d;
        private readonly HiddenBlock _block = block;
        private readonly int _t = t;

        public void Put(int row, int column, Float4 sum)
        {
            int place = (row * (_d.HRow / GroupProduct.TileSide)) + (column / GroupProduct.TileSide);
            ArrayView<Float4> gradients = Float4.Of(From(_v.Dh, _block.At(_d, _layer.Dh, _t)));
            Float4 dh = gradients[place];
            dh = dh.Plus(sum);
            if (_d.Gates == 1)
            {
                ArrayView<Float4> states = Float4.Of(From(_v.Forward.H, _block.At(_d, _layer.H, _t + 1)));
                Float4 h = states[place];
                dh = new Float4(
                    RnnCell.Backward(dh.X, h.X), RnnCell.Backward(dh.Y, h.Y), RnnCell.Backward(dh.Z, h.Z), RnnCell.Backward(dh.W, h.W));
            }

            gradients[place] = dh; // a vanilla cell has its deltas in the place of dh
        }
    }
}
