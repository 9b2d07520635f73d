using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Tests.Devices;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>Processes that an MPI launcher starts, where it is installed.</summary>
public abstract partial class MpiTests : IDisposable
{
    private const int FewKills = 3, MostDelay = 3000; // milliseconds: a start, and two seconds of training

    private protected static readonly Dictionary<string, string> Variables = new()
    {
        ["OMPI_ALLOW_RUN_AS_ROOT"] = "1",
        ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1",

        // Machines may have fewer cores than a test has ranks; Open MPI 4, and 5.
        ["OMPI_MCA_rmaps_base_oversubscribe"] = "1",
        ["PRTE_MCA_rmaps_default_mapping_policy"] = ":oversubscribe",
    };

    private protected static readonly string[] Options =
    [
        "--preset", "classic", "--cell", "lstm", "--hidden-size", "16", "--seq-length", "8", "--batch-size", "5", "--dropout", "0.2",
        "--sample-every", "0", "--eval-every", "20", "--log-every", "10", "--checkpoint-every", "10", "--device", "cpu",
    ];

    private readonly string _library;

    /// <param name="library">The name of the library in <c>ranks: 2, joined by …</c>.</param>
    /// <param name="said">What its launcher says of its version.</param>
    /// <param name="commands">Names that the launcher may have.</param>
    protected MpiTests(string library, string said, string[] commands)
    {
        _library = library;
        string? program = commands.FirstOrDefault(command => VersionOf(command).Contains(said, StringComparison.OrdinalIgnoreCase));
        Assert.SkipUnless(program is not null, $"no {library} on this machine");
        Program = program!;
        Shell.Write("words.txt", TinyRun.Words(3000));
    }

    private protected Shell Shell { get; } = new();

    private protected string Program { get; }

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        Shell.Dispose();
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Ranks_train_as_one_process_does_and_in_every_run_alike(DeviceKind kind)
    {
        _ = TestDevices.Get(kind); // skips the test where there is none
        string[] options = [.. Options[..^1], DeviceCatalog.IdOf(kind), "--iterations", "40"];
        Shell.Succeeds(["train", "words.txt", "--out", "alone", .. options]);
        double[] expected = Losses("alone");
        foreach (int ranks in (int[])[2, 4])
        {
            CommandResult first = Ranks(ranks, ["train", "words.txt", "--out", $"first{ranks}", .. options]);
            Assert.True(first.ExitCode == 0, first.Error);
            Assert.Contains($"ranks: {ranks}, joined by {_library}", first.Error, StringComparison.Ordinal);
            Assert.Single(first.ErrorLines, line => line.StartsWith("run: ", StringComparison.Ordinal)); // one rank speaks
            Assert.DoesNotContain('\e', first.Error + first.Text);
            Ranks(ranks, ["train", "words.txt", "--out", $"second{ranks}", .. options]);
            Assert.Equal(Model($"first{ranks}"), Model($"second{ranks}"));
            Agreement.Within(1e-4, expected, Losses($"first{ranks}"), $"losses of {ranks} ranks");
        }
    }

    [Fact]
    public void A_run_goes_on_with_any_number_of_ranks()
    {
        Shell.Succeeds(["train", "words.txt", "--out", "alone", "--iterations", "60", .. Options]);
        Ranks(4, ["train", "words.txt", "--out", "run", "--iterations", "20", .. Options]);
        Ranks(2, ["train", "--resume", "--out", "run", "--iterations", "40"]);
        Shell.Succeeds("train", "--resume", "--out", "run", "--iterations", "60");
        Agreement.Within(1e-4, Losses("alone"), Losses("run"), "losses");

        // Exactly with as many.
        Ranks(2, ["train", "words.txt", "--out", "whole", "--iterations", "40", .. Options]);
        Ranks(2, ["train", "words.txt", "--out", "parts", "--iterations", "20", .. Options]);
        Ranks(2, ["train", "--resume", "--out", "parts", "--iterations", "40"]);
        Assert.Equal(Model("whole"), Model("parts"));
    }

    /// <summary><c>CHARRNN_KILLS=100</c> in the environment makes it as many, some ten minutes.</summary>
    [Fact]
    public void Kills_at_random_moments_leave_the_bytes_of_a_run_that_was_never_killed()
    {
        int kills = Shell.Kills(FewKills);
        var random = new Random(7);
        long reached = 0;
        for (int kill = 0; kill < kills; kill++)
        {
            using Process process = Shell.Start(OnTo(1_000_000_000), Variables, Launcher(2));
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            Thread.Sleep(random.Next(MostDelay));
            int[] ranks = RanksOf(process);
            Signal(ranks.Length > 0 ? ranks[random.Next(ranks.Length)] : process.Id, "KILL");
            Assert.NotEqual(0, Shell.End(process));
            reached = Shell.Whole("run", reached);
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{kills} kills survived; at iteration {reached}");
        long total = reached + 50;
        CommandResult last = Ranks(2, OnTo(total));
        Assert.True(last.ExitCode == 0, last.Error);
        Ranks(2, ["train", "words.txt", "--out", "whole", "--iterations", $"{total}", .. Options]);
        Assert.Equal(Model("whole"), Model("run"));
        Assert.Equal(Shell.Metrics("whole"), Shell.Metrics("run"));
    }

    [Theory]
    [InlineData("KILL")]
    [InlineData("STOP")]
    public void A_rank_that_dies_or_stands_still_ends_all(string signal)
    {
        string error = Interrupt(launched => Signal(RanksOf(launched)[1], signal), out int exitCode);
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
        Assert.True(File.Exists(Shell["run/model.safetensors"]));
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
        AssertSaysOnce("cuda:7: no such device", ["train", "words.txt", "--out", "run", "--device", "cuda:7", .. Options[..10]]);

        // Before the first rank has joined the others, which wait for it.
        AssertSaysOnce("absent: ", ["train", "--resume", "--out", "absent"]);
        Shell.Write("bad.json", """{ "max-time": "5x" }""");
        AssertSaysOnce("bad.json: max-time: is '5x'", ["train", "words.txt", "--config", "bad.json"]);
        Shell.Write("ranks.json", """{ "ranks": "none" }""");
        AssertSaysOnce("ranks.json: ranks: is read by the first process alone", ["train", "words.txt", "--config", "ranks.json"]);
    }

    [Theory]
    [InlineData(2, "0")]
    [InlineData(2, "1")]
    [InlineData(4, "1 2 3")]
    [InlineData(4, "0 1 2 3")]
    public void A_library_that_some_ranks_lack_is_named_once(int count, string lacking)
    {
        Shell.Write(
            "lacking.sh",
            "case \" $LACKING \" in *\" ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} \"*) export CHARRNN_MPI_LIBRARY=libnothing.so;; esac\n"
                + "exec \"$@\"");
        CommandResult result = Shell.Run(
            [], ["train", "words.txt", "--out", "run", "--iterations", "20", .. Options],
            new Dictionary<string, string>(Variables) { ["LACKING"] = lacking }, [.. Launcher(count), "sh", Shell["lacking.sh"]]);
        Assert.NotEqual(0, result.ExitCode);
        string line = Assert.Single(result.ErrorLines, line => line.Contains("error: ", StringComparison.Ordinal));
        Assert.Contains("MPI: no MPI library was found, of libnothing.so", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_named_in_a_file_of_options_goes_on()
    {
        Shell.Write("options.json", """{ "out": "run", "iterations": 20 }""");
        Ranks(2, ["train", "words.txt", "--out", "run", "--iterations", "10", .. Options]);
        CommandResult result = Ranks(2, ["train", "--config", "options.json", "--resume"]);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(20, Iterations("run"));
    }

    [Fact]
    public void A_rank_that_stands_still_while_another_writes_a_sample_ends_all()
    {
        var waited = new Stopwatch();
        string error = Interrupt(
            launched =>
            {
                Thread.Sleep(1000); // the sample is on its way
                waited.Start();
                Signal(RanksOf(launched)[1], "STOP");
            },
            out int exitCode, options: [.. Options[..12], "--sample-every", "15", "--sample-length", "30000000", .. Options[14..]]);
        Assert.NotEqual(0, exitCode);
        Assert.InRange(waited.Elapsed.TotalSeconds, 5, 15);
        Assert.Matches(NoAnswer(), error);
    }

    [Theory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 143)] // the launcher does not say which one it was
    public void A_signal_at_any_rank_saves_and_ends_all(string signal, int expected)
    {
        Interrupt(launched => Signal(RanksOf(launched)[1], signal), out int exitCode);
        Assert.Equal(expected, exitCode);
        GoesOn();
    }

    [Fact]
    public void Options_from_files_are_read_by_one_rank()
    {
        // As where the other machines have neither the file nor the run.
        Shell.Write("options.json", """{ "preset": "classic", "hidden-size": 16, "batch-size": 4, "iterations": 5, "device": "cpu" }""");
        Shell.Write("apart.sh", "[ ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} = 0 ] || cd /; exec \"$@\"");
        string[] apart = [.. Launcher(2), "sh", Shell["apart.sh"]];
        CommandResult first = Shell.Run([], ["train", "words.txt", "--config", "options.json", "--out", "run"], Variables, apart);
        Assert.True(first.ExitCode == 0, first.Error);
        CommandResult second = Shell.Run([], ["train", "--resume", "--out", "run", "--iterations", "9"], Variables, apart);
        Assert.True(second.ExitCode == 0, second.Error);
        Assert.Equal(9, Iterations("run"));
    }

    [Theory]
    [InlineData("--ranks=none")]
    [InlineData("--ranks:none")]
    public void Ranks_that_train_alone_all_speak(string option)
    {
        Shell.Write("alone.sh", "exec \"$@\" --out run${OMPI_COMM_WORLD_RANK:-$PMI_RANK}");
        CommandResult result = Shell.Run(
            [], ["train", "words.txt", option, "--iterations", "5", .. Options], Variables,
            [.. Launcher(2), "sh", Shell["alone.sh"]]);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(2, result.ErrorLines.Count(line => line.StartsWith("run: ", StringComparison.Ordinal)));
        Assert.Equal(Model("run0"), Model("run1"));
    }

    [Fact]
    public void A_library_that_is_absent_is_named()
    {
        CommandResult result = Shell.Run(
            [], ["train", "words.txt", "--ranks", "mpi", "--out", "run"],
            new Dictionary<string, string>(Variables) { ["CHARRNN_MPI_LIBRARY"] = "libnothing.so" });
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(
            "error: MPI: no MPI library was found, of libnothing.so; install Open MPI or MPICH, or name its library in CHARRNN_MPI_LIBRARY",
            Assert.Single(result.ErrorLines));
    }

    /// <summary>What a command says of its version; nothing if there is no such command.</summary>
    private static string VersionOf(string command)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(command, "--version") { RedirectStandardOutput = true })!;
            return process.StandardOutput.ReadToEnd();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "";
        }
    }

    [GeneratedRegex("another rank has not answered for ([0-9]+) s")]
    private static partial Regex NoAnswer();

    /// <summary>The ranks that a launcher started, directly or by processes of its own, in their order.</summary>
    private static int[] RanksOf(Process launcher)
    {
        return [.. Leaves(launcher.Id).Where(id => id != launcher.Id).Order()];

        static IEnumerable<int> Leaves(int process)
        {
            int[] started =
            [
                .. Directory.EnumerateDirectories($"/proc/{process}/task").SelectMany(Children)
                    .Select(child => int.Parse(child, CultureInfo.InvariantCulture)),
            ];
            return started.Length == 0 ? [process] : started.SelectMany(Leaves);
        }

        static string[] Children(string task)
        {
            try
            {
                return File.ReadAllText($"{task}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);
            }
            catch (IOException)
            {
                return []; // the thread has ended
            }
        }
    }

    private static void Signal(int process, string signal)
    {
        using Process to = Process.GetProcessById(process);
        Shell.Signal(to, signal);
    }

    /// <summary>Begins a run, or goes on with it where it has a checkpoint.</summary>
    private string[] OnTo(long iterations) =>
        Directory.Exists(Shell["run"]) && Directory.EnumerateFiles(Shell["run"], "checkpoint*").Any()
            ? ["train", "--resume", "--out", "run", "--iterations", $"{iterations}"]
            : ["train", "words.txt", "--out", "run", "--iterations", $"{iterations}", .. Options];

    private protected CommandResult Ranks(int count, string[] args) => Shell.Run([], args, Variables, Launcher(count));

    private string[] Launcher(int count) => [Program, "-np", count.ToString(CultureInfo.InvariantCulture)];

    /// <summary>Starts a training without end on two ranks, and does something to it after its first checkpoint.</summary>
    /// <param name="act">What is done.</param>
    /// <param name="exitCode">The launcher's.</param>
    /// <param name="launcher">What starts the ranks, if not on this machine alone.</param>
    /// <param name="options">Other options than usual.</param>
    /// <returns>What it said.</returns>
    private protected string Interrupt(Action<Process> act, out int exitCode, string[]? launcher = null, string[]? options = null)
    {
        using Process process = Shell.Start(
            ["train", "words.txt", "--out", "run", "--iterations", "100000000", .. options ?? Options], Variables,
            launcher ?? Launcher(2));
        Task<string> error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        process.StandardInput.Close();
        try
        {
            for (int tries = 0; !File.Exists(Shell["run/checkpoint.safetensors"]) && tries < 600; tries++)
                Thread.Sleep(50);
            act(process);
            exitCode = Shell.End(process);
            return error.Result;
        }
        finally
        {
            process.Kill(entireProcessTree: true); // where something went wrong
        }
    }

    /// <summary>Goes on with the run, on two ranks, for as many steps as it has done.</summary>
    private protected void GoesOn()
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

    private protected byte[] Model(string run) => File.ReadAllBytes(Shell[$"{run}/model.safetensors"]);

    private long Iterations(string run) => Values(run, "iteration").Select(value => (long)value).LastOrDefault();

    private double[] Losses(string run) => Values(run, "loss");

    private double[] Values(string run, string name) =>
        [.. File.ReadLines(Shell[$"{run}/metrics.jsonl"]).Select(line => JsonNode.Parse(line)![name]!.GetValue<double>())];
}

/// <inheritdoc/>
public sealed class OpenMpiTests() : MpiTests("Open MPI", "open-mpi", ["mpirun.openmpi", "mpirun"])
{
    [Fact]
    public void Ranks_of_two_hosts_train_as_those_of_one()
    {
        using var hosts = new TwoHosts(Shell);
        CommandResult result = Shell.Run(
            [], ["train", "words.txt", "--out", "run", "--iterations", "40", .. Options], Variables, hosts.Launcher(Program));
        Assert.True(result.ExitCode == 0, result.Error);
        Ranks(2, ["train", "words.txt", "--out", "one", "--iterations", "40", .. Options]);
        Assert.Equal(Model("one"), Model("run"));
    }

    [Fact]
    public void A_network_that_breaks_ends_the_ranks_of_both_hosts()
    {
        using var hosts = new TwoHosts(Shell);
        string error = Interrupt(
            _ =>
            {
                hosts.Part();
                bool IsRank(Process process) => process.ProcessName is "dotnet" or "charrnn";
                for (int tries = 0; Array.Exists(hosts.Processes(), IsRank) && tries < 30; tries++)
                    Thread.Sleep(500);
                Assert.DoesNotContain(hosts.Processes(), IsRank);
                hosts.Join(); // the launcher waits for it, to end its own process there
            },
            out int exitCode, hosts.Launcher(Program));
        Assert.NotEqual(0, exitCode);
        Assert.Contains("another rank has not answered for ", error, StringComparison.Ordinal);
        GoesOn();
    }
}

/// <inheritdoc/>
public sealed class MpichTests() : MpiTests("MPICH", "hydra", ["mpirun.mpich", "mpirun"]);
