using CharRnn.Text;

namespace CharRnn.Model;

/// <summary>A model's weights for a text with other characters: each character keeps what was learned about it, at its new index.</summary>
/// <param name="Weights">The weights, in the order of the new vocabulary.</param>
/// <param name="Added">Characters that the model did not have.</param>
/// <param name="Dropped">Characters of the model that the text does not have.</param>
public sealed record VocabularyTransfer(ParameterSet<float> Weights, IReadOnlyList<int> Added, IReadOnlyList<int> Dropped)
{
    /// <summary>
    /// Maps weights by character. A new character gets fresh weights (<see cref="InitialWeights"/>) and, since the model
    /// never saw it, the bias of the least likely one.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="vocabulary">The characters of the text; of the model's encoding.</param>
    /// <param name="seed">The seed of the fresh weights.</param>
    /// <exception cref="ArgumentException">The encodings differ.</exception>
    public static VocabularyTransfer Of(CharacterModel model, Vocabulary vocabulary, ulong seed)
    {
        if (model.Vocabulary.Encoding != vocabulary.Encoding)
            throw new ArgumentException("has another encoding than the model", nameof(vocabulary));

        ParameterSet<float> from = model.Weights;
        ModelShape shape = model.Shape;
        (int oldV, int newV, int columns) = (shape.VocabularySize, vocabulary.Size, shape.Gates * shape.HiddenSize);
        ParameterSet<float> to = InitialWeights.Create(new ModelShape(newV, shape.HiddenSize, shape.Cell, shape.Layers), seed);

        // Only the lowest Wxh, Why and by have a part for each character.
        for (int tensor = shape.WxhOf(0) + 1; tensor < shape.Why; tensor++)
            from[tensor].CopyTo(to[tensor], 0);
        (float[] fromWxh, float[] toWxh, float[] fromWhy, float[] toWhy) = (from.Layer(0).Wxh, to.Layer(0).Wxh, from.Why, to.Why);
        (float[] fromBy, float[] toBy) = (from.By, to.By);
        var added = new List<int>();
        float leastLikely = fromBy.Min();
        for (int token = 0; token < newV; token++)
        {
            if (!model.Vocabulary.TryGetToken(vocabulary.CodePoints[token], out int old))
            {
                added.Add(vocabulary.CodePoints[token]);
                toBy[token] = leastLikely;
                continue;
            }

            fromWxh.AsSpan(old * columns, columns).CopyTo(toWxh.AsSpan(token * columns));
            toBy[token] = fromBy[old];
            for (int unit = 0; unit < shape.HiddenSize; unit++)
                toWhy[(unit * newV) + token] = fromWhy[(unit * oldV) + old];
        }

        return new VocabularyTransfer(to, added, [.. model.Vocabulary.CodePoints.Where(c => !vocabulary.TryGetToken(c, out _))]);
    }

    /// <summary>A description of what was done, for people; null if both vocabularies are the same.</summary>
    /// <param name="model">The model that was given.</param>
    /// <param name="vocabulary">The characters of the text.</param>
    public string? Describe(CharacterModel model, Vocabulary vocabulary)
    {
        if (model.Vocabulary.Matches(vocabulary))
            return null;
        string added = Added.Count == 0 ? "" : $"; new, with fresh weights: {CharacterNames.List(vocabulary.Encoding, [.. Added])}";
        string dropped = Dropped.Count == 0
            ? ""
            : $"; not in the text, and dropped: {CharacterNames.List(vocabulary.Encoding, [.. Dropped])}";
        return $"{vocabulary.Size - Added.Count} of {model.Vocabulary.Size} characters keep their weights{added}{dropped}";
    }
}
