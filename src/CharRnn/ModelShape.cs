namespace CharRnn;

/// <summary>The sizes that fix a model's parameters: V characters, H hidden units.</summary>
/// <param name="VocabularySize">V, the number of distinct characters, at least 1.</param>
/// <param name="HiddenSize">H, the number of hidden units, at least 1.</param>
/// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
public readonly record struct ModelShape(int VocabularySize, int HiddenSize)
{
    /// <summary>V, the number of distinct characters.</summary>
    public int VocabularySize { get; } = Limits.Size(VocabularySize);

    /// <summary>H, the number of hidden units.</summary>
    public int HiddenSize { get; } = Limits.Size(HiddenSize);

    /// <summary>Number of parameters: <c>2HV + H² + H + V</c>.</summary>
    public long ParameterCount => (2L * VocabularySize * HiddenSize) + ((long)HiddenSize * HiddenSize) + HiddenSize + VocabularySize;

    /// <summary>
    /// Floating-point operations to train on one character, a multiply-add counted as two: <c>6H² + 6HV</c>
    /// (forward, and twice that backward; the one-hot input is a row look-up and counts nothing).
    /// </summary>
    public double TrainingFlopsPerCharacter => 6.0 * HiddenSize * ((double)HiddenSize + VocabularySize);
}
