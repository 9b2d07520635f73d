namespace CharRnn.Training;

/// <summary>How the learning rate changes after its warm-up.</summary>
public enum LearningRateDecay
{
    /// <summary>The rate stays as it is.</summary>
    Constant,

    /// <summary>The rate falls to the minimum at the last step along half a wave of the cosine: PyTorch's CosineAnnealingLR.</summary>
    Cosine,

    /// <summary>The rate falls to the minimum at the last step along a straight line: PyTorch's LinearLR.</summary>
    Linear,

    /// <summary>The rate is multiplied by the factor over a number of steps, a little in each of them: PyTorch's ExponentialLR.</summary>
    Exponential,

    /// <summary>The rate is multiplied by the factor at once, each time after a number of steps: PyTorch's StepLR.</summary>
    Step,

    /// <summary>The rate is multiplied by the factor when the validation loss stops improving: PyTorch's ReduceLROnPlateau.</summary>
    Plateau,
}

/// <summary>
/// The learning rate of every step. It is computed in double precision from the number of completed steps, and with
/// <see cref="LearningRateDecay.Plateau"/> also from a <see cref="PlateauState"/>; a resume needs nothing else.
/// </summary>
/// <exception cref="ArgumentOutOfRangeException">
/// The warm-up or the minimum is below 0, a number of steps or measurements between decays is below 1, or the factor is not over 0 and
/// at most 1.
/// </exception>
public sealed record LearningRateSchedule
{
    /// <summary>How the rate changes after the warm-up.</summary>
    public LearningRateDecay Kind { get; init; }

    /// <summary>The number of steps of the warm-up. Step i of N, counted from 0, has the rate η·(i + 1)/N.</summary>
    public long Warmup { get; init => field = Limits.NotNegative(value); }

    /// <summary>The lowest rate to which a decay goes.</summary>
    public double MinLearningRate { get; init => field = Limits.NotNegative(value); }

    /// <summary>
    /// The factor of an exponential, step or plateau decay. The default of one half has a visible effect and leaves room for more decays.
    /// </summary>
    public double Decay { get; init => field = Limits.Probability(value); } = 0.5;

    /// <summary>The number of steps over which an exponential or step decay multiplies the rate by the factor once.</summary>
    public long DecayEvery { get; init => field = Limits.Size(value); } = 1000;

    /// <summary>The number of measurements in a row without improvement after which the rate decays: PyTorch's patience plus one.</summary>
    public long DecayPatience { get; init => field = Limits.Size(value); } = 3;

    /// <summary>Whether the rate of a step depends on the total number of steps.</summary>
    public bool DependsOnTotal => Kind is LearningRateDecay.Cosine or LearningRateDecay.Linear;

    /// <summary>The learning rate of one step.</summary>
    /// <param name="completedSteps">The number of steps of the whole run before it.</param>
    /// <param name="learningRate">η, the rate at the end of the warm-up.</param>
    /// <param name="totalSteps">The number of steps of the whole run, used if <see cref="DependsOnTotal"/>.</param>
    /// <param name="plateauDecays">The number of decays of <see cref="LearningRateDecay.Plateau"/> so far.</param>
    public double At(long completedSteps, double learningRate, long totalSteps, long plateauDecays)
    {
        if (completedSteps < Warmup)
            return learningRate * (completedSteps + 1) / Warmup;

        // 0 at the first step after the warm-up, 1 at the last step.
        long steps = completedSteps - Warmup;
        double progress = Math.Min(1, steps / Math.Max(1.0, totalSteps - 1.0 - Warmup));
        double rate = Kind switch
        {
            LearningRateDecay.Cosine => MinLearningRate + ((learningRate - MinLearningRate) * (1 + Math.Cos(Math.PI * progress)) / 2),
            LearningRateDecay.Linear => learningRate + ((MinLearningRate - learningRate) * progress),
            LearningRateDecay.Exponential => learningRate * Math.Pow(Decay, (double)steps / DecayEvery),
            LearningRateDecay.Step => learningRate * Math.Pow(Decay, steps / DecayEvery),
            LearningRateDecay.Plateau => learningRate * Math.Pow(Decay, plateauDecays),
            _ => learningRate,
        };
        return Math.Max(rate, MinLearningRate);
    }
}

/// <summary>What a <see cref="LearningRateDecay.Plateau"/> remembers of the validation loss.</summary>
/// <param name="Best">The last loss that counted as an improvement, nats per character; NaN before the first.</param>
/// <param name="Waited">The number of measurements without improvement since then or since the last decay.</param>
/// <param name="Decays">The number of decays so far.</param>
public readonly record struct PlateauState(double Best, long Waited, long Decays)
{
    // The same as PyTorch's: a loss that falls by less than a ten-thousandth of itself is no improvement.
    private const double Threshold = 1e-4;

    /// <summary>The state before the first measurement.</summary>
    public static PlateauState Start => new(double.NaN, 0, 0);

    /// <summary>The state after one more measurement.</summary>
    /// <param name="validationLoss">The measured loss.</param>
    /// <param name="patience">See <see cref="LearningRateSchedule.DecayPatience"/>.</param>
    public PlateauState After(double validationLoss, long patience)
    {
        if (double.IsFinite(validationLoss) && !(validationLoss >= Best * (1 - Threshold)))
            return this with { Best = validationLoss, Waited = 0 };
        return Waited + 1 < patience ? this with { Waited = Waited + 1 } : this with { Waited = 0, Decays = Decays + 1 };
    }
}
