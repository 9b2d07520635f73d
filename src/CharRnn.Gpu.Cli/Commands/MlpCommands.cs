using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Randomness;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Tables;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn mlp</c>: feed-forward networks on tables; trains, predicts, measures.</summary>
internal static class MlpCommands
{
    private const string NoLayers = "none";

    // Of the epochs, unless told otherwise, one report for each hundredth.
    private const int Reports = 100;

    private const ulong SplitStream = ulong.MaxValue - 2;

    private static readonly Argument<string> Data = new("DATA.csv") { Description = "A table in CSV: a header, then a row for each example; - reads stdin." };
    private static readonly Argument<string> ModelPath = new("MODEL") { Description = "The directory of a run of charrnn mlp train, or its .safetensors file." };
    private static readonly Option<string> Label = new("--label") { Description = "The column to learn to tell from the others.", HelpName = "COLUMN", Required = true };
    private static readonly Option<int[]?> Layers = LayersOption();
    private static readonly Option<Choice<ActivationFunction>> Activation = SharedOptions.OneOf<ActivationFunction>(
        "--activation", "The hidden neurons' nonlinearity.",
        new("tanh", ActivationFunction.Tanh), new("sigmoid", ActivationFunction.Sigmoid), new("relu", ActivationFunction.Relu), new("identity", ActivationFunction.Identity));

    private static readonly Option<Choice<NetworkLoss?>> Loss = SharedOptions.OneOf<NetworkLoss?>(
        "--loss", "What is minimised; auto takes the one that fits the label: of two values, of several, or a quantity.",
        new("auto", null), new("binary-cross-entropy", NetworkLoss.BinaryCrossEntropy), new("cross-entropy", NetworkLoss.CrossEntropy), new("squared-error", NetworkLoss.SquaredError));

    private static readonly OptimizerOptions Optimizer = new(new NetworkOptions());
    private static readonly Option<float?> Tolerance = SharedOptions.Number<float>(
        "--tolerance", 0, "a number from 0", Limits.IsNotNegative, "Training ends where the gradient's norm is below it (of mini-batches, the mean over an epoch).");

    private static readonly Option<float?> ChangeTolerance = SharedOptions.Number<float>(
        "--change-tolerance", 0, "a number from 0", Limits.IsNotNegative, "Training ends where the loss changes by less in an epoch.");

    private static readonly Option<long?> Epochs = SharedOptions.WholeNumber<long>("--epochs", 1000, 1, "Passes over the data, at most.");
    private static readonly Option<int?> BatchSize = SharedOptions.WholeNumber<int>("--batch-size", 0, 0, "Rows of a step; 0 for all of them.");
    private static readonly Option<ulong?> Seed = SharedOptions.WholeNumber<ulong>("--seed", 1, 0, "Seed for the initial weights, the split and the order of rows.");
    private static readonly Option<double?> ValidationFraction = SharedOptions.Number<double>(
        "--val-fraction", 0.2, "a number from 0, below 1", Limits.IsPart, "The part of the rows, drawn by the seed, that is measured on and not trained on.");

    private static readonly Option<long?> LogEvery = SharedOptions.WholeNumber<long>("--log-every", null, 1, "Epochs between reports [default: a hundredth of them].");
    private static readonly Option<string> Delimiter = DelimiterOption();
    private static readonly Option<bool> Best = SharedOptions.Best();
    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();
    private static readonly Option<string> RunDirectoryPath = new("--out") { Description = "The run's directory [default: runs/<time>].", HelpName = "DIR" };
    private static readonly Option<bool> Overwrite = new("--overwrite") { Description = "Replace the run that the directory holds." };
    private static readonly Option<string> Predictions = new("--out") { Description = "Where the predictions go [default: stdout].", HelpName = "FILE" };
    private static readonly Option<bool> Json = SharedOptions.Json();

    public static Command Create() => new("mlp", """
        Trains feed-forward networks on tables, predicts with them and measures them.

        Example: charrnn mlp train iris.csv --label species --layers 16
        """)
    {
        CreateTrain(), CreatePredict(), CreateEval(),
    };

    private static Command CreateTrain()
    {
        var command = new Command("train", """
            Trains a network to tell a column of a table from the others.
            Columns of numbers are standardised; of any other column, each value becomes an input of its own. --layers none is
            logistic regression, or with a label that is a quantity, a linear one.

            Example: charrnn mlp train iris.csv --label species --layers 16 --out runs/iris
            """)
        {
            Data, Label, Layers, Activation, Loss, Tolerance, ChangeTolerance, Epochs, BatchSize, Seed, ValidationFraction, LogEvery, Delimiter, Device,
            RunDirectoryPath, Overwrite, SharedOptions.Quiet(), Json, SharedOptions.Verbose(),
        };
        foreach (Option option in Optimizer.All.Reverse())
            command.Options.Insert(4, option);
        command.SetAction(Train);
        return command;
    }

    private static Command CreatePredict()
    {
        var command = new Command("predict", """
            Writes what a network says of each row of a table, as CSV: the prediction, and of classes the probability of each.

            Example: charrnn mlp predict runs/iris flowers.csv
            """)
        {
            ModelPath, Data, Best, Delimiter, Device, Predictions, SharedOptions.Quiet(), SharedOptions.Verbose(),
        };
        command.SetAction(Predict);
        return command;
    }

    private static Command CreateEval()
    {
        var command = new Command("eval", """
            Measures a network on a table that has the label: loss, accuracy and which class is taken for which.

            Example: charrnn mlp eval runs/iris iris.csv
            """)
        {
            ModelPath, Data, Best, Delimiter, Device, SharedOptions.Quiet(), Json, SharedOptions.Verbose(),
        };
        command.SetAction(Evaluate);
        return command;
    }

    private static int Train(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        NetworkOptions how = Optimizer.Read(options, new NetworkOptions()) with
        {
            BatchSize = options.GetValue(BatchSize)!.Value,
            Seed = options.GetValue(Seed)!.Value,
            GradientTolerance = options.GetValue(Tolerance)!.Value,
            LossTolerance = options.GetValue(ChangeTolerance)!.Value,
        };
        Table table = ReadTable(options, stop);
        (int[] training, int[] validation) = Split(table.Rows.Count, options.GetValue(ValidationFraction)!.Value, options.GetValue(Seed)!.Value);
        NetworkLoss? wanted = options.GetValue(Loss).Value;
        var encoding = TableEncoding.Learn(table, training, options.GetRequiredValue(Label), wanted is null ? null : wanted == NetworkLoss.SquaredError);
        NetworkShape shape = Shape(options, encoding, wanted, table);
        LabelledData data = encoding.Encode(table, training, shape.Loss, withAnswers: true), held = encoding.Encode(table, validation, shape.Loss, withAnswers: true);

        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device));
        NetworkEngine.RequireMemory(device, shape, data.Count, how);
        using var engine = new NetworkEngine(device, InitialNetwork.Create(shape, how.Seed), data, how);
        using var predictor = new NetworkPredictor(device, shape, Math.Max(data.Count, held.Count));
        using RunDirectory run = RunDirectory.Create(options.GetValue(RunDirectoryPath) ?? SharedOptions.NewRunDirectory(), options.GetValue(Overwrite));
        SaveConfiguration(options, how, shape, encoding, data, device, run);
        if (!Output.IsQuiet)
            Introduce(table, shape, encoding, data, held, engine, device, run);

        long epochs = options.GetValue(Epochs)!.Value;
        var report = new ReportWriter(run.Root, Output.Warning);
        double best = double.PositiveInfinity;
        using var metrics = new MetricsLog(run.MetricsPath);
        DescentEnd? end = new NetworkTraining(engine, data.Count, how).Run(epochs, options.GetValue(LogEvery) ?? Math.Max(1, epochs / Reports), Reported, stop);
        metrics.FlushToDisk();
        report.Write();
        if (end == DescentEnd.NotFinite)
            throw new CharRnnException(
                run.Root, string.Create(CultureInfo.InvariantCulture, $"training diverged at step {engine.Step}: the loss or its gradient is no longer finite"),
                "start anew with --overwrite and a lower --learning-rate");
        ParameterSet<float> parameters = engine.ReadParameters();
        NetworkFile.Save(run.ModelPath, new NetworkModel(parameters, encoding));
        Summarise(options, end, predictor, new NetworkModel(parameters, encoding), data, held, run, engine.Step / engine.StepsPerEpoch);
        return end is null ? Interrupts.ExitCode : 0;

        void Reported(NetworkReport now)
        {
            double validationLoss = double.NaN;
            if (held.Count > 0)
            {
                ParameterSet<float> current = engine.ReadParameters();
                validationLoss = predictor.Apply(current, held, CancellationToken.None).Loss;
                if (validationLoss < best)
                    NetworkFile.Save(run.BestModelPath, new NetworkModel(current, encoding));
                best = Math.Min(best, validationLoss);
            }

            var line = new TrainingReport(
                now.Step, now.Epoch, now.Epoch * data.Count, now.Loss, double.NaN, double.NaN, validationLoss, now.RowsPerSecond, now.Seconds, how.LearningRate);
            metrics.Append(line);
            report.Progressed(line, long.MaxValue);
            if (options.GetValue(Json))
                Output.AlongTheWay(() => Output.Raw(MetricsLog.Line(line)));
            else if (!Output.IsQuiet)
                Output.AlongTheWay(() => Output.Line(string.Create(
                    CultureInfo.InvariantCulture,
                    $"epoch {now.Epoch}, loss {now.Loss:G6}, gradient {now.GradientNorm:G4}{(double.IsNaN(validationLoss) ? "" : $", validation {validationLoss:G6}")}, {now.RowsPerSecond:N0} rows/s")));
        }
    }

    private static int Predict(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        NetworkModel model = LoadModel(options);
        Table table = ReadTable(options, stop);
        string? file = options.GetValue(Predictions) is { } path ? SharedOptions.NewFile(Predictions, path, options.GetRequiredValue(ModelPath), table.Name) : null;
        LabelledData data = model.Encoding.Encode(table, [.. Enumerable.Range(0, table.Rows.Count)], model.Shape.Loss, withAnswers: false);
        NetworkAnswers answers = Apply(options, model, table, data, stop);
        var text = new StringWriter(CultureInfo.InvariantCulture);
        CsvTable.Write(text, new TableAnswers(model, answers.Outputs).Rows());
        byte[] csv = System.Text.Encoding.UTF8.GetBytes(text.ToString());
        if (file is null)
            Output.ModelText(csv);
        else
            AtomicFile.Write(file, stream => stream.Write(csv));
        return 0;
    }

    private static int Evaluate(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        NetworkModel model = LoadModel(options);
        Table table = ReadTable(options, stop);
        LabelledData data = model.Encoding.Encode(table, [.. Enumerable.Range(0, table.Rows.Count)], model.Shape.Loss, withAnswers: true);
        NetworkAnswers answers = Apply(options, model, table, data, stop);
        var measured = new TableAnswers(model, answers.Outputs);
        if (options.GetValue(Json))
            Output.Line(JsonSerializer.Serialize(measured.Json(answers.Loss, data)));
        else
            foreach (string line in measured.Describe(answers.Loss, data))
                Output.Line(line);
        return 0;
    }

    private static NetworkShape Shape(ParseResult options, TableEncoding encoding, NetworkLoss? wanted, Table table)
    {
        int classes = encoding.Label.Categories?.Count ?? 0;
        NetworkLoss loss = wanted ?? (classes == 0 ? NetworkLoss.SquaredError : classes == 2 ? NetworkLoss.BinaryCrossEntropy : NetworkLoss.CrossEntropy);
        if (loss == NetworkLoss.BinaryCrossEntropy && classes != 2)
            throw new CharRnnException(table.Name, $"column '{encoding.Label.Name}' has {classes} values", "give --loss cross-entropy, which takes any number, or auto");
        ActivationFunction activation = options.GetValue(Activation).Value;
        IEnumerable<Layer> hidden = options.GetValue(Layers)!.Select(width => new Layer(width, activation));
        return new NetworkShape(encoding.Width, [.. hidden, new Layer(loss == NetworkLoss.CrossEntropy ? classes : 1, ActivationFunction.Identity)], loss);
    }

    /// <summary>The rows, shuffled by the seed and cut in two.</summary>
    private static (int[] Training, int[] Validation) Split(int rows, double fraction, ulong seed)
    {
        int[] order = [.. Enumerable.Range(0, rows).OrderBy(r => Philox.Uniform(seed, SplitStream, (ulong)r)).ThenBy(r => r)];
        int held = Math.Min((int)(rows * fraction), rows - 1);
        return (order[held..], order[..held]);
    }

    private static Table ReadTable(ParseResult options, CancellationToken stop)
    {
        // A pipe may wait for its other end for ever: that happens on another thread, and a signal ends the waiting.
        string path = options.GetRequiredValue(Data), delimiter = options.GetValue(Delimiter)!;
        return Output.Waited("reading the table", () => Task.Run(() => CsvTable.Read(path, delimiter), stop).WaitAsync(stop).GetAwaiter().GetResult());
    }

    private static NetworkModel LoadModel(ParseResult options)
    {
        string path = options.GetRequiredValue(ModelPath);
        return NetworkFile.Load(RunPaths.FindModel(path, options.GetValue(Best)));
    }

    private static void Introduce(
        Table table, NetworkShape shape, TableEncoding encoding, LabelledData data, LabelledData held, NetworkEngine engine, ComputeDevice device, RunDirectory run)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        string label = encoding.Label.Categories is { } classes ? $"{classes.Count} classes" : "a quantity";
        Output.Note(string.Create(invariant, $"table: {table.Name}, {table.Rows.Count:N0} rows; {data.Count:N0} to train on, {held.Count:N0} to measure on; {encoding.Label.Name} is {label}"));
        Output.Note(string.Create(invariant, $"model: {string.Join('-', shape.Layers.Select(layer => layer.Width).Prepend(shape.Inputs))}, {shape.ParameterCount:N0} parameters, {Word(shape.Loss)}"));
        Output.Note($"device: {device.Name} ({DeviceCatalog.IdOf(device.Kind)}); {engine.Plan}");
        Output.Note($"run: {run.Root}");
    }

    private static void Summarise(
        ParseResult options, DescentEnd? end, NetworkPredictor predictor, NetworkModel model, LabelledData data, LabelledData held, RunDirectory run, long epochs)
    {
        (string name, string reason) = end switch
        {
            DescentEnd.SmallGradient => ("tolerance", "the gradient's norm is below --tolerance"),
            DescentEnd.SmallChange => ("change-tolerance", "the loss changes by less than --change-tolerance"),
            DescentEnd.EnoughSteps => ("epochs", "as many epochs as --epochs allows"),
            _ => ("stopped", "stopped and saved"),
        };
        if (!Output.IsQuiet)
            Output.Note(string.Create(CultureInfo.InvariantCulture, $"ended after {epochs:N0} epochs: {reason}"));
        var parts = new Dictionary<string, object>();
        foreach ((string part, LabelledData rows) in ((string, LabelledData)[])[("training", data), ("validation", held)])
        {
            if (rows.Count == 0)
                continue;
            NetworkAnswers answers = predictor.Apply(model.Parameters, rows, CancellationToken.None);
            var measured = new TableAnswers(model, answers.Outputs);
            parts[part] = measured.Json(answers.Loss, rows);
            if (Output.IsQuiet || options.GetValue(Json))
                continue;
            Output.Line($"{part}:");
            foreach (string line in measured.Describe(answers.Loss, rows))
                Output.Line($"  {line}");
        }

        if (options.GetValue(Json))
            Output.Line(JsonSerializer.Serialize(new { ended = name, epochs, measured = parts }));
        else if (!Output.IsQuiet)
            Output.Note($"predict with: charrnn mlp predict {ShellText.Quote(run.Root)} DATA.csv");
    }

    /// <summary>What a network says of a table's rows.</summary>
    /// <exception cref="CharRnnException">That is no number somewhere; names the line.</exception>
    private static NetworkAnswers Apply(ParseResult options, NetworkModel model, Table table, LabelledData data, CancellationToken stop)
    {
        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device));
        using var predictor = new NetworkPredictor(device, model.Shape, data.Count);
        NetworkAnswers answers = predictor.Apply(model.Parameters, data, stop);
        int bad = Array.FindIndex(answers.Outputs, output => !float.IsFinite(output));
        return bad < 0 ? answers : throw new CharRnnException(
            table.Name, string.Create(CultureInfo.InvariantCulture, $"line {table.Lines[bad / model.Shape.Outputs]}: what the network computes of it is not finite"),
            "give rows like those that it was trained on");
    }

    private static void SaveConfiguration(
        ParseResult options, NetworkOptions how, NetworkShape shape, TableEncoding encoding, LabelledData data, ComputeDevice device, RunDirectory run)
    {
        var configuration = new RunConfiguration { Kind = RunKind.Table };
        configuration.Set("version", VersionAction.Version);
        string input = options.GetRequiredValue(Data);
        configuration.Set("input", [StandardStreams.IsInput(input) ? input : Path.GetFullPath(input)]);
        configuration.Set("label", encoding.Label.Name);
        configuration.Set("label-entropy", LabelEntropy(encoding, data));
        configuration.Set("layers", string.Join('-', shape.Layers.Select(layer => layer.Width).Prepend(shape.Inputs)));
        configuration.Set("activation", options.GetValue(Activation).Word);
        configuration.Set("loss", Word(shape.Loss));
        Optimizer.Save(configuration, how);
        configuration.Set("tolerance", options.GetValue(Tolerance)!.Value);
        configuration.Set("change-tolerance", options.GetValue(ChangeTolerance)!.Value);
        configuration.Set("epochs", options.GetValue(Epochs)!.Value);
        configuration.Set("batch-size", options.GetValue(BatchSize)!.Value);
        configuration.Set("rows", data.Count);
        configuration.Set("seed", options.GetValue(Seed)!.Value.ToString(CultureInfo.InvariantCulture));
        configuration.Set("val-fraction", options.GetValue(ValidationFraction)!.Value);
        configuration.Set("device", options.GetValue(Device).ToString());
        configuration.Set("device-name", device.Name);
        configuration.Write(run.ConfigurationPath);
    }

    /// <summary>J of the best answer that looks at no input: the classes' entropy in nats, or the standardised quantity's variance, 1.</summary>
    private static double LabelEntropy(TableEncoding encoding, LabelledData data)
    {
        if (encoding.Label.Categories is null)
            return 1;
        IEnumerable<int> labels = data.Classes.Length > 0 ? data.Classes : data.Targets.Select(y => (int)y);
        return -labels.GroupBy(y => y).Sum(group => (double)group.Count() / data.Count * Math.Log((double)group.Count() / data.Count));
    }

    private static string Word(NetworkLoss loss) => loss switch
    {
        NetworkLoss.CrossEntropy => "cross-entropy",
        NetworkLoss.BinaryCrossEntropy => "binary-cross-entropy",
        _ => "squared-error",
    };

    private static Option<int[]?> LayersOption() => new("--layers")
    {
        Description = "Neurons of each hidden layer; none for none.",
        HelpName = "N,N,...|none",
        DefaultValueFactory = _ => [16],
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
            if (text == NoLayers)
                return [];
            string[] parts = text.Split(',');
            int[] widths = [.. parts.Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int width) ? width : 0)];
            if (widths.All(width => width > 0))
                return widths;
            result.AddError($"--layers: is '{text}'; give whole numbers from 1, with commas between them, or none");
            return null;
        },
    };

    private static Option<string> DelimiterOption() => new("--delimiter")
    {
        Description = "What separates the table's fields: a character, or tab.",
        HelpName = "CHARACTER",
        DefaultValueFactory = _ => ",",
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
            if (text == "tab")
                return "\t";
            if (text.Length != 1 || text[0] is '"' or '\n' or '\r' || char.IsSurrogate(text[0]))
                result.AddError($"--delimiter: is '{text}'; give one character, or tab");
            return text;
        },
    };
}
