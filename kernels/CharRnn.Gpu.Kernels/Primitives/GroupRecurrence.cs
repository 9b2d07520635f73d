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
    public static void Forward(
        ArrayView<float> scratch, ForwardViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block, TimeStepMeeting meeting)
    {
        if (Resides(d, block))
        {
            ForwardResident(scratch, v, layer, d, block);
            return;
        }

        if (block.IsEmpty)
            return; // a GPU's grid has no team without units whose meetings others wait for

        (int streams, int units) = InScratch(block, d.Gates);
        bool isOne = streams == block.Count && units >= block.Units;
        int first = 0, unit = 0, t = block.Begin;
        var part = BlockPart.OfForward(v, layer, d, block.Part(0, streams, 0, units));
        while (t < block.End)
        {
            ForwardStep(scratch, v, layer, d, part, t);
            unit += units;
            if (unit >= block.Units)
            {
                (first, unit) = (first + streams, 0);
                if (first >= block.Count)
                {
                    if (t + 1 < block.End)
                        meeting.MeetOnGroup(t - block.Begin);
                    (first, t) = (0, t + 1);
                }
            }

            // One part stays what it is. Only this, and no loops within each other, keeps ILGPU from finding it anew in each time step.
            if (!isOne)
                part = BlockPart.OfForward(v, layer, d, block.Part(first, streams, unit, units));
        }
    }

    /// <inheritdoc cref="Recurrence.Backward"/>
    public static void Backward(
        ArrayView<float> scratch, TrainingViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block, TimeStepMeeting meeting)
    {
        if (Resides(d, block))
        {
            BackwardResident(scratch, v, layer, d, block);
            return;
        }

        if (block.IsEmpty)
            return; // a GPU's grid has no team without units whose meetings others wait for

        (int streams, int units) = InScratch(block, 1);
        bool isOne = streams == block.Count && units >= block.Units;
        int first = 0, unit = 0, t = block.End - 1;
        var part = BlockPart.OfBackward(v, layer, d, block.Part(0, streams, 0, units));
        while (t >= block.Begin)
        {
            BackwardStep(scratch, v, layer, d, part, t);
            unit += units;
            if (unit >= block.Units)
            {
                (first, unit) = (first + streams, 0);
                if (first >= block.Count)
                {
                    if (t > block.Begin)
                        meeting.MeetOnGroup(block.End - 1 - t);
                    (first, t) = (0, t - 1);
                }
            }

            // As on the way forward.
            if (!isOne)
                part = BlockPart.OfBackward(v, layer, d, block.Part(first, streams, unit, units));
        }
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
        ArrayView<float> scratch, ForwardViews v, RecurrentLayer layer, RnnDims d, BlockPart part, int t)
    {
        HiddenBlock block = part.Block;
        part.Product.Run(scratch, From(v.H, block.RowsAt(d, layer.H, t)), d.HRow, block.Count, block.Columns(d), d.H);
        BlockElement element = part.First;
        Float4 input = element.Row < block.Count ? Input(v, layer, d, block, t, element) : default;
        Team.Barrier();
        while (element.Row < block.Count)
        {
            int place = (element.Row * d.HRow) + element.Unit, column = GateColumns.Of(element.Unit, 0, d.Gates);
            int gates = block.GatesAt(d, layer.Gates, t) + (element.Row * d.GateRow) + column;
            int h = block.At(d, layer.H, t + 1) + place, previousH = block.At(d, layer.H, t) + place;
            if (d.Gates == 1)
            {
                v.H[h] = RnnCell.Forward(part.Product.Element(scratch, element.Row, column) + input.X);
            }
            else
            {
                Float4 sum = part.Product.GateElements(scratch, element.Row, column, d.Gates);
                if (d.Cell == CellKind.Lstm)
                    LstmCell.Forward(v, sum.Plus(input), gates, h, block.At(d, layer.C, t + 1) + place, block.At(d, layer.C, t) + place);
                else
                    GruCell.Forward(v, input, sum, gates, h, previousH, layer.Bhn + block.Unit + element.Unit);
            }

            element = part.Next(element);
            if (element.Row < block.Count)
                input = Input(v, layer, d, block, t, element);
        }

        Team.Barrier();
    }

    /// <summary>The input's part of a unit's pre-activations: the lowest layer looks it up.</summary>
    private static Float4 Input(ForwardViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block, int t, BlockElement element)
    {
        int column = GateColumns.Of(element.Unit, 0, d.Gates);
        if (layer.Index > 0)
            return GatesAt(v.Gates, block.GatesAt(d, layer.Gates, t) + (element.Row * d.GateRow) + column, d.Gates);
        int token = v.Tokens[(t * d.B) + block.First + element.Row], first = block.Column(d) + column;
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
        ArrayView<float> scratch, TrainingViews v, RecurrentLayer layer, RnnDims d, BlockPart part, int t)
    {
        // Nothing comes back to the last time step.
        bool last = t + 1 == d.T;
        HiddenBlock block = part.Block;
        if (!last)
            part.Product.Run(
                scratch, From(v.RecurrentDeltas, block.GateRowsAt(d, layer.Deltas, t + 1)), d.GateRow, block.Count, block.Units, d.Columns);
        Team.Barrier();
        for (BlockElement element = part.First; element.Row < block.Count; element = part.Next(element))
        {
            int place = (element.Row * d.HRow) + element.Unit;
            int dh = block.At(d, layer.Dh, t) + place, gates = block.GatesAt(d, layer.Deltas, t) + (element.Row * d.GateRow);
            float gradient = v.Dh[dh] + (last ? 0f : part.Product.Element(scratch, element.Row, element.Unit));
            if (d.Gates == 1)
            {
                v.Deltas[gates + element.Unit] = RnnCell.Backward(gradient, v.Forward.H[block.At(d, layer.H, t + 1) + place]);
            }
            else
            {
                int gate = gates + GateColumns.Of(element.Unit, 0, d.Gates), carry = block.At(d, 0, 0) + place;
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

    /// <summary>
    /// A part of a block whose sums fit the scratch, and what is the same in all of its time steps: the product's division among threads,
    /// and the units that this thread computes.
    /// </summary>
    private readonly struct BlockPart
    {
        public readonly HiddenBlock Block;
        public readonly GroupProduct.ScratchProduct Product;

        /// <summary>The first unit that this thread computes. If there is none, its row lies behind the last one.</summary>
        public readonly BlockElement First;

        // What leads from one of its units to the next.
        private readonly int _down, _across;

        private BlockPart(HiddenBlock block, GroupProduct.ScratchProduct product)
        {
            (Block, Product, _down) = (block, product, Group.DimX / block.Units);
            _across = Group.DimX - (_down * block.Units);
            int row = Group.IdxX / block.Units;
            First = new BlockElement(row, Group.IdxX - (row * block.Units));
        }

        public static BlockPart OfForward(ForwardViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block) =>
            new(block, new GroupProduct.ScratchProduct(
                d.HRow, v.Weights.From(layer.Whh + Layout.Panels(d.H).Offset(0, block.Column(d))), block.Count, block.Columns(d), d.H));

        public static BlockPart OfBackward(TrainingViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block) =>
            new(block, new GroupProduct.ScratchProduct(
                d.GateRow, From(v.Update.Transposed, layer.WhhTransposed + Layout.Panels(d.Columns).Offset(0, block.Unit)), block.Count,
                block.Units, d.Columns));

        public BlockElement Next(BlockElement element)
        {
            int row = element.Row + _down, unit = element.Unit + _across;
            return unit < Block.Units ? new BlockElement(row, unit) : new BlockElement(row + 1, unit - Block.Units);
        }
    }

    /// <summary>A unit of a stream: their numbers in a block.</summary>
    private readonly struct BlockElement(int row, int unit)
    {
        public readonly int Row = row, Unit = unit;
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
