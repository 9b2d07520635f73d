using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Verification;
using CharRnn.Networks;
using CharRnn.Randomness;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Tables;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn mlp train</c>: from a table to a trained feed-forward network in a run's directory.</summary>
internal static class MlpTrainCommand
{
    private const string NoLayers = "none", Anew = "start a new run in another --out";

    // Of the epochs, unless told otherwise, one report for each hundredth, and a checkpoint for each tenth.
    private const int Reports = 100, Checkpoints = 10;

    // No more epochs than this lie between checkpoints by default: a power failure costs what was not saved.
    private const int MostUnsaved = 1000;

    // A loss of so many times that of a constant answer comes from a learning rate that is too high, not from a slow start.
    private const double TooHigh = 2;

    private const ulong SplitStream = ulong.MaxValue - 2;

    // What runs of earlier programs call constant-loss.
    private const string OldConstantLoss = "label-entropy";

    // The decisions about the columns, a line each.
    private const string ColumnsFact = "columns";

    // A table of more columns is not shown whole.
    private const int MostColumnsShown = 50;

    private static readonly Argument<string> Data = MlpCommands.DataArgument();

    private static readonly Fact<LabelledTable>[] Facts =
    [
        new("table-hash", table => table.Table.Hash),
        new("constant-loss", table => table.ConstantLoss),
        new("widths", table => string.Join('-', table.Shape.Layers.Select(layer => layer.Width).Prepend(table.Shape.Inputs))),
        new("minimised", table => Word(table.Shape.Loss)),
        new("rows", table => table.Training.Count),
        new(ColumnsFact, table => table.Columns),
    ];

    /// <summary>The verb with its options, in the order of the help.</summary>
    public static readonly TrainingVerb Verb = new(
        RunKind.Table, ["mlp", "train"], Data, Facts.Select(fact => fact.Name).Append(OldConstantLoss));

    private static readonly Option<string> Label = Verb.Add(
        new Option<string>("--label")
        {
            Description = "The column to learn to tell from the others.",
            HelpName = "COLUMN",
            Required = true,
        },
        OnResume.Kept);
    private static readonly Option<Choice<bool?>> Task = Verb.Add(
        SharedOptions.OneOf<bool?>(
            "--task", "Whether the label has classes or is a quantity; auto decides by its values.",
            new("auto", null), new("classify", false), new("regress", true)),
        OnResume.Kept);
    private static readonly Option<string> Ignored = Verb.Add(
        ColumnsOption("--ignore", "Columns to leave out."), OnResume.Kept);
    private static readonly Option<string> Numeric = Verb.Add(
        ColumnsOption("--numeric", "Columns of numbers, in which everything else is a missing value."), OnResume.Kept);
    private static readonly Option<string> Categorical = Verb.Add(
        ColumnsOption("--categorical", "Columns of categories, such as numbers that are names."), OnResume.Kept);
    private static readonly Option<Choice<MissingValues>> Missing = Verb.Add(
        SharedOptions.OneOf(
            "--missing",
            "What to do about missing values: refuse the table, drop the rows, or fill in the mean or the most frequent category.",
            MissingValues.Fill),
        OnResume.Kept);
    private static readonly Option<int[]?> Layers = Verb.Add(
        LayersOption(), OnResume.Kept, widths => widths!.Length == 0 ? NoLayers : string.Join(',', widths));
    private static readonly Option<Choice<ActivationFunction>> Activation = Verb.Add(
        SharedOptions.OneOf<ActivationFunction>(
            "--activation", "The hidden neurons' nonlinearity.",
            new("tanh", ActivationFunction.Tanh), new("sigmoid", ActivationFunction.Sigmoid), new("relu", ActivationFunction.Relu),
            new("identity", ActivationFunction.Identity)),
        OnResume.Kept);
    private static readonly Option<Choice<NetworkLoss?>> Loss = Verb.Add(
        SharedOptions.OneOf<NetworkLoss?>(
            "--loss", "What is minimised; auto takes the one that fits the label: of two values, of several, or a quantity.",
            new("auto", null), new(Word(NetworkLoss.BinaryCrossEntropy), NetworkLoss.BinaryCrossEntropy),
            new(Word(NetworkLoss.CrossEntropy), NetworkLoss.CrossEntropy), new(Word(NetworkLoss.SquaredError), NetworkLoss.SquaredError)),
        OnResume.Kept);
    private static readonly Option<int?> BatchSize = Verb.Add(
        SharedOptions.WholeNumber<int>("--batch-size", 0, 0, "Rows of a step; 0 for all of them."), OnResume.Kept);
    private static readonly OptimizerOptions Optimizer = new(Verb, new NetworkOptions());
    private static readonly ScheduleOptions Schedule = new(Verb);
    private static readonly Option<double?> Tolerance = Verb.Add(
        ToleranceOption(
            "--tolerance", "Training ends where the gradient's norm is below it (of mini-batches, the mean over an epoch)."),
        OnResume.Taken);
    private static readonly Option<double?> ChangeTolerance = Verb.Add(
        ToleranceOption("--change-tolerance", "Training ends where the loss changes by less in an epoch."), OnResume.Taken);
    private static readonly Option<long?> Epochs = Verb.Add(
        SharedOptions.WholeNumber<long>(
            "--epochs", 1000, 1, "Passes over the data, at most, counted from the start of the run also after --resume."),
        OnResume.Taken);
    private static readonly Option<ulong?> Seed = Verb.Add(
        SharedOptions.WholeNumber<ulong>("--seed", 1, 0, "Seed for the initial weights, the split and the order of rows."), OnResume.Kept);
    private static readonly Option<double?> ValidationFraction = Verb.Add(
        SharedOptions.Number<double>(
            "--val-fraction", 0.2, "a number from 0, below 1", Limits.IsPart,
            "The share of the rows, drawn by the seed, that is measured on and not trained on."),
        OnResume.Kept);
    private static readonly Option<Choice<string?>> Delimiter = Verb.Add(MlpCommands.DelimiterOption(), OnResume.Taken);
    private static readonly RunOptions RunOptions = new(
        Verb, "epochs", "a hundredth of them", "as --log-every", $"a tenth of them, at most {MostUnsaved}");

    public static Command Create()
    {
        Command command = Verb.Create("""
            Trains a network to tell a column of a table from the others.
            Columns of numbers are standardised; of any other column, each value becomes an input of its own. --layers none is
            logistic regression, or with a label that is a quantity, a linear one.

            Example: charrnn mlp train iris.csv --label species --layers 16 --out runs/iris
            """);
        RunOptions.AddChecks(command);
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        Verb.RequireUsed(options);
        if (options.GetValue(Task).Value is { } isQuantity && options.GetValue(Loss).Value is { } loss
            && isQuantity != (loss == NetworkLoss.SquaredError))
            throw new UsageException(
                $"{Loss.Name}: is {Word(loss)}, which is not for --task {options.GetValue(Task)}; leave one of them out");
        NetworkOptions how = ReadNetworkOptions(options);
        Schedule.Require(options, how.LearningRate, ValidationFraction, RunOptions.EvalEvery);

        using RunDirectory? earlier = RunOptions.OpenEarlier(options);
        EarlierRun? resumed = earlier is null ? null : new EarlierRun(earlier);
        LabelledTable table = ReadTable(options, resumed, stop);
        Schedule.RequireValidation(options, table.Validation.Count, 1, "row");
        long stepsPerEpoch = NetworkEngine.StepsPerEpochOf(table.Training.Count, how);
        TrainingSchedule schedule = ReadSchedule(options, stepsPerEpoch);
        if (resumed is not null && Finish(resumed, table, how, schedule, stepsPerEpoch) is { } finish)
        {
            RunOptions.SayFinished(options, resumed, finish);
            return 0;
        }

        using ComputeDevice device = RunOptions.OpenDevice(
            options, opened => DeviceVerification.QuickCheck(opened, table.Shape, how), earlier?.Root, resumed?.Configuration);
        NetworkEngine.RequireMemory(device, table.Shape, table.Training.Count, how);
        using var engine = new NetworkEngine(
            device, resumed?.Snapshot.Weights ?? InitialNetwork.Create(table.Shape, how.Seed), table.Training, how);
        if (resumed is not null)
            engine.Restore(resumed.Snapshot.Engine);
        using var predictor = new NetworkPredictor(device, table.Shape, Math.Max(table.Training.Count, table.Validation.Count));

        using RunDirectory? created = earlier is null ? RunOptions.Create(options) : null;
        RunDirectory run = earlier ?? created!;
        if (!Output.IsQuiet)
            Introduce(table, engine, device, run, resumed?.Snapshot);
        var training = new TrainingRun(
            options, RunOptions, run, new TableLearner(engine, predictor, table.Validation, table.ConstantLoss),
            new NetworkDescription(table.Shape, table.Encoding), resumed?.Snapshot)
        {
            Words = ReportWords.OfTable,
            SaveConfiguration = (learningRate, rates) => Verb.Save(
                run, options, device, Facts, table,
                [
                    .. Optimizer.Resolved(how with { LearningRate = learningRate }), .. Schedule.Resolved(rates),
                    .. Cadences(options).Select(pair => ((Option)pair.Option, (object?)pair.Epochs)),
                ]),
        };
        var warning = new RateWarning(
            TooHigh * table.ConstantLoss, report => report.Loss,
            string.Create(
                CultureInfo.InvariantCulture,
                $"loss is above {TooHigh} times {table.ConstantLoss:G4}, that of a constant answer"),
            Output.Warning);
        TrainingOutcome outcome = training.Train(how.LearningRate, schedule, warning, stop);
        NetworkModel model = KeepBest(run, training.Best, new NetworkModel(engine.ReadWeights(), table.Encoding), engine);
        Summarise(options, outcome, training.Best, predictor, model, table, run, engine);
        return outcome == TrainingOutcome.Stopped ? Interrupts.ExitCode : 0;
    }

    /// <summary>Makes the weights with the best validation loss the run's model.</summary>
    /// <returns>The model.</returns>
    private static NetworkModel KeepBest(
        RunDirectory run, (double ValidationLoss, long Iteration) best, NetworkModel last, NetworkEngine engine)
    {
        if (double.IsNaN(best.ValidationLoss) || best.Iteration == engine.Iteration || !File.Exists(run.BestModelPath))
            return last;
        NetworkModel model = NetworkFile.Load(run.BestModelPath);
        NetworkFile.Save(run.ModelPath, model);
        return model;
    }

    private static NetworkOptions ReadNetworkOptions(ParseResult options) => Optimizer.Read(options, new NetworkOptions()) with
    {
        BatchSize = options.GetValue(BatchSize)!.Value,
        Seed = options.GetValue(Seed)!.Value,
        GradientTolerance = (float)options.GetValue(Tolerance)!.Value,
        LossTolerance = (float)options.GetValue(ChangeTolerance)!.Value,
    };

    /// <summary>The cadences in epochs: a hundredth of a training is a fraction that always suits.</summary>
    private static (Option<long?> Option, long Epochs)[] Cadences(ParseResult options)
    {
        long epochs = options.GetValue(Epochs)!.Value;
        long log = options.GetValue(RunOptions.LogEvery) ?? Math.Max(1, epochs / Reports);
        return
        [
            (RunOptions.LogEvery, log),
            (RunOptions.EvalEvery, options.GetValue(RunOptions.EvalEvery) ?? log),
            (RunOptions.CheckpointEvery, options.GetValue(RunOptions.CheckpointEvery) ?? Math.Clamp(epochs / Checkpoints, 1, MostUnsaved)),
        ];
    }

    private static TrainingSchedule ReadSchedule(ParseResult options, long stepsPerEpoch)
    {
        Dictionary<Option, long> steps = Cadences(options).ToDictionary(
            pair => (Option)pair.Option, pair => pair.Epochs > long.MaxValue / stepsPerEpoch ? long.MaxValue : pair.Epochs * stepsPerEpoch);
        return new TrainingSchedule
        {
            Epochs = options.GetValue(Epochs)!.Value,
            Seed = options.GetValue(Seed)!.Value,
            ValidationFraction = options.GetValue(ValidationFraction)!.Value,
            LogEvery = steps[RunOptions.LogEvery],
            SampleEvery = 0,
            EvalEvery = steps[RunOptions.EvalEvery],
            Patience = Schedule.ReadPatience(options),
            CheckpointEvery = steps[RunOptions.CheckpointEvery],
            LearningRates = Schedule.Read(options),
        };
    }

    /// <summary>
    /// Reads the table, and decides what its columns are; a run that is resumed has decided it, and its model and rows stay what they were.
    /// </summary>
    private static LabelledTable ReadTable(ParseResult options, EarlierRun? resumed, CancellationToken stop)
    {
        Table table = MlpCommands.ReadTable(options.GetRequiredValue(Data), options.GetValue(Delimiter).Value, stop);
        resumed?.RequireSameData(table.Name, "table", "table-hash", table.Hash, Anew);
        NetworkLoss? wanted = options.GetValue(Loss).Value;
        TablePlan? plan = resumed is not null ? null : TablePlan.Of(table, new TableOptions
        {
            Label = options.GetRequiredValue(Label),
            IsQuantity = options.GetValue(Task).Value ?? (wanted is null ? null : wanted == NetworkLoss.SquaredError),
            Ignored = options.GetValue(Ignored)!,
            Numeric = options.GetValue(Numeric)!,
            Categorical = options.GetValue(Categorical)!,
            Missing = options.GetValue(Missing).Value,
        });
        TableEncoding encoding = resumed?.Describe<NetworkDescription>().Encoding ?? plan!.Encoding;
        (int[] training, int[] validation) = Split(
            table, encoding, options.GetValue(ValidationFraction)!.Value, options.GetValue(Seed)!.Value);
        if (plan is not null)
            encoding = encoding.Fitted(table, training);
        NetworkShape shape = Shape(options, encoding, wanted, table);
        string[] columns = plan is not null ? [.. plan.Decisions.Select(Described)]
            : resumed!.Configuration.Has(ColumnsFact) ? [.. resumed.Configuration.GetTexts(ColumnsFact)]
            : [];
        return new LabelledTable(
            table, encoding, shape, encoding.EncodeAll(table, training, shape.Loss), encoding.EncodeAll(table, validation, shape.Loss),
            columns);
    }

    /// <summary>A decision about a column, as config.json has it.</summary>
    private static string Described(ColumnDecision column)
    {
        string missing = column.Missing > 0 ? string.Create(CultureInfo.InvariantCulture, $", {column.Missing} missing") : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{column.Name}: {column.Role}, {Values(column)} values{missing}{(column.Note.Length > 0 ? $" ({column.Note})" : "")}");
    }

    private static string Values(ColumnDecision column) => column.Values > TableColumn.MostTexts
        ? string.Create(CultureInfo.InvariantCulture, $"over {TableColumn.MostTexts}")
        : column.Values.ToString(CultureInfo.InvariantCulture);

    private static NetworkShape Shape(ParseResult options, TableEncoding encoding, NetworkLoss? wanted, Table table)
    {
        int classes = encoding.Label.Categories?.Count ?? 0;
        NetworkLoss loss = wanted
            ?? (classes == 0 ? NetworkLoss.SquaredError : classes == 2 ? NetworkLoss.BinaryCrossEntropy : NetworkLoss.CrossEntropy);
        if (loss == NetworkLoss.BinaryCrossEntropy && classes != 2)
            throw new CharRnnException(
                table.Name, $"column '{encoding.Label.Name}' has {classes} values",
                "give --loss cross-entropy, which takes any number, or auto");
        ActivationFunction activation = options.GetValue(Activation).Value;
        IEnumerable<Layer> hidden = options.GetValue(Layers)!.Select(width => new Layer(width, activation));
        var output = new Layer(loss == NetworkLoss.CrossEntropy ? classes : 1, ActivationFunction.Identity);
        return new NetworkShape(encoding.Width, [.. hidden, output], loss);
    }

    /// <summary>
    /// The rows that have a label, shuffled by the seed and cut in two: of each class the same share, but for runs of earlier programs,
    /// and at least one row to train on.
    /// </summary>
    private static (int[] Training, int[] Validation) Split(Table table, TableEncoding encoding, double fraction, ulong seed)
    {
        int[] order =
        [
            .. encoding.UsableRows(table).OrderBy(r => Philox.Uniform(seed, SplitStream, (ulong)r)).ThenBy(r => r),
        ];
        if (order.Length == 0)
            throw new CharRnnException(table.Name, "has no row without a missing value", "give --missing fill");
        if (encoding.IsInterleaved || encoding.ClassesOf(table, order) is not { } classes)
        {
            int held = Math.Min((int)(order.Length * fraction), order.Length - 1);
            return (order[held..], order[..held]);
        }

        int[] left = [.. Enumerable.Range(0, encoding.Label.Categories!.Count).Select(_ => 0)];
        foreach (int one in classes)
            left[one]++;
        for (int one = 0; one < left.Length; one++)
            left[one] = Math.Max(0, Math.Min((int)Math.Round(left[one] * fraction), left[one] - 1));
        ILookup<bool, int> parts = order.Zip(classes).ToLookup(row => left[row.Second]-- > 0, row => row.First);
        return ([.. parts[false]], [.. parts[true]]);
    }

    private static void Introduce(
        LabelledTable table, NetworkEngine engine, ComputeDevice device, RunDirectory run, TrainingSnapshot? resumeFrom)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        NetworkShape shape = table.Shape;
        foreach (string column in table.Columns.Take(MostColumnsShown))
            Output.Note($"  {column}");
        if (table.Columns.Count > MostColumnsShown)
            Output.Note(string.Create(invariant, $"  and {table.Columns.Count - MostColumnsShown:N0} more, which config.json has"));
        string label = table.Encoding.Label.Categories is { } classes ? $"{classes.Count} classes" : "a quantity";
        Output.Note(string.Create(
            invariant,
            $"table: {table.Table.Name}, {table.Table.Count:N0} rows; {table.Training.Count:N0} to train on, "
            + $"{table.Validation.Count:N0} to measure on; {table.Encoding.Label.Name} is {label}"));
        string widths = string.Join('-', shape.Layers.Select(layer => layer.Width).Prepend(shape.Inputs));
        Output.Note(string.Create(invariant, $"model: {widths}, {shape.ParameterCount:N0} parameters, {Word(shape.Loss)}"));
        Output.Note($"device: {device.Name} ({DeviceCatalog.IdOf(device.Kind)}); {engine.Plan}");
        Output.Note(string.Create(
            invariant, $"run: {run.Root}{(resumeFrom is null ? "" : $", resumed at iteration {resumeFrom.Iteration}")}"));
    }

    private static void Summarise(
        ParseResult options, TrainingOutcome outcome, (double ValidationLoss, long Iteration) best, NetworkPredictor predictor,
        NetworkModel model, LabelledTable table, RunDirectory run, NetworkEngine engine)
    {
        (string name, string reason) = outcome switch
        {
            TrainingOutcome.SmallGradient => ("tolerance", $"the gradient's norm is below {Tolerance.Name}"),
            TrainingOutcome.SmallChange => ("change-tolerance", $"the loss changes by less than {ChangeTolerance.Name}"),
            TrainingOutcome.Finished => ("epochs", $"as many epochs as {Epochs.Name} allows"),
            TrainingOutcome.StoppedEarly => (
                "patience",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"the validation loss got no better than {best.ValidationLoss:G6} for as long as --patience allows")),
            _ => ("stopped", $"stopped and saved; go on with: {Verb.Name} --resume --out {ShellText.Quote(run.Root)}"),
        };
        long epochs = engine.Iteration / engine.StepsPerEpoch;
        if (!Output.IsQuiet)
        {
            Output.Note(string.Create(CultureInfo.InvariantCulture, $"ended after {epochs:N0} epochs: {reason}"));
            if (!double.IsNaN(best.ValidationLoss))
                Output.Note(string.Create(
                    CultureInfo.InvariantCulture,
                    $"model: the network of iteration {best.Iteration}, which has the best validation loss, {best.ValidationLoss:G6}"));
        }

        var parts = new Dictionary<string, object>();
        bool json = RunOptions.IsJson(options);
        (string, LabelledData)[] both = [("training", table.Training), ("validation", table.Validation)];
        foreach ((string part, LabelledData rows) in both)
        {
            if (rows.Count == 0)
                continue;
            NetworkAnswers answers = predictor.Apply(model.Parameters, rows, CancellationToken.None);
            var measured = new TableAnswers(model, answers.Outputs);
            parts[part] = measured.Json(answers.Loss, rows);
            if (Output.IsQuiet || json)
                continue;
            Output.Line($"{part}:");
            foreach (string line in measured.Describe(answers.Loss, rows))
                Output.Line($"  {line}");
        }

        if (json)
            Output.Line(JsonSerializer.Serialize(new { ended = name, epochs, measured = parts }));
        else if (!Output.IsQuiet)
            Output.Note($"predict with: charrnn mlp predict {ShellText.Quote(run.Root)} DATA.csv");
    }

    private static string Word(NetworkLoss loss) => loss switch
    {
        NetworkLoss.CrossEntropy => "cross-entropy",
        NetworkLoss.BinaryCrossEntropy => "binary-cross-entropy",
        _ => "squared-error",
    };

    // A device compares in float. A number that rounds to 0 there would switch the tolerance off, and one that rounds to infinity would
    // end every training: these are float's smallest and largest numbers.
    private static Option<double?> ToleranceOption(string name, string description) => SharedOptions.Number<double>(
        name, 0, "0, or a number from 1e-45 to 3.4e38", value => value == 0 || Limits.IsPositive((float)value), description);

    private static Option<string> ColumnsOption(string name, string description) => new(name)
    {
        Description = $"{description} Names with commas between them.",
        HelpName = "COLUMN,...",
        DefaultValueFactory = _ => "",
    };

    private static Option<int[]?> LayersOption() => new("--layers")
    {
        Description = "The number of neurons of each hidden layer; none for a network without hidden layers.",
        HelpName = $"N,N,...|{NoLayers}",
        DefaultValueFactory = _ => [16],
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
            if (text == NoLayers)
                return [];
            string[] parts = text.Split(',');
            int[] widths =
                [.. parts.Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int width) ? width : 0)];
            if (widths.All(width => width > 0))
                return widths;
            result.AddError($"--layers: is '{text}'; give whole numbers from 1, with commas between them, or {NoLayers}");
            return null;
        },
    };

    /// <summary>Checks that a run can go on, and says how it is finished; null if it is not.</summary>
    /// <exception cref="CharRnnException">Table, configuration and checkpoint do not fit each other.</exception>
    private static string? Finish(EarlierRun run, LabelledTable table, NetworkOptions how, TrainingSchedule schedule, long stepsPerEpoch)
    {
        if (!run.Describe<NetworkDescription>().Shape.Equals(table.Shape))
            throw run.Foreign("holds a network of other layers than the run's config.json says");
        string? finish = run.Finish(how, schedule, stepsPerEpoch, "--epochs", Anew);
        return Converged(run, how) ?? finish;
    }

    /// <summary>Says by which tolerance a run ended, if it is as large as then.</summary>
    private static string? Converged(EarlierRun run, NetworkOptions how)
    {
        (Option<double?> option, float now) = run.Snapshot.EndedBy switch
        {
            TrainingOutcome.SmallGradient => (Tolerance, how.GradientTolerance),
            TrainingOutcome.SmallChange => (ChangeTolerance, how.LossTolerance),
            _ => (Tolerance, float.NaN),
        };
        string name = option.Name[2..], text = run.Configuration.Has(name) ? run.Configuration.GetOptionText(name) : "";
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double then) && now >= (float)then
            ? string.Create(CultureInfo.InvariantCulture, $" at iteration {run.Snapshot.Iteration}; give a smaller {option.Name} to go on")
            : null;
    }

    /// <summary>A table whose rows are numbers, and the network for them.</summary>
    private sealed record LabelledTable(
        Table Table, TableEncoding Encoding, NetworkShape Shape, LabelledData Training, LabelledData Validation,
        IReadOnlyList<string> Columns)
    {
        /// <summary>J of the best answer that looks at no input.</summary>
        public double ConstantLoss { get; } = Training.ConstantLoss(Shape.Loss);
    }
}
