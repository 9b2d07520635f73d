namespace CharRnn.Text;

/// <summary>A text cut in two: the part that is trained on, and after it the part that is only measured.</summary>
/// <param name="Training">The first tokens.</param>
/// <param name="Validation">The last <c>⌊f·N⌋</c> tokens; may be empty.</param>
public sealed record TextSplit(ITokenSource Training, ITokenSource Validation)
{
    /// <summary>
    /// Cuts N tokens: the last <c>⌊f·N⌋</c> are for validation. f counts as the decimal fraction it is written as,
    /// so that 0.29 of 100 is 29, though the nearest binary fraction lies below it.
    /// </summary>
    /// <param name="tokens">The whole text.</param>
    /// <param name="validationFraction">f, in [0, 1).</param>
    /// <exception cref="ArgumentOutOfRangeException">f is not in [0, 1).</exception>
    public static TextSplit Of(ITokenSource tokens, double validationFraction)
    {
        long validation = (long)((decimal)Limits.Part(validationFraction, nameof(validationFraction)) * tokens.Length);
        long training = tokens.Length - validation;
        return new TextSplit(tokens.Slice(0, training), tokens.Slice(training, validation));
    }

    /// <summary>The tokens that training needs: <c>B·(T+2)</c>, a step and its targets in each of B streams with no wrap inside.</summary>
    /// <param name="batchSize">B, streams.</param>
    /// <param name="sequenceLength">T, tokens per step.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public static long RequiredLength(int batchSize, int sequenceLength) =>
        Limits.Size(batchSize, nameof(batchSize)) * ((long)Limits.Size(sequenceLength, nameof(sequenceLength)) + 2);

    /// <summary>
    /// Checks that a text is long enough to be trained on: what a program gives, where <see cref="CheckLength"/> is for what a
    /// user gives.
    /// </summary>
    /// <exception cref="ArgumentException">It has fewer than <see cref="RequiredLength"/> tokens.</exception>
    public static void RequireLength(ITokenSource text, int batchSize, int sequenceLength)
    {
        long required = RequiredLength(batchSize, sequenceLength);
        if (text.Length < required)
            throw new ArgumentException(
                $"has {text.Length} tokens, and {batchSize} streams of steps of {sequenceLength} need at least {required}", nameof(text));
    }

    /// <summary>Checks that the training part is long enough.</summary>
    /// <param name="name">The name of the text in the error.</param>
    /// <param name="batchSize">B, streams.</param>
    /// <param name="sequenceLength">T, tokens per step.</param>
    /// <exception cref="CharRnnException">It has fewer than <see cref="RequiredLength"/> tokens.</exception>
    public void CheckLength(string name, int batchSize, int sequenceLength)
    {
        if (Training.Length < RequiredLength(batchSize, sequenceLength))
            throw CorpusErrors.TooShort(name, batchSize, sequenceLength, Training.Length, Validation.Length);
    }
}
