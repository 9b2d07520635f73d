using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes a block of the gradient of a matrix, of either kind of network: <c>∇W = inputsᵀ·deltas</c> (E5, E8, N5).</summary>
internal static class GradientBlock
{
    /// <summary>Computes one block.</summary>
    /// <param name="scratch">The team's scratch.</param>
    /// <param name="status">The status of the steps, whose word <see cref="StepStatus.NonFinite"/> is set if a value is not finite.</param>
    /// <param name="gradient">∇W, <c>[inputs, outputs]</c> in panels, and whatever follows it.</param>
    /// <param name="panels">Where its elements lie.</param>
    /// <param name="inputs">The inputs of the matrix, <c>[rows, inputs]</c>.</param>
    /// <param name="inputRow">The length of their padded rows.</param>
    /// <param name="inputCount">The rows of the matrix, or the first of them of which this is the gradient.</param>
    /// <param name="deltas">The gradients of its outputs, <c>[rows, outputs]</c>.</param>
    /// <param name="deltaRow">The length of their padded rows.</param>
    /// <param name="outputCount">The columns of the matrix.</param>
    /// <param name="rows">The rows that are summed, in order.</param>
    /// <param name="block">The block.</param>
    /// <param name="grid">The grid of blocks.</param>
    public static void Run(
        ArrayView<float> scratch, ArrayView<int> status, ArrayView<float> gradient, Layout panels, ArrayView<float> inputs, int inputRow,
        int inputCount, ArrayView<float> deltas, int deltaRow, int outputCount, int rows, int block, BlockGrid grid)
    {
        int rowShare = block / grid.Columns, columnShare = block - (rowShare * grid.Columns);
        int first = Share.FourBegin(inputCount, rowShare, grid.Rows), count = Share.FourBegin(inputCount, rowShare + 1, grid.Rows) - first;
        int left = Share.PanelBegin(outputCount, columnShare, grid.Columns);
        int width = Share.PanelBegin(outputCount, columnShare + 1, grid.Columns) - left;
        if (count == 0 || width == 0)
            return;
        int begin = panels.Offset(first, left), end = begin + (Layout.PanelCount(width) * panels.Panel);
        Product.RunTransposed(
            scratch, gradient.SubView(begin, gradient.IntLength - begin), panels,
            inputs.SubView(first, (rows * inputRow) - first), inputRow, deltas.SubView(left, (rows * deltaRow) - left),
            Layout.Rows(deltaRow), count, width, rows);
        int length = count * Layout.PanelWidth;
        for (int panel = begin; panel < end; panel += panels.Panel)
            Reduction.FlagNonFinite(status, StepStatus.NonFinite, gradient.SubView(panel, length), length);
    }
}
