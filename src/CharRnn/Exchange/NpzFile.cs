using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Storage;
using CharRnn.Text;

namespace CharRnn.Exchange;

/// <summary>
/// A model as NumPy's npz (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). A single layer of the vanilla cell has
/// min-char-rnn's names: <c>Wxh [H,V]</c>, <c>Whh [H,H]</c>, <c>bh [H,1]</c>, <c>Why [V,H]</c>, <c>by [V,1]</c>. The layers of other models
/// have those of model files: <c>layers.0.Wxh [G·H,V]</c> and so on. <c>chars [V]</c> is the characters (or byte values) in index order.
/// </summary>
public static partial class NpzFile
{
    private const string Characters = "chars";
    private const string Remedy = "write it with np.savez(file, Wxh=Wxh, Whh=Whh, Why=Why, bh=bh, by=by, chars=chars)";
    private const string LayersRemedy = "write the arrays of all layers with np.savez, under the names in charrnn import --help";

    /// <summary>Writes the model, atomically; equal models give equal bytes.</summary>
    /// <exception cref="CharRnnException">A weight is not finite, or the file system refuses.</exception>
    public static void Save(string path, CharacterModel model)
    {
        WeightTensors.RequireFinite(path, "", model.Weights, "give a model whose training did not diverge");
        bool isClassic = model.Shape is { Cell: RecurrentCell.Rnn, Layers: 1 };
        AtomicFile.Write(path, stream =>
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            foreach ((TensorSpec spec, SafetensorsTensor tensor) in model.Shape.Tensors.Zip(WeightTensors.Create("", model.Weights)))
            {
                string shape = tensor.Shape.Count == 1 ? $"({tensor.Shape[0]}, 1)" : $"({tensor.Shape[0]}, {tensor.Shape[1]})";
                using Stream entry = Entry(archive, isClassic ? spec.Symbol : spec.Name, "<f4", shape);
                tensor.CopyTo(entry.Write);
            }

            bool isBytes = model.Vocabulary.Encoding == TextEncoding.Bytes;
            using Stream characters = Entry(archive, Characters, isBytes ? "|u1" : "<U1", $"({model.Vocabulary.Size},)");
            foreach (int character in model.Vocabulary.CodePoints)
                characters.Write(isBytes ? [(byte)character] : [(byte)character, (byte)(character >> 8), (byte)(character >> 16), 0]);
        });
    }

    /// <summary>Reads a model, and sorts its characters into ascending order.</summary>
    /// <param name="path">The file.</param>
    /// <param name="vocabulary">The characters in index order, where the file does not have them.</param>
    /// <param name="vocabularyPath">The file of those characters, for errors.</param>
    /// <exception cref="CharRnnException">The file cannot be read, lacks an array, or an array is of another type or shape.</exception>
    public static CharacterModel Load(string path, Vocabulary? vocabulary = null, string? vocabularyPath = null)
    {
        try
        {
            using var file = new FileStream(
                FileErrors.FullPath(path), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var archive = new ZipArchive(file, ZipArchiveMode.Read);
            string whose = vocabulary is null ? $"array {Characters}" : "the given vocabulary";
            int layers = CountLayers(path, archive);
            string NameOf(TensorSpec spec) => layers == 0 ? spec.Symbol : spec.Name;
            var arrays = new Dictionary<string, NpyArray>();
            NpyArray ArrayOf(TensorSpec spec) => arrays.TryGetValue(NameOf(spec), out NpyArray? array)
                ? array
                : arrays[NameOf(spec)] = Read(path, archive, NameOf(spec), layers == 0 ? Remedy : LayersRemedy);
            var vanilla = new ModelShape(1, 1, RecurrentCell.Rnn, Math.Max(layers, 1)); // whose tensors every cell has
            (string, int[])[] shapes = [.. vanilla.Tensors.Select(spec => (NameOf(spec), ArrayOf(spec).Shape))];
            vocabulary ??= archive.GetEntry($"{Characters}.npy") is { } characters
                ? NpyArray.Read(path, Characters, characters).Characters()
                : throw new CharRnnException(
                    path, $"has no array {Characters}, the characters in index order", "add it, or give them as --vocabulary FILE");
            ModelShape shape = ShapeOf(path, vanilla, shapes);
            foreach (TensorSpec spec in shape.Tensors)
            {
                int[] size = ArrayOf(spec).Shape;
                bool isRow = spec.Role == TensorRole.Bias && size.SequenceEqual([spec.Columns]);
                if (!isRow && !size.SequenceEqual([spec.Columns, spec.Rows]))
                    throw new CharRnnException(
                        path, $"array {NameOf(spec)} has shape ({string.Join(", ", size)}), not ({spec.Columns}, {spec.Rows})",
                        $"give arrays whose sizes agree: the others are of a model of {shape.HiddenSize} hidden units and "
                            + $"{shape.VocabularySize} characters");
            }

            vocabulary = ForeignModel.Fit(
                path, vocabulary, shape.VocabularySize, $"array {NameOf(shape.Tensors[0])}", whose, vocabularyPath);
            return ForeignModel.Of(vocabulary, shape, shape.Tensors.Select(spec => ArrayOf(spec).Floats()));
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or OverflowException or FormatException)
        {
            throw new CharRnnException(path, "is not an npz file", Remedy, e);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Reading(path, e);
        }
    }

    /// <summary>The number of layers by the names of the arrays; 0 if they are min-char-rnn's, of a single layer.</summary>
    private static int CountLayers(string path, ZipArchive archive)
    {
        int count = 0;
        foreach (ZipArchiveEntry entry in archive.Entries)
            if (LayerName().Match(entry.FullName) is { Success: true } match)
                count = int.TryParse(match.Groups[1].Value, CultureInfo.InvariantCulture, out int layer) && layer < ModelShape.MostLayers
                    ? Math.Max(count, layer + 1)
                    : throw new CharRnnException(
                        path,
                        $"has an array {FileErrors.Quote(entry.FullName)}, and a model has at most {ModelShape.MostLayers} layers",
                        "give a model of fewer layers");
        return count;
    }

    /// <summary>
    /// The sizes and the cell of a model, as most of its arrays have them, so that the one that differs is the one to blame.
    /// </summary>
    /// <param name="path">The file, for errors.</param>
    /// <param name="vanilla">A shape with the same number of layers.</param>
    /// <param name="arrays">The name and the shape of each of its tensors in the file.</param>
    private static ModelShape ShapeOf(string path, ModelShape vanilla, (string Name, int[] Shape)[] arrays)
    {
        int[] Of(int tensor) => arrays[tensor].Shape;
        int[] each = [.. Enumerable.Range(0, vanilla.Layers)];
        int rows = Most(each.SelectMany(l => (int[])
            [.. Of(vanilla.WxhOf(l)).Take(1), .. Of(vanilla.WhhOf(l)).Take(1), .. Of(vanilla.BhOf(l)).Take(1)]));
        int h = Most(
        [
            .. each.SelectMany(l => Of(vanilla.WhhOf(l)).Skip(1)), .. each.Skip(1).SelectMany(l => Of(vanilla.WxhOf(l)).Skip(1)),
            .. Of(vanilla.Why).Skip(1), .. ForeignModel.Cells.Where(cell => rows % cell.Gates == 0).Select(cell => rows / cell.Gates),
        ]);
        int v = Most([.. Of(vanilla.WxhOf(0)).Skip(1), .. Of(vanilla.Why).Take(1), .. Of(vanilla.By).Take(1)]);
        return h > 0 && v > 0
            ? new ModelShape(v, h, ForeignModel.CellOf(path, $"array {arrays[0].Name}", rows, h), vanilla.Layers)
            : throw new CharRnnException(
                path, $"has {h} hidden units and {v} characters, by the shapes of its arrays", "give a model that has both");
    }

    /// <summary>The size that most agree on; 0 if there is none.</summary>
    private static int Most(IEnumerable<int> sizes) =>
        sizes.GroupBy(size => size).OrderByDescending(group => group.Count()).FirstOrDefault()?.Key ?? 0;

    private static Stream Entry(ZipArchive archive, string name, string type, string shape)
    {
        // The entries are not compressed, as in np.savez, and their date is constant.
        ZipArchiveEntry entry = archive.CreateEntry($"{name}.npy", CompressionLevel.NoCompression);
        entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
        Stream stream = entry.Open();
        string header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}";
        header = header.PadRight(((10 + header.Length + 1 + 63) / 64 * 64) - 11) + '\n'; // the values begin at a multiple of 64
        stream.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header));
        return stream;
    }

    private static NpyArray Read(string path, ZipArchive archive, string name, string remedy)
    {
        if (archive.GetEntry($"{name}.npy") is { } entry)
            return NpyArray.Read(path, name, entry);
        string others = string.Join(", ", archive.Entries.Select(other => Path.GetFileNameWithoutExtension(other.Name)));
        throw new CharRnnException(path, $"has no array {name}, but {FileErrors.Quote(others)}", remedy);
    }

    [GeneratedRegex(@"^layers\.([0-9]+)\.")]
    private static partial Regex LayerName();
}
