using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Storage;
using CharRnn.Text;

namespace CharRnn.Exchange;

/// <summary>A model in a file of another program, and what all those files have in common.</summary>
public static class ForeignModel
{
    internal const string NotFiniteRemedy = "give a model whose training did not diverge";

    /// <summary>Every cell with the number of its gates, by which other programs' files tell it.</summary>
    internal static readonly (RecurrentCell Cell, int Gates)[] Cells =
        [.. Enum.GetValues<RecurrentCell>().Select(cell => (cell, new ModelShape(1, 1, cell).Gates))];

    /// <summary>Reads a model from an <see cref="NpzFile"/> or a <see cref="PyTorchFile"/>: the content shows which it is.</summary>
    /// <param name="path">The file.</param>
    /// <param name="vocabulary">The characters in index order, where the file does not have them.</param>
    /// <param name="vocabularyPath">The file of those characters, for errors.</param>
    /// <exception cref="CharRnnException">The file cannot be read, or is not such a model.</exception>
    public static CharacterModel Load(string path, Vocabulary? vocabulary = null, string? vocabularyPath = null)
    {
        if (StandardStreams.IsInput(path))
            throw new CharRnnException(path, "is standard input, and weights are read from a file", "write them to a file, and give that");
        FileKind? kind = FileKind.OfFile(path);
        if (kind == FileKind.Npz || kind == FileKind.Zip || (kind is null && path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase)))
            return NpzFile.Load(path, vocabulary, vocabularyPath);
        return kind is null || kind == FileKind.Safetensors
            ? PyTorchFile.Load(path, vocabulary, vocabularyPath)
            : throw kind.InPlaceOfModel(path, "give an npz archive of a model's arrays, or a PyTorch module's state as safetensors");
    }

    /// <summary>The cell of a model, by the rows of its lowest Wxh: one for each unit of each gate.</summary>
    /// <param name="path">The file, for errors.</param>
    /// <param name="matrix">The name of the matrix, for errors.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="hiddenSize">H, at least 1.</param>
    /// <exception cref="CharRnnException">No cell has so many gates.</exception>
    internal static RecurrentCell CellOf(string path, string matrix, long rows, int hiddenSize)
    {
        foreach ((RecurrentCell cell, int gates) in Cells)
            if (rows == (long)gates * hiddenSize)
                return cell;
        throw new CharRnnException(
            path, $"{matrix} has {rows} rows, not {string.Join(" or ", Cells.Select(cell => (long)cell.Gates * hiddenSize))}",
            $"give the weights of {string.Join(", ", Cells.Select(cell => ModelMetadata.CellName(cell.Cell)))} cells, "
                + $"all of {hiddenSize} hidden units as the others");
    }

    /// <summary>
    /// The second bias that other programs have, for what comes from the state, <c>[G·H]</c>: zeros, but for the bhn of a GRU, whose gate
    /// is the last one with them, too.
    /// </summary>
    internal static float[] RecurrentBias(CharacterModel model, int layer)
    {
        LayerParameters<float> parameters = model.Weights.Layer(layer);
        float[] bias = new float[parameters.Bh.Length];
        if (model.Shape.HasRecurrentBias)
            parameters.Bhn.CopyTo(bias, bias.Length - parameters.Bhn.Length);
        return bias;
    }

    /// <summary>Makes a model from matrices whose rows are outputs, and sorts its characters into ascending order.</summary>
    /// <param name="vocabulary">Its characters in its order.</param>
    /// <param name="shape">Its sizes.</param>
    /// <param name="tensors">The values of each of the shape's tensors, as model files have them.</param>
    internal static CharacterModel Of(Vocabulary vocabulary, ModelShape shape, IEnumerable<float[]> tensors)
    {
        var weights = new ParameterSet<float>(shape);
        foreach (((TensorSpec spec, float[] to), float[] from) in weights.Tensors.Zip(tensors))
            WeightTensors.Transpose(from, spec.Columns, spec.Rows).CopyTo(to, 0);
        var ascending = new Vocabulary(vocabulary.Encoding, vocabulary.CodePoints.Order());
        return new CharacterModel(ascending, VocabularyTransfer.Of(new CharacterModel(vocabulary, weights), ascending, 0).Weights);
    }

    /// <summary>Characters in index order.</summary>
    /// <exception cref="CharRnnException">One is not a character of the encoding, or occurs twice.</exception>
    internal static Vocabulary Characters(string path, TextEncoding encoding, IEnumerable<int> codePoints)
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

    /// <summary>
    /// The characters for weights of this size. A line end at the end of a given file, as editors write it, does not count.
    /// </summary>
    /// <param name="path">The weights' file.</param>
    /// <param name="vocabulary">The characters in index order.</param>
    /// <param name="size">V of the weights.</param>
    /// <param name="weights">The weights that have this size, for errors.</param>
    /// <param name="whose">The name of the characters in errors, if they have no file of their own.</param>
    /// <param name="vocabularyPath">The file of the characters; null if they have none.</param>
    /// <exception cref="CharRnnException">They are more or fewer.</exception>
    internal static Vocabulary Fit(string path, Vocabulary vocabulary, int size, string weights, string whose, string? vocabularyPath)
    {
        IReadOnlyList<int> characters = vocabulary.CodePoints;
        int count = characters.Count;
        while (vocabularyPath is not null && count > size && characters[count - 1] is '\n' or '\r')
            count--;
        if (count == size)
            return count == characters.Count ? vocabulary : new Vocabulary(vocabulary.Encoding, characters.Take(count));
        const string remedy = "give each character that the model was trained on once, in index order";
        throw vocabularyPath is null
            ? new CharRnnException(path, $"{whose} has {characters.Count} characters, {weights} is for {size}", remedy)
            : new CharRnnException(vocabularyPath, $"has {characters.Count} characters, {path} has weights for {size} ({weights})", remedy);
    }
}
