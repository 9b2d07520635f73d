using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using CharRnn.Gpu.Tests.Cli;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Examples;

/// <summary>What README shows does what it says.</summary>
[Collection(typeof(DeviceTests))]
public partial class ReadmeTests
{
    [Fact]
    public void The_library_example_is_the_one_that_runs()
    {
        string[] source = Block(File.ReadAllLines(Path.Combine(Folder(), "LibraryExample.cs")), "    {", "    }", indent: 8);
        foreach ((string page, string heading) in ((string, string)[])[("README.md", "## From your own program"), ("src/PACKAGE.md", "# CharRnn.Gpu")])
        {
            string[] lines = File.ReadAllLines(Path.Combine(Folder(), "../../..", page));
            string[] shown = Block([.. lines.SkipWhile(line => line != heading)], "```csharp", "```", indent: 0);
            Assert.Equal(source, shown.SkipWhile(line => !line.StartsWith("using ", StringComparison.Ordinal)));
        }

        Assert.InRange(source.Count(line => line.Length > 0), 5, 15);

        using var directory = new TemporaryDirectory();
        var output = new StringWriter();
        LibraryExample.Run(directory.Write("text", TinyRun.Words(1000)), directory.File("model"), output);
        Assert.Equal(300, output.ToString().EnumerateRunes().Count());
        Assert.Contains("the ", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(64, ModelFile.Load(directory.File("model")).Weights.Shape.HiddenSize);
    }

    [Fact]
    public void The_example_of_gradient_descent_is_the_one_that_runs()
    {
        string[] source = Block(File.ReadAllLines(Path.Combine(Folder(), "DescentExample.cs")), "    {", "    }", indent: 8);
        Assert.Equal(source, Block(File.ReadAllLines(Path.Combine(Folder(), "../../../README.md")), "```csharp", "```", indent: 0));
        var output = new StringWriter();
        DescentExample.Run(output);
        Assert.Matches("^SmallGradient after [0-9]+ steps, at 1.00, 1.00", output.ToString());
    }

    [Fact]
    public void Every_command_that_it_shows_works()
    {
        // In the order in which they stand there, on what a reader would have by then.
        using var shell = new Shell();
        foreach (string text in (string[])["book.txt", "another.txt", "chapter.txt"])
            shell.Write(text, "It was cold.\n" + TinyRun.Words(2000));
        string flowers = "petal,colour,species\n" + string.Concat(Enumerable.Range(0, 60).Select(i => $"{i % 3}.{i % 7},{(i % 2 == 0 ? "red" : "blue")},{"abc"[i % 3]}\n"));
        foreach (string table in (string[])["flowers.csv", "new.csv"])
            shell.Write(table, flowers);
        shell.Succeeds("train", "book.txt", "--iterations", "50", "--out", "runs/first", "--device", "cpu");
        shell.Succeeds("export", "runs/first", "--format", "npz", "--out", "weights.npz");

        string[] commands = [.. File.ReadAllLines(Path.Combine(Folder(), "../../../README.md")).Where(line => line.StartsWith("charrnn ", StringComparison.Ordinal))];
        foreach (string command in commands)
        {
            string[] arguments = [.. Argument().Matches(command).Select(match => match.Groups[1].Value + match.Groups[2].Value).Skip(1)];
            if (arguments[0] == "dashboard")
            {
                using Process dashboard = shell.Start([.. arguments, "--port", "0"]);
                Assert.StartsWith("http://127.0.0.1:", dashboard.StandardOutput.ReadLine(), StringComparison.Ordinal);
                dashboard.Kill();
                continue;
            }

            shell.Succeeds(arguments[0] == "bench" ? [.. arguments, "--seconds", "0.05"] : arguments);
        }

        foreach (string verb in (string[])["train", "sample", "eval", "report", "dashboard", "inspect", "export", "import", "mlp train", "mlp predict", "mlp eval", "devices", "verify", "bench"])
            Assert.Contains(commands, command => command.StartsWith($"charrnn {verb} ", StringComparison.Ordinal) || command == $"charrnn {verb}");
        Assert.All(["both.html", "inspect.html", "book.onnx", "imported.safetensors"], file => Assert.True(File.Exists(shell[file]), file));
    }

    private static string[] Block(string[] lines, string begin, string end, int indent) =>
        [.. lines.SkipWhile(line => line != begin).Skip(1).TakeWhile(line => line != end).Select(line => line[Math.Min(indent, line.Length)..])];

    [GeneratedRegex("""(?:"([^"]*)"|(\S+))""")]
    private static partial Regex Argument();

    private static string Folder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
