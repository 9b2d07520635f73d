using System.Diagnostics;
using System.Globalization;
using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>
/// Training that is killed at random moments, or runs out of disk, loses nothing. <c>CHARRNN_KILLS=300</c> in the environment
/// makes it 200 SIGKILLs and 50 each of SIGINT and SIGTERM, some ten minutes.
/// </summary>
public sealed class FaultTests : IDisposable
{
    private const int FewKills = 6, MostDelay = 1800; // milliseconds: some of a start, and a second of training

    // Saves all the time, so that many kills fall into a save.
    private static readonly string[] Options =
    [
        "--preset", "classic", "--hidden-size", "16", "--seq-length", "8", "--batch-size", "3", "--log-every", "3",
        "--sample-every", "7", "--sample-length", "15", "--eval-every", "20", "--checkpoint-every", "5", "--keep-checkpoints", "3",
        "--device", "cpu",
    ];

    private readonly Shell _shell = new();

    public FaultTests() => _shell.Write("words.txt", TinyRun.Words(300));

    public void Dispose() => _shell.Dispose();

    [Fact]
    public void Kills_at_random_moments_leave_the_bytes_of_a_run_that_was_never_killed()
    {
        int kills = Shell.Kills(FewKills);
        var random = new Random(7);
        long reached = 0;
        var ends = new Dictionary<int, int>();
        for (int kill = 0; kill < kills; kill++)
        {
            string signal = (kill % 6) switch { 4 when !Shell.IgnoresInterrupts => "INT", 5 => "TERM", _ => "KILL" };
            using (Process process = Start("1000000000"))
            {
                process.BeginOutputReadLine();
                process.BeginErrorReadLine();
                Thread.Sleep(random.Next(MostDelay));
                if (OperatingSystem.IsWindows())
                    process.Kill(); // it has no signals
                else
                    Shell.Signal(process, signal);
                int exitCode = Shell.End(process);
                Assert.Contains(exitCode, OperatingSystem.IsWindows() ? [-1] : (int[])[128 + 2, 128 + 9, 128 + 15]);
                ends[exitCode] = ends.GetValueOrDefault(exitCode) + 1;
            }

            reached = _shell.Whole("run", reached);
        }

        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{kills} kills survived, exit codes {string.Join(", ", ends)}; at iteration {reached}");
        string total = (reached + 50).ToString(CultureInfo.InvariantCulture);
        using (Process last = Start(total))
        {
            last.BeginOutputReadLine();
            last.BeginErrorReadLine();
            Assert.Equal(0, Shell.End(last));
        }

        _shell.Succeeds(["train", "words.txt", "--out", "whole", "--iterations", total, "--quiet", .. Options]);
        foreach (string name in (string[])["model.safetensors", "best.safetensors", "samples.txt"])
            Assert.Equal(File.ReadAllBytes(_shell[$"whole/{name}"]), File.ReadAllBytes(_shell[$"run/{name}"]));
        Assert.Equal(_shell.Metrics("whole"), _shell.Metrics("run"));
        Assert.Empty(Directory.EnumerateFiles(_shell["run"], ".*"));
    }

    [Fact(Skip = "a small disk of its own: Linux mounts one", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void A_disk_that_fills_up_keeps_what_it_has_and_gets_the_rest_later()
    {
        using var disk = new SmallDisk(_shell["disk"], "400k");
        _shell.Succeeds(["train", "words.txt", "--out", "disk/run", "--iterations", "20", "--quiet", .. Options]);
        byte[] before = File.ReadAllBytes(_shell["disk/run/checkpoint.safetensors"]);
        disk.Fill();
        CommandResult full = _shell.Run(["train", "--resume", "--out", "disk/run", "--iterations", "60", "--quiet"]);
        Assert.Equal(1, full.ExitCode);
        Assert.Contains("the disk is full", full.ErrorLines[^1], StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(_shell["disk/run/checkpoint.safetensors"]));

        disk.Free();
        _shell.Succeeds("train", "--resume", "--out", "disk/run", "--iterations", "60", "--quiet");
        _shell.Succeeds(["train", "words.txt", "--out", "whole", "--iterations", "60", "--quiet", .. Options]);
        Assert.Equal(File.ReadAllBytes(_shell["whole/model.safetensors"]), File.ReadAllBytes(_shell["disk/run/model.safetensors"]));
    }

    [Fact(Skip = "named pipes are no files on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_pipe_in_the_place_of_a_runs_file_is_named_and_holds_nobody_up()
    {
        _shell.Succeeds(["train", "words.txt", "--out", "run", "--iterations", "20", "--quiet", .. Options]);
        string[] resume = ["train", "--resume", "--out", "run", "--iterations", "30"];
        foreach ((string name, string[] command) in (ReadOnlySpan<(string, string[])>)
        [
            ("model.safetensors", ["sample", "run"]), ("model.safetensors", ["eval", "run", "words.txt"]),
            ("config.json", ["report", "run"]), ("metrics.jsonl", ["report", "run"]), ("samples.txt", ["report", "run"]),
            ("config.json", resume), ("checkpoint.safetensors", resume), ("metrics.jsonl", resume), ("samples.txt", resume),
            ("run.lock", resume),
        ])
        {
            string path = _shell[$"run/{name}"];
            File.Move(path, _shell["aside"]);
            NamedPipe.Make(path);
            _shell.Fails(1, $"run/{name}", "is a pipe or device where a regular file was expected", command);
            File.Move(_shell["aside"], path, overwrite: true);
        }

        NamedPipe.Make(_shell["run/run.pid"]);
        _shell.Succeeds("train", "--resume", "--out", "run", "--iterations", "30", "--quiet");
    }

    [Fact(Skip = "links need a right there", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_log_that_is_a_link_is_refused_and_what_it_leads_to_stays()
    {
        _shell.Succeeds(["train", "words.txt", "--out", "run", "--iterations", "20", "--quiet", .. Options]);
        _shell.Write("mine.txt", "mine\n");
        File.Delete(_shell["run/samples.txt"]);
        File.CreateSymbolicLink(_shell["run/samples.txt"], _shell["mine.txt"]);
        _shell.Fails(
            1, "run/samples.txt", "is a symbolic link, and a run's files are not written through links",
            "train", "--resume", "--out", "run", "--iterations", "30");
        Assert.Equal("mine\n", File.ReadAllText(_shell["mine.txt"]));

        // As the message says.
        File.Delete(_shell["run/samples.txt"]);
        _shell.Succeeds("train", "--resume", "--out", "run", "--iterations", "30", "--quiet");
    }

    [Fact]
    public void All_checkpoints_may_be_kept()
    {
        string[] options = [.. Options.Select((option, i) => i > 0 && Options[i - 1] == "--keep-checkpoints" ? "2147483647" : option)];
        _shell.Succeeds(["train", "words.txt", "--out", "run", "--iterations", "20", "--quiet", .. options]);
        foreach ((string age, long iteration) in (ReadOnlySpan<(string, long)>)[("", 20), ("-1", 15), ("-2", 10), ("-3", 5)])
            Assert.Equal(iteration, CheckpointFile.Load(_shell[$"run/checkpoint{age}.safetensors"]).Snapshot.Iteration);
    }

    /// <summary>Starts the run, or goes on with it where it has a checkpoint.</summary>
    private Process Start(string iterations) => _shell.Start(
        Directory.Exists(_shell["run"]) && Directory.EnumerateFiles(_shell["run"], "checkpoint*").Any()
            ? ["train", "--resume", "--out", "run", "--iterations", iterations, "--quiet"]
            : ["train", "words.txt", "--out", "run", "--iterations", iterations, "--quiet", .. Options]);
}
