using System.Diagnostics;
using System.Globalization;
using System.Text;
using CharRnn.Runs;
using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>Runs of <c>mlp train</c> that were stopped, that ended, or that diverged, and that go on.</summary>
public sealed class MlpResumeTests : IDisposable
{
    private static readonly string[] Untouched = ["mlp", "train", "spirals.csv", "--label", "arm", "--device", "cpu"];
    private static readonly string[] Table = [.. Untouched, "--val-fraction", "0.2"];

    // What makes the loss fall from step to step: plain descent on all rows.
    private static readonly string[] Descent = ["--optimizer", "sgd", "--batch-size", "0"];

    private readonly Shell _shell = new();

    public MlpResumeTests() => _shell.Write("spirals.csv", MlpTests.Spirals.Points(200, 1));

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("--optimizer", "adam", "--batch-size", "32", "--schedule", "exponential", "--decay-every", "20")]
    [InlineData("--optimizer", "sgd", "--momentum", "0.9", "--warmup", "5", "--clip-norm", "0.1")]
    [InlineData("--optimizer", "adamw", "--batch-size", "50", "--schedule", "plateau", "--decay-patience", "1", "--learning-rate", "0.1")]
    public void A_run_to_a_later_end_is_the_run_that_never_ended(params string[] options)
    {
        string[] cadence = ["--log-every", "2", "--eval-every", "3", "--checkpoint-every", "4"];
        _shell.Succeeds([.. Table, .. options, .. cadence, "--epochs", "20", "--out", "whole"]);
        foreach (string epochs in (string[])["1", "7", "12"])
        {
            string run = $"to{epochs}";
            _shell.Succeeds([.. Table, .. options, .. cadence, "--epochs", epochs, "--out", run]);
            string said = _shell.Succeeds("mlp", "train", "--resume", "--out", run, "--epochs", "20").Error;
            Assert.Contains("resumed at iteration", said, StringComparison.Ordinal);
            AssertSameRun("whole", run);
        }

        CommandResult finished = _shell.Succeeds("mlp", "train", "--resume", "--out", "whole", "--json");
        Assert.StartsWith(
            $"whole: is finished at iteration {Iteration("whole")}; give more --epochs to go on", finished.Error, StringComparison.Ordinal);
        Assert.Equal($$"""{"finished":true,"iteration":{{Iteration("whole")}}}""", Assert.Single(finished.Lines));
    }

    [Fact]
    public void A_run_that_was_killed_after_it_found_a_better_model_than_its_checkpoint_knows_goes_back_to_the_one_it_knows()
    {
        // The validation loss goes up now and then at this rate.
        string[] options =
        [
            "--layers", "16", "--batch-size", "8", "--optimizer", "adam", "--learning-rate", "0.1", "--log-every", "1",
            "--eval-every", "1", "--checkpoint-every", "1", "--keep-checkpoints", "20",
        ];
        _shell.Succeeds([.. Table, .. options, "--epochs", "20", "--out", "run"]);
        double[] losses = [.. MetricsLog.Read(_shell["run/metrics.jsonl"]).Select(report => report.ValidationLoss)];
        int known = Enumerable.Range(1, 18).First(epochs =>
            losses[..epochs].Min() is var best && losses[epochs] > best && losses[(epochs + 1)..].Min() < best);
        File.Move(_shell[$"run/checkpoint-{20 - known}.safetensors"], _shell["run/checkpoint.safetensors"], overwrite: true);

        string next = (known + 1).ToString(CultureInfo.InvariantCulture);
        _shell.Succeeds("mlp", "train", "--resume", "--out", "run", "--epochs", next);
        _shell.Succeeds([.. Table, .. options, "--epochs", next, "--out", "whole"]);
        AssertSameRun("whole", "run");
    }

    [Fact]
    public async Task Ctrl_C_stops_and_saves_and_a_resume_leaves_the_same_bytes()
    {
        Assert.SkipWhen(
            Shell.IgnoresInterrupts, "SIGINT is ignored here, as in a script's background jobs, and so it is by what this starts");
        string[] options = ["--batch-size", "7", "--log-every", "1000", "--checkpoint-every", "0"];
        using Process process = _shell.Start([.. Table, .. options, "--epochs", "1000000000", "--out", "run"]);
        string? line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith("epoch 1000 iteration 23000: loss ", line, StringComparison.Ordinal);
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Shell.PressCtrlC(process);
        Assert.Equal(130, Shell.End(process));
        Assert.Contains("validation:", await output, StringComparison.Ordinal);
        Assert.Contains(
            "stopped and saved; go on with: charrnn mlp train --resume --out run",
            await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);

        string epochs = ((Iteration("run") / 23) + 100).ToString(CultureInfo.InvariantCulture);
        _shell.Succeeds("mlp", "train", "--resume", "--out", "run", "--epochs", epochs, "--quiet");
        _shell.Succeeds([.. Table, .. options, "--epochs", epochs, "--out", "whole", "--quiet"]);
        AssertSameRun("whole", "run");
    }

    [Fact]
    public async Task A_signal_or_the_end_of_the_time_during_the_cross_validation_leaves_nothing_new()
    {
        string[] endless = [.. Untouched, "--epochs", "1000000000"];
        await Stop("runs/new");
        Assert.False(Directory.Exists(_shell["runs"]));
        _shell.Fails(
            1, "--max-time", "was over before the cross-validation, and nothing was trained",
            [.. endless, "--out", "runs/new", "--max-time", "0.1s"]);
        Assert.False(Directory.Exists(_shell["runs"]));

        _shell.Write("mine/notes.txt", "mine");
        await Stop("mine");
        Assert.Equal(["notes.txt", "run.lock"], Directory.GetFiles(_shell["mine"]).Select(Path.GetFileName).Order());
        _shell.Succeeds([.. Untouched, "--epochs", "2", "--folds", "0", "--out", "mine", "--quiet"]);

        byte[] model = File.ReadAllBytes(_shell["mine/model.safetensors"]);
        await Stop("mine", "--overwrite");
        Assert.Equal(model, File.ReadAllBytes(_shell["mine/model.safetensors"]));
        _shell.Succeeds("mlp", "train", "--resume", "--out", "mine", "--epochs", "3");

        async Task Stop(string run, params string[] options)
        {
            using Process process = _shell.Start([.. endless, "--out", run, .. options]);
            while (!File.Exists(_shell[$"{run}/run.pid"]) && !process.HasExited)
                await Task.Delay(20, TestContext.Current.CancellationToken);
            if (OperatingSystem.IsWindows())
                Shell.PressCtrlC(process); // it has no SIGTERM
            else
                Shell.Signal(process, "TERM");
            Assert.Equal(OperatingSystem.IsWindows() ? 130 : 143, Shell.End(process));
            string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            Assert.DoesNotContain("error", error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("--tolerance", "0.01", "0.005")]
    [InlineData("--change-tolerance", "1e-4", "5e-5")]
    public void A_smaller_tolerance_goes_on_from_where_a_larger_one_ended(string option, string larger, string smaller)
    {
        string[] options = ["--layers", "none", "--epochs", "5000", "--checkpoint-every", "0", .. Descent];
        string ended = _shell.Succeeds([.. Table, .. options, option, larger, "--out", "run"]).Error;
        string reason = ended.Replace("changes by less than", "is below", StringComparison.Ordinal);
        Assert.Contains($"is below {option}", reason, StringComparison.Ordinal);
        long before = Iteration("run");
        Assert.InRange(before, 2, 4999);
        Assert.StartsWith(
            $"run: is finished at iteration {before}; give a smaller {option} to go on",
            _shell.Succeeds("mlp", "train", "--resume", "--out", "run").Error, StringComparison.Ordinal);
        _shell.Succeeds("mlp", "train", "--resume", "--out", "run", option, smaller);
        Assert.InRange(Iteration("run"), before + 1, 4999);
        _shell.Succeeds([.. Table, .. options, option, smaller, "--out", "whole"]);
        AssertSameRun("whole", "run");
    }

    [Fact]
    public void A_run_that_diverges_goes_back_if_it_is_told_to()
    {
        _shell.Write("line.csv", $"x,y\n{string.Concat(Enumerable.Range(0, 40).Select(i => $"{i},{(3 * i) + (i % 5) + 0.5}\n"))}");
        string[] train =
        [
            "mlp", "train", "line.csv", "--label", "y", "--layers", "none", "--learning-rate", "3", "--epochs", "400",
            "--val-fraction", "0.2", "--device", "cpu", .. Descent,
        ];
        CommandResult diverged = _shell.Run([.. train, "--out", "stop"]);
        Assert.Equal(1, diverged.ExitCode);
        Assert.Matches(
            @"^error: stop: training diverged: the loss is \d\.\de\+\d+, before the first checkpoint; "
                + "start anew with --overwrite and a lower --learning-rate or --clip$",
            diverged.ErrorLines[^1]);

        string said = _shell.Succeeds([.. train, "--out", "back", "--on-divergence", "rollback"]).Error;
        Assert.Matches(@"warning: training diverged: .*; going on from the start with --learning-rate 1\.5", said);
        Assert.InRange(RunConfiguration.Read(_shell["back/config.json"]).GetOptionText("learning-rate"), "0", "1");
        Assert.InRange(MetricsLog.Read(_shell["back/metrics.jsonl"]).Last().Loss, 0, 0.1);

        // A checkpoint that was saved on the way to an absurd loss is put aside for the one before it, or for the start.
        foreach ((string keep, string from) in ((string, string)[])[("2", "the checkpoint of iteration 5"), ("1", "the start")])
        {
            said = _shell.Succeeds([
                .. train, "--out", $"far{keep}", "--on-divergence", "rollback", "--checkpoint-every", "1", "--keep-checkpoints", keep,
            ]).Error;
            Assert.Contains("going on from the checkpoint of iteration 6 with --learning-rate 1.5", said, StringComparison.Ordinal);
            Assert.Contains($"going on from {from} with --learning-rate 0.75", said, StringComparison.Ordinal);
            Assert.Equal(6, CheckpointFile.Load(_shell[$"far{keep}/checkpoint-damaged.safetensors"]).Snapshot.Iteration);
            Assert.InRange(MetricsLog.Read(_shell[$"far{keep}/metrics.jsonl"]).Last().Loss, 0, 0.1);
        }
    }

    [Fact]
    public void Options_from_a_file_patience_and_curves_for_TensorBoard()
    {
        _shell.Write(
            "options.json",
            """{"label": "arm", "layers": [8, 4], "epochs": 3000, "patience": 2, "learning-rate": 0.5, "tensorboard": true}""");
        string said = _shell.Succeeds("mlp", "train", "spirals.csv", "--config", "options.json", "--device", "cpu", "--out", "run").Error;
        Assert.Contains("for as long as --patience allows", said, StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(_shell["run/tensorboard"], "events.out.tfevents.*.charrnn"));
        Assert.Equal("2-8-4-1", RunConfiguration.Read(_shell["run/config.json"]).GetText("widths"));
        Assert.Matches(
            @"^run: is finished: it stopped early at iteration \d+; give a --patience over \d+, or 0, to go on",
            _shell.Succeeds("mlp", "train", "--resume", "--out", "run").Error);

        // A run's own file can be given again, for a new run; also one of an earlier program, which had another name for a fact.
        string old = File.ReadAllText(_shell["run/config.json"]).Replace("constant-loss", "label-entropy", StringComparison.Ordinal);
        Assert.Contains("label-entropy", old, StringComparison.Ordinal);
        _shell.Succeeds("mlp", "train", "--config", _shell.Write("old.json", old), "--out", "again", "--quiet");
        Assert.Equal(File.ReadAllBytes(_shell["run/model.safetensors"]), File.ReadAllBytes(_shell["again/model.safetensors"]));
        _shell.Write("bad.json", """{"hidden-size": 3}""");
        _shell.Fails(
            2, "bad.json", "hidden-size: is not an option of charrnn mlp train",
            "mlp", "train", "spirals.csv", "--label", "arm", "--config", "bad.json");
    }

    [Fact]
    public void What_does_not_belong_to_the_run_is_refused()
    {
        _shell.Succeeds([.. Table, "--epochs", "3", "--out", "run", "--quiet"]);
        string[] resume = ["mlp", "train", "--resume", "--out", "run", "--epochs", "4"];
        _shell.Succeeds([.. resume, "--layers", "064", "--loss", "auto", "--label", "arm", "--delimiter", ","]);
        string configuration = File.ReadAllText(_shell["run/config.json"]);
        File.WriteAllLines(
            _shell["run/config.json"], configuration.Split('\n').Where(line => !line.Contains("\"layers\"", StringComparison.Ordinal)));
        _shell.Succeeds([.. resume, "--layers", "64"]); // the default, which a run has that names none
        File.WriteAllText(_shell["run/config.json"], configuration);
        _shell.Fails(1, "--layers", "is 9 here and 64 in the run to resume", [.. resume, "--layers", "9"]);
        _shell.Fails(1, "--label", "is x here and arm in the run to resume", [.. resume, "--label", "x"]);
        _shell.Write("other.csv", MlpTests.Spirals.Points(200, 2));
        _shell.Fails(1, "other.csv", "is not the table that run was trained on", ["mlp", "train", "other.csv", .. resume[2..]]);
        _shell.Fails(1, "none", "does not exist; give the directory of a run", "mlp", "train", "--resume", "--out", "none");
        _shell.Fails(2, "--patience", "needs a validation part to measure on", [.. Untouched, "--val-fraction", "0", "--patience", "2"]);

        byte[] table = File.ReadAllBytes(_shell["spirals.csv"]);
        string[] piped = ["mlp", "train", "-", "--label", "arm", "--epochs", "3", "--batch-size", "0", "--out", "piped", "--device", "cpu"];
        Assert.Equal(0, _shell.Run([table], piped).ExitCode);
        _shell.Fails(1, "piped", "its table came from standard input, which is not kept", "mlp", "train", "--resume", "--out", "piped");
        Assert.Equal(0, _shell.Run([table], ["mlp", "train", "-", "--resume", "--out", "piped", "--epochs", "4"]).ExitCode);
        Assert.Equal(4, Iteration("piped"));

        // Text and table have each other's files.
        _shell.Write("words.txt", TinyRun.Words(60));
        _shell.Succeeds("train", "words.txt", "--out", "text", "--hidden-size", "4", "--iterations", "2", "--device", "cpu", "--quiet");
        _shell.Fails(1, "text", "is a run of charrnn train", "mlp", "train", "--resume", "--out", "text");
        File.Copy(_shell["text/checkpoint.safetensors"], _shell["run/checkpoint.safetensors"], overwrite: true);
        _shell.Fails(1, "run/checkpoint.safetensors".Replace('/', Path.DirectorySeparatorChar), "holds a character model", resume);
        File.Copy(_shell["piped/checkpoint.safetensors"], _shell["text/checkpoint.safetensors"], overwrite: true);
        _shell.Fails(
            1, "text/checkpoint.safetensors".Replace('/', Path.DirectorySeparatorChar), "holds a feed-forward network",
            "train", "--resume", "--out", "text", "--iterations", "3");
    }

    private long Iteration(string run) => CheckpointFile.Load(_shell[$"{run}/checkpoint.safetensors"]).Snapshot.Iteration;

    private void AssertSameRun(string expected, string actual)
    {
        foreach (string name in (string[])["model.safetensors", "best.safetensors"])
            Assert.Equal(File.ReadAllBytes(_shell[$"{expected}/{name}"]), File.ReadAllBytes(_shell[$"{actual}/{name}"]));
        Assert.Equal(Lines(expected), Lines(actual));

        string[] Lines(string run) =>
        [
            .. MetricsLog.Read(_shell[$"{run}/metrics.jsonl"])
                .Select(report => Encoding.UTF8.GetString(MetricsLog.Line(report with { CharactersPerSecond = 0, Seconds = 0 }))),
        ];
    }
}
