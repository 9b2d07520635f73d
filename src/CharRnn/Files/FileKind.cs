using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace CharRnn.Files;

/// <summary>
/// The kind of a file, by its first bytes and never by its name. This is the one place that knows what people give instead of a
/// text or a model, and the command that converts it.
/// </summary>
/// <param name="Name">The name in errors, after "is".</param>
internal sealed record FileKind(string Name)
{
    /// <summary>Bytes at the start of a file that tell all kinds from each other: a tar archive says what it is at byte 257.</summary>
    public const int HeadBytes = 512;

    private const int LongestPath = 100;
    private const string Redirection = " < FILE";
    private const string SaveArrays = "save its weights in Python with np.savez, under the names in charrnn import --help, and import that";

    /// <summary>Text in UTF-8.</summary>
    public static readonly FileKind Utf8 = new("text") { IsText = true };

    /// <summary>Text in a Western encoding of one byte for each character; what Latin-1 has, Windows-1252 has, too.</summary>
    public static readonly FileKind Windows1252 = Utf8 with { Name = "Windows-1252 text", Command = Iconv("WINDOWS-1252") };

    /// <summary>Weights.</summary>
    public static readonly FileKind Safetensors = new("a safetensors file, of weights")
    {
        TextRemedy = "give a text, and the model to charrnn sample or charrnn eval",
    };

    /// <summary>NumPy's arrays.</summary>
    public static readonly FileKind Npz = new("an npz archive, of NumPy's arrays")
    {
        ModelRemedy = "make a model of it with charrnn import FILE",
    };

    /// <summary>An archive of no kind that is known here.</summary>
    public static readonly FileKind Zip = Packed("a zip archive", "unzip -p FILE");

    private static readonly FileKind PyTorch = new("a file of torch.save")
    {
        ModelRemedy = "save its state_dict with safetensors.torch.save_file in Python, and give that to charrnn import",
    };

    private static readonly FileKind Gguf = new("a GGUF model, of a transformer")
    {
        ModelRemedy = "give a model of charrnn: it has no transformers",
    };

    private static readonly FileKind Epub = new("an EPUB book") { Command = "pandoc -f epub -t plain < FILE" };
    private static readonly FileKind OpenDocument = new("an OpenDocument text") { Command = "pandoc -f odt -t plain < FILE" };

    private static readonly FileKind Office = new("an Office document (docx, xlsx, pptx)")
    {
        TextRemedy = "save it as plain text in the program that made it (a docx also with pandoc -f docx -t plain)",
    };

    // One of them stands first in an Office document; which, each program has its own way.
    private static readonly string[] s_officeParts = ["[Content_Types].xml", "_rels/", "docProps/", "word/", "xl/", "ppt/"];

    private static readonly (byte[] Magic, FileKind Kind)[] s_magics =
    [
        ([0x1F, 0x8B], Packed("compressed with gzip", "gunzip -c < FILE")),
        ([0x1F, 0x9D], Packed("compressed with compress", "gunzip -c < FILE")),
        ([.. "BZh91AY&SY"u8], Packed("compressed with bzip2", "bunzip2 -c < FILE")),
        ([0xFD, .. "7zXZ\0"u8], Packed("compressed with xz", "xz -dc < FILE")),
        ([0x28, 0xB5, 0x2F, 0xFD], Packed("compressed with zstd", "zstd -dc < FILE")),
        ([0x04, 0x22, 0x4D, 0x18], Packed("compressed with lz4", "lz4 -dc < FILE")),
        ([.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C], Packed("a 7z archive", "7z e -so FILE")),
        ([.. "Rar!\u001A\u0007"u8], Packed("a rar archive", "unrar p -inul FILE")),
        ([.. "%PDF-"u8], new("a PDF document") { Command = "pdftotext FILE -" }),
        ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], new("an Office document (doc, xls, ppt)")
        {
            TextRemedy = "save it as plain text in the program that made it",
        }),
        ([0x89, .. "PNG\r\n\u001A\n"u8], new("a PNG picture")),
        ([0xFF, 0xD8, 0xFF], new("a JPEG picture")),
        ([.. "PAR1"u8, 0x15], new("a Parquet table") { TextRemedy = "write its column of text to a text file, and give that" }),
        ([.. "SQLite format 3\0"u8], new("an SQLite database") { TextRemedy = "write its texts to a text file, and give that" }),
        ([0x93, .. "NUMPY"u8], new("an npy file, one array of NumPy's")
        {
            ModelRemedy = "put all arrays of the model into one file with np.savez, and give that to charrnn import",
        }),
        ([.. "GGUF"u8, 2], Gguf),
        ([.. "GGUF"u8, 3], Gguf),
        ([0x89, .. "HDF\r\n\u001A\n"u8], new("an HDF5 file, such as Keras writes") { ModelRemedy = SaveArrays }),
        ([0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9], PyTorch), // before PyTorch 1.6
        ([0xFF, 0xFE, 0, 0], Unicode("UTF-32LE", ", by its byte order mark")),
        ([0, 0, 0xFE, 0xFF], Unicode("UTF-32BE", ", by its byte order mark")),
        ([0xFF, 0xFE], Unicode("UTF-16LE", ", by its byte order mark")),
        ([0xFE, 0xFF], Unicode("UTF-16BE", ", by its byte order mark")),
    ];

    /// <summary>Whether its bytes are characters, one after the other, in UTF-8 or another extension of ASCII.</summary>
    public bool IsText { get; private init; }

    /// <summary>The command that unpacks or converts FILE to standard output; null if there is none.</summary>
    private string? Command { get; init; }

    /// <summary>Whether the output of the command may be of any kind, even a model.</summary>
    private bool IsPacked { get; init; }

    /// <summary>What to do where a text belongs and no command helps.</summary>
    private string TextRemedy { get; init; } = "give a text";

    /// <summary>What to do where a model belongs and no command helps; null if the file is no kind of model.</summary>
    private string? ModelRemedy { get; init; }

    /// <summary>The kind of a file that begins like this; null for binary data of an unknown kind.</summary>
    /// <param name="head">The first <see cref="HeadBytes"/> bytes of the file, or all of them if it has fewer.</param>
    public static FileKind? Of(ReadOnlySpan<byte> head)
    {
        if (head.IsEmpty)
            return null;
        if (head.Length > sizeof(ulong) && head[sizeof(ulong)] == '{'
            && BinaryPrimitives.ReadUInt64LittleEndian(head) <= SafetensorsHeader.MaxLength)
            return Safetensors; // first, for the header's length may look like anything
        foreach ((byte[] magic, FileKind kind) in s_magics)
            if (head.StartsWith(magic))
                return kind;
        if (head.StartsWith("PK\u0003\u0004"u8) || head.StartsWith("PK\u0005\u0006"u8))
            return OfZip(head);
        if (head.Length > 262 && head[257..].StartsWith("ustar"u8))
            return Packed("a tar archive", "tar -xOf FILE");
        if (head is [0x08, < 0x20, 0x12, > 0 and < 0x80, ..] or [0x08, < 0x20, 0x3A, ..])
        {
            // Its version, then the producer's name or the graph.
            return new("an ONNX model")
            {
                ModelRemedy = "give the model that it was exported from: charrnn writes ONNX, and reads npz and safetensors",
            };
        }

        if (head is [0x80, >= 2 and <= 5, ..])
            return new("a pickle of Python's") { ModelRemedy = SaveArrays };
        return IsUtf16(head, 0) ? Unicode("UTF-16LE", " without a byte order mark")
            : IsUtf16(head, 1) ? Unicode("UTF-16BE", " without a byte order mark")
            : IsUtf8(head) ? Utf8
            : IsWindows1252(head) ? Windows1252 : null;
    }

    /// <summary>The kind of a file.</summary>
    /// <exception cref="CharRnnException">It cannot be read.</exception>
    public static FileKind? OfFile(string path)
    {
        try
        {
            using SafeFileHandle handle = RegularFile.OpenHandle(FileErrors.FullPath(path));
            return Of(handle);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Reading(path, e);
        }
    }

    /// <summary>The kind of an open file.</summary>
    public static FileKind? Of(SafeFileHandle handle)
    {
        Span<byte> head = stackalloc byte[(int)Math.Min(HeadBytes, RandomAccess.GetLength(handle))];
        return Of(head[..RandomAccess.Read(handle, head, 0)]);
    }

    /// <summary>The error for such a file in place of a text.</summary>
    public CharRnnException InPlaceOfText(string path) => new(path, $"is {Name}", TextAdvice(path));

    /// <summary>What to do where a text belongs: the command, with the file's own name.</summary>
    public string TextAdvice(string path) => Command is null ? TextRemedy : Advice(path, ".txt");

    /// <summary>The error for such a file in place of a model.</summary>
    /// <param name="path">The file.</param>
    /// <param name="otherwise">What to do if the file is no kind of model.</param>
    public CharRnnException InPlaceOfModel(string path, string otherwise = "give a run's directory, or a .safetensors file of a model")
    {
        string remedy = ModelRemedy?.Replace("FILE", Quote(path), StringComparison.Ordinal) ?? otherwise;
        return new(path, $"is {Name}", IsPacked ? Advice(path, ".safetensors") : remedy);
    }

    private static FileKind Packed(string name, string command) => new(name) { Command = command, IsPacked = true };

    private static FileKind Unicode(string encoding, string how) => new($"{encoding}{how}") { Command = Iconv(encoding) };

    private static string Iconv(string encoding) => $"iconv -f {encoding} -t UTF-8 < FILE";

    // The name of the first entry, from byte 30 on, shows the kind.
    private static FileKind OfZip(ReadOnlySpan<byte> head)
    {
        if (head.Length < 30)
            return Zip;
        string begin = Encoding.Latin1.GetString(head[30..]);
        string name = begin[..Math.Min(begin.Length, BinaryPrimitives.ReadUInt16LittleEndian(head[26..]))];
        return name.EndsWith(".npy", StringComparison.Ordinal) ? Npz
            : name.EndsWith("/data.pkl", StringComparison.Ordinal) ? PyTorch
            : s_officeParts.Any(part => name.StartsWith(part, StringComparison.Ordinal)) ? Office
            : begin.StartsWith("mimetypeapplication/epub+zip", StringComparison.Ordinal) ? Epub
            : begin.StartsWith("mimetypeapplication/vnd.oasis.opendocument.text", StringComparison.Ordinal) ? OpenDocument
            : Zip;
    }

    // Spaces, line ends and digits are ASCII in most languages; a binary file soon has a unit that is not a character.
    private static bool IsUtf16(ReadOnlySpan<byte> head, int lowByte)
    {
        if (head.Length < 2 || (head.Length < HeadBytes && head.Length % 2 != 0))
            return false;
        int ascii = 0;
        for (int i = 0; i + 1 < head.Length; i += 2)
        {
            char unit = (char)(head[i + lowByte] | (head[i + 1 - lowByte] << 8));
            if ((char.IsControl(unit) && !char.IsWhiteSpace(unit)) || char.GetUnicodeCategory(unit) == UnicodeCategory.OtherNotAssigned)
                return false;
            ascii += unit < 0x80 ? 1 : 0;
        }

        return ascii * 16 >= head.Length;
    }

    private static bool IsUtf8(ReadOnlySpan<byte> head)
    {
        while (!head.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf8(head, out Rune rune, out int length);
            if (status != OperationStatus.Done)
                return status == OperationStatus.NeedMoreData;
            if (Rune.IsControl(rune) && !Rune.IsWhiteSpace(rune))
                return false;
            head = head[length..];
        }

        return true;
    }

    // Letters with accents and typographic quotes stand among ASCII, which other encodings' letters do not; five bytes are
    // none of its characters.
    private static bool IsWindows1252(ReadOnlySpan<byte> head)
    {
        int high = 0;
        foreach (byte b in head)
        {
            if (b is 0x81 or 0x8D or 0x8F or 0x90 or 0x9D or 0x7F || (b < 0x20 && !char.IsWhiteSpace((char)b)))
                return false;
            high += b >> 7;
        }

        return high * 3 <= head.Length;
    }

    // The command writes beside the file, under another name.
    private string Advice(string path, string extension)
    {
        if (File.Exists(path))
            return $"run {Command!.Replace("FILE", Quote(path), StringComparison.Ordinal)} > {Quote(path, extension)} "
                + "and give that in its place";
        return Command!.EndsWith(Redirection, StringComparison.Ordinal)
            ? $"send it through {Command[..^Redirection.Length]} first"
            : $"save it to a file, and run {Command} > FILE{extension} on that";
    }

    /// <summary>A path as a shell takes it, or FILE for one that is too long to stand in a line several times.</summary>
    public static string Quote(string path, string extension = "") =>
        ShellText.Quote((path.Length > LongestPath ? "FILE" : path) + extension);
}
