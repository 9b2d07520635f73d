using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// Computes the chains in a thread group. For one stream of up to 128 vanilla units, the weights stay in the registers of the threads and
/// the state stays in the scratch, so that a time step reads no weights and waits at two barriers. Otherwise every time step is a product,
/// whose sums threads take from the scratch unit by unit.
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

        (int streams, int units) = InScratch(block, d.Gates);
        for (int t = block.Begin; t < block.End; t++)
            for (int first = 0; first < block.Count; first += streams)
                for (int unit = 0; unit < block.Units; unit += units)
                    ForwardStep(scratch, v, layer, d, block.Part(first, streams, unit, units), t);
    }

    /// <inheritdoc cref="Recurrence.Backward"/>
    public static void Backward(ArrayView<float> scratch, TrainingViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block)
    {
        if (Resides(d, block))
        {
            BackwardResident(scratch, v, layer, d, block);
            return;
        }

        (int streams, int units) = InScratch(block, 1);
        for (int t = block.End - 1; t >= block.Begin; t--)
            for (int first = 0; first < block.Count; first += streams)
                for (int unit = 0; unit < block.Units; unit += units)
                    BackwardStep(scratch, v, layer, d, block.Part(first, streams, unit, units), t);
    }

    /// <summary>The streams and the units of a block that are computed at once, because the scratch can hold their sums.</summary>
    private static (int Streams, int Units) InScratch(HiddenBlock block, int gates)
    {
        if (GroupProduct.FitsScratch(block.Count, GateColumns.Count(block.Units, gates)))
            return (block.Count, block.Units);
        int most = GroupProduct.RowsInScratch(gates * Layout.PanelWidth), streams = block.Count < most ? block.Count : most;
        return (streams, most / GroupProduct.RowsOfTiles(streams) * Layout.PanelWidth);
    }

    /// <summary>
    /// Computes a time step of a block: each thread adds the sums of the product for a unit of a stream, and computes the unit. What it
    /// reads beside them is on its way before the threads wait for each other.
    /// </summary>
    private static void ForwardStep(
        ArrayView<float> scratch, ForwardViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block, int t)
    {
        Layout panels = Layout.Panels(d.H);
        GroupProduct.Tiling sums = GroupProduct.SumsInScratch(
            scratch, From(v.H, block.RowsAt(d, layer.H, t)), d.HRow, v.Weights.From(layer.Whh + panels.Offset(0, block.Column(d))), panels,
            block.Count, block.Columns(d), d.H);
        int elements = block.Count * block.Units, element = Group.IdxX;
        Float4 input = element < elements ? Input(v, layer, d, block, t, element) : default;
        Team.Barrier();
        while (element < elements)
        {
            int r = element / block.Units, u = element - (r * block.Units), place = (r * d.HRow) + u;
            int column = GateColumns.Of(u, 0, d.Gates);
            int gates = block.GatesAt(d, layer.Gates, t) + (r * d.GateRow) + column;
            int h = block.At(d, layer.H, t + 1) + place, previousH = block.At(d, layer.H, t) + place;
            if (d.Gates == 1)
            {
                v.H[h] = RnnCell.Forward(sums.Element(scratch, r, column) + input.X);
            }
            else
            {
                Float4 sum = sums.GateElements(scratch, r, column, d.Gates);
                if (d.Cell == CellKind.Lstm)
                    LstmCell.Forward(v, sum.Plus(input), gates, h, block.At(d, layer.C, t + 1) + place, block.At(d, layer.C, t) + place);
                else
                    GruCell.Forward(v, input, sum, gates, h, previousH, layer.Bhn + block.Unit + u);
            }

            element += Group.DimX;
            if (element < elements)
                input = Input(v, layer, d, block, t, element);
        }

        Team.Barrier();
    }

    /// <summary>The input's part of a unit's pre-activations: the lowest layer looks it up.</summary>
    private static Float4 Input(ForwardViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block, int t, int element)
    {
        int r = element / block.Units, column = GateColumns.Of(element - (r * block.Units), 0, d.Gates);
        if (layer.Index > 0)
            return GatesAt(v.Gates, block.GatesAt(d, layer.Gates, t) + (r * d.GateRow) + column, d.Gates);
        int token = v.Tokens[(t * d.B) + block.First + r], first = block.Column(d) + column;
        Float4 bias = GatesAt(v.Weights.Arena, layer.Bh + first, d.Gates);
        return GatesAt(v.Weights.Arena, layer.Wxh + (token * d.GateRow) + first, d.Gates).Plus(bias);
    }

    private static Float4 GatesAt(ArrayView<float> values, int place, int gates) =>
        gates == 1 ? new Float4(values[place], 0f, 0f, 0f)
            : new Float4(
                values[place], values[place + Layout.PanelWidth], values[place + (2 * Layout.PanelWidth)],
                gates == 3 ? 0f : values[place + (3 * Layout.PanelWidth)]);

    /// <summary>Computes the gradients of a time step of a block, too, unit by unit.</summary>
    private static void BackwardStep(
        ArrayView<float> scratch, TrainingViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block, int t)
    {
        // Nothing comes back to the last time step, so its sum has no terms.
        bool last = t + 1 == d.T;
        Layout panels = Layout.Panels(d.Columns);
        GroupProduct.Tiling sums = GroupProduct.SumsInScratch(
            scratch, From(v.RecurrentDeltas, block.GateRowsAt(d, layer.Deltas, last ? t : t + 1)), d.GateRow,
            From(v.Update.Transposed, layer.WhhTransposed + panels.Offset(0, block.Unit)), panels, block.Count, block.Units,
            last ? 0 : d.Columns);
        Team.Barrier();
        for (int element = Group.IdxX; element < block.Count * block.Units; element += Group.DimX)
        {
            int r = element / block.Units, u = element - (r * block.Units), place = (r * d.HRow) + u;
            int dh = block.At(d, layer.Dh, t) + place, gates = block.GatesAt(d, layer.Deltas, t) + (r * d.GateRow);
            float gradient = v.Dh[dh] + sums.Element(scratch, r, u);
            if (d.Gates == 1)
            {
                v.Deltas[gates + u] = RnnCell.Backward(gradient, v.Forward.H[block.At(d, layer.H, t + 1) + place]);
            }
            else
            {
                int gate = gates + GateColumns.Of(u, 0, d.Gates), carry = block.At(d, 0, 0) + place;
                float carried = last ? 0f : v.Carry[carry];
                v.Carry[carry] = d.Cell == CellKind.Lstm
                    ? LstmCell.Backward(
                        v, gate, gradient, carried, block.At(d, layer.C, t + 1) + place, block.At(d, layer.C, t) + place)
                    : GruCell.Backward(v, gate, gradient + carried, block.At(d, layer.H, t) + place);
            }
        }

        Team.Barrier();
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
}
