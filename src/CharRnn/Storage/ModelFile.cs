using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Text;

namespace CharRnn.Storage;

/// <summary>
/// A character model as a safetensors file: the weights under their names (<c>layers.0.Wxh [G·H,V]</c>, <c>layers.0.Whh [G·H,H]</c>,
/// <c>layers.0.bh [G·H]</c>, of a GRU also <c>layers.0.bhn [H]</c>, the same of higher layers with <c>[G·H,H]</c> of Wxh, <c>Why [V,H]</c>,
/// <c>by [V]</c>; a row belongs to an output), and in <c>__metadata__</c> the format, its version, the cell, the number of layers, the
/// encoding, the characters in index order and the payload's checksum.
/// </summary>
public static class ModelFile
{
    private const string Remedy = "give the text and --encoding that the model was trained on, or another file";

    /// <summary>Saves a model atomically; equal models give equal bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">The model.</param>
    /// <param name="replacing">See <see cref="AtomicFile.Write"/>.</param>
    /// <exception cref="CharRnnException">A weight is not finite, or the file system refuses; an old file stays as it was.</exception>
    public static void Save(string path, CharacterModel model, Action? replacing = null) =>
        new CharacterDescription(model.Vocabulary).Save(path, model.Weights, replacing);

    /// <summary>
    /// Loads the model of a model's file or of a checkpoint. Keys of the metadata that this program does not know are
    /// ignored, and a file without a checksum is accepted, so that files can be written by hand.
    /// </summary>
    /// <exception cref="CharRnnException">
    /// The file cannot be read or breaks the format; a tensor is missing, superfluous, of another shape or not finite;
    /// the metadata lacks a key or names another kind or a newer version; the checksum differs.
    /// </exception>
    public static CharacterModel Load(string path)
    {
        using var file = SafetensorsFile.Open(path);
        return Load(file);
    }

    /// <summary>The same of a file that is open.</summary>
    internal static CharacterModel Load(SafetensorsFile file)
    {
        (Vocabulary vocabulary, RecurrentCell cell, int layers) = ModelMetadata.Read(file);
        bool isCheckpoint = CheckpointFile.IsCheckpoint(file);
        ModelShape shape = WeightTensors.ReadShape(file, vocabulary.Size, cell, layers);
        foreach (SafetensorsEntry tensor in file.Tensors)
            if (!shape.Tensors.Any(spec => spec.Name == tensor.Name) && !(isCheckpoint && CheckpointFile.IsState(tensor.Name)))
                throw Superfluous(file.Path, tensor.Name);
        WeightTensors.Check(file, "", shape);
        ModelMetadata.CheckChecksum(file);
        return new CharacterModel(vocabulary, WeightTensors.Read(file, "", shape));
    }

    /// <summary>Checks that a loaded model fits a text and a configuration.</summary>
    /// <param name="path">The file that the model was loaded from.</param>
    /// <param name="model">The model.</param>
    /// <param name="vocabulary">The characters of the text: they must be the same in the same order.</param>
    /// <param name="shape">The sizes of the configuration, of which V does not count.</param>
    /// <exception cref="CharRnnException">It does not fit; the message names the size or the first character that differs.</exception>
    public static void RequireFits(string path, CharacterModel model, Vocabulary vocabulary, ModelShape shape)
    {
        RequireMaps(path, model, vocabulary, shape);
        if (model.Vocabulary.Matches(vocabulary))
            return;

        if (model.Vocabulary.Size != vocabulary.Size)
            throw new CharRnnException(
                path, $"its vocabulary has {model.Vocabulary.Size} characters, the text has {vocabulary.Size}", Remedy);
        (int first, (int ours, int theirs)) = model.Vocabulary.CodePoints.Zip(vocabulary.CodePoints).Index()
            .First(pair => pair.Item.First != pair.Item.Second);
        throw new CharRnnException(path, $"its vocabulary has U+{ours:X4} at index {first}, the text has U+{theirs:X4}", Remedy);
    }

    /// <summary>
    /// Checks that the weights of a loaded model can be mapped to the characters of a text (<see cref="VocabularyTransfer"/>).
    /// </summary>
    /// <param name="path">The file that the model was loaded from.</param>
    /// <param name="model">The model.</param>
    /// <param name="vocabulary">The characters of the text.</param>
    /// <param name="shape">The sizes of the configuration, of which V does not count.</param>
    /// <exception cref="CharRnnException">A size, the cell or the encoding differs.</exception>
    public static void RequireMaps(string path, CharacterModel model, Vocabulary vocabulary, ModelShape shape)
    {
        ModelShape own = model.Shape;
        (string Name, object Own, object Wanted, string What)[] sizes =
        [
            ("--hidden-size", own.HiddenSize, shape.HiddenSize, $"{own.HiddenSize} hidden units"),
            ("--cell", ModelMetadata.CellName(own.Cell), ModelMetadata.CellName(shape.Cell), $"{ModelMetadata.CellName(own.Cell)} cells"),
            ("--layers", own.Layers, shape.Layers, $"{own.Layers} layer{(own.Layers > 1 ? "s" : "")}"),
        ];
        foreach ((string name, object has, object wanted, string what) in sizes)
            if (!has.Equals(wanted))
                throw new CharRnnException(
                    path, $"its model has {what}, but {name} is {wanted}", $"give {name} {has} or another file");
        if (model.Vocabulary.Encoding == vocabulary.Encoding)
            return;
        (string ours, string theirs) = (ModelMetadata.EncodingName(model.Vocabulary), ModelMetadata.EncodingName(vocabulary));
        throw new CharRnnException(path, $"its encoding is {ours}, the text's is {theirs}", Remedy);
    }

    /// <summary>The error for a tensor that has no place in the file.</summary>
    internal static CharRnnException Superfluous(string path, string name)
        => new(path, $"tensor {FileErrors.Quote(name)} belongs to no model of this kind", "give a model or checkpoint written by charrnn");
}
