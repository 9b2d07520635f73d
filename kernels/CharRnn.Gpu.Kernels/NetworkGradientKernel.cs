using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the gradients of a feed-forward network's parameters (N5), and the loss of the step (N2).</summary>
/// <remarks>
/// <code>
/// ∇W[l] = δ[l]ᵀ h[l-1];   ∇b[l] = Σ δ[l]   (N5; with dropout h[l-1] ⊙ m / (1 - p), E12)
/// J = mean of the rows' losses             (N2)
/// </code>
/// Shapes:    h[l-1] [rows, in], δ[l] [rows, out], ∇W[l]ᵀ [in, out] in panels.
/// Launch:    one group per team, after the way back; the teams take tasks, most of which are a block of a matrix. Every element is
///            summed over the rows in order, whichever team takes the task.
/// Writes:    the gradients and the loss; a word of the status is set if a value of them is not finite.
/// Reference: ReferenceNetwork.Run.
/// </remarks>
public static class NetworkGradientKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(NetworkViews v, NetworkArguments step) => RunTeam(Team.Index(), Team.Scratch(), v, step);

    internal static void RunTeam(int team, ArrayView<float> scratch, NetworkViews v, NetworkArguments step)
    {
        if (StoppingCriterion.HasEnded(v))
            return;
        int layers = v.Layers.IntLength, categories = v.Categories.IntLength, tasks = categories + layers + 1;
        for (int l = 0; l < layers; l++)
            tasks += v.Layers[l].GradientGrid.Count;

        // The first tasks are the blocks, layer by layer, and those of categories; then come the biases, and last the loss. The large ones
        // come first.
        int before = step.Slot * (tasks + step.Teams), task = Team.Take(v.Status, NetworkStatus.Tasks, before, -1, team, step.Teams);
        while (task < tasks)
        {
            int l = 0, block = task;
            while (l < layers && block >= v.Layers[l].GradientGrid.Count)
            {
                block -= v.Layers[l].GradientGrid.Count;
                l++;
            }

            if (l < layers)
                Block(scratch, v, v.Layers[l], block, step.Count);
            else if (block < categories)
                Category(scratch, v, v.Categories[block], step.Count);
            else if (block < categories + layers)
                Bias(scratch, v, v.Layers[block - categories], step.Count);
            else
                Loss(scratch, v, step);
            task = Team.Take(v.Status, NetworkStatus.Tasks, before, task, team, step.Teams);
        }
    }

    private static void Loss(ArrayView<float> scratch, NetworkViews v, NetworkArguments step)
    {
        Reduction.Sum(scratch, v.StepLosses, step.Slot + 1, v.Losses, step.Count, 1f / step.Count);
        Reduction.FlagNonFinite(v.Status, NetworkStatus.NonFinite, v.StepLosses.SubView(step.Slot + 1, 1), 1);
    }

    private static void Bias(ArrayView<float> scratch, NetworkViews v, NetworkLayer layer, int rows)
    {
        var bias = v.Update.Gradient.SubView(layer.Bias, layer.OutputRow);
        RowSums.Sum(scratch, bias, v.Delta.SubView(layer.Delta, rows * layer.OutputRow), rows, layer.OutputRow, layer.OutputRow);
        Reduction.FlagNonFinite(v.Status, NetworkStatus.NonFinite, bias, layer.OutputRow);
    }

    private static void Block(ArrayView<float> scratch, NetworkViews v, NetworkLayer layer, int block, int rows) =>
        GradientBlock.Run(
            scratch, v.Status, v.Update.Gradient.SubView(layer.Weights, v.Update.Gradient.IntLength - layer.Weights),
            Layout.Panels(layer.Inputs), v.H.SubView(layer.Below, rows * layer.InputRow), layer.InputRow, layer.Numbers,
            v.Delta.SubView(layer.Delta, rows * layer.OutputRow), layer.OutputRow, layer.Outputs, rows, block, layer.GradientGrid);

    /// <summary>
    /// Computes a block of the first layer whose inputs are categories: the δ of the rows of each. A δ that is not finite shows in ∇b.
    /// </summary>
    private static void Category(ArrayView<float> scratch, NetworkViews v, CategoryBlock block, int rows)
    {
        if (block.Values == 0)
            return;
        NetworkLayer layer = v.Layers[0];
        Layout panels = Layout.Panels(layer.Inputs);
        int begin = layer.Weights + panels.Offset(block.First, block.Left);
        RowSums.ScatterAdd(
            scratch, v.Update.Gradient.SubView(begin, v.Update.Gradient.IntLength - begin), panels,
            v.Rows.BatchCodes.SubView(block.Column * v.Rows.Batch, rows),
            v.Delta.SubView(layer.Delta + block.Left, (rows * layer.OutputRow) - block.Left), layer.OutputRow, rows, block.First,
            block.Values, block.Width);
    }
}
