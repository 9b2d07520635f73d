namespace CharRnn.Model;

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

/// <summary>The parameters of a character model by their symbols in E1 and E2.</summary>
public static class CharacterParameters
{
    extension<T>(ParameterSet<T> set)
        where T : unmanaged
    {
        /// <summary>V and H.</summary>
        /// <exception cref="ArgumentException">The parameters are those of another kind of model.</exception>
        public ModelShape Sizes => set.Shape as ModelShape? ?? throw new ArgumentException("are not a character model's", nameof(set));

        /// <summary>Input to hidden, <c>[V, H]</c>.</summary>
        public T[] Wxh => set[ModelShape.Wxh];

        /// <summary>Hidden to hidden, <c>[H, H]</c>: <c>Whh[j, i]</c> is the weight from unit j to unit i.</summary>
        public T[] Whh => set[ModelShape.Whh];

        /// <summary>Hidden bias, <c>[H]</c>.</summary>
        public T[] Bh => set[ModelShape.Bh];

        /// <summary>Hidden to output, <c>[H, V]</c>.</summary>
        public T[] Why => set[ModelShape.Why];

        /// <summary>Output bias, <c>[V]</c>.</summary>
        public T[] By => set[ModelShape.By];
    }
}
