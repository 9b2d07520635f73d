using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>Computes the outputs: logits, losses, their gradient, and what it sends back (E2–E4, the first term of E6).</summary>
/// <remarks>
/// <code>E2–E4: see OutputPass;   dh[t] = dz[t]·Whyᵀ, the first term of E6</code>
/// Shapes:    as <see cref="TrainingViews"/>.
/// Launch:    one group per team; team i owns the i-th share of the rows (t, b).
/// Writes:    dz, losses and dh of its rows.
/// Reference: ReferenceRnn.Run.
/// </remarks>
public static class OutputKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments step)
    {
        if (v.Status[StepStatus.Diverged] != 0)
            return;
        int team = Team.Index(), row = Share.Begin(d.T * d.B, team, step.Teams), rows = Share.Begin(d.T * d.B, team + 1, step.Teams) - row;
        var scratch = Team.Scratch();
        if (rows > 0)
        {
            OutputPass.Run(scratch, v.Forward, d, row, rows);
            BackwardPass.Outputs(scratch, v, d, step.Dropout, row, rows);
        }

        Team.Arrive(v.Status, StepStatus.OutputsReady);
    }
}
