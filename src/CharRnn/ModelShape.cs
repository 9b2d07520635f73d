namespace CharRnn;

/// <summary>The sizes that fix the parameters of a character model: V characters, H hidden units.</summary>
/// <param name="VocabularySize">V, the number of distinct characters, at least 1.</param>
/// <param name="HiddenSize">H, the number of hidden units, at least 1.</param>
/// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
public readonly record struct ModelShape(int VocabularySize, int HiddenSize) : IModelShape
{
    /// <summary>The tensors' places in <see cref="Tensors"/>.</summary>
    public const int Wxh = 0, Whh = 1, Bh = 2, Why = 3, By = 4;

    /// <summary>V, the number of distinct characters.</summary>
    public int VocabularySize { get; } = Limits.Size(VocabularySize);

    /// <summary>H, the number of hidden units.</summary>
    public int HiddenSize { get; } = Limits.Size(HiddenSize);

    /// <inheritdoc/>
    public IReadOnlyList<TensorSpec> Tensors =>
    [
        new("layers.0.Wxh", VocabularySize, HiddenSize, TensorRole.Table),
        new("layers.0.Whh", HiddenSize, HiddenSize, TensorRole.Matrix),
        new("layers.0.bh", 1, HiddenSize, TensorRole.Bias),
        new("Why", HiddenSize, VocabularySize, TensorRole.Matrix),
        new("by", 1, VocabularySize, TensorRole.Bias),
    ];
}
