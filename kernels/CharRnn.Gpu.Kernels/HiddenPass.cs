using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the states of the time steps of a step, layer by layer (E1, E10–E12).</summary>
/// <remarks>
/// <code>
/// h[t] = tanh(x·Wxh + h[t-1]·Whh + bh)   (E1; E10 and E11 in other cells)
/// x = onehot x[t] at the lowest layer; above, h[t] ⊙ m / (1 - p) of the layer below   (E12)
/// </code>
/// Shapes:    x [T,B]  h [T+1,B,H]  Wxh [V,G·H], above the lowest layer [H,G·H]  Whh [H,G·H]  bh [G·H].
/// Launch:    kernels call it; streams depend on no other streams.
/// Writes:    tokens, gates and states of the given streams; h[-1] becomes the state that the step before left in h[T-1], or zero.
/// Reference: ReferenceRnn.Run, ReferenceCell.Forward.
/// </remarks>
public static class HiddenPass
{
    /// <summary>Runs the pass for some streams.</summary>
    public static void Run(ArrayView<float> scratch, ForwardViews v, RnnDims d, StepArguments step, int first, int count)
    {
        var block = HiddenBlock.Streams(d, 0, d.T, first, count);
        Begin(v, d, step, first, count);
        for (int l = 0; l < d.Layers; l++)
        {
            RecurrentLayer layer = v.Layers[l];
            if (l > 0)
                InputsOfBlock(scratch, v, d, layer, block);
            Steps(scratch, v, d, layer, step.Dropout, block);
        }
    }

    /// <summary>Fetches the characters and the states that the step before left.</summary>
    internal static void Begin(ForwardViews v, RnnDims d, StepArguments step, int first, int count)
    {
        Tokens.Gather(v.Tokens, d.B, v.Window, step.WindowLength, step.Position, first, count, d.T + 1);
        for (int l = 0; l < d.Layers; l++)
        {
            Carry(v.H, v.Layers[l].H, d, step, first, count);
            if (CellKind.HasCellState(d.Cell))
                Carry(v.C, v.Layers[l].C, d, step, first, count);
        }
    }

    private static void Carry(ArrayView<float> states, int begin, RnnDims d, StepArguments step, int first, int count)
    {
        int to = begin + (first * d.HRow), from = to + (d.T * d.B * d.HRow), length = count * d.HRow;
        if (step.StartsOver != 0)
            Rows.Zero(states.SubView(to, length), length);
        else
            Rows.Copy(states.SubView(to, length), states.SubView(from, length), length);
    }

    /// <summary>Computes the input's part of the gates of a block of a higher layer for all time steps.</summary>
    internal static void InputsOfBlock(ArrayView<float> scratch, ForwardViews v, RnnDims d, RecurrentLayer layer, HiddenBlock block)
    {
        if (block.Count == 0 || block.Units == 0)
            return;
        for (int t = 0, steps = OutputPass.StepsAtOnce(d, block.Count); t < d.T; t += steps)
            Inputs(
                scratch, v, d, layer, (t * d.B) + block.First, (t + steps < d.T ? steps : d.T - t) * block.Count, block.Column(d),
                block.Columns(d));
    }

    /// <summary>Computes the input's part of some gates, <c>x·Wxh + bh</c>, for rows (t, b), which may come in any order.</summary>
    internal static void Inputs(
        ArrayView<float> scratch, ForwardViews v, RnnDims d, RecurrentLayer layer, int row, int rows, int column, int columns)
    {
        Layout panels = Layout.Panels(d.H);
        int place = layer.Gates + (row * d.GateRow) + column;
        var gates = v.Gates.SubView(place, (rows * d.GateRow) - column);
        var x = v.X.SubView(v.Layers[layer.Index - 1].Above + (row * d.HRow), rows * d.HRow);

        // Whole lines, because the product adds to the padding of the last one, too: what a step that was not finite left there must go.
        Rows.Fill(gates, v.Weights.From(layer.Bh + column), rows, d.GateRow, Layout.WholeLines(columns));
        Product.Run(
            scratch, gates, Layout.Rows(d.GateRow), x, d.HRow, v.Weights.From(layer.Wxh + panels.Offset(0, column)), panels, rows, columns,
            d.H, 1, 0);
    }

    /// <summary>Computes some time steps of a layer, and what the layer above, or the output, reads of them.</summary>
    internal static void Steps(
        ArrayView<float> scratch, ForwardViews v, RnnDims d, RecurrentLayer layer, DropoutArguments dropout, HiddenBlock block)
    {
        Recurrence.Forward(scratch, v, layer, d, block);
        if (!dropout.Drops || block.Count == 0 || block.Units == 0)
            return;
        for (int t = block.Begin; t < block.End; t++)
        {
            int to = block.At(d, layer.Above, t), from = block.At(d, layer.H, t + 1), length = (block.Count * d.HRow) - block.Unit;
            Dropout.Apply(
                v.X.SubView(to, length), v.H.SubView(from, length), block.Count, d.HRow, block.Units, d.RowOfAll(t, block.First),
                block.Unit, layer.Index, dropout);
        }
    }
}
