using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Sums the squares of the gradient, segment by segment, for an update that clips the norm (E13).</summary>
/// <remarks>
/// <code>s² = Σ over segments of Σ g²   (E13)</code>
/// Shapes:    g has a value for every parameter.
/// Launch:    one group per team, after the gradients; a team owns a share of the segments.
/// Writes:    the sums of its segments.
/// Reference: ReferenceOptimizer.Norm.
/// </remarks>
public static class NormKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(UpdateViews v, int teams) => RunTeam(Team.Index(), Team.Scratch(), v, teams);

    internal static void RunTeam(int team, ArrayView<float> scratch, UpdateViews v, int teams)
    {
        int segments = v.Squares.IntLength, end = Share.Begin(segments, team + 1, teams);
        for (int segment = Share.Begin(segments, team, teams); segment < end; segment++)
        {
            int begin = UpdateKernel.SegmentBegin(v, segment), count = UpdateKernel.SegmentBegin(v, segment + 1) - begin;
            Reduction.SumOfSquares(scratch, v.Squares, segment, v.Gradient.SubView(begin, count), count);
        }
    }

    /// <summary>Returns s², once all teams have written their sums. It is the same in every thread of every team.</summary>
    internal static float Squared(ArrayView<float> scratch, UpdateViews v) => Reduction.Total(scratch, v.Squares, v.Squares.IntLength);
}
