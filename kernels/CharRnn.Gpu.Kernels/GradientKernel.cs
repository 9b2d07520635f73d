using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the gradients of the weights from all rows (t, b) of a step (E5, E8), and the loss of the step (E3).</summary>
/// <remarks>
/// <code>
/// dWhy = Σ h[t]ᵀ dz[t];   dby = Σ dz[t]                              (E5)
/// dWhh = Σ h[t-1]ᵀ da[t]; dWxh[x[t]] += da[t];  dbh = Σ da[t]        (E8)
/// L = Σt mean over B of loss[t, b]                                   (E3)
/// </code>
/// Shapes:    h [T+1,B,H]  dz [T,B,V]  da [T,B,H]  dWhy [H,V]  dWhh [H,H]  dWxh [V,H]  dby [V]  dbh [H].
/// Launch:    one group per team, after the way back; the teams take tasks, most of which are a block of a matrix. Every element is
///            summed over (t, b) in order, whichever team takes the task.
/// Writes:    the gradients and the loss; a word of the status is set if a value of them is not finite.
/// Reference: ReferenceRnn.Backward.
/// </remarks>
public static class GradientKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments step) => RunTeam(Team.Index(), Team.Scratch(), v, d, step);

    internal static void RunTeam(int team, ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        int arrivals = (step.Slot + 1) * step.Teams;
        Team.Await(v.Status, StepStatus.OutputsReady, arrivals);
        OutputTasks(team, scratch, v, d, step);
        Team.Await(v.Status, StepStatus.ChainsReady, arrivals);
        RecurrentTasks(team, scratch, v, d, step);
    }

    /// <summary>Each of these tasks is a block of dWhy (E5), but the last one: it is dby (E5) and the loss (E3).</summary>
    private static void OutputTasks(int team, ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        BlockGrid grid = step.GradientGrids.Output;
        int tasks = grid.Count + 1, before = step.Slot * (tasks + step.Teams);
        int task = Team.Take(v.Status, StepStatus.OutputTasks, before, -1, team, step.Teams);
        while (task < tasks)
        {
            if (task < grid.Count)
                Block(scratch, v, v.Gradient.Why, d.B * d.HRow, v.Forward.Z, d.VRow, d.V, d, task, grid);
            else
                OutputSums(scratch, v, d, step);
            task = Team.Take(v.Status, StepStatus.OutputTasks, before, task, team, step.Teams);
        }
    }

    private static void OutputSums(ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        int rows = d.T * d.B;
        RowSums.Sum(scratch, v.Gradient.By, v.Forward.Z, rows, d.VRow, d.VRow);
        Reduction.FlagNonFinite(v.Status, StepStatus.NonFinite, v.Gradient.By, d.VRow);
        Reduction.Sum(scratch, v.StepLosses, step.Slot, v.Forward.Losses, rows, 1f / d.B);
        Reduction.FlagNonFinite(v.Status, StepStatus.NonFinite, v.StepLosses.SubView(step.Slot, 1), 1);
    }

    /// <summary>Each of these tasks is a block of dWhh or, after those, a block of dWxh (E8).</summary>
    private static void RecurrentTasks(int team, ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        BlockGrid grid = step.GradientGrids.Recurrent, inputs = step.GradientGrids.Input;
        int tasks = grid.Count + inputs.Count, before = step.Slot * (tasks + step.Teams);

        // Groups take these tasks from where the tasks of E5 ended, of which there is one more than blocks of dWhy.
        int place = (team + step.Teams - ((step.GradientGrids.Output.Count + 1) % step.Teams)) % step.Teams;
        int task = Team.Take(v.Status, StepStatus.RecurrentTasks, before, -1, place, step.Teams);
        while (task < tasks)
        {
            if (task < grid.Count)
                Block(scratch, v, v.Gradient.Whh, 0, v.Da, d.HRow, d.H, d, task, grid);
            else
                InputBlock(scratch, v, d, task - grid.Count, inputs);
            task = Team.Take(v.Status, StepStatus.RecurrentTasks, before, task, place, step.Teams);
        }
    }

    /// <summary>Computes a block of dWxh; a block of the first rows computes the same columns of dbh, too.</summary>
    private static void InputBlock(ArrayView<float> scratch, TrainingViews v, RnnDims d, int block, BlockGrid grid)
    {
        int rowShare = block / grid.Columns, columnShare = block - (rowShare * grid.Columns), rows = d.T * d.B;
        int value = Share.FourBegin(d.V, rowShare, grid.Rows), values = Share.FourBegin(d.V, rowShare + 1, grid.Rows) - value;
        int width = Layout.PanelCount(d.H) * Layout.PanelWidth; // whole lines, but not all of the row's padding
        int first = Share.PanelBegin(width, columnShare, grid.Columns);
        int columns = Share.PanelBegin(width, columnShare + 1, grid.Columns) - first;
        if (columns == 0)
            return;
        var da = v.Da.SubView(first, (rows * d.HRow) - first);
        var wxh = v.Gradient.Wxh.SubView((value * d.HRow) + first, ((d.V - value) * d.HRow) - first);
        if (values > 0)
            RowSums.ScatterAdd(scratch, wxh, v.Forward.Tokens, da, rows, value, values, d.HRow, columns);
        if (rowShare > 0)
            return;

        // Every row of da is added to one row of dWxh and to dbh, so a value that is not finite shows in dbh. A task that has all rows
        // of dWxh sums these, because they hold most of the additions already.
        var bh = v.Gradient.Bh.SubView(first, columns);
        if (grid.Rows == 1)
            RowSums.Sum(scratch, bh, wxh, d.V, d.HRow, columns);
        else
            RowSums.Sum(scratch, bh, da, rows, d.HRow, columns);
        Reduction.FlagNonFinite(v.Status, StepStatus.NonFinite, bh, columns);
    }

    /// <summary>Computes a block of the gradient of a matrix that reads the hidden states, from one of them on.</summary>
    private static void Block(
        ArrayView<float> scratch, TrainingViews v, ArrayView<float> gradient, int firstState, ArrayView<float> deltas,
        int deltaRow, int outputs, RnnDims d, int block, BlockGrid grid)
    {
        int rows = d.T * d.B;
        GradientBlock.Run(
            scratch, v.Status, gradient, v.Forward.H.SubView(firstState, rows * d.HRow), d.HRow, d.H, deltas,
            deltaRow, outputs, rows, block, grid);
    }
}
