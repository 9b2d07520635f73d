using System.IO.Compression;
using System.Text;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary><c>import</c> of what <c>export</c> wrote, and of the same without its characters.</summary>
public sealed class ImportTests(TinyRun run) : IClassFixture<TinyRun>
{
    private const string Characters = "\n\r abé😀";

    private readonly Shell _shell = run.Shell;

    private byte[] Model(string name) => File.ReadAllBytes(_shell[name]);

    [Theory]
    [InlineData("npz")]
    [InlineData("pytorch")]
    public void What_was_exported_returns_whatever_its_name(string format)
    {
        _shell.Succeeds("export", "run", "--format", format, "--out", $"{format}.file");
        _shell.Succeeds("import", $"{format}.file", "--out", $"{format}.safetensors");
        Assert.Equal(Model("run/model.safetensors"), Model($"{format}.safetensors"));
        _shell.Fails(1, $"{format}.file", $"make a model of it with charrnn import {format}.file", "sample", $"{format}.file");
    }

    [Theory]
    [InlineData("lstm", "2")]
    [InlineData("gru", "1")]
    public void A_model_of_another_cell_returns_too(string cell, string layers)
    {
        _shell.Succeeds(
            [
                "train", "lines.txt", "--out", cell, "--cell", cell, "--layers", layers,
                .. TinyRun.Options.Select(option => option == "300" ? "20" : option),
            ]);
        _shell.Succeeds("export", cell, "--format", "onnx", "--out", $"{cell}.onnx");
        foreach (string format in (string[])["npz", "pytorch"])
        {
            _shell.Succeeds("export", cell, "--format", format, "--out", $"{cell}.{format}");
            CommandResult result = _shell.Succeeds("import", $"{cell}.{format}", "--out", $"{cell}.{format}.safetensors");
            Assert.StartsWith(
                $"{cell}.{format}.safetensors: {layers} {cell} layer{(layers == "1" ? "" : "s")} of 16 units, 7 characters, ", result.Text,
                StringComparison.Ordinal);
            Assert.Equal(Model($"{cell}/model.safetensors"), Model($"{cell}.{format}.safetensors"));
        }
    }

    [Fact]
    public void Characters_may_come_from_a_file_or_from_stdin()
    {
        _shell.Succeeds("export", "run", "--format", "npz", "--out", "bare.npz");
        using (ZipArchive archive = ZipFile.Open(_shell["bare.npz"], ZipArchiveMode.Update))
            archive.GetEntry("chars.npy")!.Delete();
        _shell.Fails(
            1, "bare.npz", "has no array chars, the characters in index order; add it, or give them as --vocabulary FILE",
            "import", "bare.npz");

        // As they are, and as an editor ends a file, though the line end is one of them.
        foreach (string end in (string[])["", "\n", "\r\n"])
        {
            _shell.Write("chars.txt", Characters + end);
            _shell.Succeeds("import", "bare.npz", "--vocabulary", "chars.txt", "--out", "imported.safetensors");
            Assert.Equal(Model("run/model.safetensors"), Model("imported.safetensors"));
        }

        CommandResult piped = _shell.Run(
            [Encoding.UTF8.GetBytes(Characters)], ["import", "bare.npz", "--vocabulary", "-", "--out", "piped.safetensors"]);
        Assert.Equal((0, ""), (piped.ExitCode, piped.Error));
        Assert.Equal(Model("run/model.safetensors"), Model("piped.safetensors"));

        _shell.Fails(
            1, "chars.txt",
            "has 6 characters, bare.npz has weights for 7 (array Wxh); give each character that the model was trained on once",
            "import", "bare.npz", "--vocabulary", _shell.Write("chars.txt", "abcdef"));
        _shell.Fails(
            1, "chars.txt", "has 9 characters, 8 of them distinct",
            "import", "bare.npz", "--vocabulary", _shell.Write("chars.txt", "abcdefgha"));
        _shell.Fails(1, "-", "is standard input, and weights are read from a file", "import", "-");
        _shell.Fails(1, "--out", "is '-', and stdout is not written to here", "import", "bare.npz", "--out", "-");
    }
}
