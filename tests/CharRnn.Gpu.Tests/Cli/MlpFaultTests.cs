using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>
/// Training on a table that is killed loses nothing, and no damaged file of such a run is taken for a good one.
/// <c>CHARRNN_KILLS=300</c> in the environment makes it 300 kills of each training.
/// </summary>
public sealed class MlpFaultTests : IDisposable
{
    private const int FewKills = 4, MostDelay = 400; // milliseconds, in which a training saves some hundred times

    // Fewer than the steps of an epoch of any table here.
    private const int LeastSteps = 2;

    // Saves all the time, so that many kills fall into a save.
    private static readonly string[] Cadence =
    [
        "--batch-size", "24", "--log-every", "1", "--eval-every", "2", "--checkpoint-every", "1", "--keep-checkpoints", "3",
        "--val-fraction", "0.2", "--patience", "0", "--device", "cpu",
    ];

    private readonly Shell _shell = new();

    public MlpFaultTests()
    {
        _shell.Write("table.csv", Rows(hasGaps: true));
        _shell.Write("whole.csv", Rows(hasGaps: false));
    }

    public void Dispose() => _shell.Dispose();

    /// <summary>Dates, times, numbers, categories and a class that is rare.</summary>
    private static string Rows(bool hasGaps)
    {
        var text = new StringBuilder("when,clock,size,colour,kind\n");
        for (int i = 0; i < 120; i++)
        {
            string Gap(int every, string cell) => hasGaps && i % every == 1 ? "" : cell;
            text.Append(
                CultureInfo.InvariantCulture,
                $"{Gap(17, $"2024-0{1 + (i % 9)}-1{i % 7}")},{Gap(13, $"{i % 24}:0{i % 10}")},{Gap(7, $"{i * 37 % 90}.5")},")
                .Append(CultureInfo.InvariantCulture, $"{Gap(11, ((string[])["red", "green", "blue"])[i * 5 % 3])},")
                .Append(i % 6 == 5 ? "rare\n" : "usual\n");
        }

        return text.ToString();
    }

    [Theory]
    [InlineData("table.csv", "kind", "--dropout", "0.3", "--balance")]
    [InlineData("table.csv", "kind", "--missing", "drop", "--layers", "16,8", "--dropout", "0.5", "--optimizer", "adam")]
    [InlineData("whole.csv", "size", "--missing", "error", "--dropout", "0.2", "--clip-norm", "1", "--schedule", "plateau")]
    public void Kills_at_any_moment_leave_the_bytes_of_a_run_that_was_never_killed(string table, string label, params string[] options)
    {
        string[] train = ["mlp", "train", table, "--label", label, .. options, .. Cadence, "--quiet"];
        int kills = Shell.Kills(FewKills);
        var random = new Random(7);
        for (int kill = 0; kill < kills; kill++)
        {
            string before = Newest();
            using Process process = Start("1000000000");
            while (Newest() == before && !process.HasExited)
                Thread.Sleep(1);
            Thread.Sleep(kill == 0 ? 0 : random.Next(MostDelay)); // the first one falls into the first save, or behind it
            Assert.False(process.HasExited);
            process.Kill();
            Shell.End(process);
        }

        string epochs = ((CheckpointFile.Load(_shell["run/checkpoint.safetensors"]).Snapshot.Iteration / LeastSteps) + 5)
            .ToString(CultureInfo.InvariantCulture);
        using (Process last = Start(epochs))
            Assert.Equal(0, Shell.End(last));
        _shell.Succeeds([.. train, "--out", "unharmed", "--epochs", epochs]);
        AssertSameRun("unharmed", "run");
        Assert.Empty(Directory.EnumerateFiles(_shell["run"], ".*"));

        Process Start(string epochs)
        {
            Process process = _shell.Start(
                File.Exists(_shell["run/checkpoint.safetensors"])
                    ? ["mlp", "train", "--resume", "--out", "run", "--epochs", epochs, "--quiet"]
                    : [.. train, "--out", "run", "--epochs", epochs]);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            return process;
        }

        // What the last save of a checkpoint left.
        string Newest() => new FileInfo(_shell["run/checkpoint.safetensors"]) is { Exists: true } file
            ? file.LastWriteTimeUtc.ToString("O", CultureInfo.InvariantCulture)
            : "";
    }

    [Theory]
    [InlineData("empty")]
    [InlineData("header")]
    [InlineData("half")]
    [InlineData("end")]
    [InlineData("bit")]
    [InlineData("text")]
    public void A_damaged_checkpoint_or_model_is_refused_in_a_line_and_an_older_checkpoint_takes_the_place_of_the_last(string damage)
    {
        string[] train = ["mlp", "train", "table.csv", "--label", "kind", "--dropout", "0.3", "--balance", .. Cadence, "--quiet"];
        _shell.Succeeds([.. train, "--epochs", "5", "--out", "unharmed"]);
        _shell.Succeeds([.. train, "--epochs", "3", "--out", "run"]);
        Damage("model.safetensors");
        Damage("best.safetensors");
        foreach (string[] verb in (string[][])[["eval"], ["predict"], ["inspect"]])
        {
            string[] command = ["mlp", .. verb, "run", "table.csv", "--device", "cpu"];
            _shell.Fails(1, "run/model.safetensors", "", command);
            _shell.Fails(1, "run/best.safetensors", "", [.. command, "--best"]);
        }

        _shell.Fails(1, "run/model.safetensors", "", "export", "run", "--format", "onnx");

        // A resume makes them anew.
        Damage("checkpoint.safetensors");
        CommandResult resumed = _shell.Succeeds("mlp", "train", "--resume", "--out", "run", "--epochs", "5", "--quiet");
        Assert.Contains("checkpoint-damaged.safetensors", Assert.Single(resumed.ErrorLines), StringComparison.Ordinal);
        AssertSameRun("unharmed", "run");

        foreach (string file in Directory.GetFiles(_shell["run"], "checkpoint*.safetensors"))
            Damage(Path.GetFileName(file));
        _shell.Fails(1, "run/checkpoint.safetensors", "", "mlp", "train", "--resume", "--out", "run", "--epochs", "6");

        void Damage(string name)
        {
            string path = _shell[$"run/{name}"];
            byte[] bytes = File.ReadAllBytes(path);
            File.WriteAllBytes(path, damage switch
            {
                "empty" => [],
                "header" => bytes[..100],
                "half" => bytes[..(bytes.Length / 2)],
                "end" => bytes[..^1],
                "text" => "when,clock\n1,2\n"u8.ToArray(),
                _ => [.. bytes[..^5], (byte)(bytes[^5] ^ 4), .. bytes[^4..]],
            });
        }
    }

    [Fact]
    public void A_damaged_configuration_is_refused_in_a_line()
    {
        _shell.Succeeds([
            "mlp", "train", "table.csv", "--label", "kind", "--dropout", "0.3", "--balance", .. Cadence, "--quiet", "--epochs", "3",
            "--out", "run",
        ]);
        string good = File.ReadAllText(_shell["run/config.json"]);
        Refused("");
        Refused(good[..(good.Length / 2)]);
        Refused("[]");
        Refused("null");
        foreach ((string option, string wrong) in (ReadOnlySpan<(string, string)>)
        [
            ("dropout", "\"half\""), ("dropout", "1"), ("balance", "\"no\""), ("missing", "\"guess\""), ("missing", "null"),
            ("label", "null"), ("label", "\"size\""), ("layers", "\"3\""), ("table-hash", "\"\""), ("table-hash", "[1]"),
            ("columns", "7"), ("input", "7"), ("optimizer", "\"sgd\""), ("batch-size", "1.5"),
        ])
        {
            JsonNode changed = JsonNode.Parse(good)!;
            changed[option] = JsonNode.Parse(wrong);
            Refused(changed.ToJsonString());
        }

        // Nothing else was touched.
        File.WriteAllText(_shell["run/config.json"], good);
        _shell.Succeeds("mlp", "train", "--resume", "--out", "run", "--epochs", "4");

        void Refused(string configuration)
        {
            File.WriteAllText(_shell["run/config.json"], configuration);
            CommandResult result = _shell.Run("mlp", "train", "--resume", "--out", "run", "--epochs", "4");
            Assert.True(
                result.ExitCode is 1 or 2 && result.ErrorLines is [var line] && line.StartsWith("error: ", StringComparison.Ordinal)
                    && line.Contains("; ", StringComparison.Ordinal),
                $"exit code {result.ExitCode} with {configuration}: {result.Error}");
        }
    }

    private void AssertSameRun(string expected, string actual)
    {
        foreach (string name in (string[])["model.safetensors", "best.safetensors"])
            Assert.Equal(File.ReadAllBytes(_shell[$"{expected}/{name}"]), File.ReadAllBytes(_shell[$"{actual}/{name}"]));
        Assert.Equal(_shell.Metrics(expected), _shell.Metrics(actual));
    }
}
