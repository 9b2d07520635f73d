using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;
using ILGPU.Algorithms;

namespace CharRnn.Gpu.Kernels;

/// <summary>Updates the parameters (E9, E13–E16, N6), and the transposes that the way back of the next step reads.</summary>
/// <remarks>
/// <code>g = clip(g · min(1, N/s), ±c), then the rule: see ParameterUpdate</code>
/// Shapes:    θ, g and the moments have a value for every parameter.
/// Launch:    one group per team, as the last launch of a step; a team owns a share of the arena's segments, or of its lines.
/// Writes:    its share of θ, of the moments and of the transposes, and its segments' sums of squares where somebody asks for them and
///            NormKernel has not written them. It writes nothing if training has ended before, or if the loss, a gradient or the norm
///            of this step is not finite.
/// Reference: ReferenceOptimizer.Update.
/// </remarks>
public static class UpdateKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(UpdateViews v, UpdateArguments update, int slot, int teams) =>
        RunTeam(Team.Index(), Team.Scratch(), v, update, slot, teams);

    internal static void RunTeam(int team, ArrayView<float> scratch, UpdateViews v, UpdateArguments update, int slot, int teams)
    {
        if (v.Status[StepStatus.Converged] != 0)
            return;

        // After a step that was not finite all later ones come to this conclusion again, by the same gradient. So no team needs to read the
        // word that another one sets.
        bool diverged = v.Status[StepStatus.NonFinite] != 0;
        float scale = 1f;
        if (update.NeedsNorm)
        {
            float squared = NormKernel.Squared(scratch, v), norm = XMath.Sqrt(squared);
            scale = norm > update.ClipNorm ? update.ClipNorm / norm : 1f;
            diverged |= !KernelMath.IsFinite(squared);
        }

        if (diverged)
        {
            if (team == 0)
                Team.SetOnce(v.Status, StepStatus.Diverged, slot + 1);
            return;
        }

        // Where sums of squares are asked for, the team updates segment by segment; elsewhere a share of the lines at once.
        bool bySegments = update.SumsSquares;
        int parts = bySegments ? v.Squares.IntLength : v.Theta.IntLength / Layout.PanelWidth;
        int first = Share.Begin(parts, team, teams), end = Share.Begin(parts, team + 1, teams), together = bySegments ? 1 : end - first;
        StepRates rates = v.RatesOf(slot);
        for (int part = first; part < end; part += together)
        {
            int begin = bySegments ? SegmentBegin(v, part) : part * Layout.PanelWidth;
            int after = bySegments ? SegmentBegin(v, part + 1) : end * Layout.PanelWidth;
            ParameterUpdate.Run(
                scratch, v.Theta, v.First, v.Second, v.Gradient, begin, after - begin, update, rates, scale, v.Squares,
                bySegments ? part : -1);
            for (int matrix = 0; matrix < v.Matrices.IntLength; matrix++)
                Transpose(v, v.Matrices[matrix], begin, after);
        }
    }

    /// <summary>Where a segment of the arena begins, which is at the begin of a line.</summary>
    internal static int SegmentBegin(UpdateViews v, int segment) =>
        Share.Begin(v.Theta.IntLength / Layout.PanelWidth, segment, v.Squares.IntLength) * Layout.PanelWidth;

    /// <summary>Transposes those lines of a matrix that are in [begin, end) of the arena; a line is a piece of a row.</summary>
    private static void Transpose(UpdateViews v, TransposedMatrix matrix, int begin, int end)
    {
        int rows = matrix.Rows, length = Layout.PanelCount(matrix.Columns) * rows * Layout.PanelWidth;
        int line = (begin > matrix.Begin ? begin - matrix.Begin : 0) / Layout.PanelWidth;
        int after = (end - matrix.Begin < length ? end - matrix.Begin : length) / Layout.PanelWidth;
        Layout panels = Layout.Panels(rows), transposed = Layout.Panels(matrix.Columns);
        while (line < after)
        {
            int panel = line / rows, row = line - (panel * rows), left = panel * Layout.PanelWidth;
            int count = after - line < rows - row ? after - line : rows - row;
            int width = matrix.Columns - left < Layout.PanelWidth ? matrix.Columns - left : Layout.PanelWidth;
            int to = matrix.Transposed + transposed.Offset(left, 0), from = matrix.Begin + panels.Offset(0, left);
            Transposition.Transpose(
                v.Transposed.SubView(to, v.Transposed.IntLength - to), transposed, v.Theta.SubView(from, v.Theta.IntLength - from), panels,
                row, count, width);
            line += count;
        }
    }
}
