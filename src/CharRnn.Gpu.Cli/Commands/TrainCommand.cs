using System.CommandLine;
using System.Globalization;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Distribution;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn train</c>: from text to a trained model in a run's directory.</summary>
internal static class TrainCommand
{
    private static readonly Preset Default = Preset.Default;
    private static readonly TrainingSchedule ScheduleDefaults = new();

    private static readonly Argument<string[]> Input = new("INPUT")
    {
        Description = "Files, directories or globs, joined in ordinal order; - reads stdin. Without INPUT, the sources of this program.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private const string CorpusName = "corpus";

    private static readonly Fact<(Corpus Corpus, string Name)>[] Facts =
    [
        new(CorpusName, text => text.Name),
        new("corpus-hash", text => text.Corpus.Hash),
        new("vocabulary-size", text => text.Corpus.Vocabulary.Size),
        new("corpus-characters", text => text.Corpus.Tokens.Length),
        new("unigram-entropy", text => text.Corpus.Statistics.UnigramEntropy),
        new("bigram-entropy", text => text.Corpus.Statistics.BigramEntropy),
    ];

    /// <summary>The verb with its options, in the order of the help.</summary>
    public static readonly TrainingVerb Verb = new(RunKind.Text, ["train"], Input, Facts.Select(fact => fact.Name))
    {
        Presets = Preset.All,
    };

    private static readonly Option<Choice<Preset>> PresetOption = Verb.Add(
        SharedOptions.OneOf(
            "--preset",
            $"A named set of these options, listed above. Those given beside it win; the defaults below are those of {Default.Name}.",
            [.. Preset.All.Select(preset => new Choice<Preset>(preset.Name, preset))]),
        OnResume.Kept);

    private static readonly Option<int?> HiddenSize = Verb.Add(
        SharedOptions.WholeNumber<int>("--hidden-size", Default.Step.HiddenSize, 1, "H, the number of hidden units of each layer."),
        OnResume.Kept);
    private static readonly Option<Choice<RecurrentCell>> Cell = Verb.Add(SharedOptions.Cell(Default.Cell), OnResume.Kept);
    private static readonly Option<int?> Layers = Verb.Add(SharedOptions.Layers(Default.Layers), OnResume.Kept);
    private static readonly Option<double?> Dropout = Verb.Add(
        SharedOptions.Number<double>(
            "--dropout", Default.Step.Dropout, "a number from 0, below 1", Limits.IsPart,
            "The share of each layer's values that training hides from the layer above, or from the output."),
        OnResume.Kept);
    private static readonly Option<int?> SequenceLength = Verb.Add(
        SharedOptions.WholeNumber<int>(
            "--seq-length", Default.Step.SequenceLength, 1, "T, the number of characters that a gradient reaches back."),
        OnResume.Kept);
    private static readonly Option<int?> BatchSize = Verb.Add(
        SharedOptions.WholeNumber<int>(
            "--batch-size", null, 1,
            "B, the number of streams of the text that are trained at once [default: that of the preset, and fewer for a short text]."),
        OnResume.Kept);
    private static readonly OptimizerOptions Optimizer = new(
        Verb, Default.Step,
        "of an optimizer that is not the preset's, 0.1 for adagrad and sgd, 0.01 for rmsprop, 0.001 for adam and adamw", "0.01 for adamw");
    private static readonly ScheduleOptions Schedule = new(Verb, Default.Schedule);
    private static readonly Option<long?> Iterations = Verb.Add(
        SharedOptions.WholeNumber<long>(
            "--iterations", null, 1,
            "Total number of steps, counted from the start of the run also after --resume [default: set by --epochs, or by the preset]."),
        OnResume.Taken);
    private static readonly Option<long?> Epochs = Verb.Add(
        SharedOptions.WholeNumber<long>(
            "--epochs", null, 1,
            "Total number of passes over the text, unless --iterations is given "
                + $"[default: set by the preset, {ScheduleDefaults.Epochs} with classic]."),
        OnResume.Taken);
    private static readonly Option<ulong?> Seed = Verb.Add(
        SharedOptions.WholeNumber<ulong>("--seed", ScheduleDefaults.Seed, 0, "Seed for the initial weights, the dropout and the samples."),
        OnResume.Kept);
    private static readonly Option<Choice<TextEncoding>> Encoding = Verb.Add(SharedOptions.Encoding(), OnResume.Kept);
    private static readonly Option<string> InitFrom = Verb.Add(
        new Option<string>("--init-from")
        {
            Description = "The model whose weights the run starts from; they are mapped to this text by character.",
            HelpName = "MODEL",
        },
        OnResume.Recorded);
    private static readonly Option<double?> ValidationFraction = Verb.Add(
        SharedOptions.Number<double>(
            "--val-fraction", ScheduleDefaults.ValidationFraction, "a number from 0, below 1", Limits.IsPart,
            "The share of the text, at its end, that is measured on and not trained on."),
        OnResume.Kept);
    private static readonly Option<long?> EvalLength = Verb.Add(
        SharedOptions.WholeNumber<long>(
            "--eval-length", ScheduleDefaults.EvalLength, TrainingEngine.MinValidationLength,
            "The largest number of characters of the validation part to measure on, from its start."),
        OnResume.Kept);
    private static readonly Option<long?> SampleEvery = Verb.Add(
        SharedOptions.WholeNumber<long>(
            "--sample-every", ScheduleDefaults.SampleEvery, 0,
            "Number of iterations between samples, one of which is written at the end; 0 writes none."),
        OnResume.Taken);
    private static readonly Option<int?> SampleLength = Verb.Add(
        SharedOptions.WholeNumber<int>("--sample-length", ScheduleDefaults.SampleLength, 1, "Number of characters in a sample."),
        OnResume.Taken);
    private static readonly Option<string> Cache = Verb.Add(
        CacheOption.Create("the tokens of files"), OnResume.Taken, CacheOption.FullPath);
    private static readonly Option<Choice<RankSearch>> RanksOption = Verb.Add(Ranks.CreateOption(), OnResume.Forgotten);
    private static readonly RunOptions RunOptions = new(
        Verb, "iterations", ScheduleDefaults.LogEvery, ScheduleDefaults.EvalEvery, ScheduleDefaults.CheckpointEvery);

    public static Command Create()
    {
        Command command = Verb.Create("""
            Trains a model on text and keeps it in a directory: model, checkpoint, metrics and samples.

            Example: charrnn train book.txt --out runs/book

            Presets:
            """ + string.Concat(Preset.All.Select(preset => $"\n{preset}")));
        RunOptions.AddChecks(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(RunOptions.Resume) && result.GetResult(InitFrom) is not null)
                result.AddError("--init-from: is given with --resume, and a resumed run has its weights; leave it out");
            if (result.GetResult(Iterations) is not null && result.GetResult(Epochs) is { Implicit: false })
                result.AddError("--epochs: is given with --iterations; give one of them");
        });
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        return Ranks.Run(options.GetValue(RanksOption).Value, ranks => Train(options, ranks, stop), stop);
    }

    private static int Train(ParseResult options, RankChannel? ranks, CancellationToken stop)
    {
        Verb.RequireUsed(options);
        int rankCount = ranks?.Ranks.Size ?? 1;
        Preset preset = options.GetValue(PresetOption).Value;
        StepOptions step = ReadStep(options);
        TrainingSchedule schedule = ReadSchedule(options);
        Schedule.Require(options, step.LearningRate, ValidationFraction, RunOptions.EvalEvery);

        using RunDirectory? earlier = RunOptions.OpenEarlier(options);
        EarlierRun? resumed = earlier is null ? null : new EarlierRun(earlier);
        CharacterModel? initial = options.GetValue(InitFrom) is { } path ? SharedOptions.LoadModel(path, best: false) : null;
        ModelShape wanted = ReadShape(options, step, initial?.Shape);
        step = step with { HiddenSize = wanted.HiddenSize };

        using Corpus corpus = ReadCorpus(options, step, wanted, stop);
        ModelShape shape = Of(corpus.Vocabulary.Size, wanted);
        TextSplit split = TextSplit.Of(corpus.Tokens, schedule.ValidationFraction);
        if (options.GetValue(BatchSize) is null)
            step = step with { BatchSize = preset.StreamsFor(split.Training.Length, step.SequenceLength) };
        split.CheckLength(corpus.Name, step.BatchSize, step.SequenceLength);
        if (step.BatchSize < rankCount)
            throw new CharRnnException(
                BatchSize.Name,
                string.Create(
                    CultureInfo.InvariantCulture, $"is {step.BatchSize}, and each of {rankCount} ranks needs a stream of its own"),
                "give more streams, or start fewer ranks");
        if (schedule.Iterations is null && options.GetValue(Epochs) is null)
            schedule = schedule with { Iterations = preset.StepsFor(split.Training.Length, shape, step.BatchSize, step.SequenceLength) };
        Schedule.RequireValidation(options, split.Validation.Length, TrainingEngine.MinValidationLength, "characters");
        if (resumed is not null && Finish(resumed, corpus, shape, step, schedule, split) is { } finish)
        {
            RunOptions.SayFinished(options, resumed, finish);
            return 0;
        }

        ParameterSet<float>? given = resumed?.Snapshot.Weights
            ?? (initial is null ? null : StartFrom(options, initial, corpus.Vocabulary, shape, schedule));
        ParameterSet<float> Weights() => given ?? InitialWeights.Create(shape, schedule.Seed); // once it is known that there is room
        ComputeDevice Open(DeviceSelection selection, int? workers, Func<ComputeDevice, string?> check)
        {
            ComputeDevice device = RunOptions.OpenDevice(
                options, check, earlier?.Root, resumed?.Configuration, selection, workers, profiling: ranks is not null);
            // What ranks of a machine share, RankEngine knows.
            long length = split.Training.Length;
            MemoryNeed need = ranks is null
                ? MemoryNeed.Require(shape, step, length, device)
                : MemoryNeed.Of(shape, step, length, rankCount);
            if (!Output.IsQuiet)
                Output.Note($"memory: {need} on {device.Name}");
            return device;
        }

        var setup = new RankSetup(RunOptions.DeviceOf(options), shape, step, split.Training.Length);
        using RankEngine trained = ranks is null
            ? RankEngine.Alone(
                Open(setup.Device, null, opened => DeviceVerification.QuickCheck(opened, shape, step)), Weights, split.Training, step)
            : RankEngine.Lead(
                ranks, setup, split.Training, Weights,
                (selection, workers) => Open(selection, workers, opened => Ranks.Check(opened, setup, ranks.Ranks)));
        ITextEngine engine = ranks is null
            ? trained.Engine
            : new LeadingEngine(trained.Engine, ranks, step);
        if (resumed is not null)
            engine.Restore(resumed.Snapshot.Engine);

        string name = resumed is null ? corpus.Name : NameOf(corpus, options.GetValue(Input) ?? [], resumed.Configuration);
        using RunDirectory? created = earlier is null ? RunOptions.Create(options) : null;
        RunDirectory run = earlier ?? created!;
        ITokenSource? validation = split.Validation.Length >= TrainingEngine.MinValidationLength
            ? split.Validation.Slice(0, Math.Min(split.Validation.Length, schedule.EvalLength))
            : null;
        if (!Output.IsQuiet)
            Introduce(
                (corpus, name), split, validation, schedule.TotalIterations(engine.StepsPerEpoch), trained.Engine, run, resumed?.Snapshot);
        var training = new TrainingRun(
            options, RunOptions, run, new TextLearner(engine, step, schedule, corpus.Vocabulary, validation),
            new CharacterDescription(corpus.Vocabulary), resumed?.Snapshot)
        {
            Words = ReportWords.OfText(step.BatchSize),
            SaveConfiguration = (learningRate, rates) => Verb.Save(
                run, options, trained.Device, Facts, (corpus, name),
                [
                    .. Optimizer.Resolved(step with { LearningRate = learningRate }), .. Schedule.Resolved(rates, schedule.Patience),
                    (Cell, SharedOptions.WordOf(shape.Cell)), (Layers, shape.Layers), (HiddenSize, shape.HiddenSize),
                    (BatchSize, step.BatchSize), (Iterations, schedule.Iterations),
                    (Epochs, schedule.Iterations is null ? schedule.Epochs : null),
                    (InitFrom, resumed is null ? options.GetValue(InitFrom) : InitFromOf(resumed.Configuration)),
                ]),
        };
        var warning = RateWarning.OfText(corpus.Vocabulary.Size, Output.Warning);
        using CancellationTokenSource limited = RunOptions.Stop(options, stop);
        TrainingOutcome outcome = training.Train(step.LearningRate, schedule, warning, limited.Token);
        if (!Output.IsQuiet)
            Output.Note(Farewell(outcome, training, run));
        return outcome == TrainingOutcome.Stopped ? Interrupts.ExitCode : 0;
    }

    private static string Farewell(TrainingOutcome outcome, TrainingRun training, RunDirectory run)
    {
        string sample = $"write text with: charrnn sample {ShellText.Quote(run.Root)}";
        return outcome switch
        {
            TrainingOutcome.Finished => $"done; {sample}",
            TrainingOutcome.StoppedEarly => string.Create(
                CultureInfo.InvariantCulture,
                $"stopped early: iteration {training.Best.Iteration} was the best, with {training.Best.ValidationLoss:F4} nats on the "
                + $"validation part; {sample} --best"),
            _ => $"stopped and saved; go on with: {Verb.Name} --resume --out {ShellText.Quote(run.Root)}",
        };
    }

    /// <summary>The sizes of the model, but for its characters: as given, or else those of the model that the run starts from.</summary>
    private static ModelShape ReadShape(ParseResult options, StepOptions step, ModelShape? initial)
    {
        bool IsOpen(Option option) => initial is not null && !IsGiven(options, option);
        return new ModelShape(
            1, IsOpen(HiddenSize) ? initial!.Value.HiddenSize : step.HiddenSize,
            IsOpen(Cell) ? initial!.Value.Cell : options.GetValue(Cell).Value,
            IsOpen(Layers) ? initial!.Value.Layers : options.GetValue(Layers)!.Value);
    }

    private static ModelShape Of(int vocabularySize, ModelShape sizes) =>
        new(vocabularySize, sizes.HiddenSize, sizes.Cell, sizes.Layers);

    private static Corpus ReadCorpus(ParseResult options, StepOptions step, ModelShape sizes, CancellationToken stop)
    {
        var how = new CorpusOptions
        {
            Encoding = options.GetValue(Encoding).Value,
            Cache = CacheOption.DirectoryOf(options.GetValue(Cache)) is { } cache ? new TokenCache(cache) : null,
            DescribeNeed = size => DescribeNeed(Of(size, sizes), step),
        };
        string[] inputs = options.GetValue(Input) ?? [];
        return SharedOptions.ReadText(
            reading => inputs.Length == 0
                ? Corpus.Read(SampleCorpus.Open(), SampleCorpus.Name, reading, stop)
                : Corpus.Read(inputs, reading, stop),
            how);
    }

    /// <summary>The text's name on a resume, which reads the files by their absolute paths, but calls them what the run did.</summary>
    private static string NameOf(Corpus corpus, string[] inputs, RunConfiguration saved) =>
        saved.Has(CorpusName) && saved.Has(TrainingVerb.InputName) && saved.GetTexts(TrainingVerb.InputName).SequenceEqual(inputs)
            ? saved.GetText(CorpusName)
            : corpus.Name;

    /// <summary>What a vocabulary would cost: weights, their gradients and moments, four bytes each.</summary>
    private static string DescribeNeed(ModelShape shape, StepOptions step)
    {
        double parameters = shape.ParameterCount;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"a model of {Describe(shape)} would need {parameters * sizeof(float) * (2 + step.Moments.Count) / 1e6:N0} MB");
    }

    /// <summary>The weights of --init-from, for the characters of this text.</summary>
    private static ParameterSet<float> StartFrom(
        ParseResult options, CharacterModel initial, Vocabulary vocabulary, ModelShape shape, TrainingSchedule schedule)
    {
        string path = RunSearch.FindModel(options.GetValue(InitFrom)!);
        ModelFile.RequireMaps(path, initial, vocabulary, shape);
        VocabularyTransfer transfer = VocabularyTransfer.Of(initial, vocabulary, schedule.Seed);
        if (!Output.IsQuiet && transfer.Describe(initial, vocabulary) is { } done)
            Output.Note($"{path}: {done}");
        return transfer.Weights;
    }

    private static bool IsGiven(ParseResult options, Option option) => options.GetResult(option) is { Implicit: false };

    private static void Introduce(
        (Corpus Corpus, string Name) text, TextSplit split, ITokenSource? validation, long iterations, TrainingEngine engine,
        RunDirectory run, TrainingSnapshot? resumeFrom)
    {
        (ModelShape shape, ComputeDevice device) = (engine.Model.Shape, engine.Model.Device);
        CultureInfo invariant = CultureInfo.InvariantCulture;
        Output.Note(string.Create(
            invariant,
            $"text: {text.Name}, {text.Corpus.Tokens.Length:N0} characters, {shape.VocabularySize} distinct; "
            + $"{split.Training.Length:N0} to train on"));
        if (validation is null && split.Validation.Length > 0)
            Output.Note(string.Create(invariant, $"validation: none, its {split.Validation.Length} characters are too few to measure on"));
        if (validation is not null && validation.Length < split.Validation.Length)
            Output.Note(string.Create(
                invariant,
                $"validation: the first {validation.Length:N0} of {split.Validation.Length:N0} characters; --eval-length changes it"));
        Output.Note(string.Create(invariant, $"model: {Describe(shape)}, {shape.ParameterCount:N0} parameters"));
        Output.Note($"device: {device.Name} ({DeviceCatalog.IdOf(device.Kind)}); {engine.Plan.Reason}");
        Output.Note(string.Create(invariant, $"training: {iterations:N0} iterations, {engine.StepsPerEpoch:N0} an epoch"));
        Output.Note(string.Create(
            invariant, $"run: {run.Root}{(resumeFrom is null ? "" : $", resumed at iteration {resumeFrom.Iteration}")}"));
    }

    /// <summary>The layers of a model, for people.</summary>
    public static string Describe(ModelShape shape) => shape switch
    {
        { Cell: RecurrentCell.Rnn, Layers: 1 } => $"{shape.HiddenSize} hidden units",
        _ => $"{shape.Layers} {SharedOptions.WordOf(shape.Cell)} layer{(shape.Layers > 1 ? "s" : "")} of {shape.HiddenSize} units",
    };

    private static StepOptions ReadStep(ParseResult options) => Optimizer.Read(
        options, rule => Preset.Classic.Step with { Optimizer = rule }) with
    {
        HiddenSize = options.GetValue(HiddenSize)!.Value,
        SequenceLength = options.GetValue(SequenceLength)!.Value,
        BatchSize = options.GetValue(BatchSize) ?? Preset.Classic.Step.BatchSize,
        Dropout = options.GetValue(Dropout)!.Value,
        Seed = options.GetValue(Seed)!.Value,
    };

    private static TrainingSchedule ReadSchedule(ParseResult options) => new()
    {
        Iterations = options.GetValue(Iterations),
        Epochs = options.GetValue(Epochs) ?? ScheduleDefaults.Epochs,
        Seed = options.GetValue(Seed)!.Value,
        ValidationFraction = options.GetValue(ValidationFraction)!.Value,
        LogEvery = options.GetValue(RunOptions.LogEvery)!.Value,
        SampleEvery = options.GetValue(SampleEvery)!.Value,
        SampleLength = options.GetValue(SampleLength)!.Value,
        EvalEvery = options.GetValue(RunOptions.EvalEvery)!.Value,
        EvalLength = options.GetValue(EvalLength)!.Value,
        Patience = Schedule.ReadPatience(options),
        CheckpointEvery = options.GetValue(RunOptions.CheckpointEvery)!.Value,
        LearningRates = Schedule.Read(options),
    };

    /// <summary>The model that a run started from.</summary>
    private static string? InitFromOf(RunConfiguration saved) => saved.Has("init-from") ? saved.GetText("init-from") : null;

    /// <summary>Checks that a run can go on, and says how it is finished; null if it is not.</summary>
    /// <exception cref="CharRnnException">Text, configuration and checkpoint do not fit each other.</exception>
    private static string? Finish(
        EarlierRun run, Corpus corpus, ModelShape shape, StepOptions step, TrainingSchedule schedule, TextSplit split)
    {
        run.RequireSameData(
            corpus.Name, "text", "corpus-hash", corpus.Hash, "start a new run in another --out, with --init-from to keep the weights");
        Vocabulary vocabulary = run.Describe<CharacterDescription>().Vocabulary;
        ModelFile.RequireFits(run.CheckpointPath, new CharacterModel(vocabulary, run.Snapshot.Weights), corpus.Vocabulary, shape);
        var state = (TextState)run.Snapshot.Engine;
        if (state.BatchSize != step.BatchSize)
            throw run.Foreign($"has {state.BatchSize} streams, and the run's config.json says {step.BatchSize}");
        var cursor = new StreamCursor(split.Training.Length / step.BatchSize, step.SequenceLength);
        if (state.Position > cursor.StreamLength)
            throw run.Foreign($"is at position {state.Position} in streams of {cursor.StreamLength} characters");
        string anew = $"start a new run from its weights with --init-from {ShellText.Quote(run.Directory)} and another --out";
        return run.Finish(step, schedule, cursor.StepsPerEpoch, "--iterations and --epochs", anew);
    }
}
