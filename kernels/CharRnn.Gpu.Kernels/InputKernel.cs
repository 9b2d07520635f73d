using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>
/// Computes the products between two layers for all time steps at once: forward the upper one's input, or back what it sends to the lower
/// one.
/// </summary>
/// <remarks>
/// <code>x·Wxh + bh: see HiddenPass;   dh = da·Wxhᵀ: see BackwardPass</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    one group per block of rows (t, b) × columns; forward behind the lower layer's HiddenKernel, back behind the upper one's
///            ChainKernel.
/// Writes:    the upper layer's gates, or the lower layer's dh, of its block.
/// Reference: ReferenceRnn.Run.
/// </remarks>
public static class InputKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments step, int l, int back, BlockGrid grid)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        int team = Team.Index(), rowShare = team / grid.Columns, columnShare = team - (rowShare * grid.Columns), rows = d.T * d.B;
        int row = Share.Begin(rows, rowShare, grid.Rows), count = Share.Begin(rows, rowShare + 1, grid.Rows) - row;
        int all = back != 0 ? d.H : d.Columns, column = Share.PanelBegin(all, columnShare, grid.Columns);
        int columns = Share.PanelBegin(all, columnShare + 1, grid.Columns) - column;
        var scratch = Team.Scratch();
        RecurrentLayer layer = v.Forward.Layers[l];
        if (count == 0 || columns == 0)
            return;
        if (back != 0)
            BackwardPass.Below(scratch, v, d, layer, step.Dropout, row, count, column, columns);
        else
            HiddenPass.Inputs(scratch, v.Forward, d, layer, row, count, column, columns);
    }
}
