using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the gradients of the weights from all rows (t, b) of a step (E5, E8), and the loss of the step (E3).</summary>
/// <remarks>
/// <code>
/// dWhy = Σ x[t]ᵀ dz[t];   dby = Σ dz[t]                              (E5)
/// dWhh = Σ h[t-1]ᵀ da[t]; dWxh[x[t]] += da[t];  dbh = Σ da[t]        (E8 of the lowest layer; above, dWxh = Σ x[t]ᵀ da[t])
/// L = Σt mean over B of loss[t, b]                                   (E3)
/// </code>
/// Shapes:    h [T+1,B,H]  x [T,B,H]  dz [T,B,V]  da [T,B,G·H]  dWhy [H,V]  dWhh [H,G·H]  dWxh [V or H,G·H]  dby [V]  dbh [G·H].
/// Launch:    one group per team, after the way back of the layers concerned; the teams take tasks, most of which are a block of a matrix.
///            Every element is summed over (t, b) in order, whichever team takes the task. On a GPU, a launch may compute some parts:
///            part l is layer l, and the part above the layers is the output.
/// Writes:    the gradients and the loss; a word of the status is set if a value of them is not finite.
/// Reference: ReferenceRnn.Run.
/// </remarks>
public static class GradientKernel
{
    /// <summary>The kernel, for some of the tasks.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments step, GradientTasks tasks) =>
        RunTeam(Team.Index(), Team.Scratch(), v, d, step, tasks);

    internal static void RunTeam(
        int team, ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step, GradientTasks tasks)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        int arrivals = (step.Slot + 1) * step.Teams;
        Team.Await(v.Status, StepStatus.OutputsReady, arrivals);
        if (tasks.Outputs > 0)
            OutputTasks(team, scratch, v, d, step);
        Team.Await(v.Status, StepStatus.ChainsReady, arrivals);
        RecurrentTasks(team, scratch, v, d, step, tasks);
    }

    /// <summary>The tasks of some parts: of the layers with these numbers, and, as the part above them, of the output.</summary>
    public static GradientTasks Tasks(RnnDims d, GradientGrids grids, int begin, int end) => new(
        end > d.Layers ? OutputTaskCount(grids) : 0, FirstTask(d, grids, begin), FirstTask(d, grids, end < d.Layers ? end : d.Layers));

    private static int FirstTask(RnnDims d, GradientGrids grids, int layer) =>
        layer == 0 ? 0 : LowestTaskCount(d, grids) + ((layer - 1) * HigherTaskCount(d, grids.Recurrent));

    private static int OutputTaskCount(GradientGrids grids) => grids.Output.Count + 1;

    private static int LowestTaskCount(RnnDims d, GradientGrids grids) => grids.Recurrent.Count + grids.Input.Count + RecurrentSums(d);

    private static int HigherTaskCount(RnnDims d, BlockGrid recurrent) => (2 * recurrent.Count) + 1 + RecurrentSums(d);

    // dbhn.
    private static int RecurrentSums(RnnDims d) => CellKind.KeepsApart(d.Cell) ? 1 : 0;

    /// <summary>Each of these tasks is a block of dWhy (E5), but the last one: it is dby (E5) and the loss (E3).</summary>
    private static void OutputTasks(int team, ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        BlockGrid grid = step.GradientGrids.Output;
        int tasks = OutputTaskCount(step.GradientGrids), before = step.Slot * (tasks + step.Teams), rows = d.T * d.B;
        int task = Team.Take(v.Status, StepStatus.OutputTasks, before, -1, team, step.Teams);
        while (task < tasks)
        {
            if (task < grid.Count)
                GradientBlock.Run(
                    scratch, v.Status, v.Gradient.Why, Layout.Panels(d.H), v.Forward.Top(d, 0, rows), d.HRow, d.H, v.Forward.Z, d.VRow, d.V,
                    rows, task, grid);
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
        Reduction.Sum(scratch, v.StepLosses, step.Slot, v.Forward.Losses, rows, 1f / d.Streams);
        Reduction.FlagNonFinite(v.Status, StepStatus.NonFinite, v.StepLosses.SubView(step.Slot, 1), 1);
    }

    /// <summary>
    /// Each of these tasks is a block of dWhh or, after those, of dWxh (E8), or a sum of a layer: from the lowest layer to the highest.
    /// </summary>
    private static void RecurrentTasks(
        int team, ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step, GradientTasks tasks)
    {
        BlockGrid grid = step.GradientGrids.Recurrent, inputs = step.GradientGrids.Input;
        int lowest = LowestTaskCount(d, step.GradientGrids), higher = HigherTaskCount(d, grid);
        int before = step.Slot * (tasks.End - tasks.Begin + step.Teams);

        // Groups take these tasks from where the tasks of E5 ended, or would have.
        int place = (team + step.Teams - (OutputTaskCount(step.GradientGrids) % step.Teams)) % step.Teams;
        int task = Team.Take(v.Status, StepStatus.RecurrentTasks, before - tasks.Begin, -1, tasks.Begin + place, step.Teams);
        while (task < tasks.End)
        {
            int l = task < lowest ? 0 : 1 + ((task - lowest) / higher), part = l == 0 ? task : (task - lowest) % higher;
            RecurrentLayer layer = v.Forward.Layers[l];
            bool recurrent = part < grid.Count;
            if (recurrent || (l > 0 && part < 2 * grid.Count))
                Matrix(scratch, v, d, layer, recurrent, recurrent ? part : part - grid.Count, grid);
            else if (l == 0 && part < grid.Count + inputs.Count)
                InputBlock(scratch, v, d, layer, part - grid.Count, inputs);
            else if (l > 0 && part == 2 * grid.Count)
                Bias(scratch, v, d, layer);
            else
                RecurrentBias(scratch, v, d, layer);
            task = Team.Take(v.Status, StepStatus.RecurrentTasks, before - tasks.Begin, task, place, step.Teams);
        }
    }

    /// <summary>Computes a block of dWhh, or of dWxh of a higher layer.</summary>
    /// <remarks>It is one product, because its code is large: a GPU takes longer to fetch a kernel with two of them.</remarks>
    private static void Matrix(
        ArrayView<float> scratch, TrainingViews v, RnnDims d, RecurrentLayer layer, bool recurrent, int block, BlockGrid grid)
    {
        int rows = d.T * d.B, place = recurrent ? layer.H : v.Forward.Layers[layer.Index - 1].Above;
        ArrayView<float> states = recurrent ? v.Forward.H : v.Forward.X, deltas = recurrent ? v.RecurrentDeltas : v.Deltas;
        GradientBlock.Run(
            scratch, v.Status, v.Gradient.From(recurrent ? layer.Whh : layer.Wxh), Layout.Panels(d.H), states.SubView(place, rows * d.HRow),
            d.HRow, d.H, deltas.SubView(layer.Deltas, rows * d.GateRow), d.GateRow, d.Columns, rows, block, grid);
    }

    /// <summary>Computes dbh of a higher layer.</summary>
    private static void Bias(ArrayView<float> scratch, TrainingViews v, RnnDims d, RecurrentLayer layer)
    {
        int rows = d.T * d.B;
        var bh = v.Gradient.Arena.SubView(layer.Bh, d.GateRow);
        RowSums.Sum(scratch, bh, v.Deltas.SubView(layer.Deltas, rows * d.GateRow), rows, d.GateRow, d.GateRow);
        Reduction.FlagNonFinite(v.Status, StepStatus.NonFinite, bh, d.GateRow);
    }

    /// <summary>Computes dbhn of a GRU, panel by panel, because the gates lie between them.</summary>
    private static void RecurrentBias(ArrayView<float> scratch, TrainingViews v, RnnDims d, RecurrentLayer layer)
    {
        int rows = d.T * d.B;
        for (int unit = 0; unit < d.H; unit += Layout.PanelWidth)
        {
            int column = GateColumns.Of(unit, d.Gates - 1, d.Gates);
            RowSums.Sum(
                scratch, v.Gradient.Arena.SubView(layer.Bhn + unit, Layout.PanelWidth),
                v.RecurrentDeltas.SubView(layer.Deltas + column, (rows * d.GateRow) - column), rows, d.GateRow, Layout.PanelWidth);
        }

        Reduction.FlagNonFinite(v.Status, StepStatus.NonFinite, v.Gradient.Arena.SubView(layer.Bhn, d.HRow), d.HRow);
    }

    /// <summary>Computes a block of the lowest dWxh; a block of the first rows computes the same columns of dbh, too.</summary>
    private static void InputBlock(ArrayView<float> scratch, TrainingViews v, RnnDims d, RecurrentLayer layer, int block, BlockGrid grid)
    {
        int rowShare = block / grid.Columns, columnShare = block - (rowShare * grid.Columns), rows = d.T * d.B;
        int value = Share.FourBegin(d.V, rowShare, grid.Rows), values = Share.FourBegin(d.V, rowShare + 1, grid.Rows) - value;
        int width = Layout.WholeLines(d.Columns); // but not all of the row's padding
        int first = Share.PanelBegin(width, columnShare, grid.Columns);
        int columns = Share.PanelBegin(width, columnShare + 1, grid.Columns) - first;
        if (columns == 0)
            return;
        var da = v.Deltas.SubView(layer.Deltas + first, (rows * d.GateRow) - first);
        var wxh = v.Gradient.From(layer.Wxh + (value * d.GateRow) + first);
        if (values > 0)
            RowSums.ScatterAdd(
                scratch, wxh, Layout.Rows(d.GateRow), v.Forward.Tokens, da, d.GateRow, rows, value, values, columns);
        if (rowShare > 0)
            return;

        // Every row of da is added to one row of dWxh and to dbh, so a value that is not finite shows in dbh. A task that has all rows
        // of dWxh sums these, because they hold most of the additions already.
        var bh = v.Gradient.Arena.SubView(layer.Bh + first, columns);
        if (grid.Rows == 1)
            RowSums.Sum(scratch, bh, wxh, d.V, d.GateRow, columns);
        else
            RowSums.Sum(scratch, bh, da, rows, d.GateRow, columns);
        Reduction.FlagNonFinite(v.Status, StepStatus.NonFinite, bh, columns);
    }
}
