using System.Globalization;
using System.IO.Hashing;
using System.Text;
using CharRnn.Files;
using CharRnn.Text;

namespace CharRnn.Storage;

/// <summary>
/// The <c>__metadata__</c> of a model or checkpoint: the kind of the file, its characters and its checksum.
/// No time, path or device, so that equal weights give equal bytes.
/// </summary>
internal static class ModelMetadata
{
    private const string Format = "charrnn";
    private const string NetworkCell = "mlp";

    /// <summary>The version of models that every release reads: those of a single vanilla layer, and feed-forward networks.</summary>
    public const int FirstVersion = 1;

    /// <summary>
    /// The newest version that this program reads: other cells, several layers, and checkpoints with more optimizers than Adagrad and more
    /// counters.
    /// </summary>
    public const int Version = 2;

    private const string Utf8Name = "utf-8";
    private const string BytesName = "bytes";

    // The payload's checksum does not cover the header, where a changed bit makes a model write other letters.
    private const string VocabularyChecksum = "vocabulary-checksum", DescriptionChecksum = "description-checksum";

    private static readonly string[] s_cells = [.. Enum.GetValues<RecurrentCell>().Select(CellName)];

    // The cause of a refusal that is not about damage: the file is intact, and of another kind.
    private static readonly NotSupportedException s_otherKind = new("The file is of another kind.");

    private const string OursRemedy = "give a model or checkpoint written by charrnn";

    /// <summary>The metadata of a file with these characters and tensors.</summary>
    public static Dictionary<string, string> Create(
        Vocabulary vocabulary, ModelShape shape, IEnumerable<SafetensorsTensor> tensors, int version)
    {
        (string encoding, string text) = (EncodingName(vocabulary), VocabularyText(vocabulary));
        return Create(
            CellName(shape.Cell), shape.Layers,
            new() { ["encoding"] = encoding, ["vocabulary"] = text, [VocabularyChecksum] = ChecksumOf(encoding, text) },
            tensors, version);
    }

    /// <summary>The metadata of a feed-forward network's file: these descriptions, and what must agree with them.</summary>
    public static Dictionary<string, string> CreateNetwork(
        int layers, Dictionary<string, string> descriptions, IEnumerable<SafetensorsTensor> tensors, int version)
    {
        string[] inOrder = [.. descriptions.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value)];
        return Create(NetworkCell, layers, new(descriptions) { [DescriptionChecksum] = ChecksumOf(inOrder) }, tensors, version);
    }

    /// <summary>Whether a file says that this program wrote it.</summary>
    public static bool IsOurs(SafetensorsFile file) => file.Metadata.GetValueOrDefault("format") == Format;

    /// <summary>Whether a file says that it holds a feed-forward network.</summary>
    public static bool IsNetwork(SafetensorsFile file) => file.Metadata.GetValueOrDefault("cell") == NetworkCell;

    /// <summary>
    /// Checks that a file is a feed-forward network's with these descriptions, and reads how many layers it says it has.
    /// </summary>
    /// <exception cref="CharRnnException">A key is missing or has a value this program does not know.</exception>
    public static int ReadNetwork(SafetensorsFile file, string[] descriptions, int mostLayers)
    {
        RequireValue(file, "format", Format);
        RequireVersion(file);
        RequireCell(file, NetworkCell);
        string[] values = [.. descriptions.Order(StringComparer.Ordinal).Select(key => Value(file, key))];
        if (file.Metadata.TryGetValue(DescriptionChecksum, out string? recorded) && recorded != ChecksumOf(values))
            throw FileErrors.Damaged(file.Path, $"metadata keys {string.Join(", ", descriptions)} do not agree with {DescriptionChecksum}");
        return ReadLayers(file, mostLayers);
    }

    private static int ReadLayers(SafetensorsFile file, int most)
    {
        string layers = Value(file, "layers");
        return int.TryParse(layers, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0 && count <= most
            ? count
            : throw new CharRnnException(
                file.Path, $"metadata key layers is {FileErrors.Quote(layers)}, not 1 to {most}", OursRemedy);
    }

    private static Dictionary<string, string> Create(
        string cell, int layers, Dictionary<string, string> more, IEnumerable<SafetensorsTensor> tensors, int version) => new(more)
        {
            ["format"] = Format,
            ["version"] = version.ToString(CultureInfo.InvariantCulture),
            ["cell"] = cell,
            ["layers"] = layers.ToString(CultureInfo.InvariantCulture),
            ["checksum"] = SafetensorsTensor.Checksum(tensors),
        };

    /// <summary>The characters in index order; a byte is written as the character of the same number, U+0000 to U+00FF.</summary>
    public static string VocabularyText(Vocabulary vocabulary) => string.Concat(vocabulary.CodePoints.Select(c => new Rune(c).ToString()));

    /// <summary>The encoding as files and the command line name it.</summary>
    public static string EncodingName(Vocabulary vocabulary) => vocabulary.Encoding == TextEncoding.Bytes ? BytesName : Utf8Name;

    /// <summary>The cell as files and the command line name it.</summary>
    public static string CellName(RecurrentCell cell) => cell switch
    {
        RecurrentCell.Lstm => "lstm",
        RecurrentCell.Gru => "gru",
        _ => "rnn",
    };

    /// <summary>Checks that a file is of a kind this program reads, and reads its characters, its cell and its number of layers.</summary>
    /// <exception cref="CharRnnException">A key is missing or has a value this program does not know.</exception>
    public static (Vocabulary Vocabulary, RecurrentCell Cell, int Layers) Read(SafetensorsFile file)
    {
        if (!IsOurs(file) && IsStateOfPyTorch(file))
            throw new CharRnnException(
                file.Path, "is the state of a PyTorch module", $"make a model of it with charrnn import {FileKind.Quote(file.Path)}");
        RequireValue(file, "format", Format);
        RequireVersion(file);
        string cell = RequireCell(file, s_cells);
        return (
            ReadVocabulary(file), Enum.GetValues<RecurrentCell>()[Array.IndexOf(s_cells, cell)], ReadLayers(file, ModelShape.MostLayers));
    }

    /// <summary>The characters of a file that has them in its metadata.</summary>
    /// <exception cref="CharRnnException">A key is missing or has a value this program does not know.</exception>
    public static Vocabulary ReadVocabulary(SafetensorsFile file)
    {
        string encoding = Value(file, "encoding");
        return encoding switch
        {
            Utf8Name => ReadVocabulary(file, TextEncoding.Utf8),
            BytesName => ReadVocabulary(file, TextEncoding.Bytes),
            _ => throw new CharRnnException(
                file.Path, $"metadata key encoding is {FileErrors.Quote(encoding)}, not {Utf8Name} or {BytesName}", OursRemedy),
        };
    }

    /// <summary>Reads the payload and compares its checksum with the recorded one, if there is one.</summary>
    /// <exception cref="CharRnnException">They differ.</exception>
    public static void CheckChecksum(SafetensorsFile file)
    {
        if (!file.Metadata.TryGetValue("checksum", out string? recorded))
            return;
        string actual = file.ReadChecksum();
        if (!string.Equals(actual, recorded, StringComparison.OrdinalIgnoreCase))
            throw FileErrors.Damaged(file.Path, $"its checksum is {actual}, but metadata key checksum says {FileErrors.Quote(recorded)}");
    }

    private static Vocabulary ReadVocabulary(SafetensorsFile file, TextEncoding encoding)
    {
        string text = Value(file, "vocabulary");
        if (text.Length == 0)
            throw new CharRnnException(file.Path, "metadata key vocabulary is empty", OursRemedy);
        if (file.Metadata.TryGetValue(VocabularyChecksum, out string? recorded) && recorded != ChecksumOf(Value(file, "encoding"), text))
            throw FileErrors.Damaged(file.Path, $"metadata key vocabulary does not agree with {VocabularyChecksum}");
        try
        {
            return new Vocabulary(encoding, text.EnumerateRunes().Select(rune => rune.Value));
        }
        catch (ArgumentException e)
        {
            // .NET appends the parameter's name to the reason.
            string reason = e.Message.Split(" (Parameter")[0];
            throw FileErrors.Damaged(file.Path, $"metadata key vocabulary is wrong: {reason}", e);
        }
    }

    /// <summary>Whether a file holds the weights of a recurrent layer of PyTorch, under any name.</summary>
    private static bool IsStateOfPyTorch(SafetensorsFile file) =>
        file.Tensors.Any(tensor => tensor.Name.EndsWith("weight_hh_l0", StringComparison.Ordinal));

    private static string ChecksumOf(params ReadOnlySpan<string> texts)
    {
        var hash = new XxHash3();
        hash.Append(Encoding.UTF8.GetBytes(string.Join('\n', texts)));
        return SafetensorsTensor.ChecksumText(hash);
    }

    private static void RequireVersion(SafetensorsFile file)
    {
        string version = Value(file, "version");
        if (!int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < 1)
            throw new CharRnnException(file.Path, $"metadata key version is {FileErrors.Quote(version)}, not 1 to {Version}", OursRemedy);
        if (number > Version)
            throw new CharRnnException(
                file.Path, $"it is of format version {number}, newer than this program's {Version}",
                "update charrnn", s_otherKind);
    }

    private static void RequireValue(SafetensorsFile file, string key, string expected)
    {
        string value = Value(file, key);
        if (value != expected)
            throw new CharRnnException(
                file.Path, $"metadata key {key} is {FileErrors.Quote(value)}, not {expected}", OursRemedy, s_otherKind);
    }

    private static string RequireCell(SafetensorsFile file, params string[] expected)
    {
        string cell = Value(file, "cell");
        return expected.Contains(cell)
            ? cell
            : throw new CharRnnException(
                file.Path, $"metadata key cell is {FileErrors.Quote(cell)}, not {string.Join(" or ", expected)}",
                cell == NetworkCell ? "it is a feed-forward network: give it to charrnn mlp predict or eval"
                    : s_cells.Contains(cell) ? "it writes text: give it to charrnn sample or eval"
                    : OursRemedy,
                s_otherKind);
    }

    private static string Value(SafetensorsFile file, string key)
        => file.Metadata.GetValueOrDefault(key) ?? throw new CharRnnException(file.Path, $"metadata key {key} is missing", OursRemedy);
}
