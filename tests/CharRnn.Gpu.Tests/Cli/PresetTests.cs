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
        _shell.Succeeds("train", "text.txt", "--out", "next", "--preset", "medium", "--init-from", "sgd", "--iterations", "2");
        Assert.Equal(("4", "1"), (Saved("next").GetOptionText("hidden-size"), Saved("next").GetOptionText("layers")));
    }

    [Fact]
    public void A_preset_fits_any_text()
    {
        foreach (Preset preset in Preset.All)
            foreach (long length in (long[])[70, 100, 1_000, 10_000, 1_000_000, 10_000_000_000])
            {
                const int T = 64;
                int streams = preset.StreamsFor(length, T);
                Assert.InRange(streams, 1, preset.MostStreams);
                Assert.True(TextSplit.RequiredLength(streams, T) <= length);
                if (preset.StepsFor(length, streams, T) is not { } steps)
                    continue;
                Assert.InRange(steps, 1, preset.Characters!.Value / T);
                Assert.InRange(steps, 1, 200 * new StreamCursor(length / streams, T).StepsPerEpoch);
            }
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
