namespace CharRnn.Training;

/// <summary>
/// How long training goes on, and what happens along the way. Cadences count iterations; 0 means never along the way. At its end
/// training is measured, reported and saved in any case, and writes a sample unless <see cref="SampleEvery"/> is 0.
/// </summary>
/// <exception cref="ArgumentOutOfRangeException">
/// A number is below 0, a length below 1, or the validation fraction not in [0, 1).
/// </exception>
public sealed record TrainingSchedule
{
    /// <summary>Total iterations since the start; null leaves it to <see cref="Epochs"/>.</summary>
    public long? Iterations { get; init => field = value is { } number ? Limits.NotNegative(number) : null; }

    /// <summary>Passes over the text, where <see cref="Iterations"/> is null.</summary>
    public long Epochs { get; init => field = Limits.NotNegative(value); } = 10;

    /// <summary>A report of the losses.</summary>
    public long LogEvery { get; init => field = Limits.NotNegative(value); } = 100;

    /// <summary>A text written by the model as it is.</summary>
    public long SampleEvery { get; init => field = Limits.NotNegative(value); } = 1000;

    /// <summary>Characters of such a text.</summary>
    public int SampleLength { get; init => field = Limits.Size(value); } = 200;

    /// <summary>The loss on the validation text, which goes into that iteration's report.</summary>
    public long EvalEvery { get; init => field = Limits.NotNegative(value); } = 1000;

    /// <summary>
    /// Most characters of the validation part to measure on, its first: a million take a second or so, where all of a large
    /// text's tenth would take longer than the training between.
    /// </summary>
    public long EvalLength { get; init => field = Limits.Size(value); } = 1_000_000;

    /// <summary>
    /// Measurements in a row that bring no better validation loss, after which training ends before its last iteration; 0 is never.
    /// Only those of <see cref="EvalEvery"/> count.
    /// </summary>
    public long Patience { get; init => field = Limits.NotNegative(value); }

    /// <summary>How the learning rate changes from step to step.</summary>
    public LearningRateSchedule LearningRates { get; init; } = new();

    /// <summary>The model and all that a resume needs, to disk.</summary>
    public long CheckpointEvery { get; init => field = Limits.NotNegative(value); } = 1000;

    /// <summary>The share of the text, its end, that is kept from training to measure on.</summary>
    public double ValidationFraction { get; init => field = Limits.Part(value); } = 0.1;

    /// <summary>Of the initial weights and the samples.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The iterations after which training is finished.</summary>
    /// <param name="stepsPerEpoch">Iterations in one pass over the text.</param>
    public long TotalIterations(long stepsPerEpoch) => Iterations ?? (Epochs > long.MaxValue / Math.Max(1, stepsPerEpoch) ? long.MaxValue : Epochs * stepsPerEpoch);

    /// <summary>The first iteration after this one at which something is due.</summary>
    public long NextEvent(long iteration, long totalIterations)
    {
        long next = totalIterations;
        foreach (long every in (ReadOnlySpan<long>)[LogEvery, SampleEvery, EvalEvery, CheckpointEvery])
            if (every > 0)
                next = Math.Min(next, ((iteration / every) + 1) * every);
        return next;
    }

    /// <summary>Whether an event of this cadence is due after an iteration.</summary>
    public static bool IsDue(long every, long iteration) => every > 0 && iteration % every == 0;
}
