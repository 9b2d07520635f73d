using System.CommandLine;
using System.Globalization;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn train</c>: from text to a trained model in a run's directory.</summary>
internal static class TrainCommand
{
    private static readonly StepOptions StepDefaults = new();
    private static readonly TrainingSchedule ScheduleDefaults = new();
    private static readonly LearningRateSchedule RateDefaults = new();

    // The rate is halved each time: a run that needs more rollbacks has another problem.
    private const int MaxRollbacks = 10;

    // A directory of this name is given as ./none.
    private const string NoCache = "none";

    public static readonly Argument<string[]> Input = new("INPUT")
    {
        Description = "Files, directories or globs, joined in ordinal order; - reads stdin. Without INPUT, the sources of this program.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<string> Out = new("--out") { Description = "The run's directory [default: runs/<time>].", HelpName = "DIR" };
    private static readonly Option<int?> HiddenSize = Size("--hidden-size", StepDefaults.HiddenSize, "H, the number of hidden units.");
    private static readonly Option<int?> SequenceLength = Size("--seq-length", StepDefaults.SequenceLength, "T, the number of characters that a gradient reaches back.");
    private static readonly Option<int?> BatchSize = Size("--batch-size", StepDefaults.BatchSize, "B, the number of streams of the text that are trained at once.");
    private static readonly OptimizerOptions Optimizer = new(StepDefaults);
    private static readonly Option<Choice<LearningRateDecay>> Schedule = SharedOptions.OneOf<LearningRateDecay>(
        "--schedule",
        "How the learning rate changes: cosine and linear reach the minimum at the last step, so their runs can only be resumed to the "
        + "same end; exponential and step multiply the rate by --decay in every --decay-every steps, gradually or at once; plateau does "
        + "so when the validation loss does not improve.",
        new("constant", LearningRateDecay.Constant), new("cosine", LearningRateDecay.Cosine), new("linear", LearningRateDecay.Linear),
        new("exponential", LearningRateDecay.Exponential), new("step", LearningRateDecay.Step), new("plateau", LearningRateDecay.Plateau));
    private static readonly Option<long?> Warmup = SharedOptions.WholeNumber<long>(
        "--warmup", RateDefaults.Warmup, 0, "Number of steps at the start in which the learning rate rises from 0.");
    private static readonly Option<double?> MinLearningRate = SharedOptions.Number<double>(
        "--min-learning-rate", RateDefaults.MinLearningRate, "a number from 0", Limits.IsNotNegative,
        "The learning rate below which no schedule goes.");
    private static readonly Option<double?> Decay = SharedOptions.Number<double>(
        "--decay", RateDefaults.Decay, "a number over 0, at most 1", Limits.IsProbability,
        "The factor by which exponential, step and plateau multiply the learning rate.");
    private static readonly Option<long?> DecayEvery = SharedOptions.WholeNumber<long>(
        "--decay-every", null, 1, "Number of steps in which exponential and step multiply the learning rate by --decay once.");
    private static readonly Option<long?> DecayPatience = SharedOptions.WholeNumber<long>(
        "--decay-patience", RateDefaults.DecayPatience, 1,
        "Number of measurements in a row without improvement after which plateau multiplies the learning rate by --decay.");
    private static readonly Option<long?> Iterations = SharedOptions.WholeNumber<long>("--iterations", null, 1, "Total number of steps, counted from the start of the run also after --resume [default: set by --epochs].");
    private static readonly Option<long?> Epochs = SharedOptions.WholeNumber<long>("--epochs", ScheduleDefaults.Epochs, 1, "Total number of passes over the text, unless --iterations is given.");
    private static readonly Option<ulong?> Seed = SharedOptions.WholeNumber<ulong>("--seed", ScheduleDefaults.Seed, 0, "Seed for the initial weights and the samples.");
    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();
    private static readonly Option<Choice<TextEncoding>> Encoding = SharedOptions.Encoding();
    private static readonly Option<string> InitFrom = new("--init-from") { Description = "The model whose weights the run starts from; they are mapped to this text by character.", HelpName = "MODEL" };
    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on with the run in --out, exactly where it stopped." };
    private static readonly Option<bool> Overwrite = new("--overwrite") { Description = "Replace the run that --out holds." };
    private static readonly Option<double?> ValidationFraction = SharedOptions.Number<double>(
        "--val-fraction", ScheduleDefaults.ValidationFraction, "a number from 0, below 1", Limits.IsPart, "The share of the text, at its end, that is measured on and not trained on.");
    private static readonly Option<long?> LogEvery = Cadence(
        "--log-every", ScheduleDefaults.LogEvery, "Number of iterations between reports; 0 reports only at the end.");
    private static readonly Option<long?> SampleEvery = Cadence(
        "--sample-every", ScheduleDefaults.SampleEvery, "Number of iterations between samples, one of which is written at the end; 0 writes none.");
    private static readonly Option<int?> SampleLength = SharedOptions.WholeNumber<int>("--sample-length", ScheduleDefaults.SampleLength, 1, "Number of characters in a sample.");
    private static readonly Option<long?> EvalEvery = Cadence(
        "--eval-every", ScheduleDefaults.EvalEvery, "Number of iterations between measurements on the validation part; 0 measures only at the end.");
    private static readonly Option<long?> EvalLength = SharedOptions.WholeNumber<long>(
        "--eval-length", ScheduleDefaults.EvalLength, TrainingEngine.MinValidationLength, "The largest number of characters of the validation part to measure on, from its start.");
    private static readonly Option<long?> Patience = SharedOptions.WholeNumber<long>(
        "--patience", ScheduleDefaults.Patience, 0,
        "End training after this many measurements in a row without a better validation loss; 0 never does.");
    private static readonly Option<long?> CheckpointEvery = Cadence("--checkpoint-every", ScheduleDefaults.CheckpointEvery, "Number of iterations between saves; 0 saves only at the end.");
    private static readonly Option<int?> KeepCheckpoints = SharedOptions.WholeNumber<int>("--keep-checkpoints", 2, 1, "Number of checkpoints to keep, including the last one.");
    private static readonly Option<Choice<bool>> OnDivergence = SharedOptions.OneOf<bool>(
        "--on-divergence", "What to do when the loss is not finite or absurdly high: stop, or go back to the last checkpoint with half the learning rate.", new("stop", false), new("rollback", true));
    private static readonly Option<bool> TensorBoard = new("--tensorboard") { Description = "Also write the curves for TensorBoard, below the run's directory." };
    private static readonly Option<string> Config = new("--config") { Description = "A JSON file of these options, named without dashes; - reads stdin. Options on the command line take precedence.", HelpName = "FILE" };
    private static readonly Option<string> Cache = new("--cache")
    {
        Description = "Where to keep the tokens of files over 256 MB for the next start; none does not keep them [default: the system's folder for caches].",
        HelpName = "DIR|none",
    };
    private static readonly Option<bool> Verbose = SharedOptions.Verbose();
    private static readonly Option<bool> Json = SharedOptions.Json();

    /// <summary>Options that a resumed run keeps, by name.</summary>
    public static readonly string[] FixedOptions =
    [
        "hidden-size", "seq-length", "batch-size",
        .. Optimizer.Names, "schedule", "warmup", "min-learning-rate", "decay", "decay-every", "decay-patience",
        "seed", "encoding", "val-fraction", "eval-length",
    ];

    // The schedules that use each option besides the learning rate and its warm-up.
    private static readonly (Option Option, LearningRateDecay[] Schedules)[] ScheduleOptions =
    [
        (MinLearningRate, [.. Enum.GetValues<LearningRateDecay>().Where(decay => decay != LearningRateDecay.Constant)]),
        (Decay, [LearningRateDecay.Exponential, LearningRateDecay.Step, LearningRateDecay.Plateau]),
        (DecayEvery, [LearningRateDecay.Exponential, LearningRateDecay.Step]),
        (DecayPatience, [LearningRateDecay.Plateau]),
    ];

    /// <summary>Options that a resumed run takes from its config.json where the command line is silent.</summary>
    public static readonly string[] SavedOptions =
    [
        .. FixedOptions, "input", "iterations", "epochs", "device", "log-every", "sample-every", "sample-length", "eval-every", "patience",
        "checkpoint-every", "keep-checkpoints", "on-divergence", "cache", "tensorboard",
    ];

    /// <summary>What a run's config.json records besides its options: it can be given as a --config, too.</summary>
    public static readonly string[] RecordedNames = ["kind", "version", "corpus", "corpus-hash", "vocabulary-size", "corpus-characters", "unigram-entropy", "bigram-entropy", "device-name"];

    public static Command Create()
    {
        var command = new Command("train", """
            Trains a model on text and keeps it in a directory: model, checkpoint, metrics and samples.

            Example: charrnn train book.txt --out runs/book --hidden-size 128 --batch-size 50 --seq-length 50 --learning-rate 0.04 --epochs 20
            """)
        {
            Input, Out, HiddenSize, SequenceLength, BatchSize,
            Schedule, Warmup, MinLearningRate, Decay, DecayEvery, DecayPatience,
            Iterations, Epochs, Seed, Device, Encoding, InitFrom, Resume, Overwrite,
            ValidationFraction, LogEvery, SampleEvery, SampleLength, EvalEvery, EvalLength, Patience, CheckpointEvery, KeepCheckpoints,
            OnDivergence, Cache, TensorBoard, Config, Verbose, SharedOptions.Quiet(), Json,
        };
        foreach (Option option in Optimizer.All.Reverse())
            command.Options.Insert(4, option);
        command.Validators.Add(result =>
        {
            if (result.GetValue(Resume) && result.GetResult(Out) is null)
                result.AddError("--resume: does not say which run to go on with; give its directory as --out");
            if (result.GetValue(Resume) && result.GetValue(Overwrite))
                result.AddError("--overwrite: is given with --resume; give one of them");
            if (result.GetValue(Resume) && result.GetResult(InitFrom) is not null)
                result.AddError("--init-from: is given with --resume, and a resumed run has its weights; leave it out");
            if (result.GetResult(Iterations) is not null && result.GetResult(Epochs) is { Implicit: false })
                result.AddError("--epochs: is given with --iterations; give one of them");
        });
        command.SetAction(Run);
        return command;
    }

    private static bool Uses(LearningRateDecay schedule, Option option) =>
        ScheduleOptions.First(used => used.Option == option).Schedules.Contains(schedule);

    /// <summary>Checks options that depend on each other.</summary>
    /// <exception cref="UsageException">They contradict each other.</exception>
    private static void CheckSchedule(ParseResult options)
    {
        Choice<LearningRateDecay> schedule = options.GetValue(Schedule);
        foreach ((Option option, LearningRateDecay[] users) in ScheduleOptions)
            if (options.GetResult(option) is { Implicit: false } && !users.Contains(schedule.Value))
                throw new UsageException(
                    $"{option.Name}: is not used by --schedule {schedule}; "
                    + $"leave it out, or give --schedule {string.Join(" or ", users).ToLowerInvariant()}");
        if (Uses(schedule.Value, DecayEvery) && options.GetResult(DecayEvery) is null)
            throw new UsageException(
                $"{DecayEvery.Name}: is missing, and --schedule {schedule} needs it; "
                + "give the steps in which the rate is multiplied by --decay");
        if (options.GetValue(MinLearningRate) is { } least && ReadStep(options).LearningRate is var rate && least > rate)
            throw new UsageException(string.Create(
                CultureInfo.InvariantCulture,
                $"{MinLearningRate.Name}: is {least}, above the --learning-rate of {rate}; give a smaller one"));
        if (Measuring(options) is not { } measuring)
            return;
        if (options.GetValue(ValidationFraction) == 0)
            throw new UsageException($"{measuring}: needs a validation part to measure on; give a --val-fraction over 0");
        if (options.GetValue(EvalEvery) == 0)
            throw new UsageException($"{measuring}: needs measurements on the way; give an --eval-every over 0");
    }

    /// <summary>The option that needs measurements; null if there is none.</summary>
    private static string? Measuring(ParseResult options) =>
        options.GetValue(Schedule).Value == LearningRateDecay.Plateau ? "--schedule plateau"
        : options.GetValue(Patience) > 0 ? "--patience"
        : null;

    private static int Run(ParseResult options)
    {
        CheckSchedule(options);
        CancellationToken stop = Interrupts.Watch();
        return options.GetValue(Resume) ? ResumeRun(options, stop) : StartRun(options, stop);
    }

    private static int StartRun(ParseResult options, CancellationToken stop)
    {
        StepOptions step = ReadStep(options);
        TrainingSchedule schedule = ReadSchedule(options);
        CharacterModel? initial = options.GetValue(InitFrom) is { } path ? SharedOptions.LoadModel(path, best: false) : null;
        if (initial is not null && options.GetResult(HiddenSize) is null or { Implicit: true })
            step = step with { HiddenSize = initial.Shape.HiddenSize };

        using Corpus corpus = ReadCorpus(options, step, stop);
        ParameterSet<float>? start = initial is null ? null : StartFrom(options, initial, corpus.Vocabulary, step, schedule);
        TextSplit split = Split(corpus, step, schedule);
        RequireValidation(options, split);
        var shape = new ModelShape(corpus.Vocabulary.Size, step.HiddenSize);
        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device));
        RequireMemory(shape, step, split, device);

        // Everything that may fail comes before the directory, because --overwrite removes an older run.
        using var model = new DeviceModel(device, start ?? InitialWeights.Create(shape, schedule.Seed));
        using var engine = new TrainingEngine(model, split.Training, step);
        using RunDirectory run = RunDirectory.Create(options.GetValue(Out) ?? SharedOptions.NewRunDirectory(), options.GetValue(Overwrite));
        SaveConfiguration(options, step, schedule, corpus, device, run, options.GetValue(InitFrom));
        return Train(options, step, schedule, corpus, split, engine, run, options.GetValue(InitFrom), null, stop);
    }

    private static int ResumeRun(ParseResult options, CancellationToken stop)
    {
        StepOptions step = ReadStep(options);
        TrainingSchedule schedule = ReadSchedule(options);
        string directory = options.GetValue(Out)!;
        using RunDirectory run = RunDirectory.Resume(directory);
        Checkpoint checkpoint = run.LoadCheckpoint(Output.Warning);
        RunConfiguration saved = RunConfiguration.Read(run.ConfigurationPath);

        using Corpus corpus = ReadCorpus(options, step, stop);
        if (saved.Has("corpus-hash") && saved.GetText("corpus-hash") != corpus.Hash)
            throw new CharRnnException(
                corpus.Name, $"is not the text that {directory} was trained on (hash {corpus.Hash}, was {saved.GetText("corpus-hash")})",
                "give the same text, or start a new run in another --out, with --init-from to keep the weights");
        ModelFile.RequireFits(run.CheckpointPath, checkpoint.Model, corpus.Vocabulary, step.HiddenSize);
        if (checkpoint.Snapshot.BatchSize != step.BatchSize)
            throw new CharRnnException(
                run.CheckpointPath, $"has {checkpoint.Snapshot.BatchSize} streams, and {run.ConfigurationPath} says {step.BatchSize}",
                "restore the config.json that the run wrote");
        if (!checkpoint.Snapshot.Moments.Select(moment => moment.Name).SequenceEqual(step.Moments))
            throw new CharRnnException(
                run.CheckpointPath, $"was written with another optimizer than {run.ConfigurationPath} says",
                "restore the config.json that the run wrote");
        TextSplit split = Split(corpus, step, schedule);
        var cursor = new StreamCursor(split.Training.Length / step.BatchSize, step.SequenceLength);
        if (checkpoint.Snapshot.Position > cursor.StreamLength)
            throw new CharRnnException(
                run.CheckpointPath, $"is at position {checkpoint.Snapshot.Position} in streams of {cursor.StreamLength} characters",
                "restore the config.json and the checkpoint that the run wrote");

        RequireValidation(options, split);
        long total = schedule.TotalIterations(cursor.StepsPerEpoch);
        RequireSameTotal(directory, schedule, saved, cursor.StepsPerEpoch);
        if (Finish(directory, schedule, checkpoint.Snapshot, total) is { } finish)
        {
            if (!Output.IsQuiet)
                Output.Note($"{directory}: is finished{finish}");
            return 0;
        }

        ModelShape shape = checkpoint.Model.Shape;
        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device));
        if (!Output.IsQuiet && saved.Has("device-name") && saved.GetText("device-name") is var before && before != device.Name)
            Output.Note($"{directory}: was trained on {before} and goes on with {device.Name}, whose results differ in the last digits");
        RequireMemory(shape, step, split, device);
        using var model = new DeviceModel(device, checkpoint.Snapshot.Weights);
        using var engine = new TrainingEngine(model, split.Training, step);
        engine.Restore(checkpoint.Snapshot.Engine);
        string? initFrom = saved.Has("init-from") ? saved.GetText("init-from") : null;
        SaveConfiguration(options, step, schedule, corpus, device, run, initFrom);
        return Train(options, step, schedule, corpus, split, engine, run, initFrom, checkpoint.Snapshot, stop);
    }

    /// <summary>Says how a run is finished, and what would make it go on; null if it is not finished.</summary>
    private static string? Finish(string directory, TrainingSchedule schedule, TrainingSnapshot snapshot, long total)
    {
        // The snapshot was taken before the measurement at which training stopped early, so it does not count that one.
        if (snapshot.EndedBy == TrainingOutcome.StoppedEarly && snapshot.Iteration < total)
        {
            long waited = snapshot.EvaluationsSinceBest + 1;
            return schedule.Patience > 0 && waited >= schedule.Patience
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $": it stopped early at iteration {snapshot.Iteration}; give a --patience over {waited}, or 0, to go on")
                : null;
        }

        if (snapshot.Iteration < total || (snapshot.EndedBy is null && snapshot.EventsDue))
            return null;
        string remedy = schedule.LearningRates.DependsOnTotal
            ? $"its schedule has ended; start a new run from its weights with --init-from {ShellText.Quote(directory)} and another --out"
            : "give more --iterations or --epochs to go on";
        return string.Create(CultureInfo.InvariantCulture, $" at iteration {snapshot.Iteration}; {remedy}");
    }

    /// <summary>
    /// Refuses another number of steps if the learning rates depend on it: the first half of such a run would be different.
    /// </summary>
    private static void RequireSameTotal(string directory, TrainingSchedule schedule, RunConfiguration saved, long stepsPerEpoch)
    {
        if (!schedule.LearningRates.DependsOnTotal)
            return;
        TrainingSchedule begun = schedule with { Iterations = Number("iterations"), Epochs = Number("epochs") ?? ScheduleDefaults.Epochs };
        (long before, long now) = (begun.TotalIterations(stepsPerEpoch), schedule.TotalIterations(stepsPerEpoch));
        if (before != now)
            throw new CharRnnException(
                directory,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"has a {saved.GetText("schedule")} schedule over {before} iterations, which cannot become {now}"),
                "leave --iterations and --epochs out, or start a new run from its weights with "
                + $"--init-from {ShellText.Quote(directory)} and another --out");

        long? Number(string name) => saved.Has(name)
            && long.TryParse(saved.GetOptionText(name), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
    }

    private static void RequireValidation(ParseResult options, TextSplit split)
    {
        if (Measuring(options) is { } measuring && split.Validation.Length < TrainingEngine.MinValidationLength)
            throw new CharRnnException(
                measuring,
                $"needs a validation part of at least {TrainingEngine.MinValidationLength} characters, and there are {split.Validation.Length}",
                "give a longer text or a larger --val-fraction");
    }

    private static int Train(
        ParseResult options, StepOptions step, TrainingSchedule schedule, Corpus corpus, TextSplit split, TrainingEngine engine,
        RunDirectory run, string? initFrom, TrainingSnapshot? resumeFrom, CancellationToken stop)
    {
        ITokenSource? validation = split.Validation.Length >= TrainingEngine.MinValidationLength
            ? split.Validation.Slice(0, Math.Min(split.Validation.Length, schedule.EvalLength))
            : null;
        if (!Output.IsQuiet)
            Introduce(corpus, split, validation, schedule.TotalIterations(engine.Cursor.StepsPerEpoch), engine, run, resumeFrom);

        // A run that diverges before its first checkpoint goes back to this state.
        EngineState? start = options.GetValue(OnDivergence).Value && !File.Exists(run.CheckpointPath) ? engine.ReadState() : null;
        for (int rollbacks = 0; ; rollbacks++)
        {
            if (rollbacks > 0 && resumeFrom is null)
            {
                run.TruncateLogs(0, 0);
                run.TakeBackBest(hadBest: false);
            }

            // min-char-rnn has one stream, and its smoothed loss is there to be compared; with more it lags far behind training.
            bool smoothed = step.BatchSize == 1;
            TensorBoardLog? tensorBoard = options.GetValue(TensorBoard)
                ? new TensorBoardLog(run.TensorBoardPath, resumeFrom, smoothed, TimeProvider.System)
                : null;
            int keep = options.GetValue(KeepCheckpoints)!.Value;
            using var recorder = new RunRecorder(run, corpus.Vocabulary, resumeFrom, keep, Output.Warning, tensorBoard);
            var loop = new TrainingLoop(engine, step, schedule, corpus.Vocabulary, validation, resumeFrom);
            bool json = options.GetValue(Json);
            var report = new ReportWriter(run.Root, Output.Warning);
            var rate = new RateWarning(corpus.Vocabulary.Size, Output.Warning);
            TrainingScreen? screen = !Output.IsQuiet && !json && Output.LiveConsole(isError: false) is { } console
                ? new TrainingScreen(console, corpus.Vocabulary, resumeFrom, smoothed)
                : null;
            TrainingOutcome outcome = Output.Timed("training", () => screen is null
                ? loop.Run(new ObserverList(recorder, report, rate, new TrainingDisplay(corpus.Vocabulary, json, smoothed)), stop)
                : screen.Run(() => loop.Run(new ObserverList(recorder, report, rate, screen), stop)));
            report.Write();
            if (outcome != TrainingOutcome.Diverged)
            {
                recorder.RequireSaved();
                if (!Output.IsQuiet)
                    Output.Note(outcome switch
                    {
                        TrainingOutcome.Finished => $"done; write text with: charrnn sample {ShellText.Quote(run.Root)}",
                        TrainingOutcome.StoppedEarly => string.Create(
                            CultureInfo.InvariantCulture,
                            $"stopped early: iteration {loop.Best.Iteration} was the best, with {loop.Best.ValidationLoss:F4} nats on the ")
                            + $"validation part; write text with: charrnn sample {ShellText.Quote(run.Root)} --best",
                        _ => $"stopped and saved; go on with: charrnn train --resume --out {ShellText.Quote(run.Root)}",
                    });
                return outcome == TrainingOutcome.Stopped ? Interrupts.ExitCode : 0;
            }

            bool saved = File.Exists(run.CheckpointPath);
            double half = step.LearningRate / 2;
            if (!options.GetValue(OnDivergence).Value || rollbacks == MaxRollbacks || (float)half == 0)
                throw new CharRnnException(
                    run.Root, $"training diverged: {loop.Divergence}, {(saved ? "so the last checkpoint and model are kept" : "before the first checkpoint")}",
                    $"start anew with {(saved ? "--overwrite and " : "")}a lower --learning-rate or --clip");

            step = step with { LearningRate = half };
            LearningRateSchedule rates = schedule.LearningRates;
            schedule = schedule with { LearningRates = rates with { MinLearningRate = rates.MinLearningRate / 2 } };
            resumeFrom = saved ? CheckpointFile.Load(run.CheckpointPath).Snapshot : null;
            engine.Restore(resumeFrom?.Engine ?? start!);
            SaveConfiguration(options, step, schedule, corpus, engine.Model.Device, run, initFrom);
            Output.Warning(string.Create(
                CultureInfo.InvariantCulture,
                $"training diverged: {loop.Divergence}; going on from {(resumeFrom is null ? "the start" : $"the checkpoint of iteration {resumeFrom.Iteration}")} with --learning-rate {step.LearningRate}"));
        }
    }

    private static Corpus ReadCorpus(ParseResult options, StepOptions step, CancellationToken stop)
    {
        var corpusOptions = new CorpusOptions { Encoding = options.GetValue(Encoding).Value, HiddenSize = step.HiddenSize, Cache = OpenCache(options) };
        string[] inputs = options.GetValue(Input) ?? [];
        return SharedOptions.ReadText(
            how => inputs.Length == 0 ? Corpus.Read(SampleCorpus.Open(), SampleCorpus.Name, how, stop) : Corpus.Read(inputs, how, stop), corpusOptions);
    }

    /// <summary>The weights of --init-from, for the characters of this text.</summary>
    private static ParameterSet<float> StartFrom(ParseResult options, CharacterModel initial, Vocabulary vocabulary, StepOptions step, TrainingSchedule schedule)
    {
        string path = RunDirectory.FindModel(options.GetValue(InitFrom)!);
        ModelFile.RequireMaps(path, initial, vocabulary, step.HiddenSize);
        VocabularyTransfer transfer = VocabularyTransfer.Of(initial, vocabulary, schedule.Seed);
        if (!Output.IsQuiet && transfer.Describe(initial, vocabulary) is { } done)
            Output.Note($"{path}: {done}");
        return transfer.Weights;
    }

    private static TokenCache? OpenCache(ParseResult options) =>
        (CachePath(options) ?? TokenCache.DefaultDirectory) is { } directory and not NoCache ? new TokenCache(directory) : null;

    /// <summary>The directory of --cache as an absolute path; null if it is not given.</summary>
    private static string? CachePath(ParseResult options)
    {
        string? given = options.GetValue(Cache);
        try
        {
            return given is null or NoCache ? given : Path.GetFullPath(given);
        }
        catch (ArgumentException e)
        {
            throw new CharRnnException("--cache", "is not a path", "give a directory, or none", e);
        }
    }

    private static TextSplit Split(Corpus corpus, StepOptions step, TrainingSchedule schedule)
    {
        TextSplit split = TextSplit.Of(corpus.Tokens, schedule.ValidationFraction);
        split.CheckLength(corpus.Name, step.BatchSize, step.SequenceLength);
        return split;
    }

    private static void Introduce(
        Corpus corpus, TextSplit split, ITokenSource? validation, long iterations, TrainingEngine engine, RunDirectory run, TrainingSnapshot? resumeFrom)
    {
        (ModelShape shape, ComputeDevice device) = (engine.Model.Shape, engine.Model.Device);
        CultureInfo invariant = CultureInfo.InvariantCulture;
        Output.Note(string.Create(invariant, $"text: {corpus.Name}, {corpus.Tokens.Length:N0} characters, {shape.VocabularySize} distinct; {split.Training.Length:N0} to train on"));
        if (validation is null && split.Validation.Length > 0)
            Output.Note(string.Create(invariant, $"validation: none, its {split.Validation.Length} characters are too few to measure on"));
        if (validation is not null && validation.Length < split.Validation.Length)
            Output.Note(string.Create(invariant, $"validation: the first {validation.Length:N0} of {split.Validation.Length:N0} characters; --eval-length changes it"));
        Output.Note(string.Create(invariant, $"model: {shape.HiddenSize} hidden units, {shape.ParameterCount:N0} parameters"));
        Output.Note($"device: {device.Name} ({DeviceCatalog.IdOf(device.Kind)}); {engine.Plan.Reason}");
        Output.Note(string.Create(invariant, $"training: {iterations:N0} iterations, {engine.Cursor.StepsPerEpoch:N0} an epoch"));
        Output.Note(resumeFrom is null ? $"run: {run.Root}" : string.Create(invariant, $"run: {run.Root}, resumed at iteration {resumeFrom.Iteration}"));
    }

    private static void RequireMemory(ModelShape shape, StepOptions step, TextSplit split, ComputeDevice device)
    {
        MemoryNeed need = MemoryNeed.Require(shape, step, split.Training.Length, device);
        if (!Output.IsQuiet)
            Output.Note($"memory: {need} on {device.Name}");
    }

    private static StepOptions ReadStep(ParseResult options) => Optimizer.Read(options, StepDefaults) with
    {
        HiddenSize = options.GetValue(HiddenSize)!.Value,
        SequenceLength = options.GetValue(SequenceLength)!.Value,
        BatchSize = options.GetValue(BatchSize)!.Value,
    };

    private static TrainingSchedule ReadSchedule(ParseResult options) => new()
    {
        Iterations = options.GetValue(Iterations),
        Epochs = options.GetValue(Epochs)!.Value,
        Seed = options.GetValue(Seed)!.Value,
        ValidationFraction = options.GetValue(ValidationFraction)!.Value,
        LogEvery = options.GetValue(LogEvery)!.Value,
        SampleEvery = options.GetValue(SampleEvery)!.Value,
        SampleLength = options.GetValue(SampleLength)!.Value,
        EvalEvery = options.GetValue(EvalEvery)!.Value,
        EvalLength = options.GetValue(EvalLength)!.Value,
        Patience = options.GetValue(Patience)!.Value,
        CheckpointEvery = options.GetValue(CheckpointEvery)!.Value,
        LearningRates = new()
        {
            Kind = options.GetValue(Schedule).Value,
            Warmup = options.GetValue(Warmup)!.Value,
            MinLearningRate = options.GetValue(MinLearningRate)!.Value,
            Decay = options.GetValue(Decay)!.Value,
            DecayEvery = options.GetValue(DecayEvery) ?? RateDefaults.DecayEvery,
            DecayPatience = options.GetValue(DecayPatience)!.Value,
        },
    };

    private static void SaveConfiguration(
        ParseResult options, StepOptions step, TrainingSchedule schedule, Corpus corpus, ComputeDevice device, RunDirectory run, string? initFrom)
    {
        var configuration = new RunConfiguration { Kind = RunKind.Text };
        configuration.Set("version", VersionAction.Version);
        configuration.Set("input", [.. (options.GetValue(Input) ?? []).Select(i => StandardStreams.IsInput(i) ? i : Path.GetFullPath(i))]); // a resume may come from another directory
        configuration.Set("corpus", corpus.Name);
        configuration.Set("corpus-hash", corpus.Hash);
        configuration.Set("vocabulary-size", corpus.Vocabulary.Size);
        configuration.Set("corpus-characters", corpus.Tokens.Length);
        configuration.Set("unigram-entropy", corpus.Statistics.UnigramEntropy);
        configuration.Set("bigram-entropy", corpus.Statistics.BigramEntropy);
        configuration.Set("hidden-size", step.HiddenSize);
        configuration.Set("seq-length", step.SequenceLength);
        configuration.Set("batch-size", step.BatchSize);
        Optimizer.Save(configuration, step);
        LearningRateSchedule rates = schedule.LearningRates;
        configuration.Set("schedule", options.GetValue(Schedule).Word);
        configuration.Set("warmup", rates.Warmup);
        if (Uses(rates.Kind, MinLearningRate))
            configuration.Set("min-learning-rate", rates.MinLearningRate);
        if (Uses(rates.Kind, Decay))
            configuration.Set("decay", rates.Decay);
        if (Uses(rates.Kind, DecayEvery))
            configuration.Set("decay-every", rates.DecayEvery);
        if (Uses(rates.Kind, DecayPatience))
            configuration.Set("decay-patience", rates.DecayPatience);
        if (schedule.Iterations is { } iterations)
            configuration.Set("iterations", iterations);
        configuration.Set("epochs", schedule.Epochs);
        configuration.Set("seed", schedule.Seed.ToString(CultureInfo.InvariantCulture));
        configuration.Set("device", options.GetValue(Device).ToString());
        configuration.Set("device-name", device.Name);
        configuration.Set("encoding", options.GetValue(Encoding).Word);
        if (initFrom is not null)
            configuration.Set("init-from", initFrom);
        configuration.Set("val-fraction", schedule.ValidationFraction);
        configuration.Set("log-every", schedule.LogEvery);
        configuration.Set("sample-every", schedule.SampleEvery);
        configuration.Set("sample-length", schedule.SampleLength);
        configuration.Set("eval-every", schedule.EvalEvery);
        configuration.Set("eval-length", schedule.EvalLength);
        configuration.Set("patience", schedule.Patience);
        configuration.Set("checkpoint-every", schedule.CheckpointEvery);
        configuration.Set("keep-checkpoints", options.GetValue(KeepCheckpoints)!.Value);
        configuration.Set("on-divergence", options.GetValue(OnDivergence).Word);
        if (CachePath(options) is { } cache)
            configuration.Set("cache", cache);
        if (options.GetValue(TensorBoard))
            configuration.Set("tensorboard", true);
        configuration.Write(run.ConfigurationPath);
    }

    private static Option<int?> Size(string name, int value, string description) => SharedOptions.WholeNumber<int>(name, value, 1, description);

    private static Option<long?> Cadence(string name, long value, string description) => SharedOptions.WholeNumber<long>(name, value, 0, description);
}
