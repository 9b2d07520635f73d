using CharRnn.Text;

namespace CharRnn.Model;

/// <summary>A model that can write text: its characters and its weights.</summary>
/// <param name="Vocabulary">The V characters.</param>
/// <param name="Weights">The parameters, for V characters and H hidden units.</param>
public sealed record CharacterModel(Vocabulary Vocabulary, ParameterSet<float> Weights);
