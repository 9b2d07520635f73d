namespace CharRnn.Training;

/// <summary>
/// How long training goes on, and what happens along the way. Cadences count iterations; with 0 nothing happens along the way. At its
/// end training is measured, reported and saved in any case, and writes a sample unless <see cref="SampleEvery"/> is 0.
/// </summary>
/// <exception cref="ArgumentOutOfRangeException">
/// A number is below 0, a length is below 1, or the validation fraction is not in [0, 1).
/// </exception>
public sealed record TrainingSchedule
{
    /// <summary>The number of iterations of the whole run; if it is null, <see cref="Epochs"/> decides.</summary>
    public long? Iterations { get; init => field = value is { } number ? Limits.NotNegative(number) : null; }

    /// <summary>The number of passes over the data, if <see cref="Iterations"/> is null.</summary>
    public long Epochs { get; init => field = Limits.NotNegative(value); } = 10;

    /// <summary>The number of iterations between reports of the losses.</summary>
    public long LogEvery { get; init => field = Limits.NotNegative(value); } = 100;

    /// <summary>The number of iterations between samples, texts that the current model writes.</summary>
    public long SampleEvery { get; init => field = Limits.NotNegative(value); } = 1000;

    /// <summary>The number of characters of a sample.</summary>
    public int SampleLength { get; init => field = Limits.Size(value); } = 200;

    /// <summary>The number of iterations between measurements of the validation loss, which goes into that iteration's report.</summary>
    public long EvalEvery { get; init => field = Limits.NotNegative(value); } = 1000;

    /// <summary>
    /// The largest number of characters to measure on, which are the first of the validation part. A million take about a second,
    /// whereas a tenth of a large text would take longer than the training between two measurements.
    /// </summary>
    public long EvalLength { get; init => field = Limits.Size(value); } = 1_000_000;

    /// <summary>
    /// The number of measurements in a row without a better validation loss after which training ends early; with 0 it never does. Only
    /// the measurements of <see cref="EvalEvery"/> count.
    /// </summary>
    public long Patience { get; init => field = Limits.NotNegative(value); }

    /// <summary>How the learning rate changes from step to step.</summary>
    public LearningRateSchedule LearningRates { get; init; } = new();

    /// <summary>The number of iterations between checkpoints: the model and all that a resume needs, on disk.</summary>
    public long CheckpointEvery { get; init => field = Limits.NotNegative(value); } = 1000;

    /// <summary>The fraction of the text, at its end, that is not trained on, but measured on.</summary>
    public double ValidationFraction { get; init => field = Limits.Part(value); } = 0.1;

    /// <summary>The seed of the initial weights and of the samples.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The number of iterations after which training is finished.</summary>
    /// <param name="stepsPerEpoch">The number of iterations in one pass over the data.</param>
    public long TotalIterations(long stepsPerEpoch) =>
        Iterations ?? (Epochs > long.MaxValue / Math.Max(1, stepsPerEpoch) ? long.MaxValue : Epochs * stepsPerEpoch);

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
