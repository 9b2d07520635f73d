using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>
/// Runs many steps of a feed-forward network in one launch. On the CPU all teams do so, which meet before and after the update. On a GPU
/// one team does so, which is measured and tested only: a launch for each layer is hardly ever slower.
/// </summary>
/// <remarks>
/// <code>N1–N5 and the update, <c>steps</c> times: NetworkPass, NetworkGradientKernel, NormKernel, UpdateKernel</code>
/// Shapes:    as <see cref="NetworkViews"/>.
/// Launch:    teams that run side by side, or one team; the steps must be within the order.
/// Writes:    all that these write.
/// Reference: ReferenceNetwork.Run, ReferenceOptimizer.Update.
/// </remarks>
public static class NetworkStepsKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(NetworkViews v, NetworkArguments first, int steps)
    {
        int team = Team.Index();
        var scratch = Team.Scratch();
        int meetings = first.Update.NeedsNorm ? 4 : 3;
        for (int n = 0; n < steps; n++)
        {
            NetworkArguments step = first.Later(n);
            int met = step.Slot * meetings;
            StoppingCriterion.Apply(scratch, v, step);
            if (!StoppingCriterion.HasEnded(v))
                Layers(team, scratch, v, step);
            Team.Meet(v.Status, StepStatus.Arrivals, met, step.Teams);
            NetworkGradientKernel.RunTeam(team, scratch, v, step);
            Team.Meet(v.Status, StepStatus.Arrivals, met + 1, step.Teams);
            if (step.Update.NeedsNorm)
            {
                NormKernel.RunTeam(team, scratch, v.Update, step.Teams);
                Team.Meet(v.Status, StepStatus.Arrivals, met + 2, step.Teams);
            }

            UpdateKernel.RunTeam(team, scratch, v.Update, step.Update, step.Slot, step.Teams);
            Team.Meet(v.Status, StepStatus.Arrivals, met + meetings - 1, step.Teams);
        }
    }

    /// <summary>Computes N1–N4 for the rows of a team, which depend on no other team.</summary>
    private static void Layers(int team, ArrayView<float> scratch, NetworkViews v, NetworkArguments step)
    {
        int rows = step.Count, first = Share.Begin(rows, team, step.Teams), count = Share.Begin(rows, team + 1, step.Teams) - first;
        if (count == 0)
            return;
        int last = v.Layers.IntLength - 1;
        NetworkPass.Fetch(v, step, first, count);
        for (int l = 0; l < last; l++)
            NetworkPass.Forward(scratch, v, step.Dropout, l, first, count, 0, v.Layers[l].Outputs);
        NetworkPass.Output(scratch, v, v.Layers[last], first, count, rows);
        for (int l = last; l > 0; l--)
            NetworkPass.Backward(scratch, v, step.Dropout, l, first, count, 0, v.Layers[l].Inputs);
    }
}
