namespace CharRnn.Training;

/// <summary>The sizes and rates of a training step. The defaults are min-char-rnn's.</summary>
/// <exception cref="ArgumentOutOfRangeException">A size is below 1; a rate is not over 0, or not finite.</exception>
public sealed record StepOptions
{
    /// <summary>H, hidden units.</summary>
    public int HiddenSize { get; init => field = Limits.Size(value); } = 100;

    /// <summary>T, time steps that a gradient reaches back.</summary>
    public int SequenceLength { get; init => field = Limits.Size(value); } = 25;

    /// <summary>B, streams trained at once.</summary>
    public int BatchSize { get; init => field = Limits.Size(value); } = 1;

    /// <summary>η of E9; of a run with a <see cref="LearningRateSchedule"/> the rate at the end of its warm-up.</summary>
    public float LearningRate { get; init => field = Limits.Positive(value); } = 0.1f;

    /// <summary>c of E9: each element of the gradient is cut to ±c.</summary>
    public float Clip { get; init => field = Limits.Positive(value); } = 5;
}
