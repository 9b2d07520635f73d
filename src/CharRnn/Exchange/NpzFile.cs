using System.Globalization;
using System.IO.Compression;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Text;

namespace CharRnn.Exchange;

/// <summary>
/// A model as NumPy's npz, under min-char-rnn's names: <c>Wxh [H,V]</c>, <c>Whh [H,H]</c>, <c>Why [V,H]</c>, <c>bh [H,1]</c>,
/// <c>by [V,1]</c>, and <c>chars [V]</c>, the characters (or byte values) in index order
/// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
/// </summary>
public static partial class NpzFile
{
    private const string Characters = "chars", Remedy = "write it with np.savez(file, Wxh=Wxh, Whh=Whh, Why=Why, bh=bh, by=by, chars=chars)";
    private static readonly string[] Names = ["Wxh", "Whh", "bh", "Why", "by"];

    /// <summary>Writes the model, atomically; equal models give equal bytes.</summary>
    /// <exception cref="CharRnnException">A weight is not finite, or the file system refuses.</exception>
    public static void Save(string path, CharacterModel model)
    {
        WeightTensors.RequireFinite(path, "", model.Weights, "give a model whose training did not diverge");
        AtomicFile.Write(path, stream =>
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            foreach ((string name, SafetensorsTensor tensor) in Names.Zip(WeightTensors.Create("", model.Weights)))
            {
                string shape = tensor.Shape.Count == 1 ? $"({tensor.Shape[0]}, 1)" : $"({tensor.Shape[0]}, {tensor.Shape[1]})";
                using Stream entry = Entry(archive, name, "<f4", shape);
                tensor.CopyTo(entry.Write);
            }

            bool isBytes = model.Vocabulary.Encoding == TextEncoding.Bytes;
            using Stream characters = Entry(archive, Characters, isBytes ? "|u1" : "<U1", $"({model.Vocabulary.Size},)");
            foreach (int character in model.Vocabulary.CodePoints)
                characters.Write(isBytes ? [(byte)character] : [(byte)character, (byte)(character >> 8), (byte)(character >> 16), 0]);
        });
    }

    /// <summary>Reads a model; its characters end up in ascending order, whatever theirs was.</summary>
    /// <param name="path">The file.</param>
    /// <param name="vocabulary">The characters in index order, where the file does not have them.</param>
    /// <exception cref="CharRnnException">The file cannot be read, lacks an array, or an array is of another type or shape.</exception>
    public static CharacterModel Load(string path, Vocabulary? vocabulary = null)
    {
        try
        {
            using var file = new FileStream(FileErrors.FullPath(path), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var archive = new ZipArchive(file, ZipArchiveMode.Read);
            vocabulary ??= ReadVocabulary(path, archive);
            (float[] bh, _) = ReadFloats(path, archive, "bh");
            (int h, int v) = (bh.Length, vocabulary.Size);
            if (h == 0 || v == 0)
                throw new CharRnnException(path, $"has {h} hidden units and {v} characters", "give a model that has some");
            return ForeignModel.Of(path, vocabulary, [Matrix("Wxh", h, v), Matrix("Whh", h, h), Matrix("bh", h, 1), Matrix("Why", v, h), Matrix("by", v, 1)]);

            float[] Matrix(string name, int rows, int columns)
            {
                (float[] values, int[] shape) = ReadFloats(path, archive, name);
                return shape is [var r, var c] && (r, c) == (rows, columns) || (columns == 1 && shape is [var length] && length == rows)
                    ? values
                    : throw new CharRnnException(path, $"array {name} has shape ({string.Join(", ", shape)}), not ({rows}, {columns})", "give arrays whose sizes agree with bh and the characters");
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or OverflowException or FormatException)
        {
            throw new CharRnnException(path, "is no npz file", Remedy, e);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Reading(path, e);
        }
    }

    private static Stream Entry(ZipArchive archive, string name, string type, string shape)
    {
        // Not compressed, as np.savez has it, and with a date that does not change.
        ZipArchiveEntry entry = archive.CreateEntry($"{name}.npy", CompressionLevel.NoCompression);
        entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
        Stream stream = entry.Open();
        string header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}";
        header = header.PadRight(((10 + header.Length + 1 + 63) / 64 * 64) - 11) + '\n'; // the values begin at a multiple of 64
        stream.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header));
        return stream;
    }

    private static Vocabulary ReadVocabulary(string path, ZipArchive archive)
    {
        if (archive.GetEntry($"{Characters}.npy") is null)
            throw new CharRnnException(path, $"has no array {Characters}, the characters in index order", "add it, or give them as --vocabulary FILE");
        NpyArray array = Read(path, archive, Characters);
        bool isBytes = array.Type is "|u1";
        if (!isBytes && array.Type is not "<U1")
            throw new CharRnnException(path, $"array {Characters} is of type {FileErrors.Quote(array.Type)}, not <U1 or |u1", Remedy);
        return ForeignModel.Characters(path, isBytes ? TextEncoding.Bytes : TextEncoding.Utf8, isBytes
            ? array.Values.Select(b => (int)b)
            : MemoryMarshal.Cast<byte, int>(array.Values).ToArray());
    }

    private static (float[] Values, int[] Shape) ReadFloats(string path, ZipArchive archive, string name)
    {
        NpyArray array = Read(path, archive, name);
        if (array.Type is not ("<f4" or "<f8"))
            throw new CharRnnException(path, $"array {name} is of type {FileErrors.Quote(array.Type)}, not <f4 or <f8", Remedy);
        float[] values = array.Type == "<f4" ? MemoryMarshal.Cast<byte, float>(array.Values).ToArray() : [.. MemoryMarshal.Cast<byte, double>(array.Values).ToArray().Select(d => (float)d)];
        if (array.IsColumnMajor && array.Shape.Length == 2)
            values = [.. from row in Enumerable.Range(0, array.Shape[0]) from column in Enumerable.Range(0, array.Shape[1]) select values[(column * array.Shape[0]) + row]];
        return (values, array.Shape);
    }

    private static NpyArray Read(string path, ZipArchive archive, string name)
    {
        ZipArchiveEntry entry = archive.GetEntry($"{name}.npy") ?? throw new CharRnnException(path, $"has no array {name}", Remedy);
        var checksum = new Crc32(); // which reading an archive does not compare by itself
        using Stream stream = entry.Open();
        byte[] start = new byte[12];
        stream.ReadExactly(start.AsSpan(0, 10));
        checksum.Append(start.AsSpan(0, 10));
        if (!start.AsSpan(0, 6).SequenceEqual((ReadOnlySpan<byte>)[0x93, .. "NUMPY"u8]) || start[6] is < 1 or > 3)
            throw new InvalidDataException();
        if (start[6] > 1)
        {
            stream.ReadExactly(start.AsSpan(10));
            checksum.Append(start.AsSpan(10));
        }

        int headerLength = start[8] | (start[9] << 8) | (start[10] << 16) | (start[11] << 24);
        if (headerLength is < 0 or > 1 << 16)
            throw new InvalidDataException();
        byte[] headerBytes = new byte[headerLength];
        stream.ReadExactly(headerBytes);
        checksum.Append(headerBytes);
        Match match = Header().Match(Encoding.Latin1.GetString(headerBytes));
        if (!match.Success)
            throw new CharRnnException(path, $"array {name} is no plain array of numbers or characters", Remedy);

        int[] shape = [.. match.Groups["shape"].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(size => int.Parse(size, CultureInfo.InvariantCulture))];
        string type = match.Groups["type"].Value;
        int width = type switch { "<f8" => 8, "<f4" or "<U1" => 4, "|u1" => 1, _ => 0 }; // what is of no such type is refused for it
        long length = shape.Aggregate((long)width, (product, size) => checked(product * size));

        // Piece by piece, never more than was read: a hostile header claims what the file does not hold. Weights do not
        // compress well, and what does is a bomb.
        if (length > (8 * entry.CompressedLength) + (1 << 20))
            throw new InvalidDataException();
        using var values = new MemoryStream();
        byte[] piece = new byte[1 << 16];
        for (int count; values.Length < length && (count = stream.Read(piece, 0, (int)Math.Min(piece.Length, length - values.Length))) > 0;)
        {
            values.Write(piece, 0, count);
            checksum.Append(piece.AsSpan(0, count));
        }

        return values.Length == length && (width == 0 || checksum.GetCurrentHashAsUInt32() == entry.Crc32) ? new NpyArray(type, match.Groups["order"].Value == "True", shape, values.ToArray()) : throw new InvalidDataException();
    }

    [GeneratedRegex(@"^\{'descr': '(?<type>[<|>=]?\w+)', 'fortran_order': (?<order>True|False), 'shape': \((?<shape>[\d, ]*)\),? ?\}\s*$")]
    private static partial Regex Header();

    private readonly record struct NpyArray(string Type, bool IsColumnMajor, int[] Shape, byte[] Values);
}
