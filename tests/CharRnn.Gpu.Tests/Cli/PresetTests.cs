using System.Globalization;
using System.Text.Json.Nodes;
using CharRnn.Gpu.Cli.Commands;
using CharRnn.Runs;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>Presets, and the time that ends a run.</summary>
public sealed class PresetTests : IDisposable
{
    private readonly Shell _shell = new();

    [Fact]
    public void What_is_given_beside_a_preset_wins_and_config_json_holds_what_resulted()
    {
        _shell.Write("text.txt", TinyRun.Words(600));
        _shell.Succeeds(
            "train", "text.txt", "--out", "run", "--preset", "small", "--hidden-size", "8", "--iterations", "3", "--device", "cpu");
        RunConfiguration saved = Saved("run");
        foreach ((string name, string value) in ((string, string)[])
            [("preset", "small"), ("cell", "lstm"), ("hidden-size", "8"), ("optimizer", "adam"), ("iterations", "3"), ("clip", "none")])
            Assert.Equal(value, saved.GetOptionText(name));

        // A resume takes all of that, whether it names the preset again or not, and no other preset.
        foreach (string[] again in (string[][])[[], ["--preset", "small"]])
            Assert.Contains(
                "is finished at iteration 3", _shell.Succeeds(["train", "--resume", "--out", "run", .. again]).Error,
                StringComparison.Ordinal);
        _shell.Fails(1, "--preset", "is classic here and small in the run", "train", "--resume", "--out", "run", "--preset", "classic");
        Assert.Equal("8", Saved("run").GetOptionText("hidden-size"));
    }

    [Fact]
    public void A_rate_belongs_to_its_optimizer_and_sizes_to_the_model_that_a_run_starts_from()
    {
        _shell.Write("text.txt", TinyRun.Words(600));
        _shell.Succeeds(
            "train", "text.txt", "--out", "sgd", "--preset", "small", "--hidden-size", "4", "--optimizer", "sgd", "--iterations", "2");
        Assert.Equal("0.1", Saved("sgd").GetOptionText("learning-rate"));
        _shell.Succeeds("train", "text.txt", "--out", "wide", "--hidden-size", "256", "--iterations", "1"); // twice as wide as the preset's
        Assert.Equal("0.0075", Saved("wide").GetOptionText("learning-rate"));
        _shell.Succeeds("train", "text.txt", "--out", "wider", "--init-from", "wide", "--iterations", "1");
        Assert.Equal("0.0075", Saved("wider").GetOptionText("learning-rate"));
        _shell.Succeeds("train", "text.txt", "--out", "next", "--preset", "medium", "--init-from", "sgd", "--iterations", "2");
        Assert.Equal(("4", "1"), (Saved("next").GetOptionText("hidden-size"), Saved("next").GetOptionText("layers")));

        // Without a preset, the new run has that of the run whose weights it takes.
        foreach (string model in (string[])["next", "next/model.safetensors"])
        {
            _shell.Succeeds("train", "text.txt", "--out", "third", "--init-from", model, "--iterations", "2", "--overwrite");
            Assert.Equal(("medium", "0.004"), (Saved("third").GetOptionText("preset"), Saved("third").GetOptionText("learning-rate")));
        }
    }

    [Fact]
    public void A_preset_fits_any_text()
    {
        foreach (Preset preset in Preset.All)
            foreach (long length in (long[])[70, 100, 1_000, 10_000, 1_000_000, 10_000_000_000])
                foreach (int characters in (int[])[2, 65, 256, 5_000, 100_000])
                {
                    const int T = 64;
                    int streams = preset.StreamsFor(length, T);
                    Assert.InRange(streams, 1, preset.Step.BatchSize);
                    Assert.True(TextSplit.RequiredLength(streams, T) <= length);
                    var shape = new ModelShape(characters, preset.Step.HiddenSize, preset.Cell, preset.Layers);
                    if (preset.StepsFor(length, shape, streams, T) is not { } steps)
                        continue;
                    Assert.InRange(steps, 1, preset.Characters!.Value / T);
                    Assert.InRange(steps, 1, 12 * new StreamCursor(length / streams, T).StepsPerEpoch);
                    var usual = new ModelShape(256, preset.Step.HiddenSize, preset.Cell, preset.Layers);
                    Assert.True(
                        steps == 1
                        || steps * streams * T * shape.TrainingFlops <= 1.0001 * preset.Characters.Value * usual.TrainingFlops);
                }
    }

    [Theory]
    [InlineData(1_800, 49, 1, 12 * 28)]
    [InlineData(180_000, 65, 10, 12 * 281)]
    [InlineData(1_003_854, 65, 32, 4_882)]
    [InlineData(10_000_000_000, 256, 32, 4_882)]
    [InlineData(300_000, 3_812, 17, 1_632)]
    public void The_training_is_fitted_to_the_text(long length, int characters, int streams, long steps)
    {
        Preset small = Preset.Default;
        Assert.Equal(streams, small.StreamsFor(length, 64));
        Assert.Equal(steps, small.StepsFor(length, new ModelShape(characters, 128, RecurrentCell.Lstm), streams, 64));
    }

    /// <summary>A few kilobytes whose letters are Latin, Cyrillic or Chinese.</summary>
    [Theory]
    [InlineData('a')]
    [InlineData('\u0430')]
    [InlineData('\u4e00')]
    public void Even_a_short_text_is_learnt_whatever_its_alphabet(char firstLetter)
    {
        _shell.Write(
            "text.txt", string.Concat(TinyRun.Words(600).Select(c => char.IsAsciiLetterLower(c) ? (char)(firstLetter + c - 'a') : c)));
        _shell.Succeeds("train", "text.txt", "--out", "run", "--device", "cpu", "--quiet");
        JsonNode last = JsonNode.Parse(File.ReadLines(_shell["run/metrics.jsonl"]).Last())!;
        double counted = double.Parse(Saved("run").GetOptionText("unigram-entropy"), CultureInfo.InvariantCulture);
        Assert.InRange(last["val_loss"]!.GetValue<double>(), 0, counted / 2);
    }

    [Fact]
    public void Where_none_is_given_it_is_small_and_of_an_older_run_classic()
    {
        _shell.Write("text.txt", TinyRun.Words(600));
        _shell.Succeeds("train", "text.txt", "--out", "new", "--iterations", "2", "--device", "cpu");
        Assert.Equal(["small", "lstm", "128", "64", "adam"], Of("new"));

        // As it was before there were presets and cells.
        _shell.Succeeds("train", "text.txt", "--out", "old", "--preset", "classic", "--iterations", "2", "--device", "cpu");
        string[] classic = ["classic", "rnn", "100", "25", "adagrad"];
        Assert.Equal(classic, Of("old"));
        JsonObject saved = JsonNode.Parse(File.ReadAllText(_shell["old/config.json"]))!.AsObject();
        Assert.All(["preset", "cell", "layers", "dropout", "clip-norm", "schedule"], name => Assert.True(saved.Remove(name)));
        File.WriteAllText(_shell["old/config.json"], saved.ToJsonString());
        _shell.Succeeds("train", "--config", "old/config.json", "--out", "again", "--quiet");
        Assert.Equal(classic, Of("again"));
        Assert.Equal(File.ReadAllBytes(_shell["old/model.safetensors"]), File.ReadAllBytes(_shell["again/model.safetensors"]));
        _shell.Run([File.ReadAllBytes(_shell["old/config.json"])], ["train", "--config", "-", "--out", "piped", "--quiet"]);
        Assert.Equal(classic, Of("piped"));
        _shell.Write("hand.json", "{\"iterations\": 2}");
        _shell.Succeeds("train", "text.txt", "--config", "hand.json", "--out", "hand", "--quiet");
        Assert.Equal(Of("new"), Of("hand"));
        _shell.Fails(
            1, "--preset", "is small here and classic in the run to resume",
            "train", "--resume", "--out", "old", "--iterations", "3", "--preset", "small");
        _shell.Fails(
            1, "--cell", "is lstm here and rnn in the run to resume",
            "train", "--resume", "--out", "old", "--iterations", "3", "--cell", "lstm");
        _shell.Succeeds("train", "--resume", "--out", "old", "--iterations", "3", "--preset", "classic", "--cell", "rnn");
        Assert.Equal(classic, Of("old"));

        string[] Of(string run) =>
            [.. ((string[])["preset", "cell", "hidden-size", "seq-length", "optimizer"]).Select(Saved(run).GetOptionText)];
    }

    [Fact]
    public void A_value_that_was_forgotten_is_not_the_presets()
    {
        foreach ((string option, _) in Preset.Default.Options)
            Assert.Contains("has no value", _shell.Run("train", "text.txt", option).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_of_as_many_passes_as_classic_has_keeps_the_end_of_its_schedule()
    {
        _shell.Write("text.txt", TinyRun.Words(30));
        _shell.Succeeds("train", "text.txt", "--out", "run", "--preset", "classic", "--schedule", "cosine", "--quiet");
        Assert.Equal("10", Saved("run").GetOptionText("epochs"));
        _shell.Fails(1, "run", "has a cosine schedule over", "train", "--resume", "--out", "run", "--epochs", "20");
    }

    [Fact]
    public void The_time_that_is_given_ends_a_run_which_is_saved_and_can_go_on()
    {
        _shell.Write("text.txt", TinyRun.Words(600));
        CommandResult stopped = _shell.Succeeds(
            "train", "text.txt", "--out", "run", "--iterations", "100000000", "--max-time", "0.5s", "--device", "cpu");
        Assert.Contains("stopped and saved; go on with: charrnn train --resume --out run", stopped.Error, StringComparison.Ordinal);
        Assert.False(Saved("run").Has("max-time"));
        _shell.Succeeds("train", "--resume", "--out", "run", "--max-time", "0.01m");
        foreach (string wrong in (string[])["10", "m", "-1s", "0s", "NaNs", "1d", "2000h"])
            _shell.Fails(2, "--max-time", $"is '{wrong}'; give a number over 0 with s, m or h", "train", "text.txt", $"--max-time={wrong}");
    }

    public void Dispose() => _shell.Dispose();

    private RunConfiguration Saved(string run) => RunConfiguration.Read(_shell[$"{run}/config.json"]);
}
