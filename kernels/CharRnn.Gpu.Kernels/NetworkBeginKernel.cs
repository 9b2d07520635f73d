using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>What comes before the layers of a step where each of them is a launch: whether there is a step, and its rows.</summary>
/// <remarks>
/// <code>h[0], y: the step's rows of the data, in its order</code>
/// Shapes:    as <see cref="NetworkViews"/>.
/// Launch:    one group per team, a step's first launch; team i owns the i-th share of the rows, and the first team applies the
///            stopping criterion.
/// Writes:    its rows; the first team, the gradient's norm of the step before, and whether that step was the last.
/// Reference: ReferenceNetwork.Run.
/// </remarks>
public static class NetworkBeginKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(NetworkViews v, NetworkArguments step)
    {
        int team = Team.Index(), rows = step.Count;
        int first = Share.Begin(rows, team, step.Teams), count = Share.Begin(rows, team + 1, step.Teams) - first;
        if (team == 0)
            StoppingCriterion.Apply(v, step);
        if (count > 0)
            NetworkPass.Fetch(v, step, first, count);
    }
}
