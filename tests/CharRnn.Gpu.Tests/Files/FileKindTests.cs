using System.Text;
using CharRnn.Files;

namespace CharRnn.Gpu.Tests.Files;

/// <summary>What is given in place of a text or a model is named by its content, with what helps.</summary>
public sealed class FileKindTests
{
    private const string Model = "give a run's directory, or a .safetensors file of a model", Text = "give a text";

    // A file's first bytes, what it is, and what to do with it as a text and as a model.
    private static readonly Dictionary<string, (byte[] Head, string Name, string AsText, string AsModel)> s_kinds = new()
    {
        ["gz"] = (
            [0x1F, 0x8B, 8, 0], "compressed with gzip",
            Run("gunzip -c < FILE > FILE.txt"), Run("gunzip -c < FILE > FILE.safetensors")),
        ["Z"] = (
            [0x1F, 0x9D, 0x90], "compressed with compress",
            Run("gunzip -c < FILE > FILE.txt"), Run("gunzip -c < FILE > FILE.safetensors")),
        ["bz2"] = (
            [.. "BZh91AY&SY"u8, 1], "compressed with bzip2",
            Run("bunzip2 -c < FILE > FILE.txt"), Run("bunzip2 -c < FILE > FILE.safetensors")),
        ["xz"] = (
            [0xFD, .. "7zXZ"u8, 0, 0], "compressed with xz",
            Run("xz -dc < FILE > FILE.txt"), Run("xz -dc < FILE > FILE.safetensors")),
        ["zst"] = (
            [0x28, 0xB5, 0x2F, 0xFD, 4], "compressed with zstd",
            Run("zstd -dc < FILE > FILE.txt"), Run("zstd -dc < FILE > FILE.safetensors")),
        ["lz4"] = (
            [0x04, 0x22, 0x4D, 0x18], "compressed with lz4",
            Run("lz4 -dc < FILE > FILE.txt"), Run("lz4 -dc < FILE > FILE.safetensors")),
        ["7z"] = (
            [.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive",
            Run("7z e -so FILE > FILE.txt"), Run("7z e -so FILE > FILE.safetensors")),
        ["rar"] = (
            [.. "Rar!"u8, 0x1A, 7, 1], "a rar archive",
            Run("unrar p -inul FILE > FILE.txt"), Run("unrar p -inul FILE > FILE.safetensors")),
        ["tar"] = (
            [.. "book.txt"u8, .. new byte[249], .. "ustar\0"u8, .. new byte[249]], "a tar archive",
            Run("tar -xOf FILE > FILE.txt"), Run("tar -xOf FILE > FILE.safetensors")),
        ["zip"] = (Zip("book.txt"), "a zip archive", Run("unzip -p FILE > FILE.txt"), Run("unzip -p FILE > FILE.safetensors")),
        ["docx"] = (
            Zip("[Content_Types].xml"), "an Office document (docx, xlsx, pptx)",
            "save it as plain text in the program that made it (a docx also with pandoc -f docx -t plain)", Model),
        ["odt"] = (
            Zip("mimetype", "application/vnd.oasis.opendocument.text"), "an OpenDocument text",
            Run("pandoc -f odt -t plain < FILE > FILE.txt"), Model),
        ["epub"] = (Zip("mimetype", "application/epub+zip"), "an EPUB book", Run("pandoc -f epub -t plain < FILE > FILE.txt"), Model),
        ["doc"] = (
            [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, 0], "an Office document (doc, xls, ppt)",
            "save it as plain text in the program that made it", Model),
        ["pdf"] = ([.. "%PDF-1.7\n%"u8, 0xE2, 0xE3], "a PDF document", Run("pdftotext FILE - > FILE.txt"), Model),
        ["png"] = ([0x89, .. "PNG\r\n\u001A\n"u8, 0], "a PNG picture", Text, Model),
        ["npz"] = (Zip("Wxh.npy"), "an npz archive, of NumPy's arrays", Text, "make a model of it with charrnn import FILE"),
        ["npy"] = (
            [0x93, .. "NUMPY"u8, 1, 0], "an npy file, one array of NumPy's",
            Text, "put all arrays of the model into one file with np.savez, and give that to charrnn import"),
        ["pt"] = (
            Zip("archive/data.pkl"), "a file of torch.save",
            Text, "save its state_dict with safetensors.torch.save_file in Python, and give that to charrnn import"),
        ["old pt"] = (
            [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20], "a file of torch.save",
            Text, "save its state_dict with safetensors.torch.save_file in Python, and give that to charrnn import"),
        ["pkl"] = (
            [0x80, 0x04, 0x95, 0], "a pickle of Python's",
            Text, "save its weights in Python with np.savez, under the names in charrnn import --help, and import that"),
        ["onnx"] = (
            [0x08, 0x07, 0x12, 0x07, .. "charrnn:"u8], "an ONNX model",
            Text, "give the model that it was exported from: charrnn writes ONNX, and reads npz and safetensors"),
        ["gguf"] = ([.. "GGUF"u8, 3, 0, 0, 0], "a GGUF model, of a transformer", Text, "give a model of charrnn: it has no transformers"),
        ["h5"] = (
            [0x89, .. "HDF\r\n\u001A\n"u8], "an HDF5 file, such as Keras writes",
            Text, "save its weights in Python with np.savez, under the names in charrnn import --help, and import that"),
        ["safetensors"] = (
            RawSafetensors.File("{\"a\":1}", []), "a safetensors file, of weights",
            "give a text, and the model to charrnn sample or charrnn eval", Model),
        ["text"] = ([.. "Ein Text über etwas."u8], "text", Text, Model),
        ["csv"] = ([.. "x,y\n1,2\n"u8], "text", Text, Model),
        ["utf-16"] = (
            Encoding.Unicode.GetBytes("x,y\r\n1,2\r\n"), "UTF-16LE without a byte order mark",
            Run("iconv -f UTF-16LE -t UTF-8 < FILE > FILE.txt"), Model),
        ["1252"] = (
            Encoding.Latin1.GetBytes("Ein Text über etwas."), "Windows-1252 text",
            Run("iconv -f WINDOWS-1252 -t UTF-8 < FILE > FILE.txt"), Model),
    };

    public static TheoryData<string> Names => [.. s_kinds.Keys];

    private static string Run(string command) => $"run {command} and give that in its place";

    // The begin of an archive's first entry, stored, not compressed.
    private static byte[] Zip(string name, string content = "") =>
        [.. "PK\u0003\u0004"u8, 20, 0, .. new byte[20], (byte)name.Length, 0, 0, 0, .. Encoding.ASCII.GetBytes(name + content), 0];

    [Theory]
    [MemberData(nameof(Names))]
    public void Is_named_with_what_helps(string name)
    {
        using var directory = new TemporaryDirectory();
        (byte[] head, string expected, string asText, string asModel) = s_kinds[name];
        string path = directory.Write("file", head);
        FileKind kind = Assert.IsType<FileKind>(FileKind.OfFile(path));
        Assert.Equal($"{path}: is {expected}; {asText.Replace("FILE", path, StringComparison.Ordinal)}", kind.InPlaceOfText(path).Message);
        Assert.Equal(
            $"{path}: is {expected}; {asModel.Replace("FILE", path, StringComparison.Ordinal)}",
            kind.InPlaceOfModel(path).Message);
        if (kind != FileKind.Safetensors)
            Errors.Expect(path, $"is {expected}; ", () => SafetensorsFile.Open(path));
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { (byte)'t', (byte)'e', (byte)'x', (byte)'t', 0 })]
    [InlineData(new byte[] { 0xC0, 0xE1, 0xC2, 0xE3 })] // another language in another encoding
    public void What_is_of_no_known_kind_is_not_guessed(byte[] head) => Assert.Null(FileKind.Of(head));

    [Fact]
    public void A_text_is_text_whatever_it_begins_with()
    {
        string[] texts =
        [
            "PK is a name", "BZh was here", "GGUF is a format", "Rar! he said", "7z a b c", "PAR1 or PAR2",
            "{\"a\": 1}", "\u001B[1mbold", "漢字かな",
        ];
        foreach (string text in texts)
            Assert.True(FileKind.Of(Encoding.UTF8.GetBytes(text)) is null or { IsText: true }, text);
        // It is cut off inside a character.
        Assert.Equal(FileKind.Utf8, FileKind.Of(Encoding.UTF8.GetBytes(new string('漢', 200)).AsSpan(0, FileKind.HeadBytes)));
    }

    [Fact]
    public void A_long_path_is_not_repeated()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write(new string('x', 200), [0x1F, 0x8B, 8, 0]);
        Assert.Equal(
            $"{path}: is compressed with gzip; run gunzip -c < FILE > FILE.txt and give that in its place",
            FileKind.OfFile(path)!.InPlaceOfText(path).Message);
    }
}
