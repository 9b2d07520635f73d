using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Clip and Adagrad (E9), and the transposes that the next step's backward pass reads.</summary>
/// <remarks>
/// <code>g = clip(g, ±c);  m += g²;  θ -= η g / √(m + ε)   (E9)</code>
/// Shapes:    θ, m, g: every parameter.
/// Launch:    one group per team, the third launch of a step; a team owns a share of each matrix's rows.
/// Writes:    its rows of θ and m and its columns of Whhᵀ and Whyᵀ; nothing if any team saw a value that is not
///            finite in this step's gradients or loss, or in an earlier step's that the host has not heard of.
/// Reference: ReferenceRnn.Adagrad.
/// </remarks>
public static class UpdateKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments step) => RunTeam(Team.Index(), v, d, step);

    internal static void RunTeam(int team, TrainingViews v, RnnDims d, StepArguments step)
    {
        int diverged = v.Status[StepStatus.Diverged];
        for (int other = 0; other < step.Teams; other++)
            diverged |= v.Status[StepStatus.TeamFlags + other];
        if (diverged != 0)
        {
            Team.SetOnce(v.Status, StepStatus.Diverged, step.Slot + 1); // every team comes to the same conclusion
            return;
        }

        ParameterRows(v, d, step, team);
        if (team == step.Teams - 1)
        {
            Adagrad.Update(v.Forward.Weights.Bh, v.Memory.Bh, v.Gradient.Bh, d.HRow, step.LearningRate, step.Clip);
            Adagrad.Update(v.Forward.Weights.By, v.Memory.By, v.Gradient.By, d.VRow, step.LearningRate, step.Clip);
        }
    }

    private static void ParameterRows(TrainingViews v, RnnDims d, StepArguments step, int team)
    {
        int first = Team.ShareBegin(d.H, team, step.Teams);
        int count = Team.ShareBegin(d.H, team + 1, step.Teams) - first;
        if (count > 0)
        {
            PanelRows(v.Forward.Weights.Whh, v.Memory.Whh, v.Gradient.Whh, d.H, first, count, step);
            Rows.Transpose(v.WhhTransposed, Layout.Panels(d.H), v.Forward.Weights.Whh, Layout.Panels(d.H), first, count, d.H);
            PanelRows(v.Forward.Weights.Why, v.Memory.Why, v.Gradient.Why, d.H, first, count, step);
            Rows.Transpose(v.WhyTransposed, Layout.Panels(d.V), v.Forward.Weights.Why, Layout.Panels(d.H), first, count, d.V);
        }

        first = Team.ShareBegin(d.V, team, step.Teams);
        count = Team.ShareBegin(d.V, team + 1, step.Teams) - first;
        if (count > 0)
            Adagrad.Update(
                v.Forward.Weights.Wxh.SubView(first * d.HRow, count * d.HRow), v.Memory.Wxh.SubView(first * d.HRow, count * d.HRow),
                v.Gradient.Wxh.SubView(first * d.HRow, count * d.HRow), count * d.HRow, step.LearningRate, step.Clip);
    }

    /// <summary>Some rows of a matrix in panels: a stretch of each panel.</summary>
    private static void PanelRows(
        ArrayView<float> theta, ArrayView<float> memory, ArrayView<float> gradient, int rows, int first, int count, StepArguments step)
    {
        int length = count * Layout.PanelWidth;
        for (int begin = first * Layout.PanelWidth; begin < theta.IntLength; begin += rows * Layout.PanelWidth)
            Adagrad.Update(theta.SubView(begin, length), memory.SubView(begin, length), gradient.SubView(begin, length), length, step.LearningRate, step.Clip);
    }
}
