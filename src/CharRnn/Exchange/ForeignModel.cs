using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Text;

namespace CharRnn.Exchange;

/// <summary>What all files of other programs have in common.</summary>
internal static class ForeignModel
{
    /// <summary>A model of matrices whose rows are outputs, its characters brought into ascending order.</summary>
    /// <param name="path">The file, for errors.</param>
    /// <param name="vocabulary">Its characters in its order.</param>
    /// <param name="tensors"><c>Wxh [H,V]</c>, <c>Whh [H,H]</c>, <c>bh [H]</c>, <c>Why [V,H]</c>, <c>by [V]</c>.</param>
    /// <exception cref="CharRnnException">A value is not finite.</exception>
    public static CharacterModel Of(string path, Vocabulary vocabulary, float[][] tensors)
    {
        var weights = new ParameterSet<float>(new ModelShape(vocabulary.Size, tensors[2].Length));
        foreach ((ParameterTensor<float> to, float[] from) in weights.Tensors.Zip(tensors))
            WeightTensors.Transpose(from, to.Columns, to.Rows).CopyTo(to.Values, 0);
        WeightTensors.RequireFinite(path, "", weights, "give a model whose training did not diverge");
        var ascending = new Vocabulary(vocabulary.Encoding, vocabulary.CodePoints.Order());
        return new CharacterModel(ascending, VocabularyTransfer.Of(new CharacterModel(vocabulary, weights), ascending, 0).Weights);
    }

    /// <summary>Characters in index order.</summary>
    /// <exception cref="CharRnnException">One is none, or stands twice.</exception>
    public static Vocabulary Characters(string path, TextEncoding encoding, IEnumerable<int> codePoints)
    {
        try
        {
            return new Vocabulary(encoding, codePoints);
        }
        catch (ArgumentException e)
        {
            throw new CharRnnException(path, e.Message.Split(" (Parameter")[0], "give each character once, in index order", e);
        }
    }
}
