using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>The weights' gradients from all rows (t, b) of a step (E5, E8), and the step's loss (E3).</summary>
/// <remarks>
/// <code>
/// dWhy = Σ h[t]ᵀ dz[t];   dby = Σ dz[t]                              (E5)
/// dWhh = Σ h[t-1]ᵀ da[t]; dbh = Σ da[t];  dWxh[x[t]] += da[t]        (E8)
/// L = Σt mean over B of loss[t, b]                                   (E3)
/// </code>
/// Shapes:    h [T+1,B,H]  dz [T,B,V]  da [T,B,H]  dWhy [H,V]  dWhh [H,H]  dWxh [V,H]  dby [V]  dbh [H].
/// Launch:    one group per team, the second launch of a step; a team owns a share of each matrix's rows, and each
///            row is a sum over (t, b) in order.
/// Writes:    its rows of the gradients and its word of the status; the first team dby and the loss, the last dbh.
/// Reference: ReferenceRnn.Backward.
/// </remarks>
public static class GradientKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments step) => RunTeam(Team.Index(), v, d, step);

    internal static void RunTeam(int team, TrainingViews v, RnnDims d, StepArguments step)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        Team.Set(v.Status, StepStatus.TeamFlags + team, 0);
        int first = Team.ShareBegin(d.H, team, step.Teams);
        OutputRows(team, v, d, first, Team.ShareBegin(d.H, team + 1, step.Teams) - first);
        if (team == 0)
            OutputSums(team, v, d, step);
        RecurrentShare(team, v, d, step);
    }

    /// <summary>Rows of dWhy (E5). A column of h is a row of hᵀ: the same product with h's strides exchanged.</summary>
    internal static void OutputRows(int team, TrainingViews v, RnnDims d, int first, int count)
    {
        if (count == 0)
            return;
        var h = v.Forward.H.SubView((d.B * d.HRow) + first, (d.T * d.B * d.HRow) - first);
        PanelRows(team, v, v.Gradient.Why, h, v.Forward.Z, d.VRow, d, first, count, d.V);
    }

    /// <summary>dby (E5) and the step's loss (E3).</summary>
    internal static void OutputSums(int team, TrainingViews v, RnnDims d, StepArguments step)
    {
        int rows = d.T * d.B, flag = StepStatus.TeamFlags + team;
        Rows.Sum(v.Gradient.By, v.Forward.Z, rows, d.VRow);
        Reduction.FlagNonFinite(v.Status, flag, v.Gradient.By, d.VRow);
        Reduction.Sum(v.StepLosses, step.Slot, v.Forward.Losses, rows, 1f / d.B);
        Reduction.FlagNonFinite(v.Status, flag, v.StepLosses.SubView(step.Slot, 1), 1);
    }

    /// <summary>A team's share of E8.</summary>
    internal static void RecurrentShare(int team, TrainingViews v, RnnDims d, StepArguments step)
    {
        int rows = d.T * d.B, flag = StepStatus.TeamFlags + team;
        int first = Team.ShareBegin(d.H, team, step.Teams);
        int count = Team.ShareBegin(d.H, team + 1, step.Teams) - first;
        if (count > 0)
            PanelRows(team, v, v.Gradient.Whh, v.Forward.H.SubView(first, (rows * d.HRow) - first), v.Da, d.HRow, d, first, count, d.H);

        first = Team.ShareBegin(d.V, team, step.Teams);
        count = Team.ShareBegin(d.V, team + 1, step.Teams) - first;
        if (count > 0)
        {
            var wxh = v.Gradient.Wxh.SubView(first * d.HRow, count * d.HRow);
            Rows.ScatterAdd(wxh, first, count, v.Forward.Tokens, v.Da, rows, d.HRow);
            Reduction.FlagNonFinite(v.Status, flag, wxh, count * d.HRow);
        }

        if (team == step.Teams - 1)
        {
            Rows.Sum(v.Gradient.Bh, v.Da, rows, d.HRow);
            Reduction.FlagNonFinite(v.Status, flag, v.Gradient.Bh, d.HRow);
        }
    }

    /// <summary>Rows of <c>to = hᵀ·from</c>, a matrix in panels.</summary>
    private static void PanelRows(
        int team, TrainingViews v, ArrayView<float> to, ArrayView<float> h, ArrayView<float> from, int fromRow, RnnDims d, int first, int count, int columns)
    {
        int begin = first * Layout.PanelWidth, length = count * Layout.PanelWidth;
        Layout panels = Layout.Panels(d.H);
        Product.Run(to.SubView(begin, to.IntLength - begin), panels, h, 1, d.HRow, from, Layout.Rows(fromRow), count, columns, d.T * d.B, 0, 0);
        for (int panel = begin; panel < to.IntLength; panel += panels.Panel)
            Reduction.FlagNonFinite(v.Status, StepStatus.TeamFlags + team, to.SubView(panel, length), length);
    }
}
