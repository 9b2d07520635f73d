using System.Globalization;
using System.Text;
using System.Text.Json;
using CharRnn.Model;
using CharRnn.Randomness;
using CharRnn.Reference;
using CharRnn.Runs;
using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary><c>mlp train</c>, <c>mlp predict</c> and <c>mlp eval</c>.</summary>
public sealed class MlpTests : IClassFixture<MlpTests.Spirals>
{
    private readonly Shell _shell;

    public MlpTests(Spirals spirals) => _shell = spirals.Shell;

    /// <summary>Two spirals that wind about each other, and a network that was trained on them.</summary>
    public sealed class Spirals : IDisposable
    {
        internal Shell Shell { get; } = new();

        internal CommandResult Trained { get; }

        public Spirals()
        {
            Shell.Write("spirals.csv", Points(800, 1));
            Trained = Shell.Succeeds(
                "mlp", "train", "spirals.csv", "--label", "arm", "--layers", "24,24", "--learning-rate", "0.5", "--batch-size", "32",
                "--epochs", "300", "--out", "run", "--device", "cpu");
        }

        internal static string Points(int count, ulong seed)
        {
            var text = new StringBuilder("x,y,\"arm\"\n");
            for (int i = 0; i < count; i++)
            {
                double turn = 0.5 + (3 * Philox.Uniform(seed, 1, (ulong)i)), angle = (turn * Math.PI) + (i % 2 * Math.PI);
                double x = (turn * Math.Cos(angle)) + (0.05 * Philox.Normal(seed, 2, (ulong)i));
                double y = (turn * Math.Sin(angle)) + (0.05 * Philox.Normal(seed, 3, (ulong)i));
                text.Append(CultureInfo.InvariantCulture, $"{x},{y},\"{(i % 2 == 0 ? "one, left" : "two, right")}\"\n");
            }

            return text.ToString();
        }

        public void Dispose() => Shell.Dispose();
    }

    [Fact]
    public void Two_spirals_are_told_apart_also_where_they_are_new()
    {
        _shell.Write("new.csv", Spirals.Points(600, 9));
        CommandResult eval = _shell.Succeeds("mlp", "eval", "run", "new.csv", "--json", "--device", "cpu");
        var measured = JsonElement.Parse(eval.Text);
        Assert.InRange(measured.GetProperty("accuracy").GetDouble(), 0.97, 1);
        Assert.Equal(600, measured.GetProperty("rows").GetInt32());
        Assert.InRange(measured.GetProperty("loss").GetDouble(), 0, 0.1);

        string[] lines = _shell.Succeeds("mlp", "eval", "run", "new.csv", "--device", "cpu").Lines;
        Assert.Equal(lines, _shell.Run([File.ReadAllBytes(_shell["new.csv"])], ["mlp", "eval", "run", "-", "--device", "cpu"]).Lines);
        Assert.StartsWith("600 rows, loss 0.", lines[0], StringComparison.Ordinal);
        string[] counts = lines[^1].Split('|')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(300, counts.Sum(count => int.Parse(count, CultureInfo.InvariantCulture)));
    }

    [Theory]
    [InlineData("adagrad")]
    [InlineData("rmsprop", "--clip-norm", "1")]
    [InlineData("adam", "--clip", "1", "--beta1", "0.8")]
    [InlineData("adamw", "--learning-rate", "0.05")]
    [InlineData("sgd", "--momentum", "0.9")]
    public void Every_optimizer_learns_a_table(string optimizer, params string[] options)
    {
        IEnumerable<string> rows = Enumerable.Range(0, 80).Select(i => $"{i % 9},{i % 7},{(i % 9 > i % 7 ? "over" : "under")}\n");
        _shell.Write("line.csv", $"x,y,side\n{string.Concat(rows)}");
        string run = $"by-{optimizer}";
        JsonElement[] lines =
        [
            .. _shell.Succeeds([
                "mlp", "train", "line.csv", "--label", "side", "--epochs", "60", "--batch-size", "8", "--optimizer", optimizer, .. options,
                "--out", run, "--device", "cpu", "--json",
            ]).Lines.Select(line => JsonElement.Parse(line)),
        ];
        Assert.InRange(lines[^2].GetProperty("loss").GetDouble(), 0, 0.7 * lines[0].GetProperty("loss").GetDouble());
        Assert.Equal(optimizer, JsonElement.Parse(File.ReadAllText(_shell[$"{run}/config.json"])).GetProperty("optimizer").GetString());
    }

    [Fact]
    public void Predictions_are_the_references()
    {
        _shell.Write("rows.csv", "y,x\n0.5,-1.25\n2,0\n-1,1\n");
        string[] lines = _shell.Succeeds("mlp", "predict", "run", "rows.csv", "--device", "cpu").Lines;
        Assert.Equal("arm,\"p(one, left)\",\"p(two, right)\"", lines[0]);
        NetworkModel model = NetworkFile.Load(_shell["run/model.safetensors"]);
        ParameterSet<double> parameters = model.Parameters.Convert(value => (double)value);
        double[][] rows = [[-1.25, 0.5], [0, 2], [1, -1]];
        foreach ((string line, double[] row) in lines.Skip(1).Zip(rows))
        {
            double[] x = [.. row.Zip(model.Encoding.Inputs, (value, column) => (value - column.Mean) / column.Deviation)];
            double p = ReferenceNetwork.Output(parameters, x)[0];
            Assert.StartsWith(p > 0.5 ? "\"two, right\"," : "\"one, left\",", line, StringComparison.Ordinal);
            Assert.Equal(p, double.Parse(line.Split(',')[^1], CultureInfo.InvariantCulture), 1e-3 * Math.Max(p, 1e-3));
        }

        _shell.Succeeds("mlp", "predict", "run", "rows.csv", "--device", "cpu", "--out", "predicted.csv");
        Assert.Equal(lines, File.ReadAllLines(_shell["predicted.csv"]));
    }

    [Fact]
    public void A_run_leaves_its_record_and_its_page()
    {
        foreach (string name in (string[])["model.safetensors", "best.safetensors", "config.json", "metrics.jsonl", "report.html"])
            Assert.True(File.Exists(_shell[$"run/{name}"]), name);
        Assert.Equal(100, File.ReadLines(_shell["run/metrics.jsonl"]).Count());
        Assert.Equal("2-24-24-1", RunConfiguration.Read(_shell["run/config.json"]).GetText("widths"));
        Assert.InRange(RunConfiguration.Read(_shell["run/config.json"]).GetOptionText("constant-loss"), "0.68", "0.6932");
        Assert.Contains("\"constant answer\"", File.ReadAllText(_shell["run/report.html"]), StringComparison.Ordinal);
        _shell.Succeeds("mlp", "eval", "run", "spirals.csv", "--best", "--device", "cpu");
        _shell.Fails(
            1, "run", "holds the checkpoint.safetensors of a run; give --resume to go on, --overwrite to start anew",
            "mlp", "train", "spirals.csv", "--label", "arm", "--out", "run", "--device", "cpu");
        Assert.Contains("metadata key cell is \"mlp\"", _shell.Run("sample", "run", "--device", "cpu").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_command_gives_the_same_bytes()
    {
        string[] command =
        [
            "mlp", "train", "spirals.csv", "--label", "arm", "--epochs", "20", "--batch-size", "100", "--device", "cpu", "--quiet",
            "--out",
        ];
        _shell.Succeeds([.. command, "one"]);
        _shell.Succeeds([.. command, "two"]);
        _shell.Succeeds([.. command, "three", "--seed", "2"]);
        Assert.Equal(File.ReadAllBytes(_shell["one/model.safetensors"]), File.ReadAllBytes(_shell["two/model.safetensors"]));
        Assert.NotEqual(File.ReadAllBytes(_shell["one/model.safetensors"]), File.ReadAllBytes(_shell["three/model.safetensors"]));
    }

    [Fact]
    public void Json_is_all_that_stdout_gets()
    {
        CommandResult trained = _shell.Succeeds(
            "mlp", "train", "spirals.csv", "--label", "arm", "--epochs", "3", "--json", "--out", "json", "--device", "cpu");
        JsonElement[] lines = [.. trained.Lines.Select(line => JsonElement.Parse(line))];
        Assert.Equal(4, lines.Length);
        Assert.Equal("epochs", lines[^1].GetProperty("ended").GetString());
        JsonElement validation = lines[^1].GetProperty("measured").GetProperty("validation");
        IEnumerable<JsonElement> counts = validation.GetProperty("confusion").EnumerateArray().SelectMany(row => row.EnumerateArray());
        Assert.Equal(160, counts.Sum(count => count.GetInt32()));
    }

    [Fact]
    public void A_straight_line_is_found_and_the_end_is_said()
    {
        IEnumerable<string> rows = Enumerable.Range(0, 60).Select(i => string.Create(
            CultureInfo.InvariantCulture, $"{i % 7},{i % 11},{100 + (10 * (i % 7)) - (3 * (i % 11)) + 0.5}\n"));
        _shell.Write("line.csv", "a,b,price\n" + string.Concat(rows));
        CommandResult trained = _shell.Succeeds(
            "mlp", "train", "line.csv", "--label", "price", "--layers", "none", "--tolerance", "1e-6", "--epochs", "100000",
            "--out", "line", "--device", "cpu");
        Assert.Contains("epochs: the gradient's norm is below --tolerance", trained.Error, StringComparison.Ordinal);
        Assert.Equal("1000", RunConfiguration.Read(_shell["line/config.json"]).GetOptionText("checkpoint-every")); // no tenth of so many
        _shell.Write("new line.csv", "a,b\n3,4\n100,0\n");
        CommandResult predicted = _shell.Succeeds("mlp", "predict", "line", "new line.csv", "--device", "cpu");
        double[] prices = [.. predicted.Lines.Skip(1).Select(line => double.Parse(line, CultureInfo.InvariantCulture))];
        Assert.Equal(118.5, prices[0], 1e-3);
        Assert.Equal(1100.5, prices[1], 1e-2);

        trained = _shell.Succeeds(
            "mlp", "train", "line.csv", "--label", "price", "--change-tolerance", "1e-3", "--epochs", "100000",
            "--out", "change", "--device", "cpu");
        Assert.Contains("epochs: the loss changes by less than --change-tolerance", trained.Error, StringComparison.Ordinal);
        trained = _shell.Succeeds("mlp", "train", "line.csv", "--label", "price", "--epochs", "3", "--out", "few", "--device", "cpu");
        Assert.Contains("ended after 3 epochs: as many epochs as --epochs allows", trained.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_trained_is_refused_before_anything_is_written()
    {
        _shell.Write("ragged.csv", "a,y\n1,2\n3\n");
        _shell.Write("missing.csv", "a,y\n1,u\n,v\n");
        _shell.Fails(1, "none.csv", "does not exist", "mlp", "train", "none.csv", "--label", "y", "--out", "bad");
        _shell.Fails(
            1, "ragged.csv", "line 3 has 1 fields, the header has 2",
            "mlp", "train", "ragged.csv", "--label", "y", "--out", "bad");
        _shell.Fails(
            1, "missing.csv", "line 3, column 'a': the value is missing",
            "mlp", "train", "missing.csv", "--label", "y", "--out", "bad");
        _shell.Fails(
            1, "spirals.csv", "has no column 'arms'; its columns are x, y, arm",
            "mlp", "train", "spirals.csv", "--label", "arms", "--out", "bad");
        _shell.Fails(
            1, "spirals.csv", "is not a number; give --loss auto",
            "mlp", "train", "spirals.csv", "--label", "arm", "--loss", "squared-error", "--out", "bad");
        _shell.Fails(
            1, "spirals.csv", "give --loss squared-error, which takes a quantity",
            "mlp", "train", "spirals.csv", "--label", "x", "--loss", "cross-entropy", "--out", "bad");
        _shell.Fails(
            1, "--layers", "give fewer or narrower --layers",
            "mlp", "train", "spirals.csv", "--label", "arm", "--layers", "100000,100000", "--out", "bad", "--device", "cpu");
        CommandResult piped = _shell.Run([File.ReadAllBytes(_shell["ragged.csv"])], ["mlp", "train", "-", "--label", "y", "--out", "bad"]);
        Assert.StartsWith(
            "error: standard input: line 3 has 1 fields, the header has 2; ", Assert.Single(piped.ErrorLines), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_shell["bad"]));
        _shell.Write("square.csv", "a,y\n1000,1\n-1000,2.5\n500,3\n");
        _shell.Fails(
            1, "run", "is a run of charrnn mlp train; resume it with: charrnn mlp train --resume --out run",
            "train", "--resume", "--out", "run");
        CommandResult diverged = _shell.Run(
            "mlp", "train", "square.csv", "--label", "y", "--learning-rate", "1e20", "--layers", "none", "--val-fraction", "0",
            "--out", "diverged", "--device", "cpu");
        Assert.Equal(1, diverged.ExitCode);
        Assert.Contains(
            "error: diverged: training diverged: a loss or gradient is not finite, before the first checkpoint",
            diverged.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_shell["diverged/model.safetensors"]));
        Assert.DoesNotContain("\"loss\":0,", File.ReadAllText(_shell["diverged/metrics.jsonl"]), StringComparison.Ordinal);
    }
}
