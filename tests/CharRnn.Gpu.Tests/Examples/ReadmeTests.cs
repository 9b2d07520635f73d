using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using CharRnn.Gpu.Tests.Cli;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Examples;

/// <summary>The commands and the examples that README and all other pages show do what they say.</summary>
[Collection(typeof(DeviceTests))]
public partial class ReadmeTests
{
    private const string OurProgram = "charrnn ";

    // Enough to see that a training works; a reader's takes longer.
    private const int MostIterations = 300;
    private const string BenchSeconds = "0.05";

    // All that no test runs, and why. What of it lies in the repository is at least there.
    private static readonly (string Reason, string[] Commands)[] NotRun =
    [
        ("builds for minutes; .ci/run does as much", [
            "dotnet publish src/CharRnn.Gpu.Cli -v quiet -o artifacts/charrnn",
            "dotnet pack -o artifacts/packages",
            "dotnet tool install charrnn --tool-path artifacts/tool --add-source artifacts/packages",
            "dotnet build -c Release benchmarks/peers/TorchSharp",
            "dotnet publish src/CharRnn.Gpu.Cli -c Release -r linux-x64 --self-contained -p:PublishSingleFile=true "
                + "-p:EnableCompressionInSingleFile=true -p:InvariantGlobalization=true --output artifacts/gpu",
        ]),
        ("changes the reader's own shell", ["export PATH=\"$PWD/artifacts/charrnn:$PATH\""]),
        ("runs tests itself", [
            "dotnet test", "dotnet test --filter-class \"*FaultTests\"", "dotnet test --filter-namespace \"CharRnn.Gpu.Tests.Kernels\"",
            ".ci/opencl", ".ci/cuda", ".ci/windows", ".ci/pages",
        ]),
        ("measures for minutes", [
            "dotnet run -c Release --project benchmarks/CharRnn.Gpu.Benchmarks -- table --rounds 9",
            "dotnet run -c Release --project benchmarks/CharRnn.Gpu.Benchmarks -- --filter '*Primitive*'",
            "dotnet run -c Release --project benchmarks/CharRnn.Gpu.Benchmarks -- functions",
        ]),
        ("needs scikit-learn and R", ["python3 benchmarks/table_accuracy.py artifacts/charrnn/charrnn"]),
        ("needs g++; .ci/cuda does as much",
        [
            "make -C tests/cuda-simulator check",
            "LD_LIBRARY_PATH=tests/cuda-simulator/build CUSIM_SMS=4 charrnn verify --device cuda",
        ]),
        ("needs MPI; MpiTests does as much", [
            "mpirun -np 2 charrnn train book.txt --out runs/together --batch-size 64",
            "mpirun --host one:4,two:4 charrnn train book.txt --out runs/larger --batch-size 512 --device cuda",
            "srun --nodes 2 --ntasks-per-node 4 --gpus-per-node 4 --mpi=pmix charrnn train book.txt --out runs/larger --batch-size 512 "
                + "--device cuda",
        ]),
        ("needs a GPU",
        [
            "dotnet run -c Release --project benchmarks/CharRnn.Gpu.Benchmarks -- plans --device cuda",
            "python3 benchmarks/gpu_table.py artifacts/gpu/charrnn --device cuda",
        ]),
    ];

    public static TheoryData<string> PagesWithCommands =>
        [.. Page.All.Where(page => OurCommands(page).Length > 0).Select(page => page.Path)];

    [Theory]
    [MemberData(nameof(PagesWithCommands))]
    public void Every_command_of_a_page_works(string path)
    {
        // In the order in which they stand there, on what a reader would have by then.
        string[][] commands = OurCommands(Page.Of(path));
        using var shell = new Shell();
        foreach (string text in (string[])["book.txt", "another.txt", "chapter.txt"])
            shell.Write(text, "It was cold.\n" + TinyRun.Words(2000));
        IEnumerable<string> flowers = Enumerable.Range(0, 60)
            .Select(i => $"{i % 3}.{i % 7},{(i % 2 == 0 ? "red" : "blue")},{"abc"[i % 3]}\n");
        foreach (string table in (string[])["flowers.csv", "new.csv"])
            shell.Write(table, "petal length,colour,species\n" + string.Concat(flowers));
        foreach (string file in commands.SelectMany(command => command).Where(argument => File.Exists(Path.Combine(Page.Root, argument))))
            shell.Write(file, File.ReadAllBytes(Path.Combine(Page.Root, file)));

        // A run that a page may name without training it.
        string first = commands.Any(command => command.Contains("runs/first") && command[0] == "train") ? "runs/older" : "runs/first";
        shell.Succeeds("train", "book.txt", "--iterations", "50", "--out", first, "--device", "cpu");

        foreach (string[] command in commands)
        {
            if (command[0] == "dashboard")
            {
                using Process dashboard = shell.Start([.. command, "--port", "0"]);
                Assert.StartsWith("http://127.0.0.1:", dashboard.StandardOutput.ReadLine(), StringComparison.Ordinal);
                dashboard.Kill();
                continue;
            }

            shell.Succeeds(Shortened(command));
            foreach (string option in (string[])["--out", "--png"])
                if (Array.IndexOf(command, option) is >= 0 and var place)
                    Assert.True(Path.Exists(shell[command[place + 1]]), $"{string.Join(' ', command)} wrote nothing there");
        }
    }

    [Fact]
    public void Every_other_command_is_known_to_run_elsewhere()
    {
        IEnumerable<string> all = Page.All.SelectMany(page => page.Commands);
        string[] shown = [.. all.Where(command => !command.StartsWith(OurProgram, StringComparison.Ordinal)).Distinct()];
        Assert.Equal(NotRun.SelectMany(group => group.Commands).Order(StringComparer.Ordinal), shown.Order(StringComparer.Ordinal));

        string[] folders = [".ci/", "benchmarks/", "src/", "tests/"];
        bool IsPath(string word) => folders.Any(folder => word.StartsWith(folder, StringComparison.Ordinal));
        foreach (string word in shown.SelectMany(Words).Where(IsPath))
            Assert.True(Path.Exists(Path.Combine(Page.Root, word)), $"{word} does not exist");
    }

    [Fact]
    public void The_library_example_is_the_one_that_runs()
    {
        string[] source = Block(File.ReadAllLines(Path.Combine(Folder(), "LibraryExample.cs")), "    {", "    }", indent: 8);
        foreach (string page in (string[])["README.md", "src/PACKAGE.md"])
            Assert.Equal(source, Example(page).SkipWhile(line => !line.StartsWith("using ", StringComparison.Ordinal)));

        Assert.InRange(source.Count(line => line.Length > 0), 5, 15);

        using var directory = new TemporaryDirectory();
        var output = new StringWriter();
        LibraryExample.Run(directory.Write("text", TinyRun.Words(1000)), directory.File("model"), output);
        Assert.Equal(300, output.ToString().EnumerateRunes().Count());
        Assert.Contains("the ", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(64, ModelFile.Load(directory.File("model")).Shape.HiddenSize);
    }

    [Fact]
    public void The_example_of_gradient_descent_is_the_one_that_runs()
    {
        string[] source = Block(File.ReadAllLines(Path.Combine(Folder(), "DescentExample.cs")), "    {", "    }", indent: 8);
        Assert.Equal(source, Example("src/README.md"));
        var output = new StringWriter();
        DescentExample.Run(output);
        Assert.Matches("^SmallGradient after [0-9]+ steps, at 1.00, 1.00", output.ToString());
    }

    /// <summary>The example in C# that a page shows.</summary>
    private static string[] Example(string page) => Page.Of(page).Blocks.Single(block => block.Language == "csharp").Lines;

    /// <summary>The arguments of each call of <c>charrnn</c> that a page shows.</summary>
    private static string[][] OurCommands(Page page) =>
        [
            .. page.Commands
                .Where(command => command.StartsWith(OurProgram, StringComparison.Ordinal))
                .Select(command => Words(command)[1..]),
        ];

    private static string[] Words(string command) =>
        [.. Word().Matches(command).Select(match => match.Groups[1].Value + match.Groups[2].Value)];

    /// <summary>The same in less time.</summary>
    private static string[] Shortened(string[] command)
    {
        if (command[0] == "bench")
            return [.. command, "--seconds", BenchSeconds];
        if (command[0] == "train" && !command.Any(word => word is "--iterations" or "--epochs" or "--resume"))
            command = [.. command, "--iterations", $"{int.MaxValue}"];
        int iterations = Array.IndexOf(command, "--iterations") + 1;
        return iterations == 0 || int.Parse(command[iterations], CultureInfo.InvariantCulture) <= MostIterations
            ? command
            : [.. command[..iterations], MostIterations.ToString(CultureInfo.InvariantCulture), .. command[(iterations + 1)..]];
    }

    private static string[] Block(string[] lines, string begin, string end, int indent) =>
        [
            .. lines.SkipWhile(line => line != begin).Skip(1).TakeWhile(line => line != end)
                .Select(line => line[Math.Min(indent, line.Length)..]),
        ];

    [GeneratedRegex("""(?:"([^"]*)"|(\S+))""")]
    private static partial Regex Word();

    private static string Folder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
