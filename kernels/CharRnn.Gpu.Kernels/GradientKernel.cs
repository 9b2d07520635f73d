using CharRnn.Gpu.Kernels.Primitives;

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
/// Writes:    its rows of the gradients and its word of the status; the first team the loss, the last the biases.
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
        int rows = d.T * d.B;
        int flag = StepStatus.TeamFlags + team;
        Team.Set(v.Status, flag, 0);

        int first = Team.ShareBegin(d.H, team, step.Teams);
        int count = Team.ShareBegin(d.H, team + 1, step.Teams) - first;
        if (count > 0)
        {
            // A column of h is a row of hᵀ: the same product with h's strides exchanged.
            int begin = first * Layout.PanelWidth, length = count * Layout.PanelWidth;
            Layout panels = Layout.Panels(d.H);
            Product.Run(
                v.Gradient.Why.SubView(begin, v.Gradient.Why.IntLength - begin), panels,
                v.Forward.H.SubView((d.B * d.HRow) + first, (rows * d.HRow) - first), 1, d.HRow, v.Forward.Z, Layout.Rows(d.VRow), count, d.V, rows, 0);
            for (int panel = begin; panel < v.Gradient.Why.IntLength; panel += panels.Panel)
                Reduction.FlagNonFinite(v.Status, flag, v.Gradient.Why.SubView(panel, length), length);

            Product.Run(
                v.Gradient.Whh.SubView(begin, v.Gradient.Whh.IntLength - begin), panels,
                v.Forward.H.SubView(first, (rows * d.HRow) - first), 1, d.HRow, v.Da, Layout.Rows(d.HRow), count, d.H, rows, 0);
            for (int panel = begin; panel < v.Gradient.Whh.IntLength; panel += panels.Panel)
                Reduction.FlagNonFinite(v.Status, flag, v.Gradient.Whh.SubView(panel, length), length);
        }

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
            Rows.Sum(v.Gradient.By, v.Forward.Z, rows, d.VRow);
            Reduction.FlagNonFinite(v.Status, flag, v.Gradient.Bh, d.HRow);
            Reduction.FlagNonFinite(v.Status, flag, v.Gradient.By, d.VRow);
        }

        if (team == 0)
        {
            Reduction.Sum(v.StepLosses, step.Slot, v.Forward.Losses, rows, 1f / d.B);
            Reduction.FlagNonFinite(v.Status, flag, v.StepLosses.SubView(step.Slot, 1), 1);
        }
    }
}
