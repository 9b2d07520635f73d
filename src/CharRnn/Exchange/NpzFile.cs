using System.IO.Compression;
using System.Text;
using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Storage;
using CharRnn.Text;

namespace CharRnn.Exchange;

/// <summary>
/// A model as NumPy's npz, under min-char-rnn's names: <c>Wxh [H,V]</c>, <c>Whh [H,H]</c>, <c>Why [V,H]</c>, <c>bh [H,1]</c>,
/// <c>by [V,1]</c>, and <c>chars [V]</c>, the characters (or byte values) in index order
/// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
/// </summary>
public static class NpzFile
{
    private const string Characters = "chars";
    private const string Remedy = "write it with np.savez(file, Wxh=Wxh, Whh=Whh, Why=Why, bh=bh, by=by, chars=chars)";
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
            NpyArray[] arrays = [.. Names.Select(name => Read(path, archive, name))];
            string whose = vocabulary is null ? $"array {Characters}" : "the given vocabulary";
            vocabulary ??= archive.GetEntry($"{Characters}.npy") is { } characters
                ? NpyArray.Read(path, Characters, characters).Characters()
                : throw new CharRnnException(
                    path, $"has no array {Characters}, the characters in index order", "add it, or give them as --vocabulary FILE");
            (int[] wxh, int[] whh, int[] bh) = (arrays[0].Shape, arrays[1].Shape, arrays[2].Shape);
            (int[] why, int[] by) = (arrays[3].Shape, arrays[4].Shape);
            int h = Most([.. wxh.Take(1), .. whh, .. bh.Take(1), .. why.Skip(1)]);
            int v = Most([.. wxh.Skip(1), .. why.Take(1), .. by.Take(1)]);
            if (h == 0 || v == 0)
                throw new CharRnnException(
                    path, $"has {h} hidden units and {v} characters, by the shapes of its arrays", "give a model that has both");
            foreach ((string name, NpyArray array, int[] size) in Names.Zip(arrays, (int[][])[[h, v], [h, h], [h, 1], [v, h], [v, 1]]))
                if (!array.Shape.SequenceEqual(size) && !(size[1] == 1 && array.Shape.SequenceEqual([size[0]])))
                    throw new CharRnnException(
                        path, $"array {name} has shape ({string.Join(", ", array.Shape)}), not ({size[0]}, {size[1]})",
                        $"give arrays whose sizes agree: the others are of a model of {h} hidden units and {v} characters");
            return ForeignModel.Of(
                ForeignModel.Fit(path, vocabulary, v, "array Wxh", whose, vocabularyPath), [.. arrays.Select(array => array.Floats())]);
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

    /// <summary>The size that most arrays agree on, so that the one that differs is the one to blame; 0 if there is none.</summary>
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

    private static NpyArray Read(string path, ZipArchive archive, string name)
    {
        if (archive.GetEntry($"{name}.npy") is { } entry)
            return NpyArray.Read(path, name, entry);
        string others = string.Join(", ", archive.Entries.Select(other => Path.GetFileNameWithoutExtension(other.Name)));
        throw new CharRnnException(path, $"has no array {name}, but {FileErrors.Quote(others)}", Remedy);
    }
}
