using CharRnn.Randomness;

namespace CharRnn.Training;

/// <summary>The sizes and the optimizer of a training step. The defaults are min-char-rnn's.</summary>
/// <exception cref="ArgumentOutOfRangeException">A size is below 1, or a number of the optimizer is outside its bounds.</exception>
public sealed record StepOptions : UpdateOptions
{
    /// <summary>min-char-rnn's step.</summary>
    public StepOptions()
        : base(UpdateRule.Adagrad) => Clip = 5;

    /// <summary>H, hidden units.</summary>
    public int HiddenSize { get; init => field = Limits.Size(value); } = 100;

    /// <summary>T, time steps that a gradient reaches back.</summary>
    public int SequenceLength { get; init => field = Limits.Size(value); } = 25;

    /// <summary>B, streams trained at once.</summary>
    public int BatchSize { get; init => field = Limits.Size(value); } = 1;

    /// <summary>p of E12, the share of a layer's values that the layer above, or the output, does not see: from 0, below 1.</summary>
    public double Dropout { get; init => field = Limits.Part(value); }

    /// <summary>The seed of the dropout; initial weights and samples have <see cref="TrainingSchedule.Seed"/>.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>E12's m.</summary>
    public DropoutMask Mask => new(Dropout, Seed);
}
