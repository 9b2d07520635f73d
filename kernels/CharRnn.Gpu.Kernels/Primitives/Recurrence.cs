using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// Computes the two chains through time of a layer, for a block of its states. Its streams depend on no other streams. All cells share the
/// products; <see cref="Cells"/> has what follows them on a CPU, and <see cref="GroupRecurrence"/> elsewhere.
/// </summary>
public static unsafe class Recurrence
{
    /// <summary>The threads of a group that keeps Whh in its registers, and the most units for which they have room.</summary>
    public const int ResidentThreads = 256, ResidentSide = 128;

    /// <summary>
    /// Computes E1, E10 or E11. The lowest layer looks its inputs up; above, the gates hold the input's part of the pre-activations
    /// already.
    /// </summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="v">What is read and written.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="d">Sizes.</param>
    /// <param name="block">What to compute.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(ArrayView<float> scratch, ForwardViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block)
    {
        if (block.Count == 0 || block.Units == 0)
            return;
        int column = block.Column(d), columns = block.Columns(d);
        Layout panels = Layout.Panels(d.H), rows = Layout.Rows(d.GateRow);
        float* arena = Simd.Pointer(v.Weights.Arena), table = arena + layer.Wxh + column, bias = arena + layer.Bh + column;
        float* whh = arena + layer.Whh + panels.Offset(0, column);
        float* h = Simd.Pointer(v.H), c = Simd.Pointer(v.C), gates = Simd.Pointer(v.Gates), recurrent = Simd.Pointer(v.Recurrent);
        int* tokens = Simd.Pointer(v.Tokens) + block.First;
        bool isApart = CellKind.KeepsApart(d.Cell);
        for (int t = block.Begin; t < block.End; t++)
        {
            int place = block.GatesAt(d, layer.Gates, t);

            // Whole lines, because the product may add to the padding of the last one, too.
            if (layer.Index == 0)
                RowLookup.Gather(gates + place, table, tokens + (t * d.B), bias, block.Count, d.GateRow, Layout.WholeLines(columns));
            Product.Run(
                recurrent + place, rows, h + block.RowsAt(d, layer.H, t), d.HRow, whh, panels, block.Count, columns, d.H, !isApart, t);
            var p = new Cells.CellPointers
            {
                Gates = gates + place,
                Recurrent = recurrent + place,
                H = h + block.At(d, layer.H, t + 1),
                C = c + block.At(d, layer.C, t + 1),
                PreviousH = h + block.At(d, layer.H, t),
                PreviousC = c + block.At(d, layer.C, t),
                Bias = arena + layer.Bhn + block.Unit,
            };
            Cells.Forward(d.Cell, p, d, block.Count, block.Units);
        }
    }

    internal static void ForwardOnGroup(ArrayView<float> scratch, ForwardViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block)
    {
        if (block.Count > 0 && block.Units > 0)
            GroupRecurrence.Forward(scratch, v, layer, d, block);
    }

    /// <summary>
    /// Computes E6 and E7, or their counterparts of other cells, from the last time step to the first. Dh holds what comes from above.
    /// </summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="v">What is read and written.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="d">Sizes.</param>
    /// <param name="block">What to compute.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(ArrayView<float> scratch, TrainingViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block)
    {
        if (block.Count == 0 || block.Units == 0)
            return;
        Layout panels = Layout.Panels(d.Columns), rows = Layout.Rows(d.HRow);
        float* h = Simd.Pointer(v.Forward.H), c = Simd.Pointer(v.Forward.C), dh = Simd.Pointer(v.Dh), carry = Simd.Pointer(v.Carry);
        float* deltas = Simd.Pointer(v.Deltas), recurrent = Simd.Pointer(v.RecurrentDeltas);
        float* whh = Simd.Pointer(v.Update.Transposed) + layer.WhhTransposed + panels.Offset(0, block.Unit);
        float* carried = carry + block.At(d, 0, 0);
        if (d.Gates > 1 && block.End == d.T)
            for (int r = 0; r < block.Count; r++)
                new Span<float>(carried + ((long)r * d.HRow), Simd.WholeVectors(block.Units)).Clear();
        for (int t = block.End - 1; t >= block.Begin; t--)
        {
            float* now = dh + block.At(d, layer.Dh, t);
            if (t + 1 < d.T)
                Product.Run(
                    now, rows, recurrent + block.GateRowsAt(d, layer.Deltas, t + 1), d.GateRow, whh, panels, block.Count, block.Units,
                    d.Columns, true, t);
            int place = block.GatesAt(d, layer.Deltas, t);
            var p = new Cells.CellPointers
            {
                Gates = deltas + place,
                Recurrent = recurrent + place,
                H = h + block.At(d, layer.H, t + 1),
                C = c + block.At(d, layer.C, t + 1),
                PreviousH = h + block.At(d, layer.H, t),
                PreviousC = c + block.At(d, layer.C, t),
                Dh = now,
                Carry = carried,
            };
            Cells.Backward(d.Cell, p, d, block.Count, block.Units);
        }
    }

    internal static void BackwardOnGroup(ArrayView<float> scratch, TrainingViews v, RecurrentLayer layer, RnnDims d, HiddenBlock block)
    {
        if (block.Count > 0 && block.Units > 0)
            GroupRecurrence.Backward(scratch, v, layer, d, block);
    }
}
