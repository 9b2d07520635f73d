using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>
/// Runs many training steps of one stream in one launch, with teams that run side by side. The first team computes the chains, the second
/// one follows with the outputs of the time steps, and all teams share the gradients.
/// </summary>
/// <remarks>
/// <code>
/// first team:   E1 (E10, E11) for t = 0…T-1;    E6's da[t+1]·Whhᵀ and E7 for t = T-1…0, layer by layer
/// second team:  E2–E4 and E6's dz[t]·Whyᵀ;      then E5 while the first is on its way back
/// all teams:    what is left of E5, E8, then E9
/// </code>
/// Shapes:    as <see cref="TrainingViews"/>, B = 1.
/// Launch:    two or more workers; p must not return to 0, and the steps must be within the window.
/// Writes:    the same bytes as <see cref="TrainStepsKernel"/>.
/// Reference: ReferenceTrainer.Step.
/// </remarks>
public static class TrainStreamKernel
{
    // Time steps of a stretch, by which the second team is behind the first one: as many as a tile has rows, so that its products are
    // fast. Only the last stretch may be shorter.
    private const int Stretch = 6;

    /// <summary>The kernel.</summary>
    public static void Run(TrainingViews v, RnnDims d, StepArguments first, int steps)
    {
        int team = Team.Index();
        var scratch = Team.Scratch();
        int meetings = first.Update.NeedsNorm ? 3 : 2;
        for (int n = 0; n < steps; n++)
        {
            StepArguments step = first.Later(n, d.T);
            int met = step.Slot * meetings;
            if (v.Status[StepStatus.Diverged] == 0)
            {
                if (team == 1)
                    Outputs(scratch, v, d, step);
                Team.Arrive(v.Status, StepStatus.OutputsReady);
                if (team == 0)
                    Chains(scratch, v, d, step);
                Team.Arrive(v.Status, StepStatus.ChainsReady);
            }

            GradientKernel.RunTeam(team, scratch, v, d, step);
            Team.Meet(v.Status, met, step.Teams);
            if (step.Update.NeedsNorm)
            {
                NormKernel.RunTeam(team, scratch, v.Update, step.Teams);
                Team.Meet(v.Status, met + 1, step.Teams);
            }

            UpdateKernel.RunTeam(team, scratch, v.Update, step.Update, step.Slot, step.Teams);
            Team.Meet(v.Status, met + meetings - 1, step.Teams);
        }
    }

    private static void Chains(ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        HiddenPass.Begin(v.Forward, d, step, 0, 1);
        int stretches = Stretches(d.T);
        for (int i = 0; i < stretches; i++)
        {
            int begin = i * Stretch, end = StretchEnd(d.T, i);
            for (int l = 0; l < d.Layers; l++)
            {
                RecurrentLayer layer = v.Forward.Layers[l];
                if (l > 0)
                    HiddenPass.Inputs(scratch, v.Forward, d, layer, begin, end - begin, 0, d.Columns);
                HiddenPass.Steps(scratch, v.Forward, d, layer, step.Dropout, HiddenBlock.Streams(d, begin, end, 0, 1));
            }

            Team.Arrive(v.Status, StepStatus.HiddenReady);
        }

        Team.Await(v.Status, StepStatus.OutputsReady, (step.Slot + 1) * step.Teams);
        BackwardPass.Layers(scratch, v, d, step.Dropout, 0, 1);
    }

    private static void Outputs(ArrayView<float> scratch, TrainingViews v, RnnDims d, StepArguments step)
    {
        int stretches = Stretches(d.T);
        for (int i = 0; i < stretches; i++)
        {
            Team.Await(v.Status, StepStatus.HiddenReady, (step.Slot * stretches) + i + 1);
            int begin = i * Stretch, count = StretchEnd(d.T, i) - begin;
            OutputPass.Run(scratch, v.Forward, d, begin, count);
            BackwardPass.Outputs(scratch, v, d, step.Dropout, begin, count);
        }
    }

    private static int Stretches(int steps) => (steps + Stretch - 1) / Stretch;

    private static int StretchEnd(int steps, int stretch) => (stretch + 1) * Stretch < steps ? (stretch + 1) * Stretch : steps;
}
