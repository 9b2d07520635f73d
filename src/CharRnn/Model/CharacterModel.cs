using CharRnn.Text;

namespace CharRnn.Model;

/// <summary>A model that can write text: its characters and its weights.</summary>
/// <param name="Vocabulary">The V characters.</param>
/// <param name="Weights">The parameters, for V characters.</param>
/// <exception cref="ArgumentException">The weights are for another number of characters.</exception>
public sealed record CharacterModel(Vocabulary Vocabulary, ParameterSet<float> Weights)
{
    /// <summary>The parameters, for V characters.</summary>
    public ParameterSet<float> Weights { get; } = Weights.Sizes.VocabularySize == Vocabulary.Size
        ? Weights
        : throw new ArgumentException(
            $"are for {Weights.Sizes.VocabularySize} characters, and the vocabulary has {Vocabulary.Size}", nameof(Weights));

    /// <summary>The sizes of the model.</summary>
    public ModelShape Shape => Weights.Sizes;
}
