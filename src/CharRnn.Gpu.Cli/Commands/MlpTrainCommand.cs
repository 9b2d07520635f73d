using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Networks;
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

    // What runs of earlier programs call constant-loss.
    private const string OldConstantLoss = "label-entropy";

    // The decisions about the columns, a line each, and the result of a cross-validation.
    private const string ColumnsFact = "columns", CrossValidationFact = "cross-validation";

    private static readonly Argument<string> Data = MlpCommands.DataArgument();

    private static readonly Fact<LabelledTable>[] Facts =
    [
        new("table-hash", table => table.Table.Hash),
        new("constant-loss", table => table.ConstantLoss),
        new("widths", table => string.Join('-', table.Shape.Layers.Select(layer => layer.Width).Prepend(table.Shape.Inputs))),
        new("minimised", table => Word(table.Shape.Loss)),
        new("rows", table => table.Parts.Training.Count),
        new(ColumnsFact, table => table.Columns),
        new(CrossValidationFact, table => table.CrossValidation),
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
            new("relu", ActivationFunction.Relu), new("tanh", ActivationFunction.Tanh), new("sigmoid", ActivationFunction.Sigmoid),
            new("identity", ActivationFunction.Identity)),
        OnResume.Kept);
    private static readonly Option<Choice<NetworkLoss?>> Loss = Verb.Add(
        SharedOptions.OneOf<NetworkLoss?>(
            "--loss", "What is minimised; auto takes the one that fits the label: of two values, of several, or a quantity.",
            new("auto", null), new(Word(NetworkLoss.BinaryCrossEntropy), NetworkLoss.BinaryCrossEntropy),
            new(Word(NetworkLoss.CrossEntropy), NetworkLoss.CrossEntropy), new(Word(NetworkLoss.SquaredError), NetworkLoss.SquaredError)),
        OnResume.Kept);
    private static readonly Option<bool> Balance = Verb.Add(
        new Option<bool>("--balance")
        {
            Description = "Let each class count as much as any other in the loss, however few rows it has.",
        },
        OnResume.Kept);
    private static readonly Option<double?> Dropout = Verb.Add(
        SharedOptions.Number<double>(
            "--dropout", 0, "a number from 0, below 1", Limits.IsPart,
            "The share of each hidden layer's values that training hides from the layer above."),
        OnResume.Kept);
    private static readonly Option<int?> BatchSize = Verb.Add(
        SharedOptions.WholeNumber<int>(
            "--batch-size", null, 0, "Rows of a step; 0 for all of them [default: a fiftieth of the rows, from 32 to 256]."),
        OnResume.Kept);
    private static readonly OptimizerOptions Optimizer = new(
        Verb, TableDefaults.Optimizer(UpdateRule.AdamW, isLinear: false),
        "0.01 with --layers none; of another optimizer, 0.1 for adagrad and sgd, 0.01 for rmsprop, 0.001 for adam",
        "for adamw with hidden layers, what cross-validation says is best, or 0.01");
    private static readonly ScheduleOptions Schedule = new(
        Verb, patience: $"{TableDefaults.Patience} with a validation part, otherwise 0");
    private static readonly Option<double?> Tolerance = Verb.Add(
        ToleranceOption(
            "--tolerance", "Training ends where the gradient's norm is below it (of mini-batches, the mean over an epoch)."),
        OnResume.Taken);
    private static readonly Option<double?> ChangeTolerance = Verb.Add(
        ToleranceOption("--change-tolerance", "Training ends where the loss changes by less in an epoch."), OnResume.Taken);
    private static readonly Option<long?> Epochs = Verb.Add(
        SharedOptions.WholeNumber<long>(
            "--epochs", null, 1,
            "Passes over the data, at most, counted from the start of the run also after --resume "
            + "[default: 10 to 300, about 20,000 steps]."),
        OnResume.Taken);
    private static readonly Option<ulong?> Seed = Verb.Add(
        SharedOptions.WholeNumber<ulong>("--seed", 1, 0, "Seed for the initial weights, the split and the order of rows."), OnResume.Kept);
    private static readonly Option<double?> ValidationFraction = Verb.Add(
        SharedOptions.Number<double>(
            "--val-fraction", null, "a number from 0, below 1", Limits.IsPart,
            "The share of the rows, drawn by the seed and the same of each class, that is measured on and not trained on; the best network "
            + $"there becomes the model [default: 0.1; of fewer than {TableDefaults.FewRows} rows 0, or 0.2 where an option measures]."),
        OnResume.Kept);
    private static readonly Option<int?> Folds = Verb.Add(
        SharedOptions.Number<int>(
            "--folds", null, "0, or a whole number from 2 to 1000", n => n is 0 or (>= 2 and <= 1000),
            "Number of parts of the rows for a cross-validation: the training is first done without each of them, and measured on it "
            + $"[default: {TableDefaults.Folds} of fewer than {TableDefaults.FewRows} rows without a validation part, otherwise 0]."),
        OnResume.Recorded);
    private static readonly Option<Choice<string?>> Delimiter = Verb.Add(MlpCommands.DelimiterOption(), OnResume.Taken);
    private static readonly Option<string> Cache = Verb.Add(
        MlpCommands.TableCacheOption(), OnResume.Taken, CacheOption.FullPath);
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
        command.Validators.Add(result =>
        {
            if (result.GetValue(RunOptions.Resume) && result.GetResult(Folds) is { Implicit: false })
                result.AddError("--folds: is given with --resume, and a run is measured when it begins; leave it out");
        });
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult options)
    {
        Ranks.RequireAlone(Verb.Name);
        CancellationToken stop = Interrupts.Watch();
        Verb.RequireUsed(options);
        if (options.GetValue(Task).Value is { } isQuantity && options.GetValue(Loss).Value is { } loss
            && isQuantity != (loss == NetworkLoss.SquaredError))
            throw new UsageException(
                $"{Loss.Name}: is {Word(loss)}, which is not for --task {options.GetValue(Task)}; leave one of them out");
        if (options.GetValue(Dropout) > 0 && options.GetValue(Layers)!.Length == 0)
            throw new UsageException(
                $"{Dropout.Name}: is given with {Layers.Name} {NoLayers}, which has no hidden layer; leave one of them out");
        Schedule.Require(options, ReadNetworkOptions(options, 0).LearningRate, ValidationFraction, RunOptions.EvalEvery);

        using RunDirectory? earlier = RunOptions.OpenEarlier(options);
        EarlierRun? resumed = earlier is null ? null : new EarlierRun(earlier);
        using LabelledTable table = ReadTable(options, resumed, stop);
        (LabelledData training, LabelledData validation) = (table.Parts.Training, table.Parts.Validation);
        NetworkOptions how = ReadNetworkOptions(options, table.Count);
        Schedule.RequireValidation(options, validation.Count, 1, "row");
        TrainingSchedule ScheduleOf(int count) => ReadSchedule(options, how, count, hasValidation: validation.Count > 0);
        TrainingSchedule schedule = ScheduleOf(training.Count);
        long stepsPerEpoch = NetworkEngine.StepsPerEpochOf(training.Count, how);
        if (resumed is not null && Finish(resumed, table, how, schedule, stepsPerEpoch) is { } finish)
        {
            RunOptions.SayFinished(options, resumed, finish);
            return 0;
        }

        using ComputeDevice device = RunOptions.OpenDevice(
            options, opened => DeviceVerification.QuickCheck(opened, table.Shape, how), earlier?.Root, resumed?.Configuration);
        NetworkEngine.RequireMemory(device, table.Shape, training, how);
        ParameterSet<float> initial = resumed?.Snapshot.Weights ?? InitialNetwork.Create(table.Shape, how.Seed);

        int folds = resumed is not null ? 0 : FoldsOf(options, table);

        // Nobody should wait to hear that there cannot be such a directory, or lose an older run to a cross-validation that is ended.
        using RunDirectory? created = earlier is null ? RunOptions.Reserve(options) : null;
        using CancellationTokenSource limited = RunOptions.Stop(options, stop);
        IReadOnlyList<(NetworkOptions Way, CrossValidation Result)> measured = [];
        try
        {
            if (folds > 0)
                measured = Output.Waited(
                    "cross-validation",
                    () => CrossValidation.Run(
                        device, initial, WaysOf(options, how), ScheduleOf, folds, fold => table.Fold(fold, folds),
                        table.Parts.Encoding.Label, options.GetValue(Balance), limited.Token));
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            created?.Withdraw();
            throw new CharRnnException(
                "--max-time", "was over before the cross-validation, and nothing was trained", "give more time, or --folds 0");
        }
        catch
        {
            created?.Withdraw();
            throw;
        }

        CrossValidation? crossValidation = null;
        if (measured.Count > 0)
        {
            (how, crossValidation) = CrossValidation.Best(measured);
            table.CrossValidation = crossValidation.ToString();
        }

        using var engine = new NetworkEngine(device, initial, training, how);
        if (resumed is not null)
            engine.Restore(resumed.Snapshot.Engine);
        using var predictor = new NetworkPredictor(device, table.Shape, Math.Max(training.Count, validation.Count), training.Rows.Columns);
        created?.Clear();
        RunDirectory run = earlier ?? created!;
        if (!Output.IsQuiet)
            Introduce(table, engine, how, device, run, resumed?.Snapshot, measured);

        var trained = new TrainingRun(
            options, RunOptions, run, new TableLearner(engine, predictor, validation, table.ConstantLoss),
            new NetworkDescription(table.Shape, table.Parts.Encoding), resumed?.Snapshot)
        {
            Words = ReportWords.OfTable,
            SaveConfiguration = (learningRate, rates) => Verb.Save(
                run, options, device, Facts, table,
                [
                    .. Optimizer.Resolved(how with { LearningRate = learningRate }), .. Schedule.Resolved(rates, schedule.Patience),
                    (BatchSize, how.BatchSize), (Epochs, schedule.Epochs), (ValidationFraction, table.Fraction),
                    (Folds, resumed is null ? folds : FoldsOf(resumed.Configuration)),
                    (Missing, SharedOptions.WordOf(table.Parts.Encoding.Missing)),
                    .. Cadences(options, schedule.Epochs).Select(pair => ((Option)pair.Option, (object?)pair.Epochs)),
                ]),
        };
        long early = schedule.TotalIterations(stepsPerEpoch) / Checkpoints;
        var warning = new RateWarning(
            TooHigh * table.ConstantLoss, report => report.Iteration > early ? report.Loss : double.NaN,
            string.Create(
                CultureInfo.InvariantCulture,
                $"loss is above {TooHigh} times {table.ConstantLoss:G4}, that of a constant answer"),
            Output.Warning);
        TrainingOutcome outcome = trained.Train(how.LearningRate, schedule, warning, limited.Token);
        NetworkModel? best = KeepBest(run, trained.Best, engine);
        NetworkModel model = best ?? new NetworkModel(engine.ReadWeights(), table.Parts.Encoding);
        Summarise(
            options, outcome, trained.Best.ValidationLoss, best is null ? engine.Iteration : trained.Best.Iteration, predictor, model,
            table, crossValidation, run, engine);
        return outcome == TrainingOutcome.Stopped ? Interrupts.ExitCode : 0;
    }

    /// <summary>Makes the weights with the best validation loss the run's model.</summary>
    /// <returns>The model; null if the last weights are it.</returns>
    private static NetworkModel? KeepBest(RunDirectory run, (double ValidationLoss, long Iteration) best, NetworkEngine engine)
    {
        if (double.IsNaN(best.ValidationLoss) || best.Iteration == engine.Iteration || !File.Exists(run.BestModelPath))
            return null;
        NetworkModel model = NetworkFile.Load(run.BestModelPath);
        NetworkFile.Save(run.ModelPath, model);
        return model;
    }

    private static NetworkOptions ReadNetworkOptions(ParseResult options, int rows)
    {
        bool isLinear = options.GetValue(Layers)!.Length == 0;
        return Optimizer.Read(options, rule => TableDefaults.Optimizer(rule, isLinear)) with
        {
            BatchSize = options.GetValue(BatchSize) ?? TableDefaults.BatchSize(rows),
            Seed = options.GetValue(Seed)!.Value,
            Dropout = options.GetValue(Dropout)!.Value,
            GradientTolerance = (float)options.GetValue(Tolerance)!.Value,
            LossTolerance = (float)options.GetValue(ChangeTolerance)!.Value,
        };
    }

    /// <summary>The cadences in epochs: a hundredth of a training is a fraction that always suits.</summary>
    private static (Option<long?> Option, long Epochs)[] Cadences(ParseResult options, long epochs)
    {
        long log = options.GetValue(RunOptions.LogEvery) ?? Math.Max(1, epochs / Reports);
        return
        [
            (RunOptions.LogEvery, log),
            (RunOptions.EvalEvery, options.GetValue(RunOptions.EvalEvery) ?? log),
            (RunOptions.CheckpointEvery, options.GetValue(RunOptions.CheckpointEvery) ?? Math.Clamp(epochs / Checkpoints, 1, MostUnsaved)),
        ];
    }

    private static TrainingSchedule ReadSchedule(ParseResult options, NetworkOptions how, int rows, bool hasValidation)
    {
        long stepsPerEpoch = NetworkEngine.StepsPerEpochOf(rows, how);
        long epochs = options.GetValue(Epochs) ?? TableDefaults.Epochs(stepsPerEpoch);
        Dictionary<Option, long> steps = Cadences(options, epochs).ToDictionary(
            pair => (Option)pair.Option, pair => pair.Epochs > long.MaxValue / stepsPerEpoch ? long.MaxValue : pair.Epochs * stepsPerEpoch);
        return new TrainingSchedule
        {
            Epochs = epochs,
            Seed = options.GetValue(Seed)!.Value,
            LogEvery = steps[RunOptions.LogEvery],
            SampleEvery = 0,
            EvalEvery = steps[RunOptions.EvalEvery],
            Patience = Schedule.ReadPatience(
                options, hasValidation && steps[RunOptions.EvalEvery] > 0 ? TableDefaults.Patience : 0),
            CheckpointEvery = steps[RunOptions.CheckpointEvery],
            LearningRates = Schedule.Read(options),
        };
    }

    private static double FractionOf(ParseResult options, int rows) => options.GetValue(ValidationFraction)
        ?? TableDefaults.ValidationFraction(rows, isMeasured: Schedule.NeedsMeasuring(options));

    /// <summary>The trainings of which a cross-validation chooses one.</summary>
    private static IReadOnlyList<NetworkOptions> WaysOf(ParseResult options, NetworkOptions how) =>
        how.Optimizer != UpdateRule.AdamW || options.GetValue(Layers)!.Length == 0 || Optimizer.HasWeightDecay(options)
            ? [how]
            : [.. TableDefaults.WeightDecays.Select(decay => how with { WeightDecay = decay })];

    private static int? FoldsOf(RunConfiguration saved) =>
        saved.Has(Folds.Name[2..]) && saved.GetOptionText(Folds.Name[2..]) is var text
        && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int folds) ? folds : null;

    private static int FoldsOf(ParseResult options, LabelledTable table)
    {
        int rows = table.Count, folds = options.GetValue(Folds)
            ?? (rows < TableDefaults.FewRows && table.Parts.Validation.Count == 0 && options.GetValue(ValidationFraction) is null
                ? TableDefaults.Folds
                : 0);
        return folds <= rows ? folds : options.GetValue(Folds) is null ? 0 : throw new CharRnnException(
            Folds.Name, string.Create(CultureInfo.InvariantCulture, $"is {folds}, and {table.Table.Name} has {rows} rows to learn from"),
            "give fewer");
    }

    /// <summary>
    /// Reads the table, and decides what its columns are; a run that is resumed has decided it, and its model and rows stay what they were.
    /// </summary>
    private static LabelledTable ReadTable(ParseResult options, EarlierRun? resumed, CancellationToken stop)
    {
        Table table = MlpCommands.ReadTable(
            options.GetRequiredValue(Data), options.GetValue(Delimiter).Value, options.GetValue(Cache), stop);
        resumed?.RequireSameData(table.Name, "table", "table-hash", table.Hash, Anew);
        NetworkLoss? wanted = options.GetValue(Loss).Value;
        bool isBalanced = options.GetValue(Balance);
        var said = new TableOptions
        {
            Label = options.GetRequiredValue(Label),
            IsQuantity = options.GetValue(Task).Value ?? (wanted is null ? null : wanted == NetworkLoss.SquaredError),
            Ignored = options.GetValue(Ignored)!,
            Numeric = options.GetValue(Numeric)!,
            Categorical = options.GetValue(Categorical)!,
            Missing = options.GetValue(Missing).Value,
        };
        TablePlan? plan = resumed is not null ? null : TablePlan.Of(table, said, stop);
        TableEncoding encoding = resumed?.Describe<NetworkDescription>().Encoding
            ?? plan!.Encoding with { IsBalanced = isBalanced };
        if (encoding.Label.Name != said.Label) // of a resume, whose config.json somebody changed
            throw resumed!.Foreign($"is of a network that predicts '{encoding.Label.Name}', and the run's config.json says '{said.Label}'");
        IReadOnlyList<int> rows = LabelledTable.Rows(table, encoding, options.GetValue(Seed)!.Value, stop);
        RunConfiguration? saved = resumed?.Configuration;
        if (isBalanced && encoding.Label.Categories is null)
            throw new CharRnnException(
                Balance.Name, $"is for classes, and column '{encoding.Label.Name}' is a quantity",
                $"leave it out, or give {Task.Name} classify");
        return new LabelledTable(
            table, rows, encoding, Shape(options, encoding, wanted, table), FractionOf(options, rows.Count), isBalanced,
            isFitted: resumed is not null, ReadNetworkOptions(options, rows.Count).BatchSize, stop)
        {
            Decisions = plan?.Decisions ?? [],
            Columns = plan is not null ? [.. plan.Decisions.Select(DecisionText.Line)]
                : saved!.Has(ColumnsFact) ? saved.GetTexts(ColumnsFact)
                : [],
            CrossValidation = saved?.Has(CrossValidationFact) == true ? saved.GetText(CrossValidationFact) : null,
        };
    }

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

    private static void Introduce(
        LabelledTable table, NetworkEngine engine, NetworkOptions how, ComputeDevice device, RunDirectory run, TrainingSnapshot? resumeFrom,
        IReadOnlyList<(NetworkOptions Way, CrossValidation Result)> measured)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        NetworkShape shape = table.Shape;
        foreach (string line in DecisionText.Table(table.Decisions))
            Output.Note(line);
        string label = table.Parts.Encoding.Label.Categories is { } classes ? $"{classes.Count} classes" : "a quantity";
        Output.Note(string.Create(
            invariant,
            $"table: {table.Table.Name}, {table.Table.Count:N0} rows; {table.Parts.Training.Count:N0} to train on, "
            + $"{table.Parts.Validation.Count:N0} to measure on; {TerminalText.OneLine(table.Parts.Encoding.Label.Name)} is {label}"));
        string widths = string.Join('-', shape.Layers.Select(layer => layer.Width).Prepend(shape.Inputs));
        Output.Note(string.Create(invariant, $"model: {widths}, {shape.ParameterCount:N0} parameters, {Word(shape.Loss)}"));
        if (measured.Count > 1)
        {
            IEnumerable<string> results = measured.Select(
                one => string.Create(invariant, $"{one.Result.MeanMeasure} by {one.Way.WeightDecay}"));
            Output.Note(string.Create(
                invariant, $"weight decay: {how.WeightDecay}, chosen by a cross-validation: {string.Join(", ", results)}"));
        }

        Output.Note($"device: {device.Name} ({DeviceCatalog.IdOf(device.Kind)}); {engine.Plan}");
        if (engine.RowsOnDevice < table.Parts.Training.Count)
            Output.Note(string.Create(invariant, $"window: {engine.RowsOnDevice:N0} rows are on the device at once"));
        Output.Note(string.Create(
            invariant, $"run: {run.Root}{(resumeFrom is null ? "" : $", resumed at iteration {resumeFrom.Iteration}")}"));
    }

    private static void Summarise(
        ParseResult options, TrainingOutcome outcome, double bestLoss, long modelOf, NetworkPredictor predictor, NetworkModel model,
        LabelledTable table, CrossValidation? crossValidation, RunDirectory run, NetworkEngine engine)
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
                    $"the validation loss got no better than {bestLoss:G6} for as long as --patience allows")),
            _ => ("stopped", $"stopped and saved; go on with: {Verb.Name} --resume --out {ShellText.Quote(run.Root)}"),
        };
        long epochs = engine.Iteration / engine.StepsPerEpoch;
        if (!Output.IsQuiet)
        {
            Output.Note(string.Create(CultureInfo.InvariantCulture, $"ended after {epochs:N0} epochs: {reason}"));
            if (!double.IsNaN(bestLoss))
                Output.Note(string.Create(
                    CultureInfo.InvariantCulture, $"model: the network of iteration {modelOf}; the best validation loss is {bestLoss:G6}"));
        }

        var parts = new Dictionary<string, object>();
        bool json = RunOptions.IsJson(options);
        (string, LabelledData)[] both = [("training", table.Parts.Training), ("validation", table.Parts.Validation)];
        foreach ((string part, LabelledData rows) in both)
        {
            if (rows.Count == 0 || (outcome == TrainingOutcome.Stopped && rows.Rows is not InputRows))
                continue; // who stops a training does not wait until all rows of a large table are read again
            var measured = TableAnswers.Of(model, predictor, rows, CancellationToken.None);
            parts[part] = measured.Json(rows);
            if (Output.IsQuiet || json)
                continue;
            Output.Line($"{part}:");
            foreach (string line in measured.Describe(rows))
                Output.Line($"  {line}");
        }

        if (crossValidation is not null)
        {
            parts["cross-validation"] = crossValidation.Json;
            if (!Output.IsQuiet && !json)
                Output.Line($"cross-validation: {crossValidation}");
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
        DefaultValueFactory = _ => [TableDefaults.Neurons],
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
}
