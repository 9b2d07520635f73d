using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Begins a step whose layers are launches: decides whether there is such a step, and fetches its rows.</summary>
/// <remarks>
/// <code>h[0], y, weights = the step's rows of the data, in the order of the epoch</code>
/// Shapes:    as <see cref="NetworkViews"/>.
/// Launch:    one group per team, as the first launch of a step; team i owns the i-th share of the rows, and the first team applies the
///            stopping criterion.
/// Writes:    each team its rows; the first team also the norm of the step before, and whether that step was the last.
/// Reference: ReferenceNetwork.Run.
/// </remarks>
public static class NetworkBeginKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(NetworkViews v, NetworkArguments step)
    {
        int team = Team.Index(), rows = step.Count;
        int first = Share.Begin(rows, team, step.Teams), count = Share.Begin(rows, team + 1, step.Teams) - first;
        var scratch = Team.Scratch();
        if (team == 0)
            StoppingCriterion.Apply(scratch, v, step);
        if (count > 0)
            NetworkPass.Fetch(v, step, first, count);
    }
}
