using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Decides which step of a feed-forward network is the last one.</summary>
public static class StoppingCriterion
{
    /// <summary>Whether an earlier step was the last.</summary>
    public static bool HasEnded(NetworkViews v) => v.Status[NetworkStatus.Diverged] != 0 || v.Status[NetworkStatus.Converged] != 0;

    /// <summary>
    /// Applies the criterion to the step before, when a step begins, and keeps the norm of that step's gradient. Every team, and
    /// every thread, comes to the same conclusion, because it computes it from what all teams wrote and not from the status, which
    /// another team may have set by then. The host applies the criterion to the last step of a call.
    /// </summary>
    public static void Apply(ArrayView<float> scratch, NetworkViews v, NetworkArguments step)
    {
        if (step.Slot == 0)
            return;
        float sum = NormKernel.Squared(scratch, v.Update);
        if (Group.IdxX == 0) // the first worker, or the first thread of a group: one write is enough
            v.StepSquares[step.Slot - 1] = sum;
        if (IsMet(sum, v.StepLosses[step.Slot - 1], v.StepLosses[step.Slot], step.GradientTolerance, step.LossTolerance))
            Team.SetOnce(v.Status, NetworkStatus.Converged, step.Slot);
    }

    /// <summary>Whether a step is the last: its gradient, or the change of J since the step before, is small enough.</summary>
    /// <param name="squares">Σ g², the squared norm of the gradient.</param>
    /// <param name="before">J of the step before.</param>
    /// <param name="loss">J of the step.</param>
    /// <param name="gradientTolerance">See <see cref="NetworkArguments.GradientTolerance"/>.</param>
    /// <param name="lossTolerance">See <see cref="NetworkArguments.LossTolerance"/>.</param>
    public static bool IsMet(float squares, float before, float loss, float gradientTolerance, float lossTolerance) =>
        squares < gradientTolerance * gradientTolerance || (loss - before < lossTolerance && before - loss < lossTolerance);
}
