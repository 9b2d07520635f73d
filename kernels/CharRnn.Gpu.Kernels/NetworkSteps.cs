using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Kernels;

/// <summary>When steps of a feed-forward network end.</summary>
public static class NetworkSteps
{
    /// <summary>Whether an earlier step was the last.</summary>
    public static bool Ended(NetworkViews v) => v.Status[NetworkStatus.Diverged] != 0 || v.Status[NetworkStatus.Converged] != 0;

    /// <summary>
    /// At a step's begin: the gradient's norm of the step before, and whether that was the last. Every team, and every thread, comes
    /// to the same conclusion from what all wrote, whatever the status says by then. The call's first step is judged by the host.
    /// </summary>
    public static void Judge(NetworkViews v, NetworkArguments step)
    {
        if (step.Slot == 0)
            return;
        float sum = NormKernel.Squared(v.Update);
        v.StepSquares[step.Slot - 1] = sum;
        if (IsLast(sum, v.StepLosses[step.Slot - 1], v.StepLosses[step.Slot], step.GradientTolerance, step.LossTolerance))
            Team.SetOnce(v.Status, NetworkStatus.Converged, step.Slot);
    }

    /// <summary>Whether a step's gradient, or the change that it was, is small enough to be the last.</summary>
    /// <param name="squares">Σ g².</param>
    /// <param name="before">J of the step before.</param>
    /// <param name="loss">J.</param>
    /// <param name="gradientTolerance">See <see cref="NetworkArguments.GradientTolerance"/>.</param>
    /// <param name="lossTolerance">See <see cref="NetworkArguments.LossTolerance"/>.</param>
    public static bool IsLast(float squares, float before, float loss, float gradientTolerance, float lossTolerance) =>
        squares < gradientTolerance * gradientTolerance || (loss - before < lossTolerance && before - loss < lossTolerance);
}
