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
        (int h, int oldV, int newV) = (from.Sizes.HiddenSize, from.Sizes.VocabularySize, vocabulary.Size);
        ParameterSet<float> to = InitialWeights.Create(new ModelShape(newV, h), seed);
        from.Whh.CopyTo(to.Whh, 0);
        from.Bh.CopyTo(to.Bh, 0);
        var added = new List<int>();
        float leastLikely = from.By.Min();
        for (int token = 0; token < newV; token++)
        {
            if (!model.Vocabulary.TryGetToken(vocabulary.CodePoints[token], out int old))
            {
                added.Add(vocabulary.CodePoints[token]);
                to.By[token] = leastLikely;
                continue;
            }

            from.Wxh.AsSpan(old * h, h).CopyTo(to.Wxh.AsSpan(token * h));
            to.By[token] = from.By[old];
            for (int unit = 0; unit < h; unit++)
                to.Why[(unit * newV) + token] = from.Why[(unit * oldV) + old];
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
