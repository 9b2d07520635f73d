namespace CharRnn.Training;

/// <summary>How the learning rate goes on behind its warm-up.</summary>
public enum LearningRateDecay
{
    /// <summary>It stays what it is.</summary>
    Constant,

    /// <summary>Down to the minimum at the last step along half a wave of the cosine: PyTorch's CosineAnnealingLR.</summary>
    Cosine,

    /// <summary>Down to the minimum at the last step along a straight line: PyTorch's LinearLR.</summary>
    Linear,

    /// <summary>Multiplied by the factor in every so many steps, a little of it in each of them: PyTorch's ExponentialLR.</summary>
    Exponential,

    /// <summary>Multiplied by the factor after every so many steps, at once: PyTorch's StepLR.</summary>
    Step,

    /// <summary>Multiplied by the factor where the validation loss does not improve any more: PyTorch's ReduceLROnPlateau.</summary>
    Plateau,
}

/// <summary>
/// The learning rate of every step. It is computed in double from the number of completed steps, and of <see cref="LearningRateDecay.Plateau"/>
/// from a <see cref="PlateauState"/>: a resume needs nothing else.
/// </summary>
/// <exception cref="ArgumentOutOfRangeException">
/// A number of steps or the minimum is below 0, a count that divides below 1, or the factor not over 0 and at most 1.
/// </exception>
public sealed record LearningRateSchedule
{
    /// <summary>How it goes on behind the warm-up.</summary>
    public LearningRateDecay Kind { get; init; }

    /// <summary>Steps of the warm-up: step i of N, counted from 0, has η·(i + 1)/N.</summary>
    public long Warmup { get; init => field = Limits.NotNegative(value); }

    /// <summary>The rate below which no decay goes.</summary>
    public double MinLearningRate { get; init => field = Limits.NotNegative(value); }

    /// <summary>The factor of an exponential, step or plateau decay. A half is a step that can be seen and leaves room for more of them.</summary>
    public double Decay { get; init => field = Limits.Probability(value); } = 0.5;

    /// <summary>Steps in which an exponential or step decay multiplies the rate by the factor once.</summary>
    public long DecayEvery { get; init => field = Limits.Size(value); } = 1000;

    /// <summary>Measurements in a row without improvement after which a plateau decays: PyTorch's patience, and one.</summary>
    public long DecayPatience { get; init => field = Limits.Size(value); } = 3;

    /// <summary>Whether the rate of a step depends on how many there will be.</summary>
    public bool DependsOnTotal => Kind is LearningRateDecay.Cosine or LearningRateDecay.Linear;

    /// <summary>The learning rate of one step.</summary>
    /// <param name="completedSteps">Steps of the whole run before it.</param>
    /// <param name="learningRate">η, the rate at the end of the warm-up.</param>
    /// <param name="totalSteps">Steps of the whole run, where <see cref="DependsOnTotal"/>.</param>
    /// <param name="plateauDecays">Decays of <see cref="LearningRateDecay.Plateau"/> so far.</param>
    public double At(long completedSteps, double learningRate, long totalSteps, long plateauDecays)
    {
        if (completedSteps < Warmup)
            return learningRate * (completedSteps + 1) / Warmup;

        // 0 at the first step behind the warm-up, 1 at the last of all.
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

/// <summary>What a plateau's decay has seen of the validation loss.</summary>
/// <param name="Best">The best loss that counts, nats per character; NaN before the first.</param>
/// <param name="Waited">Measurements since then, or since the last decay, that brought no improvement.</param>
/// <param name="Decays">Decays so far.</param>
public readonly record struct PlateauState(double Best, long Waited, long Decays)
{
    // PyTorch's: a loss that creeps down by less than a ten thousandth of itself does not improve.
    private const double Threshold = 1e-4;

    /// <summary>Before the first measurement.</summary>
    public static PlateauState Start => new(double.NaN, 0, 0);

    /// <summary>The state after one more measurement.</summary>
    /// <param name="validationLoss">What was measured.</param>
    /// <param name="patience">See <see cref="LearningRateSchedule.DecayPatience"/>.</param>
    public PlateauState After(double validationLoss, long patience)
    {
        if (double.IsFinite(validationLoss) && !(validationLoss >= Best * (1 - Threshold)))
            return this with { Best = validationLoss, Waited = 0 };
        return Waited + 1 < patience ? this with { Waited = Waited + 1 } : this with { Waited = 0, Decays = Decays + 1 };
    }
}
