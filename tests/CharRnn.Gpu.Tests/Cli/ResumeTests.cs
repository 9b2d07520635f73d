using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using CharRnn.Files;
using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>A run that was stopped and resumed leaves the bytes of one that never stopped.</summary>
public sealed class ResumeTests : IDisposable
{
    private static readonly string[] Options =
    [
        "--preset", "classic", "--hidden-size", "16", "--seq-length", "8", "--batch-size", "3", "--log-every", "10",
        "--sample-every", "20", "--sample-length", "15", "--eval-every", "15", "--checkpoint-every", "25", "--device", "cpu",
    ];

    // Saves nothing on the way but a line of metrics now and then.
    private static readonly string[] Endless =
    [
        "--preset", "classic", "--hidden-size", "16", "--seq-length", "8", "--batch-size", "3", "--log-every", "1000",
        "--sample-every", "0", "--eval-every", "300", "--checkpoint-every", "0", "--device", "cpu",
    ];

    private readonly Shell _shell = new();

    public ResumeTests() => _shell.Write("words.txt", TinyRun.Words(200));

    public void Dispose() => _shell.Dispose();

    [Fact]
    public void A_run_that_diverges_goes_back_to_its_checkpoint_with_half_the_rate()
    {
        // The loss at this rate is far over the bound; a sixteenth of it is not.
        string[] options = [.. Options, "--learning-rate", "1e8", "--on-divergence", "rollback"];
        CommandResult result = Train("run", [.. options, "--iterations", "60", "--val-fraction", "0"]);
        string[] warnings = [.. result.ErrorLines.Where(line => line.Contains("training diverged: ", StringComparison.Ordinal))];
        Assert.InRange(warnings.Length, 1, 10);
        double rate = JsonNode.Parse(File.ReadAllText(_shell["run/config.json"]))!["learning-rate"]!.GetValue<double>();
        Assert.Equal(1e8 / Math.Pow(2, warnings.Length), rate, 1e-3 * rate);
        Assert.Equal(60, JsonNode.Parse(File.ReadAllLines(_shell["run/metrics.jsonl"])[^1])!["iteration"]!.GetValue<int>());
    }

    [Fact]
    public void A_rollback_halves_a_schedule_as_a_whole()
    {
        string[] options =
            [.. Options, "--learning-rate", "1e8", "--schedule", "cosine", "--min-learning-rate", "9e7", "--on-divergence", "rollback"];
        CommandResult result = Train("run", [.. options, "--iterations", "60", "--val-fraction", "0"]);
        int halvings = result.ErrorLines.Count(line => line.Contains("training diverged: ", StringComparison.Ordinal));
        Assert.InRange(halvings, 1, 10);
        JsonNode configuration = JsonNode.Parse(File.ReadAllText(_shell["run/config.json"]))!;
        foreach ((string name, double value) in ((string, double)[])[("learning-rate", 1e8), ("min-learning-rate", 9e7)])
            Assert.Equal(value / Math.Pow(2, halvings), configuration[name]!.GetValue<double>(), 1e-3 * value);
        double last = JsonNode.Parse(File.ReadAllLines(_shell["run/metrics.jsonl"])[^1])!["learning_rate"]!.GetValue<double>();
        Assert.Equal(configuration["min-learning-rate"]!.GetValue<double>(), last, 1e-6 * last);
    }

    [Theory]
    [InlineData("cosine", "--warmup", "20", "--min-learning-rate", "0.01")]
    [InlineData("linear", "--warmup", "7")]
    [InlineData("exponential", "--decay-every", "10")]
    [InlineData("step", "--decay-every", "15", "--decay", "0.3", "--min-learning-rate", "0.02")]
    [InlineData("plateau", "--decay-patience", "1", "--decay", "0.7")]
    [InlineData(
        "cosine", "--optimizer", "adamw", "--clip", "none", "--clip-norm", "0.5", "--weight-decay", "0.1", "--learning-rate", "0.02")]
    [InlineData("linear", "--optimizer", "rmsprop", "--rms-decay", "0.9", "--epsilon", "1e-6")]
    [InlineData("cosine", "--optimizer", "sgd", "--momentum", "0.9", "--learning-rate", "0.3")]
    public void A_run_with_a_schedule_that_was_killed_equals_one_that_was_not(string schedule, params string[] options)
    {
        // Measured so often that the validation loss goes up now and then.
        string[] often = [.. Options.Select((option, i) => i > 0 && Options[i - 1] == "--eval-every" ? "2" : option)];
        Train("whole", ["--iterations", "60", "--schedule", schedule, .. options, "--keep-checkpoints", "3", .. often]);
        double[] rates =
        [
            .. File.ReadAllLines(_shell["whole/metrics.jsonl"])
                .Select(line => JsonNode.Parse(line)!["learning_rate"]!.GetValue<double>()),
        ];
        Assert.True(rates.Distinct().Count() > 1, string.Join(' ', rates));

        // What a kill after the checkpoint of iteration 25 or 50 would have left.
        foreach (string age in (string[])["1", "2"])
        {
            _shell.Copy("whole", age);
            File.Move(_shell[$"{age}/checkpoint-{age}.safetensors"], _shell[$"{age}/checkpoint.safetensors"], overwrite: true);
            Resume(age);
            AssertSameRun("whole", age);
        }
    }

    [Fact]
    public void A_run_whose_schedule_depends_on_its_end_keeps_it()
    {
        Train("run", ["--iterations", "30", "--schedule", "cosine", .. Options]);
        _shell.Fails(
            1, "run",
            "has a cosine schedule over 30 iterations, which cannot become 40; "
                + "leave --iterations and --epochs out, or start a new run from its weights with --init-from run",
            "train", "--resume", "--out", "run", "--iterations", "40");
        _shell.Fails(1, "run", "has a cosine schedule over 30 iterations", "train", "--resume", "--out", "run", "--epochs", "9");
        _shell.Fails(
            1, "--schedule", "is linear here and cosine in the run to resume",
            "train", "--resume", "--out", "run", "--schedule", "linear");
        _shell.Fails(1, "--warmup", "is 3 here and 0 in the run to resume", "train", "--resume", "--out", "run", "--warmup", "3");
        Assert.Equal(
            [
                "run: is finished at iteration 30; its schedule has ended; "
                    + "start a new run from its weights with --init-from run and another --out",
            ],
            Resume("run", "--iterations", "30").ErrorLines);

        // A run of an earlier program names no schedule: its rate is constant.
        Train("old", ["--iterations", "30", .. Options]);
        string configuration = _shell["old/config.json"];
        File.WriteAllLines(configuration, File.ReadAllLines(configuration).Where(line =>
            !line.Contains("schedule", StringComparison.Ordinal) && !line.Contains("warmup", StringComparison.Ordinal)));
        _shell.Fails(
            1, "--schedule", "is cosine here and constant in the run to resume",
            "train", "--resume", "--out", "old", "--iterations", "40", "--schedule", "cosine");
        Resume("old", "--iterations", "40", "--schedule", "constant");
    }

    [Fact]
    public void A_run_that_stopped_early_goes_on_with_more_patience()
    {
        // On a text of random words the validation loss goes up now and then.
        string[] options =
            ["--iterations", "600", .. Options.Select((option, i) => i > 0 && Options[i - 1] == "--eval-every" ? "10" : option)];
        CommandResult result = Train("run", [.. options, "--patience", "1"]);
        var losses = File.ReadAllLines(_shell["run/metrics.jsonl"]).Select(line => JsonNode.Parse(line)!)
            .ToDictionary(line => line["iteration"]!.GetValue<long>(), line => line["val_loss"]!.GetValue<double>());
        (long best, long last) = (losses.MinBy(pair => pair.Value).Key, losses.Keys.Max());
        Assert.Equal((last - 10, true), (best, last < 600));
        Assert.Contains(
            string.Create(
                CultureInfo.InvariantCulture,
                $"stopped early: iteration {best} was the best, with {losses[best]:F4} nats on the validation part; "
                    + $"write text with: charrnn sample run --best"),
            result.ErrorLines);
        Assert.Equal(
            [$"run: is finished: it stopped early at iteration {last}; give a --patience over 1, or 0, to go on"],
            Resume("run").ErrorLines);

        Train("whole", [.. options, "--patience", "3"]);
        Resume("run", "--patience", "3");
        AssertSameRun("whole", "run");
    }

    private CommandResult Train(string directory, params string[] args) =>
        _shell.Succeeds(["train", "words.txt", "--out", directory, .. args]);

    private CommandResult Resume(string directory, params string[] args) =>
        _shell.Succeeds(["train", "--resume", "--out", directory, .. args]);

    private void AssertSameRun(string expected, string actual)
    {
        foreach (string name in new[] { "model.safetensors", "best.safetensors", "samples.txt" })
            Assert.True(
                File.ReadAllBytes(_shell[$"{expected}/{name}"]).AsSpan().SequenceEqual(File.ReadAllBytes(_shell[$"{actual}/{name}"])),
                $"{actual}/{name} differs from that of {expected}");
        Assert.Equal(_shell.Metrics(expected), _shell.Metrics(actual));
        Assert.Equal(State(expected), State(actual));
    }

    // Every tensor's bytes, but for the length of metrics.jsonl: a time may have more digits than another.
    private string[] State(string directory)
    {
        string path = _shell[$"{directory}/checkpoint.safetensors"];
        using var file = SafetensorsFile.Open(path);
        byte[] bytes = File.ReadAllBytes(path);
        int payload = 8 + (int)BitConverter.ToInt64(bytes);
        return
        [
            .. file.Tensors.Where(tensor => tensor.Name != "state.metrics_length").Select(tensor =>
                $"{tensor.Name} {Convert.ToHexString(bytes.AsSpan(payload + (int)tensor.Begin, (int)(tensor.End - tensor.Begin)))}"),
        ];
    }

    [Fact]
    public void A_resumed_run_equals_one_that_never_stopped()
    {
        Train("whole", ["--iterations", "60", .. Options]);
        foreach (string first in new[] { "1", "25", "44" })
        {
            Train(first, ["--iterations", first, .. Options]);
            CommandResult resumed = Resume(first, "--iterations", "60");
            Assert.Contains($"run: {first}, resumed at iteration {first}", resumed.ErrorLines);
            Assert.Single(resumed.ErrorLines, line => line.StartsWith("text: words.txt, ", StringComparison.Ordinal));
            Assert.Equal(File.ReadAllText(_shell["whole/config.json"]), File.ReadAllText(_shell[$"{first}/config.json"]));
            AssertSameRun("whole", first);
        }

        // In another go, with the text under another name; and by way of --epochs.
        File.Move(_shell["words.txt"], _shell["moved.txt"]);
        _shell.Succeeds("train", "moved.txt", "--resume", "--out", "44", "--iterations", "61");
        _shell.Succeeds("train", "moved.txt", "--resume", "--out", "whole", "--epochs", "3");
        Resume("44", "--epochs", "3", "--quiet");
        int characters = TinyRun.Words(200).EnumerateRunes().Count(), training = characters - (characters / 10);
        int stepsPerEpoch = ((training / 3) - 2) / 8;
        Assert.Equal(3 * stepsPerEpoch, CheckpointFile.Load(_shell["whole/checkpoint.safetensors"]).Snapshot.Iteration);
        AssertSameRun("whole", "44");

        CommandResult finished = Resume("44", "--json");
        Assert.Equal(
            [$"44: is finished at iteration {3 * stepsPerEpoch}; give more --iterations or --epochs to go on"],
            finished.ErrorLines);
        Assert.Equal($$"""{"finished":true,"iteration":{{3 * stepsPerEpoch}}}""", Assert.Single(finished.Lines));
        Assert.Empty(Resume("44").Output);
        AssertSameRun("whole", "44");
    }

    [Theory]
    [InlineData("rnn", "2", "0")]
    [InlineData("lstm", "2", "0.3")]
    [InlineData("gru", "1", "0.5")]
    public void A_resumed_run_of_any_cell_and_several_layers_equals_one_that_never_stopped(string cell, string layers, string dropout)
    {
        string[] options = [.. Options, "--cell", cell, "--layers", layers, "--optimizer", "adam", "--learning-rate", "0.01"];
        Train("whole", ["--iterations", "60", "--dropout", dropout, .. options]);
        Train("run", ["--iterations", "44", "--dropout", dropout, .. options]);
        Resume("run", "--iterations", "60");
        AssertSameRun("whole", "run");

        if (dropout != "0")
        {
            Train("without", ["--iterations", "60", .. options]);
            Assert.NotEqual(File.ReadAllBytes(_shell["without/model.safetensors"]), File.ReadAllBytes(_shell["run/model.safetensors"]));
        }
    }

    [Fact]
    public void A_run_of_an_earlier_program_has_one_vanilla_layer()
    {
        Train("whole", ["--iterations", "50", .. Options]);
        Train("old", ["--iterations", "30", .. Options]);
        string configuration = _shell["old/config.json"];
        string[] lines = File.ReadAllLines(configuration);
        string[] kept = [.. lines.Where(line => !line.Contains("\"cell\"", StringComparison.Ordinal)
            && !line.Contains("\"layers\"", StringComparison.Ordinal) && !line.Contains("\"dropout\"", StringComparison.Ordinal))];
        Assert.Equal(lines.Length - 3, kept.Length);
        File.WriteAllLines(configuration, kept);
        Resume("old", "--iterations", "50");
        AssertSameRun("whole", "old");
    }

    [Fact]
    public void A_run_goes_on_only_as_what_it_is()
    {
        Train("run", ["--iterations", "5", "--seed", "18446744073709551615", .. Options]);
        byte[] before = File.ReadAllBytes(_shell["run/checkpoint.safetensors"]);
        void Refused(string subject, string found, params string[] args) =>
            _shell.Fails(1, subject, found, ["train", "--resume", "--out", "run", "--iterations", "9", .. args]);

        Refused("--hidden-size", "is 17 here and 16 in the run to resume", "--hidden-size", "17");
        Refused("--batch-size", "is 4 here and 3", "--batch-size=4");
        Refused("--cell", "is lstm here and rnn in the run to resume", "--cell", "lstm");
        Refused("--layers", "is 2 here and 1 in the run to resume", "--layers", "2");
        Refused("--dropout", "is 0.5 here and 0 in the run to resume", "--dropout", "0.5");
        Refused("--seq-length", "is 9 here and 8", "--seq-length", "9");
        Refused("--optimizer", "is adam here and adagrad", "--optimizer", "adam");
        Refused("--learning-rate", "is 0.2 here and 0.1", "--learning-rate:0.2");
        Refused("--learning-rate", "start a new run from these weights with --init-from run and another --out", "--learning-rate", "0.2");
        Refused("--seed", "is 18446744073709551614 here and 18446744073709551615", "--seed", "18446744073709551614");
        _shell.Fails(1, "--hidden-size", "is 17 here and 16", "train", "--resume", "--out:run", "--hidden-size:17");
        Refused("--encoding", "is bytes here and utf-8", "--encoding", "bytes");

        string configuration = File.ReadAllText(_shell["run/config.json"]);
        File.WriteAllText(
            _shell["run/config.json"], configuration.Replace("\"batch-size\": 3", "\"batch-size\": 2", StringComparison.Ordinal));
        Refused("run/checkpoint.safetensors", "has 3 streams, and");
        File.WriteAllText(_shell["run/config.json"], configuration);

        _shell.Write("other.txt", TinyRun.Words(201));
        Refused("other.txt", "is not the text that run was trained on", "other.txt");
        File.AppendAllText(_shell["words.txt"], "more");
        Refused(Path.GetFullPath(_shell["words.txt"]), "is not the text that run was trained on");

        // Nor over a run without being told to, nor from a directory that is none.
        _shell.Fails(1, "run", "holds the checkpoint.safetensors of a run", "train", "other.txt", "--out", "run", "--device", "cpu");
        Assert.Equal(before, File.ReadAllBytes(_shell["run/checkpoint.safetensors"]));
        Directory.CreateDirectory(_shell["empty"]);
        _shell.Write("foreign/config.json", """{"name": "another program's"}""");
        _shell.Fails(1, "empty", "is empty", "train", "--resume", "--out", "empty");
        _shell.Fails(1, "foreign", "holds no checkpoint.safetensors", "train", "--resume", "--out", "foreign");
        _shell.Fails(1, "none", "does not exist", "train", "--resume", "--out", "none");
        _shell.Fails(
            1, "foreign", "holds a config.json that does not belong to a run",
            "train", "other.txt", "--out", "foreign", "--device", "cpu");
        _shell.Fails(2, "--resume", "does not say which run to go on with", "train", "--resume");
    }

    [Fact]
    public void A_value_that_is_written_another_way_is_the_same_and_two_values_are_never_one()
    {
        Train("run", ["--iterations", "5", "--clip", "1e-30", .. Options]);
        Resume(
            "run", "--iterations", "6", "--clip", "0.1e-29", "--learning-rate", "1e-1",
            "--hidden-size", "016", "--val-fraction", "0.10", "--seed", "01");
        _shell.Fails(
            1, "--clip", "is 2e-30 here and 1E-30 in the run to resume",
            "train", "--resume", "--out", "run", "--iterations", "7", "--clip", "2e-30");
    }

    [Fact]
    public void A_text_that_came_from_a_pipe_is_to_be_given_again()
    {
        byte[] text = File.ReadAllBytes(_shell["words.txt"]);
        Assert.Equal(0, _shell.Run([text], ["train", "-", "--out", "run", "--iterations", "5", .. Options]).ExitCode);
        _shell.Fails(
            1, "run",
            "its text came from standard input, which is not kept; "
                + "give the same text again: a file, or PROGRAM | charrnn train - --resume --out run",
            "train", "--resume", "--out", "run");
        Assert.Equal(0, _shell.Run([text], ["train", "-", "--resume", "--out", "run", "--iterations", "6"]).ExitCode);
        _shell.Succeeds("train", "words.txt", "--resume", "--out", "run", "--iterations", "7");
        Resume("run", "--iterations", "8");
        Assert.Equal(8, CheckpointFile.Load(_shell["run/checkpoint.safetensors"]).Snapshot.Iteration);
    }

    [Fact]
    public async Task A_long_sample_is_stopped_too()
    {
        Assert.SkipWhen(
            Shell.IgnoresInterrupts, "SIGINT is ignored here, as in a script's background jobs, and so it is by what this starts");
        using Process process = await Start(
            "--sample-every", "10", "--sample-length", $"{int.MaxValue}", "--log-every", "5", "--hidden-size", "16", "--device", "cpu");
        await Task.Delay(500, TestContext.Current.CancellationToken); // now it writes
        Shell.PressCtrlC(process);
        Assert.Equal(130, Shell.End(process));
        Assert.InRange(CheckpointFile.Load(_shell["run/checkpoint.safetensors"]).Snapshot.Iteration, 5, 10);
    }

    [Fact(Skip = "a terminal that closes sends no signal on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public async Task A_terminal_that_closes_stops_and_saves_however_often_it_says_so()
    {
        using Process process = await StartEndless();
        Shell.Signal(process, "HUP");
        Shell.Signal(process, "HUP");
        Assert.Equal(129, Shell.End(process));
        Assert.True(CheckpointFile.Load(_shell["run/checkpoint.safetensors"]).Snapshot.Iteration >= 300);
    }

    [Fact(Skip = "nohup is Unix's", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_training_under_nohup_outlives_its_terminal()
    {
        string charrnn = Path.Combine(AppContext.BaseDirectory, "charrnn.dll");
        var start = new ProcessStartInfo(
            "sh", ["-c", $"trap '' HUP; exec dotnet '{charrnn}' train words.txt --out run --iterations 3000 {string.Join(' ', Endless)}"])
        {
            WorkingDirectory = _shell.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        while (!process.HasExited)
        {
            if (File.Exists(_shell["run/config.json"]) && !process.HasExited)
                using (Process? kill = Process.Start("kill", ["-HUP", process.Id.ToString(CultureInfo.InvariantCulture)]))
                    kill.WaitForExit();
            Thread.Sleep(50);
        }

        Assert.Equal(0, process.ExitCode);
        Assert.Equal(3000, CheckpointFile.Load(_shell["run/checkpoint.safetensors"]).Snapshot.Iteration);
    }

    [Fact]
    public void A_run_goes_on_on_another_device_with_a_note_and_not_on_one_that_is_absent()
    {
        Train("run", ["--iterations", "5", .. Options]);
        string configuration = File.ReadAllText(_shell["run/config.json"]);
        Assert.DoesNotContain("was trained on", Resume("run", "--iterations", "6").Error, StringComparison.Ordinal);

        File.WriteAllText(
            _shell["run/config.json"],
            configuration
                .Replace("\"CPU\"", "\"Cray-1\"", StringComparison.Ordinal)
                .Replace("\"cpu\"", "\"opencl:99\"", StringComparison.Ordinal));
        byte[] before = File.ReadAllBytes(_shell["run/checkpoint.safetensors"]);
        _shell.Fails(1, "opencl:99", "no such device; use one of those here: ", "train", "--resume", "--out", "run", "--iterations", "7");
        Assert.Equal(before, File.ReadAllBytes(_shell["run/checkpoint.safetensors"]));
        Assert.Contains(
            "run: was trained on Cray-1 and goes on with CPU, whose results differ in the last digits",
            Resume("run", "--iterations", "7", "--device", "cpu").ErrorLines);
        Assert.DoesNotContain("Cray-1", Resume("run", "--iterations", "8").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_large_text_is_made_into_tokens_once_and_its_tokens_may_go_at_any_time()
    {
        // Over 256 MB, most of them a hole in the file.
        using (FileStream large = File.Create(_shell["large.bin"]))
        {
            large.SetLength(257L << 20);
            large.Write("some text in front of very many NULs"u8);
        }

        CommandResult first = _shell.Succeeds(
            "train", "large.bin", "--out", "cached", "--encoding", "bytes", "--preset", "classic", "--iterations", "20",
            "--cache", "kept", "--eval-every", "0", "--sample-every", "0", "--device", "cpu");
        string entry = Assert.Single(Directory.GetFiles(_shell["kept"]));
        Assert.Contains("keeps the tokens of this text for the next start", first.Error, StringComparison.Ordinal);
        Assert.Contains(
            $"{entry}: has the tokens of this text",
            _shell.Succeeds("train", "--resume", "--out", "cached", "--iterations", "30").Error, StringComparison.Ordinal);
        Directory.Delete(_shell["kept"], recursive: true);
        CommandResult last = _shell.Succeeds("train", "--resume", "--out", "cached", "--iterations", "40", "--cache", "none");
        Assert.DoesNotContain("tokens of this text", last.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_shell["kept"]));
    }

    [Fact]
    public async Task Ctrl_C_stops_and_saves_and_a_resume_leaves_the_same_bytes()
    {
        Assert.SkipWhen(
            Shell.IgnoresInterrupts, "SIGINT is ignored here, as in a script's background jobs, and so it is by what this starts");
        using Process process = await StartEndless();
        Shell.PressCtrlC(process);
        Assert.Equal(130, Shell.End(process));
        string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.EndsWith(
            "stopped and saved; go on with: charrnn train --resume --out run" + Environment.NewLine, error, StringComparison.Ordinal);

        long stoppedAt = CheckpointFile.Load(_shell["run/checkpoint.safetensors"]).Snapshot.Iteration;
        string goOnTo = (stoppedAt + 50).ToString(CultureInfo.InvariantCulture);
        Resume("run", "--iterations", goOnTo, "--quiet");
        Train("whole", ["--iterations", goOnTo, "--quiet", .. Endless]);
        AssertSameRun("whole", "run");
    }

    [Fact]
    public async Task A_running_training_has_its_directory_to_itself_and_SIGTERM_stops_and_saves()
    {
        using Process process = await StartEndless();
        _shell.Fails(
            1, "run", $"is in use by process {process.Id}",
            "train", "words.txt", "--out", "run", "--device", "cpu", "--overwrite");
        _shell.Fails(1, "run", "holds no checkpoint.safetensors", "train", "--resume", "--out", "run");
        if (OperatingSystem.IsWindows())
            Shell.PressCtrlC(process); // it has no SIGTERM
        else
            Shell.Signal(process, "TERM");
        Assert.Equal(OperatingSystem.IsWindows() ? 130 : 143, Shell.End(process));
        Assert.True(CheckpointFile.Load(_shell["run/checkpoint.safetensors"]).Snapshot.Iteration >= 300);
        Assert.True(File.Exists(_shell["run/model.safetensors"]));
    }

    private Task<Process> StartEndless() => Start(Endless);

    private async Task<Process> Start(params string[] options)
    {
        Process process = _shell.Start(["train", "words.txt", "--out", "run", "--iterations", "1000000000", .. options]);
        process.BeginOutputReadLine(); // a full pipe would hold it up
        var patience = Stopwatch.StartNew();
        while (!(File.Exists(_shell["run/metrics.jsonl"]) && new FileInfo(_shell["run/metrics.jsonl"]).Length > 0)
            && patience.Elapsed.TotalSeconds < 30)
            await Task.Delay(20, TestContext.Current.CancellationToken);
        return process;
    }
}
