using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>Processes that Open MPI starts, where it is installed.</summary>
public sealed partial class MpiTests : IDisposable
{
    private static readonly Dictionary<string, string> s_environment = new()
    {
        ["OMPI_ALLOW_RUN_AS_ROOT"] = "1",
        ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1",
        ["OMPI_MCA_rmaps_base_oversubscribe"] = "1", // machines may have fewer cores than a test has ranks
    };

    private static readonly string[] s_options =
    [
        "--preset", "classic", "--cell", "lstm", "--hidden-size", "16", "--seq-length", "8", "--batch-size", "5", "--device", "cpu",
        "--dropout", "0.2", "--sample-every", "0", "--eval-every", "20", "--log-every", "10", "--checkpoint-every", "10",
    ];

    private readonly Shell _shell = new();

    public MpiTests()
    {
        Assert.SkipUnless(HasOpenMpi(), "no Open MPI on this machine");
        _shell.Write("words.txt", TinyRun.Words(3000));
    }

    public void Dispose() => _shell.Dispose();

    [Fact]
    public void Ranks_train_as_one_process_does_and_in_every_run_alike()
    {
        _shell.Succeeds(["train", "words.txt", "--out", "alone", "--iterations", "40", .. s_options]);
        double[] expected = Losses("alone");
        foreach (int ranks in (int[])[2, 4])
        {
            CommandResult first = Ranks(ranks, ["train", "words.txt", "--out", $"first{ranks}", "--iterations", "40", .. s_options]);
            Assert.True(first.ExitCode == 0, first.Error);
            Assert.Contains($"ranks: {ranks}, joined by Open MPI", first.Error, StringComparison.Ordinal);
            Assert.Single(first.ErrorLines, line => line.StartsWith("run: ", StringComparison.Ordinal)); // one rank speaks
            Assert.DoesNotContain('\e', first.Error + first.Text);
            Ranks(ranks, ["train", "words.txt", "--out", $"second{ranks}", "--iterations", "40", .. s_options]);
            Assert.Equal(Model($"first{ranks}"), Model($"second{ranks}"));
            Agreement.Within(1e-4, expected, Losses($"first{ranks}"), $"losses of {ranks} ranks");
        }
    }

    [Fact]
    public void A_run_goes_on_with_any_number_of_ranks()
    {
        _shell.Succeeds(["train", "words.txt", "--out", "alone", "--iterations", "60", .. s_options]);
        Ranks(4, ["train", "words.txt", "--out", "run", "--iterations", "20", .. s_options]);
        Ranks(2, ["train", "--resume", "--out", "run", "--iterations", "40"]);
        _shell.Succeeds("train", "--resume", "--out", "run", "--iterations", "60");
        Agreement.Within(1e-4, Losses("alone"), Losses("run"), "losses");

        // Exactly with as many.
        Ranks(2, ["train", "words.txt", "--out", "whole", "--iterations", "40", .. s_options]);
        Ranks(2, ["train", "words.txt", "--out", "parts", "--iterations", "20", .. s_options]);
        Ranks(2, ["train", "--resume", "--out", "parts", "--iterations", "40"]);
        Assert.Equal(Model("whole"), Model("parts"));
    }

    [Theory]
    [InlineData("KILL")]
    [InlineData("STOP")]
    public void A_rank_that_dies_or_stands_still_ends_all(string signal)
    {
        string error = Interrupt(launched => Signal(Children(launched)[1], signal), out int exitCode);
        Assert.NotEqual(0, exitCode);
        if (signal == "STOP")
        {
            Match said = NoAnswer().Match(error);
            Assert.True(said.Success, error);
            Assert.InRange(int.Parse(said.Groups[1].Value, CultureInfo.InvariantCulture), 5, 10);
        }

        GoesOn();
    }

    [Fact]
    public void A_signal_at_the_launcher_saves_and_ends()
    {
        Interrupt(launched => Shell.Signal(launched, "TERM"), out _);
        Assert.True(File.Exists(_shell["run/model.safetensors"]));
        GoesOn();
    }

    [Fact]
    public void What_is_wrong_is_said_once()
    {
        AssertSaysOnce("--hidden-size: is '0'", ["train", "words.txt", "--hidden-size", "0"]);
        AssertSaysOnce("absent.txt: no such file", ["train", "absent.txt", "--out", "run"]);
        AssertSaysOnce(
            "--batch-size: is 1, and each of 2 ranks needs a stream of its own",
            ["train", "words.txt", "--out", "run", "--preset", "classic", "--batch-size", "1", "--device", "cpu"]);
        AssertSaysOnce("trains in one process, and 2 were started", ["mlp", "train", "table.csv", "--label", "x"]);
        AssertSaysOnce("cuda:7: no such device", ["train", "words.txt", "--out", "run", "--device", "cuda:7", .. s_options[..10]]);
    }

    [Theory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 143)] // the launcher does not say which one it was
    public void A_signal_at_any_rank_saves_and_ends_all(string signal, int expected)
    {
        Interrupt(launched => Signal(Children(launched)[1], signal), out int exitCode);
        Assert.Equal(expected, exitCode);
        GoesOn();
    }

    [Fact]
    public void Options_from_files_are_read_by_one_rank()
    {
        // As where the other machines have neither the file nor the run.
        _shell.Write("options.json", """{ "preset": "classic", "hidden-size": 16, "batch-size": 4, "iterations": 5, "device": "cpu" }""");
        _shell.Write("apart.sh", "[ $OMPI_COMM_WORLD_RANK = 0 ] || cd /; exec \"$@\"");
        string[] apart = [.. Launcher(2), "sh", _shell["apart.sh"]];
        CommandResult first = _shell.Run([], ["train", "words.txt", "--config", "options.json", "--out", "run"], s_environment, apart);
        Assert.True(first.ExitCode == 0, first.Error);
        CommandResult second = _shell.Run([], ["train", "--resume", "--out", "run", "--iterations", "9"], s_environment, apart);
        Assert.True(second.ExitCode == 0, second.Error);
        Assert.Equal(9, Iterations("run"));
    }

    [Theory]
    [InlineData("--ranks=none")]
    [InlineData("--ranks:none")]
    public void Ranks_that_train_alone_all_speak(string option)
    {
        _shell.Write("alone.sh", "exec \"$@\" --out run$OMPI_COMM_WORLD_RANK");
        CommandResult result = _shell.Run(
            [], ["train", "words.txt", option, "--iterations", "5", .. s_options], s_environment,
            [.. Launcher(2), "sh", _shell["alone.sh"]]);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(2, result.ErrorLines.Count(line => line.StartsWith("run: ", StringComparison.Ordinal)));
        Assert.Equal(Model("run0"), Model("run1"));
    }

    [Fact]
    public void A_library_that_is_absent_is_named()
    {
        CommandResult result = _shell.Run(
            [], ["train", "words.txt", "--ranks", "mpi", "--out", "run"],
            new Dictionary<string, string>(s_environment) { ["CHARRNN_MPI_LIBRARY"] = "libnothing.so" });
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(
            "error: MPI: no library was found, of libnothing.so; install Open MPI or MPICH, or name its library in CHARRNN_MPI_LIBRARY",
            Assert.Single(result.ErrorLines));
    }

    private static bool HasOpenMpi()
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("mpirun", "--version") { RedirectStandardOutput = true })!;
            return process.StandardOutput.ReadToEnd().Contains("Open MPI", StringComparison.Ordinal);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    [GeneratedRegex("another rank has not answered for ([0-9]+) s")]
    private static partial Regex NoAnswer();

    /// <summary>The processes that a process started, in their order.</summary>
    private static int[] Children(Process process)
    {
        string id = process.Id.ToString(CultureInfo.InvariantCulture);
        return
        [
            .. Directory.EnumerateDirectories($"/proc/{id}/task").SelectMany(task => File.ReadAllText($"{task}/children").Split(' '))
                .Where(child => child.Length > 0).Select(child => int.Parse(child, CultureInfo.InvariantCulture)).Order(),
        ];
    }

    private static void Signal(int process, string signal)
    {
        using Process to = Process.GetProcessById(process);
        Shell.Signal(to, signal);
    }

    private CommandResult Ranks(int count, string[] args) => _shell.Run([], args, s_environment, Launcher(count));

    private static string[] Launcher(int count) =>
        ["mpirun", "--oversubscribe", "-np", count.ToString(CultureInfo.InvariantCulture)];

    /// <summary>Starts a training without end on two ranks, and does something to it after its first checkpoint.</summary>
    /// <returns>What it said.</returns>
    private string Interrupt(Action<Process> act, out int exitCode)
    {
        using Process process = _shell.Start(
            ["train", "words.txt", "--out", "run", "--iterations", "100000000", .. s_options], s_environment, Launcher(2));
        Task<string> error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        process.StandardInput.Close();
        for (int tries = 0; !File.Exists(_shell["run/checkpoint.safetensors"]) && tries < 600; tries++)
            Thread.Sleep(50);
        act(process);
        exitCode = Shell.End(process);
        return error.Result;
    }

    /// <summary>Goes on with the run, on two ranks, for as many steps as it has done.</summary>
    private void GoesOn()
    {
        long done = Iterations("run");
        CommandResult result = Ranks(2, ["train", "--resume", "--out", "run", "--iterations", $"{done + 100}"]);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(done + 100, Iterations("run"));
    }

    private void AssertSaysOnce(string expected, string[] args)
    {
        CommandResult result = Ranks(2, args);
        Assert.NotEqual(0, result.ExitCode);
        string line = Assert.Single(result.ErrorLines, line => line.Contains("error: ", StringComparison.Ordinal));
        Assert.Contains(expected, line, StringComparison.Ordinal);
    }

    private byte[] Model(string run) => File.ReadAllBytes(_shell[$"{run}/model.safetensors"]);

    private long Iterations(string run) => Values(run, "iteration").Select(value => (long)value).LastOrDefault();

    private double[] Losses(string run) => Values(run, "loss");

    private double[] Values(string run, string name) =>
        [.. File.ReadLines(_shell[$"{run}/metrics.jsonl"]).Select(line => JsonNode.Parse(line)![name]!.GetValue<double>())];
}
