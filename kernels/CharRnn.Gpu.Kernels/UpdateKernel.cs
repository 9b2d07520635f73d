using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;
using Rows = CharRnn.Gpu.Kernels.Primitives.Transposition;

namespace CharRnn.Gpu.Kernels;

/// <summary>Clip and Adagrad (E9), and the transposes that the next step's backward pass reads.</summary>
/// <remarks>
/// <code>g = clip(g, ±c);  m += g²;  θ -= η g / √(m + ε)   (E9)</code>
/// Shapes:    θ, m, g: every parameter.
/// Launch:    one group per team, a step's last launch; a team owns a share of each matrix's memory.
/// Writes:    its share of θ and m, and the same of Whhᵀ and Whyᵀ; nothing if any team saw a value that is not
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

        ParameterViews theta = v.Forward.Weights, memory = v.Memory, gradient = v.Gradient;
        Panels(team, step, theta.Whh, memory.Whh, gradient.Whh, v.WhhTransposed, d.H, d.H);
        Panels(team, step, theta.Why, memory.Why, gradient.Why, v.WhyTransposed, d.H, d.V);
        Lines(team, step, theta.Wxh, memory.Wxh, gradient.Wxh);
        Lines(team, step, theta.Bh, memory.Bh, gradient.Bh);
        Lines(team, step, theta.By, memory.By, gradient.By);
    }

    /// <summary>A share of the lines of 16 floats, as they lie in memory.</summary>
    private static void Lines(int team, StepArguments step, ArrayView<float> theta, ArrayView<float> memory, ArrayView<float> gradient)
    {
        int lines = theta.IntLength / Layout.PanelWidth, first = Share.Begin(lines, team, step.Teams) * Layout.PanelWidth;
        int count = (Share.Begin(lines, team + 1, step.Teams) * Layout.PanelWidth) - first;
        if (count > 0)
            Adagrad.Update(theta.SubView(first, count), memory.SubView(first, count), gradient.SubView(first, count), count, step.LearningRate, step.Clip);
    }

    /// <summary>The same of a matrix in panels, whose lines are pieces of its rows; then their transpose.</summary>
    private static void Panels(
        int team, StepArguments step, ArrayView<float> theta, ArrayView<float> memory, ArrayView<float> gradient, ArrayView<float> transposed,
        int rows, int columns)
    {
        Lines(team, step, theta, memory, gradient);
        int lines = theta.IntLength / Layout.PanelWidth;
        Turn(transposed, theta, rows, columns, Share.Begin(lines, team, step.Teams), Share.Begin(lines, team + 1, step.Teams));
    }

    /// <summary>The transpose of lines [line, end) of a matrix in panels.</summary>
    internal static void Turn(ArrayView<float> transposed, ArrayView<float> theta, int rows, int columns, int line, int end)
    {
        Layout panels = Layout.Panels(rows), turned = Layout.Panels(columns);
        while (line < end)
        {
            int panel = line / rows, row = line - (panel * rows), left = panel * Layout.PanelWidth;
            int count = end - line < rows - row ? end - line : rows - row, width = columns - left < Layout.PanelWidth ? columns - left : Layout.PanelWidth;
            int to = turned.Offset(left, 0), from = panels.Offset(0, left);
            Rows.Transpose(
                transposed.SubView(to, transposed.IntLength - to), turned, theta.SubView(from, theta.IntLength - from), panels, row, count, width);
            line += count;
        }
    }
}
