namespace CharRnn.Text;

/// <summary>
/// How training walks its text (min-char-rnn's rule, for B streams): N tokens are cut into B contiguous streams
/// of <c>L = ⌊N/B⌋</c>, and a position p walks all of them in steps of T. Before a step, at the start or when
/// <c>p + T + 1 ≥ L</c>, p returns to 0 and the carried state is zeroed. A step's inputs are <c>[p, p+T)</c>
/// of each stream, its targets <c>[p+1, p+T+1)</c>.
/// </summary>
/// <param name="StreamLength">L, tokens per stream.</param>
/// <param name="SequenceLength">T, tokens per step, at least 1.</param>
/// <exception cref="ArgumentOutOfRangeException">T is below 1, or L below 0.</exception>
public readonly record struct StreamCursor(long StreamLength, int SequenceLength)
{
    /// <summary>L, tokens per stream.</summary>
    public long StreamLength { get; } = Limits.NotNegative(StreamLength);

    /// <summary>T, tokens per step.</summary>
    public int SequenceLength { get; } = Limits.Size(SequenceLength);

    /// <summary>p, where the next step would begin; -1 before the first step.</summary>
    public long Position { get; init; } = -1;

    /// <summary>Passes of p begun so far, the current one included; 0 before the first step.</summary>
    public long Epoch { get; init; }

    /// <summary>Steps in one pass of p over the streams.</summary>
    public long StepsPerEpoch => Math.Max(1, (StreamLength - 2) / SequenceLength);

    /// <summary>The cursor at the next step's begin, wrapped if it must be.</summary>
    /// <param name="startsOver">True if the step begins at p = 0 with a zero state.</param>
    public StreamCursor BeginStep(out bool startsOver)
    {
        startsOver = Position < 0 || Position + SequenceLength + 1 >= StreamLength;
        return startsOver ? this with { Position = 0, Epoch = Epoch + 1 } : this;
    }

    /// <summary>Steps from here up to the next return to 0, this one included. Call it on a begun step's cursor.</summary>
    public long StepsBeforeWrap => Math.Max(1, (StreamLength - 2 - Position) / SequenceLength);

    /// <summary>The cursor after a number of steps that do not wrap.</summary>
    public StreamCursor Advance(long steps) => this with { Position = Position + (steps * SequenceLength) };
}
