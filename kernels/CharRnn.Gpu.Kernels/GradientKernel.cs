using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>The weights' gradients from all rows (t, b) of a step (E5, E8), and the step's loss (E3).</summary>
/// <remarks>
/// <code>
/// dWhy = Σ h[t]ᵀ dz[t];   dby = Σ dz[t]                              (E5)
/// dWhh = Σ h[t-1]ᵀ da[t]; dWxh[x[t]] += da[t];  dbh = Σ da[t]        (E8)
/// L = Σt mean over B of loss[t, b]                                   (E3)
/// </code>
/// Shapes:    h [T+1,B,H]  dz [T,B,V]  da [T,B,H]  dWhy [H,V]  dWhh [H,H]  dWxh [V,H]  dby [V]  dbh [H].
/// Launch:    one group per team, the second launch of a step; the teams take tasks, each some rows of a matrix or
///            some columns of dWxh and dbh. Every element is a sum over (t, b) in order, dbh one over the rows of dWxh,
///            whoever takes the task.
/// Writes:    the gradients, the loss, and each team its word of the status if a value of its tasks is not finite.
/// Reference: ReferenceRnn.Backward.
/// </remarks>
public static class GradientKernel
{
    private const int FewRows = 64;

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

    /// <summary>Some rows of dWhy each (E5), and one more: dby (E5) and the step's loss (E3).</summary>
    private static void OutputTasks(int team, ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        int shares = Shares(d, step.Teams), tasks = shares + 1, before = step.Slot * (tasks + step.Teams);
        int task = Team.Take(v.Status, StepStatus.OutputTasks, before, -1, team, step.Teams);
        while (task < tasks)
        {
            if (task < shares)
                PanelRows(team, scratch, v, v.Gradient.Why, d.B * d.HRow, v.Forward.Z, d.VRow, d, task, shares, d.V);
            else
                OutputSums(team, v, d, step);
            task = Team.Take(v.Status, StepStatus.OutputTasks, before, task, team, step.Teams);
        }
    }

    private static void OutputSums(int team, TrainingViews v, RnnDims d, StepArguments step)
    {
        int rows = d.T * d.B, flag = StepStatus.TeamFlags + team;
        Rows.Sum(v.Gradient.By, v.Forward.Z, rows, d.VRow, d.VRow);
        Reduction.FlagNonFinite(v.Status, flag, v.Gradient.By, d.VRow);
        Reduction.Sum(v.StepLosses, step.Slot, v.Forward.Losses, rows, 1f / d.B);
        Reduction.FlagNonFinite(v.Status, flag, v.StepLosses.SubView(step.Slot, 1), 1);
    }

    /// <summary>Some rows of dWhh each, then some columns of dWxh and dbh each (E8).</summary>
    private static void RecurrentTasks(int team, ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        int shares = Shares(d, step.Teams), tasks = 2 * shares, before = step.Slot * (tasks + step.Teams);
        int task = Team.Take(v.Status, StepStatus.RecurrentTasks, before, -1, team, step.Teams);
        while (task < tasks)
        {
            if (task < shares)
                PanelRows(team, scratch, v, v.Gradient.Whh, 0, v.Da, d.HRow, d, task, shares, d.H);
            else
                InputColumns(team, v, d, task - shares, shares);
            task = Team.Take(v.Status, StepStatus.RecurrentTasks, before, task, team, step.Teams);
        }
    }

    /// <summary>A share of the columns of dWxh; their sums are dbh, for every row of da went into one row of dWxh.</summary>
    private static void InputColumns(int team, TrainingViews v, RnnDims d, int share, int shares)
    {
        int panels = d.HRow / Layout.PanelWidth, rows = d.T * d.B;
        int first = Team.ShareBegin(panels, share, shares) * Layout.PanelWidth;
        int count = (Team.ShareBegin(panels, share + 1, shares) * Layout.PanelWidth) - first;
        if (count == 0)
            return;
        var wxh = v.Gradient.Wxh.SubView(first, (d.V * d.HRow) - first);
        Rows.ScatterAdd(wxh, v.Forward.Tokens, v.Da.SubView(first, (rows * d.HRow) - first), rows, d.V, d.HRow, count);
        var bh = v.Gradient.Bh.SubView(first, count);
        Rows.Sum(bh, wxh, d.V, d.HRow, count);
        Reduction.FlagNonFinite(v.Status, StepStatus.TeamFlags + team, bh, count);
    }

    // A GPU reads four floats at a time.
    private static int RowBegin(int rows, int share, int shares)
    {
        int begin = (Team.ShareBegin(rows, share, shares) + 3) / 4 * 4;
        return begin < rows ? begin : rows;
    }

    // Two a team, so that one who is late does not keep the others waiting for long; one where taking them would cost more
    // than that. But no fewer rows than a tile has.
    private static int Shares(RnnDims d, int teams)
    {
        int tiles = (d.H + Product.MaxTileRows - 1) / Product.MaxTileRows;
        int wanted = teams == 1 || d.T * d.B < FewRows ? teams : 2 * teams;
        return wanted < tiles ? wanted : tiles;
    }

    /// <summary>A share of the rows of <c>to = hᵀ·from</c>, a matrix in panels.</summary>
    private static void PanelRows(
        int team, ArrayView<float> scratch, TrainingViews v, ArrayView<float> to, int firstState, ArrayView<float> from, int fromRow, RnnDims d,
        int share, int shares, int columns)
    {
        int first = RowBegin(d.H, share, shares), count = RowBegin(d.H, share + 1, shares) - first;
        if (count == 0)
            return;
        int begin = first * Layout.PanelWidth, length = count * Layout.PanelWidth, rows = d.T * d.B;
        var h = v.Forward.H.SubView(firstState + first, (rows * d.HRow) - first);
        Layout panels = Layout.Panels(d.H);
        Product.RunTransposed(scratch, to.SubView(begin, to.IntLength - begin), panels, h, d.HRow, from, Layout.Rows(fromRow), count, columns, rows);
        for (int panel = begin; panel < to.IntLength; panel += panels.Panel)
            Reduction.FlagNonFinite(v.Status, StepStatus.TeamFlags + team, to.SubView(panel, length), length);
    }
}
