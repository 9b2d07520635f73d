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
                "mlp", "train", "spirals.csv", "--label", "arm", "--layers", "24,24", "--activation", "tanh", "--optimizer", "sgd",
                "--learning-rate", "0.5", "--batch-size", "32", "--epochs", "300", "--val-fraction", "0.2",
                "--out", "run", "--device", "cpu");
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
        Assert.Equal(300, counts.Take(2).Sum(count => int.Parse(count, CultureInfo.InvariantCulture)));
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
    public void A_rare_class_is_found_where_classes_count_alike_and_a_resume_is_exact()
    {
        // Of each shop a tenth is late, more often where the number is large: never half of the rows.
        var rows = new StringBuilder("number,shop,late\n");
        for (int i = 0; i < 300; i++)
            rows.Append(CultureInfo.InvariantCulture, $"{i * 7 % 100},{"abc"[i % 3]},{(i * 7 % 100 > 80 && i % 2 == 0 ? "yes" : "no")}\n");
        _shell.Write("late.csv", rows.ToString());
        string[] command =
        [
            "mlp", "train", "late.csv", "--label", "late", "--val-fraction", "0.2", "--dropout", "0.2", "--patience", "0", "--device",
            "cpu", "--json", "--epochs",
        ];
        string[] Found(params string[] arguments)
        {
            JsonElement training = JsonElement.Parse(_shell.Succeeds(arguments).Lines[^1]).GetProperty("measured").GetProperty("training");
            return [.. training.GetProperty("confusion")[1].EnumerateArray().Select(count => count.ToString())];
        }

        string[] plain = Found([.. command, "40", "--out", "plain"]), balanced = Found([.. command, "40", "--balance", "--out", "whole"]);
        Assert.True(int.Parse(balanced[1], CultureInfo.InvariantCulture) > int.Parse(plain[1], CultureInfo.InvariantCulture));

        // What else is measured of it counts so, too.
        foreach ((string run, string measure) in (ReadOnlySpan<(string, string)>)[("plain", "accuracy"), ("whole", "balanced accuracy")])
        {
            string[] inspect = ["mlp", "inspect", run, "late.csv", "--repeats", "1", "--device", "cpu"];
            string name = measure.Replace(' ', '_');
            JsonElement measured = JsonElement.Parse(_shell.Succeeds("mlp", "eval", run, "late.csv", "--json", "--device", "cpu").Text),
                inspected = JsonElement.Parse(_shell.Succeeds([.. inspect, "--json"]).Text);
            Assert.Equal(name, inspected.GetProperty("measure").GetString());
            Assert.Equal(measured.GetProperty(name).GetDouble(), inspected.GetProperty("value").GetDouble(), 1e-12);
            Assert.Contains($" rows, {measure} 0.", _shell.Succeeds([.. inspect, "--out", "page.html"]).Lines[0], StringComparison.Ordinal);
            Assert.Contains($"\"{measure} that is lost\"", File.ReadAllText(_shell["page.html"]), StringComparison.Ordinal);
        }

        _shell.Succeeds([.. command, "17", "--balance", "--out", "parts"]);
        _shell.Succeeds("mlp", "train", "--resume", "--out", "parts", "--epochs", "40");
        Assert.Equal(File.ReadAllBytes(_shell["whole/model.safetensors"]), File.ReadAllBytes(_shell["parts/model.safetensors"]));

        _shell.Fails(
            1, "--balance",
            "is true here and not given in the run to resume; leave it out: a resume may only change how the run goes on, such as how "
            + "long, on which device and with which reports; or start a new run in another --out",
            "mlp", "train", "--resume", "--out", "plain", "--epochs", "50", "--balance");
        _shell.Fails(2, "--dropout", "is given with --layers none, which has no hidden layer; leave one of them out",
            [.. command, "1", "--layers", "none", "--out", "no"]);
        _shell.Fails(1, "--balance", "is for classes, and column 'number' is a quantity; leave it out, or give --task classify",
            "mlp", "train", "late.csv", "--label", "number", "--balance", "--out", "no", "--device", "cpu");
    }

    [Fact]
    public void Json_is_all_that_stdout_gets()
    {
        CommandResult trained = _shell.Succeeds(
            "mlp", "train", "spirals.csv", "--label", "arm", "--epochs", "3", "--val-fraction", "0.2", "--json", "--out", "json",
            "--device", "cpu");
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
    public void A_table_as_people_have_it_is_trained_on_and_answers_are_in_its_own_words()
    {
        _shell.Write(
            "people.csv",
            "\uFEFFsep=;\n;class;when;price;room;remark;note\n" + string.Concat(Enumerable.Range(0, 60).Select(i => string.Create(
                CultureInfo.InvariantCulture,
                $"{i + 1};0{7 + (i % 2)};{1 + (i % 28)}.3.2024;{i % 2},{i % 10}0 €;"
                    + $"{(i % 3 == 0 ? "" : i % 2 == 0 ? "101" : "103B")};text {i};\n"))));
        CommandResult trained = _shell.Succeeds(
            "mlp", "train", "people.csv", "--label", "class", "--epochs", "40", "--out", "people", "--device", "cpu");
        string[] decisions =
        [
            "column 1: left out, 60 values (row numbers without a name)", "class: label, 2 values (2 classes)",
            "when: date, 28 values (as year, month, day, weekday; read as day/month/year)",
            "price: number, 10 values (decimal commas; signs such as % or $ are left out)",
            "room: category, 2 values, 20 missing (missing: the most frequent)",
            "remark: left out, 60 values (texts that hardly occur twice)",
            "note: left out, 0 values, 60 missing (no values)",
        ];
        Assert.Equal(
            [
                "column    is            values  missing",
                "column 1  left out          60           row numbers without a name",
                "class     label              2           2 classes",
                "when      date              28           as year, month, day, weekday; read as day/month/year",
                "price     number            10           decimal commas; signs such as % or $ are left out",
                "room      category           2       20  missing: the most frequent",
                "remark    left out          60           texts that hardly occur twice",
                "note      left out           0       60  no values",
            ],
            trained.ErrorLines.Take(8));
        Assert.Equal(decisions, RunConfiguration.Read(_shell["people/config.json"]).GetTexts("columns"));
        _shell.Succeeds("mlp", "train", "--resume", "--out", "people", "--epochs", "41");
        Assert.Equal(decisions, RunConfiguration.Read(_shell["people/config.json"]).GetTexts("columns"));

        // A bad row does not keep the others from being predicted.
        _shell.Write(
            "new.csv",
            "id,room,price,when\n17,101,\"0,50 €\",3.3.2024\n018,105,\"1,20\",31.12.2024\n19,,5x,1.1.2025\n20,103B,,2.1.2025\n");
        CommandResult predicted = _shell.Run("mlp", "predict", "people", "new.csv", "--keep", "id", "--device", "cpu");
        Assert.Equal(1, predicted.ExitCode);
        Assert.Equal("id,class,p(07),p(08)", predicted.Lines[0]);
        Assert.StartsWith("17,07,0.9", predicted.Lines[1], StringComparison.Ordinal);
        Assert.StartsWith("018,08,", predicted.Lines[2], StringComparison.Ordinal);
        Assert.Equal("19,,,", predicted.Lines[3]);
        Assert.Matches("^20,0[78],", predicted.Lines[4]);
        Assert.Equal(
            [
                "warning: new.csv: column 'price' has no value in 1 row, and had all in training: the usual one is taken",
                "warning: new.csv: column 'room' has a value that was not learned in 1 row: 105",
                "error: new.csv: 1 row was refused at line 4, column 'price': '5x' is not a number, as the column had in training; "
                    + "correct the values, or leave the rows out",
            ],
            predicted.ErrorLines);
        predicted = _shell.Run("mlp", "predict", "people", "new.csv", "--json", "--unknown", "error", "--keep", "id", "--device", "cpu");
        JsonElement[] rows = [.. predicted.Lines.Select(line => JsonElement.Parse(line))];
        Assert.Equal([2, 3, 4, 5], rows.Select(row => row.GetProperty("line").GetInt32()));
        Assert.Equal(["07", null, null], rows.Take(3).Select(row => row.GetProperty("prediction").GetString()));
        Assert.Equal("018", rows[1].GetProperty("kept").GetProperty("id").GetString());
        Assert.InRange(rows[0].GetProperty("probabilities").GetProperty("07").GetDouble(), 0.5, 1);
        Assert.Contains(
            "error: new.csv: 2 rows were refused, the first at line 3, column 'room': '105'", predicted.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_columns_that_matter_are_told_from_those_that_do_not()
    {
        IEnumerable<string> rows = Enumerable.Range(0, 120)
            .Select(i => $"{i * 7 % 11},{(i % 3 == 0 ? "red" : "blue")},{i * 5 % 13},{(i * 7 % 11 > 5 ? "over" : "under")}\n");
        _shell.Write("matter.csv", "size,colour,noise,side\n" + string.Concat(rows));
        _shell.Succeeds("mlp", "train", "matter.csv", "--label", "side", "--folds", "0", "--out", "matter", "--device", "cpu", "--quiet");
        string[] lines = _shell.Succeeds("mlp", "inspect", "matter", "matter.csv", "--device", "cpu").Lines;
        Assert.Equal("120 rows, accuracy 1; lost when a column is shuffled:", lines[0]);
        Assert.Matches(@"^size +0\.[345]\d\d\d ± 0\.0", lines[1]);
        Assert.All(lines[2..], line => Assert.Matches(@"^(colour|noise) +-?0\.0\d\d\d ± 0\.0", line));
        var measured = JsonElement.Parse(
            _shell.Succeeds("mlp", "inspect", "matter", "matter.csv", "--json", "--repeats", "2", "--seed", "9", "--device", "cpu").Text);
        Assert.Equal(("accuracy", 1.0), (measured.GetProperty("measure").GetString(), measured.GetProperty("value").GetDouble()));
        _shell.Succeeds("mlp", "inspect", "matter", "matter.csv", "--out", "matter.html", "--device", "cpu");
        Assert.Contains("\"confusion\":[[55,0],[0,65]]", File.ReadAllText(_shell["matter.html"]), StringComparison.Ordinal);
        _shell.Fails(
            1, "matter.csv", "is also read or written by this command; give another --out",
            "mlp", "inspect", "matter", "matter.csv", "--out", "matter.csv", "--device", "cpu");
        _shell.Succeeds("export", "matter", "--out", "matter.onnx");
        _shell.Succeeds("export", "matter", "--format", "pytorch", "--out", "matter.pytorch.safetensors");
        _shell.Fails(1, "matter", "is a network on tables; give --format onnx or pytorch", "export", "matter", "--format", "npz");
        foreach (string[] verb in (string[][])[["export"], ["mlp", "predict"]])
            _shell.Fails(
                1, "matter/model.safetensors", "is a file, and --best chooses between those of a run",
                [.. verb, "matter/model.safetensors", .. verb.Length > 1 ? ["matter.csv"] : (string[])[], "--best"]);
        JsonElement first = measured.GetProperty("columns")[0];
        Assert.Equal("size", first.GetProperty("name").GetString());
        Assert.InRange(first.GetProperty("importance").GetDouble(), 0.3, 0.6);
    }

    [Fact]
    public void Quantities_are_written_with_all_their_digits()
    {
        IEnumerable<string> rows = Enumerable.Range(0, 40).Select(i => $"{i % 2},{1_700_000_000 + (10 * (i % 2))}\n");
        _shell.Write("big.csv", "x,y\n" + string.Concat(rows));
        _shell.Succeeds(
            "mlp", "train", "big.csv", "--label", "y", "--task", "regress", "--layers", "none", "--optimizer", "sgd", "--batch-size", "0",
            "--epochs", "300", "--out", "big", "--device", "cpu");
        Assert.Equal(
            ["y", "1700000000", "1700000010"],
            _shell.Succeeds("mlp", "predict", "big", _shell.Write("two.csv", "x\n0\n1\n"), "--device", "cpu").Lines);
        _shell.Fails(
            2, "--loss", "is squared-error, which is not for --task classify",
            "mlp", "train", "big.csv", "--label", "y", "--task", "classify", "--loss", "squared-error");
    }

    [Fact]
    public void The_model_is_the_network_with_the_best_validation_loss_and_each_class_has_its_share_of_the_validation_part()
    {
        IEnumerable<string> rows = Enumerable.Range(0, 90)
            .Select(i => $"{i * 37 % 90},{(i % 9 == 0 ? "rare" : i * 11 % 7 < 3 ? "a" : "b")}\n");
        _shell.Write("noise.csv", "x,y\n" + string.Concat(rows));
        CommandResult trained = _shell.Succeeds(
            "mlp", "train", "noise.csv", "--label", "y", "--optimizer", "adam", "--learning-rate", "0.05", "--epochs", "200",
            "--eval-every", "1", "--val-fraction", "0.2", "--out", "noise", "--device", "cpu", "--json");
        Assert.Equal(File.ReadAllBytes(_shell["noise/best.safetensors"]), File.ReadAllBytes(_shell["noise/model.safetensors"]));
        JsonElement measured = JsonElement.Parse(trained.Lines[^1]).GetProperty("measured").GetProperty("validation");
        double best = MetricsLog.Read(_shell["noise/metrics.jsonl"]).Min(report => report.ValidationLoss);
        Assert.Equal(best, measured.GetProperty("loss").GetDouble(), 1e-6);
        Assert.Equal(2, measured.GetProperty("confusion").EnumerateArray().Last().EnumerateArray().Sum(count => count.GetInt32()));
        Assert.NotEqual(
            File.ReadAllBytes(_shell["noise/model.safetensors"]),
            File.ReadAllBytes(_shell["noise/checkpoint.safetensors"])[..(int)new FileInfo(_shell["noise/model.safetensors"]).Length]);
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
            1, "missing.csv", "line 3, column 'a': the value is missing; give --missing fill or drop",
            "mlp", "train", "missing.csv", "--label", "y", "--missing", "error", "--out", "bad");
        _shell.Fails(
            1, "spirals.csv", "has no column 'arms'; its columns are x, y, arm",
            "mlp", "train", "spirals.csv", "--label", "arms", "--out", "bad");
        _shell.Fails(
            1, "spirals.csv", "is not a number; give --task classify",
            "mlp", "train", "spirals.csv", "--label", "arm", "--loss", "squared-error", "--out", "bad");
        _shell.Fails(
            1, "spirals.csv", "give --task regress, which takes a quantity",
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
