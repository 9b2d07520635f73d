using System.Globalization;
using System.Text.Json;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Cli;

public sealed class TrainTests(TinyRun run) : IClassFixture<TinyRun>
{
    private readonly Shell _shell = run.Shell;

    private JsonElement[] Metrics(string directory = "run") =>
        [.. File.ReadAllLines(_shell[$"{directory}/metrics.jsonl"]).Select(line => JsonElement.Parse(line))];

    private byte[] ModelBytes(string directory) => File.ReadAllBytes(_shell[$"{directory}/model.safetensors"]);

    [Fact]
    public void A_run_leaves_its_files_and_no_others()
    {
        Assert.Equal(
            [
                "best-of-iteration-150.safetensors", "best-of-iteration-225.safetensors", "best.safetensors",
                "checkpoint-1.safetensors", "checkpoint.safetensors", "config.json", "metrics.jsonl", "model.safetensors", "report.html",
                "run.lock", "samples.txt",
            ],
            Directory.EnumerateFileSystemEntries(_shell["run"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        Assert.Equal(new ModelShape(7, 16), run.Model.Shape);
        Assert.Equal(new ModelShape(7, 16), ModelFile.Load(_shell["run/best.safetensors"]).Weights.Shape);
        Checkpoint checkpoint = CheckpointFile.Load(_shell["run/checkpoint.safetensors"]);
        Assert.Equal((300, 3), (checkpoint.Snapshot.Iteration, ((TextState)checkpoint.Snapshot.Engine).BatchSize));
        Assert.Equal(run.Model.Weights.Layer(0).Whh, checkpoint.Snapshot.Weights.Layer(0).Whh);
    }

    [Theory(Skip = "this processor has vectors of one width", SkipType = typeof(Systems), SkipUnless = nameof(Systems.HasWideVectors))]
    [InlineData("rnn")]
    [InlineData("lstm")]
    [InlineData("gru")]
    public void The_width_of_a_products_vectors_changes_no_byte(string cell)
    {
        _shell.Write("words.txt", TinyRun.Words(300));
        foreach ((string width, string isWide) in ((string, string)[])[("wide", "1"), ("narrow", "0")])
        {
            string[] command =
            [
                "train", "words.txt", "--out", $"{cell}-{width}", "--iterations", "30", "--cell", cell, "--layers", "2",
                "--hidden-size", "70", "--batch-size", "7", "--dropout", "0.2", "--device", "cpu", "--quiet",
            ];
            CommandResult result = _shell.Run([], command, new Dictionary<string, string> { ["DOTNET_EnableAVX512"] = isWide });
            Assert.True(result.ExitCode == 0, result.Error);
        }

        Assert.Equal(ModelBytes($"{cell}-wide"), ModelBytes($"{cell}-narrow"));
    }

    [Fact]
    public void The_configuration_holds_every_resolved_option()
    {
        RunConfiguration configuration = RunConfiguration.Read(_shell["run/config.json"]);
        foreach ((string option, string value) in TinyRun.Options.Chunk(2).Select(pair => (pair[0][2..], pair[1])))
            Assert.Equal(value, configuration.GetOptionText(option));
        foreach ((string option, string value) in ((string, string)[])
        [
            ("learning-rate", "0.1"), ("clip", "5"), ("optimizer", "adagrad"), ("seed", "1"), ("encoding", "utf-8"),
            ("val-fraction", "0.1"),
        ])
            Assert.Equal(value, configuration.GetOptionText(option));
        string input = Assert.Single(configuration.GetTexts("input"));
        Assert.True(Path.IsPathFullyQualified(input) && Path.GetFileName(input) == "lines.txt", input);
        Assert.Matches("^[0-9a-f]{32}$", configuration.GetText("corpus-hash"));
    }

    [Fact]
    public void Metrics_have_every_key_and_lie_on_the_schedule()
    {
        JsonElement[] metrics = Metrics();
        string[] keys =
        [
            "iteration", "epoch", "characters", "loss", "smooth_loss", "smooth_loss_per_char", "bits_per_character", "val_loss",
            "characters_per_second", "seconds", "learning_rate",
        ];
        Assert.All(metrics, line => Assert.Equal(keys, line.EnumerateObject().Select(property => property.Name)));
        Assert.Equal([50, 75, 100, 150, 200, 225, 250, 300], metrics.Select(line => line.GetProperty("iteration").GetInt32()));
        Assert.All(metrics, line =>
        {
            int iteration = line.GetProperty("iteration").GetInt32();
            Assert.Equal(iteration * 8 * 3, line.GetProperty("characters").GetInt32());
            Assert.Equal(line.GetProperty("loss").GetDouble() / Math.Log(2), line.GetProperty("bits_per_character").GetDouble(), 1e-12);
            Assert.Equal(line.GetProperty("smooth_loss").GetDouble() / 8, line.GetProperty("smooth_loss_per_char").GetDouble(), 1e-12);
            Assert.Equal(iteration % 75 == 0 ? JsonValueKind.Number : JsonValueKind.Null, line.GetProperty("val_loss").ValueKind);
        });
        Assert.True(metrics[^1].GetProperty("loss").GetDouble() < 0.1, "the model has not learned its text");
    }

    [Fact]
    public void A_long_validation_part_is_measured_on_in_its_begin()
    {
        _shell.Write("words.txt", TinyRun.Words(300));
        CommandResult result = _shell.Succeeds(["train", "words.txt", "--out", "begin", "--eval-length", "64", .. TinyRun.Options]);
        using Corpus corpus = Corpus.Read([_shell["words.txt"]], cancellation: TestContext.Current.CancellationToken);
        ITokenSource validation = TextSplit.Of(corpus.Tokens, 0.1).Validation;
        Assert.Contains($"validation: the first 64 of {validation.Length} characters; --eval-length changes it", result.ErrorLines);

        using ComputeDevice device = DeviceCatalog.OpenCpu();
        using var model = new DeviceModel(device, ModelFile.Load(_shell["begin/model.safetensors"]).Weights);
        using var evaluator = new Evaluator(model, streams: 16);
        double expected = evaluator.Evaluate(validation.Slice(0, 64), TestContext.Current.CancellationToken).Loss;
        Assert.Equal(expected, Metrics("begin")[^1].GetProperty("val_loss").GetDouble());
    }

    [Fact]
    public void Samples_are_written_along_the_way()
    {
        string[] samples = File.ReadAllText(_shell["run/samples.txt"]).Split("=== iteration ", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["100", "200", "300"], samples.Select(sample => sample.Split(" ===\n")[0]));
        Assert.All(samples, sample => Assert.Equal(20, sample.Split(" ===\n")[1][..^2].EnumerateRunes().Count()));
    }

    [Fact]
    public void Reports_and_samples_go_to_stdout_and_all_else_to_stderr()
    {
        Assert.Equal(8, run.Result.Lines.Count(line => line.StartsWith("epoch ", StringComparison.Ordinal)));
        Assert.Matches(
            @"(?m)^epoch \d+ iteration 75: loss \d\.\d{4} nats, \d\.\d{4} bits per character, validation \d\.\d{4} nats, ",
            run.Result.Text);
        Assert.Equal(4, run.Result.Lines.Count(line => line.Contains(", validation ", StringComparison.Ordinal)));
        Assert.Equal(3, run.Result.Lines.Count(line => line.StartsWith("--- sample at iteration ", StringComparison.Ordinal)));
        Assert.Equal(
            ["memory", "text", "model", "device", "training", "run", "done"],
            run.Result.ErrorLines.Select(line => line.Split(':', ';')[0]));
        Assert.Equal("done; write text with: charrnn sample run", run.Result.ErrorLines[^1]);
    }

    [Fact]
    public void Of_one_stream_the_smoothed_loss_is_shown_too()
    {
        CommandResult result = _shell.Succeeds(
            "train", "lines.txt", "--out", "classic", "--preset", "classic", "--hidden-size", "16", "--seq-length", "8",
            "--iterations", "30", "--log-every", "30", "--val-fraction", "0", "--device", "cpu");
        double smooth = Assert.Single(Metrics("classic")).GetProperty("smooth_loss").GetDouble();
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $@"(?m)^epoch \d iteration 30: loss \d\.\d{{4}} nats, \d\.\d{{4}} bits per character, "
                + $@"smoothed {smooth:F3}, [\d,]+ characters/s$");
        Assert.Matches(line, result.Text);
    }

    [Fact]
    public void A_run_measures_samples_and_reports_at_its_end_whatever_the_cadence()
    {
        _shell.Succeeds(["train", "lines.txt", "--out", "odd", .. TinyRun.Options.Select(option => option == "300" ? "110" : option)]);
        Assert.Equal([50, 75, 100, 110], Metrics("odd").Select(line => line.GetProperty("iteration").GetInt32()));
        Assert.Equal(
            [75, 110],
            Metrics("odd").Where(line => line.GetProperty("val_loss").ValueKind == JsonValueKind.Number)
                .Select(line => line.GetProperty("iteration").GetInt32()));
        Assert.Equal([100, 110], SamplesLog.Read(_shell["odd/samples.txt"]).Select(sample => sample.Iteration));

        _shell.Succeeds(
            "train", "lines.txt", "--out", "silent", "--iterations", "20", "--hidden-size", "16",
            "--log-every", "0", "--eval-every", "0", "--sample-every", "0", "--device", "cpu");
        Assert.Equal(JsonValueKind.Number, Assert.Single(Metrics("silent")).GetProperty("val_loss").ValueKind);
        Assert.Empty(SamplesLog.Read(_shell["silent/samples.txt"]));
        Assert.Equal(ModelBytes("silent"), File.ReadAllBytes(_shell["silent/best.safetensors"]));
    }

    [Fact]
    public void Json_gives_the_lines_of_the_metrics_and_quiet_no_notes()
    {
        CommandResult json = _shell.Succeeds(["train", "lines.txt", "--out", "json", "--json", "--quiet", .. TinyRun.Options]);
        Assert.Equal(Metrics("json"), json.Lines.Select(line => JsonElement.Parse(line)), JsonElement.DeepEquals);
        Assert.Empty(json.Error);
        Assert.Equal(ModelBytes("run"), ModelBytes("json"));
    }

    [Fact]
    public void Stdin_a_glob_and_a_directory_are_texts_too()
    {
        byte[] text = File.ReadAllBytes(_shell["lines.txt"]);
        int insideOfEmoji = TinyRun.Line.IndexOf("😀", StringComparison.Ordinal) + 2;
        CommandResult result = _shell.Run(
            [[0xEF, 0xBB, 0xBF, .. text[..insideOfEmoji]], text[insideOfEmoji..]],
            ["train", "-", "--out", "made/on/the/way", .. TinyRun.Options]);
        Assert.Equal(0, result.ExitCode);
        Assert.Equal("standard input: UTF-8 byte order mark skipped", result.ErrorLines[0]);
        Assert.Equal(ModelBytes("run"), ModelBytes("made/on/the/way"));

        _shell.Write("texts/a.txt", text[..insideOfEmoji]);
        _shell.Write("texts/sub/b.txt", text[insideOfEmoji..]);
        _shell.Succeeds(["train", "texts/sub", "t*/a.t?t", "--out", "pieces", .. TinyRun.Options]);
        Assert.Equal(ModelBytes("run"), ModelBytes("pieces"));

        // A run below its own text is no part of it when it goes on.
        _shell.Succeeds(["train", "texts", "--out", "texts/run", .. TinyRun.Options]);
        CommandResult resumed = _shell.Succeeds("train", "--resume", "--out", "texts/run", "--iterations", "310");
        Assert.Contains($"{_shell["texts/run"]}: a run's directory, left out", resumed.ErrorLines);
    }

    [Fact]
    public void With_no_input_it_reads_its_own_sources_and_with_no_directory_makes_one()
    {
        using var shell = new Shell();
        CommandResult result = shell.Succeeds("train", "--iterations", "2", "--hidden-size", "8", "--device", "cpu", "--verbose");
        Assert.Single(result.ErrorLines, line => line.StartsWith("text: the sample corpus, ", StringComparison.Ordinal));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d$", Path.GetFileName(Assert.Single(Directory.GetDirectories(shell["runs"]))));
        Assert.All(["reading the text", "opening the device", "training", "in all"], work =>
            Assert.Single(result.ErrorLines, line => line.StartsWith($"time: {work}, ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Options_come_from_files_too_and_the_command_line_wins()
    {
        const string configuration =
            """{"input": ["lines.txt"], "hidden-size": 5, "seq-length": 8, "iterations": 9, "device": "cpu", "quiet": true, "seed": 7}""";
        string[] more = ["--hidden-size=6", "--epochs", "1", "--out"];
        _shell.Write("config.json", configuration);
        CommandResult result = _shell.Succeeds(["train", "--config", "config.json", .. more, "configured"]);
        Assert.Empty(result.Error);
        Assert.Empty(result.Output);
        RunConfiguration saved = RunConfiguration.Read(_shell["configured/config.json"]);
        string[] options = ["hidden-size", "seq-length", "seed", "epochs"];
        Assert.Equal(["6", "8", "7", "1"], options.Select(saved.GetOptionText));
        Assert.False(saved.Has("iterations"));
        CommandResult piped = _shell.Run([File.ReadAllBytes(_shell["config.json"])], ["train", "--config", "-", .. more, "piped"]);
        Assert.Equal(0, piped.ExitCode);
        Assert.Equal(ModelBytes("configured"), ModelBytes("piped"));

        // A run's own configuration repeats the run.
        _shell.Succeeds("train", "--config", "run/config.json", "--out", "repeated");
        Assert.Equal(ModelBytes("run"), ModelBytes("repeated"));
    }

    [Fact]
    public void A_new_run_can_start_from_another_models_weights()
    {
        _shell.Succeeds(
            "train", "lines.txt", "--out", "further", "--init-from", "run/best.safetensors", "--device", "cpu", "--iterations", "1",
            "--learning-rate", "1e-9");
        ParameterSet<float> from = ModelFile.Load(_shell["run/best.safetensors"]).Weights;
        ParameterSet<float> to = ModelFile.Load(_shell["further/model.safetensors"]).Weights;
        Assert.Equal(from.Shape, to.Shape);
        Assert.All(from.Layer(0).Whh.Zip(to.Layer(0).Whh), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }

    [Fact]
    public void Weights_are_mapped_by_character_to_a_text_of_others()
    {
        // Two characters more, one of them in front of all others, and one less.
        _shell.Write("others.txt", string.Concat(Enumerable.Repeat("\tbc 😀\r\na", 60)));
        CommandResult result = _shell.Succeeds(
            "train", "others.txt", "--out", "mapped", "--init-from", "run", "--device", "cpu", "--iterations", "1",
            "--learning-rate", "1e-9");
        Assert.Contains(
            @"run/model.safetensors: 6 of 7 characters keep their weights; new, with fresh weights: '\t' (U+0009), 'c' (U+0063); "
                + "not in the text, and dropped: 'é' (U+00E9)",
            result.ErrorLines);
        ParameterSet<float> old = run.Model.Weights;
        CharacterModel to = ModelFile.Load(_shell["mapped/model.safetensors"]);
        foreach (int character in "b😀\n".EnumerateRunes().Select(rune => rune.Value))
        {
            Assert.True(run.Model.Vocabulary.TryGetToken(character, out int before));
            Assert.True(to.Vocabulary.TryGetToken(character, out int after));
            Assert.NotEqual(before, after);
            Assert.Equal(old.By[before], to.Weights.By[after], 1e-6);
            Assert.All(Enumerable.Range(0, 16), unit =>
            {
                Assert.Equal(old.Layer(0).Wxh[(before * 16) + unit], to.Weights.Layer(0).Wxh[(after * 16) + unit], 1e-6);
                Assert.Equal(old.Why[(unit * 7) + before], to.Weights.Why[(unit * 8) + after], 1e-6);
            });
        }

        _shell.Fails(
            1, "run/model.safetensors", "its encoding is utf-8, the text's is bytes",
            "train", "others.txt", "--encoding", "bytes", "--out", "no", "--init-from", "run", "--device", "cpu");
    }

    [Fact]
    public void A_new_run_has_the_cell_and_the_layers_of_the_model_that_it_starts_from()
    {
        _shell.Succeeds(
            ["train", "lines.txt", "--out", "lstm", "--cell", "lstm", "--layers", "2", "--dropout", "0.1", .. TinyRun.Options]);
        var shape = new ModelShape(7, 16, RecurrentCell.Lstm, 2);
        CharacterModel from = ModelFile.Load(_shell["lstm/model.safetensors"]);
        Assert.Equal(shape, from.Shape);
        _shell.Write("others.txt", string.Concat(Enumerable.Repeat("\tbc 😀\r\na", 60)));
        CommandResult result = _shell.Succeeds(
            "train", "others.txt", "--out", "from-lstm", "--init-from", "lstm", "--device", "cpu", "--iterations", "1",
            "--learning-rate", "1e-9");
        Assert.Contains("6 of 7 characters keep their weights", result.Error, StringComparison.Ordinal);
        CharacterModel to = ModelFile.Load(_shell["from-lstm/model.safetensors"]);
        Assert.Equal(new ModelShape(8, 16, RecurrentCell.Lstm, 2), to.Shape);
        for (int tensor = shape.WhhOf(0); tensor < shape.Why; tensor++)
            Assert.All(from.Weights[tensor].Zip(to.Weights[tensor]), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
        string[] again = ["train", "lines.txt", "--out", "no", "--init-from", "lstm", "--device", "cpu"];
        _shell.Fails(
            1, "lstm/model.safetensors", "its model has lstm cells, but --cell is gru; give --cell lstm or another file",
            [.. again, "--cell", "gru"]);
        _shell.Fails(
            1, "lstm/model.safetensors", "its model has 2 layers, but --layers is 1; give --layers 2 or another file",
            [.. again, "--layers", "1"]);
    }

    [Fact]
    public void TensorBoard_gets_a_file_of_each_start()
    {
        _shell.Succeeds(["train", "lines.txt", "--out", "board", "--tensorboard", .. TinyRun.Options]);
        Assert.Single(Directory.GetFiles(_shell["board/tensorboard"]));
        _shell.Succeeds("train", "--resume", "--out", "board", "--iterations", "310");
        Assert.Equal(2, Directory.GetFiles(_shell["board/tensorboard"], "events.out.tfevents*").Length);
        _shell.Succeeds(["train", "lines.txt", "--out", "board", "--overwrite", "--tensorboard", .. TinyRun.Options]);
        Assert.Single(Directory.GetFiles(_shell["board/tensorboard"]));
        Assert.Equal(ModelBytes("run"), ModelBytes("board"));
    }

    [Fact]
    public void Bytes_are_characters_too()
    {
        byte[] text = [.. Enumerable.Repeat<byte[]>([0, 0xFF, (byte)'a', 0x1B], 50).SelectMany(bytes => bytes)];
        _shell.Write("bytes.bin", text);
        _shell.Write("prime.bin", text[..8]);
        _shell.Succeeds(["train", "bytes.bin", "--encoding", "bytes", "--out", "bytes", .. TinyRun.Options]);
        CommandResult sample = _shell.Succeeds(
            "sample", "bytes", "--prime-file", "prime.bin", "--temperature", "0", "--length", "12", "--device", "cpu", "--quiet");
        Assert.Equal(text[..20], sample.Output);
        Assert.Equal(TextEncoding.Bytes, ModelFile.Load(_shell["bytes/model.safetensors"]).Vocabulary.Encoding);
    }
}
