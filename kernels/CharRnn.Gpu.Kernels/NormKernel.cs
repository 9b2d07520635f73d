using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>The squares of the gradient's norm, part by part, where the update is to scale the gradient by it (E13).</summary>
/// <remarks>
/// <code>s² = Σ over parts of Σ g²   (E13)</code>
/// Shapes:    g: every parameter.
/// Launch:    one group per team, after the gradients; a team owns a share of the parts.
/// Writes:    the sums of its parts.
/// Reference: ReferenceOptimizer.Norm.
/// </remarks>
public static class NormKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(UpdateViews v, int teams) => RunTeam(Team.Index(), Team.Scratch(), v, teams);

    internal static void RunTeam(int team, ArrayView<float> scratch, UpdateViews v, int teams)
    {
        int parts = v.Squares.IntLength, end = Share.Begin(parts, team + 1, teams);
        for (int part = Share.Begin(parts, team, teams); part < end; part++)
        {
            int begin = UpdateKernel.PartBegin(v, part), count = UpdateKernel.PartBegin(v, part + 1) - begin;
            Reduction.SumOfSquares(scratch, v.Squares, part, v.Gradient.SubView(begin, count), count);
        }
    }

    /// <summary>s², of the sums that all teams have written by now: the same for every thread of every team.</summary>
    internal static float Squared(UpdateViews v)
    {
        float sum = 0f;
        for (int part = 0; part < v.Squares.IntLength; part++)
            sum += v.Squares[part];
        return sum;
    }
}
