using System.Runtime.CompilerServices;
using CharRnn.Files;
using CharRnn.Gpu.Tests.Cli;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Tests.Files;

namespace CharRnn.Gpu.Tests.Examples;

/// <summary>What README shows does what it says.</summary>
[Collection(typeof(DeviceTests))]
public class ReadmeTests
{
    [Fact]
    public void The_library_example_is_the_one_that_runs()
    {
        string[] source = Block(File.ReadAllLines(Path.Combine(Folder(), "LibraryExample.cs")), "    {", "    }", indent: 8);
        string[] readme = Block(File.ReadAllLines(Path.Combine(Folder(), "../../../README.md")), "```csharp", "```", indent: 0);
        Assert.Equal(source, readme.SkipWhile(line => !line.StartsWith("using ", StringComparison.Ordinal)));
        Assert.InRange(source.Count(line => line.Length > 0), 5, 15);

        using var directory = new TemporaryDirectory();
        var output = new StringWriter();
        LibraryExample.Run(directory.Write("text", TinyRun.Words(1000)), directory.File("model"), output);
        Assert.Equal(300, output.ToString().EnumerateRunes().Count());
        Assert.Contains("the ", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(64, ModelFile.Load(directory.File("model")).Weights.Shape.HiddenSize);
    }

    private static string[] Block(string[] lines, string begin, string end, int indent) =>
        [.. lines.SkipWhile(line => line != begin).Skip(1).TakeWhile(line => line != end).Select(line => line[Math.Min(indent, line.Length)..])];

    private static string Folder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
