using System.CommandLine;
using System.Globalization;
using CharRnn.Exchange;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn train</c>: from text to a trained model in a run's directory.</summary>
internal static class TrainCommand
{
    private static readonly StepOptions StepDefaults = new();
    private static readonly TrainingSchedule ScheduleDefaults = new();

    // Half the rate each time: a run that needs more of them has another trouble.
    private const int MaxRollbacks = 10;

    // A directory of this name is given as ./none.
    private const string NoCache = "none";

    public static readonly Argument<string[]> Input = new("INPUT")
    {
        Description = "Files, directories or globs, joined in ordinal order; - reads stdin. None: this program's own sources.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<string> Out = new("--out") { Description = "The run's directory [default: runs/<time>].", HelpName = "DIR" };
    private static readonly Option<int?> HiddenSize = Size("--hidden-size", StepDefaults.HiddenSize, "H, hidden units.");
    private static readonly Option<int?> SequenceLength = Size("--seq-length", StepDefaults.SequenceLength, "T, characters that a gradient reaches back.");
    private static readonly Option<int?> BatchSize = Size("--batch-size", StepDefaults.BatchSize, "B, streams of the text trained at once.");
    private static readonly Option<float?> LearningRate = Rate("--learning-rate", StepDefaults.LearningRate, "Adagrad's rate.");
    private static readonly Option<float?> Clip = Rate("--clip", StepDefaults.Clip, "Each element of the gradient is cut to ± this.");
    private static readonly Option<Choice<string>> Optimizer = SharedOptions.OneOf("--optimizer", "The optimizer.", new Choice<string>("adagrad", "adagrad"));
    private static readonly Option<long?> Iterations = SharedOptions.WholeNumber<long>("--iterations", null, 1, "Steps in total, since the start also after --resume [default: by --epochs].");
    private static readonly Option<long?> Epochs = SharedOptions.WholeNumber<long>("--epochs", ScheduleDefaults.Epochs, 1, "Passes over the text in total, where there is no --iterations.");
    private static readonly Option<ulong?> Seed = SharedOptions.WholeNumber<ulong>("--seed", ScheduleDefaults.Seed, 0, "Of the first weights and the samples.");
    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();
    private static readonly Option<Choice<TextEncoding>> Encoding = SharedOptions.Encoding();
    private static readonly Option<string> InitFrom = new("--init-from") { Description = "A model whose weights to start from; they are mapped by character to this text's.", HelpName = "MODEL" };
    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on with the run in --out, exactly where it stopped." };
    private static readonly Option<bool> Overwrite = new("--overwrite") { Description = "Give up the run that --out holds." };
    private static readonly Option<double?> ValidationFraction = SharedOptions.Number<double>(
        "--val-fraction", ScheduleDefaults.ValidationFraction, "a number from 0, below 1", Limits.IsPart, "The share of the text, its end, to measure on and not train on.");
    private static readonly Option<long?> LogEvery = Cadence("--log-every", ScheduleDefaults.LogEvery, "Iterations between reports; 0 is only at the end.");
    private static readonly Option<long?> SampleEvery = Cadence("--sample-every", ScheduleDefaults.SampleEvery, "Iterations between samples, of which one comes at the end; 0 is never.");
    private static readonly Option<int?> SampleLength = SharedOptions.WholeNumber<int>("--sample-length", ScheduleDefaults.SampleLength, 1, "Characters of a sample.");
    private static readonly Option<long?> EvalEvery = Cadence("--eval-every", ScheduleDefaults.EvalEvery, "Iterations between measurements on the validation part; 0 is only at the end.");
    private static readonly Option<long?> EvalLength = SharedOptions.WholeNumber<long>(
        "--eval-length", ScheduleDefaults.EvalLength, TrainingEngine.MinValidationLength, "Most characters of the validation part to measure on, its first.");
    private static readonly Option<long?> CheckpointEvery = Cadence("--checkpoint-every", ScheduleDefaults.CheckpointEvery, "Iterations between saves; 0 is only at the end.");
    private static readonly Option<int?> KeepCheckpoints = SharedOptions.WholeNumber<int>("--keep-checkpoints", 2, 1, "Checkpoints to keep, the last included.");
    private static readonly Option<Choice<bool>> OnDivergence = SharedOptions.OneOf<bool>(
        "--on-divergence", "Where a loss is not finite or absurd: stop, or go back to the last checkpoint with half the learning rate.", new("stop", false), new("rollback", true));
    private static readonly Option<bool> TensorBoard = new("--tensorboard") { Description = "Write the curves for TensorBoard, too, below the run's directory." };
    private static readonly Option<string> Config = new("--config") { Description = "A JSON file of these options, named without dashes; - reads stdin. What the command line says itself wins.", HelpName = "FILE" };
    private static readonly Option<string> Cache = new("--cache")
    {
        Description = "Where the tokens of files of over 256 MB are kept for the next start; none is nowhere [default: the system's folder for caches].",
        HelpName = "DIR|none",
    };
    private static readonly Option<bool> Verbose = SharedOptions.Verbose();
    private static readonly Option<bool> Json = SharedOptions.Json();

    /// <summary>Options that a resumed run keeps, by name.</summary>
    public static readonly string[] FixedOptions =
        ["hidden-size", "seq-length", "batch-size", "learning-rate", "clip", "optimizer", "seed", "encoding", "val-fraction", "eval-length"];

    /// <summary>Options that a resumed run takes from its config.json where the command line is silent.</summary>
    public static readonly string[] SavedOptions =
    [
        .. FixedOptions, "input", "iterations", "epochs", "device", "log-every", "sample-every", "sample-length", "eval-every", "checkpoint-every",
        "keep-checkpoints", "on-divergence", "cache", "tensorboard",
    ];

    /// <summary>What a run's config.json records beside its options: a --config made of it is welcome.</summary>
    public static readonly string[] RecordedNames = ["version", "corpus", "corpus-hash", "vocabulary-size", "corpus-characters", "unigram-entropy", "bigram-entropy", "device-name"];

    public static Command Create()
    {
        var command = new Command("train", """
            Trains a model on text and keeps it in a directory: model, checkpoint, metrics and samples.

            Example: charrnn train book.txt --out runs/book --hidden-size 128 --batch-size 50 --seq-length 50 --learning-rate 0.04 --epochs 20
            """)
        {
            Input, Out, HiddenSize, SequenceLength, BatchSize, LearningRate, Clip, Optimizer, Iterations, Epochs, Seed, Device, Encoding, InitFrom,
            Resume, Overwrite, ValidationFraction, LogEvery, SampleEvery, SampleLength, EvalEvery, EvalLength, CheckpointEvery, KeepCheckpoints, OnDivergence, Cache, TensorBoard, Config, Verbose, SharedOptions.Quiet(), Json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(Resume) && result.GetResult(Out) is null)
                result.AddError("--resume: has no run to go on with; give its directory as --out");
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

    private static int Run(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        return options.GetValue(Resume) ? ResumeRun(options, stop) : StartRun(options, stop);
    }

    private static int StartRun(ParseResult options, CancellationToken stop)
    {
        StepOptions step = ReadStep(options);
        TrainingSchedule schedule = ReadSchedule(options);
        CharacterModel? initial = options.GetValue(InitFrom) is { } path ? SharedOptions.LoadModel(path, best: false) : null;
        if (initial is not null && options.GetResult(HiddenSize) is null or { Implicit: true })
            step = step with { HiddenSize = initial.Weights.Shape.HiddenSize };

        using Corpus corpus = ReadCorpus(options, step, stop);
        ParameterSet<float>? start = initial is null ? null : StartFrom(options, initial, corpus.Vocabulary, step, schedule);
        TextSplit split = Split(corpus, step, schedule);
        var shape = new ModelShape(corpus.Vocabulary.Size, step.HiddenSize);
        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device));
        RequireMemory(shape, step, split, device);

        // Whatever may fail comes before the directory: --overwrite gives up an older run.
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
        TextSplit split = Split(corpus, step, schedule);
        var cursor = new StreamCursor(split.Training.Length / step.BatchSize, step.SequenceLength);
        if (checkpoint.Snapshot.Position > cursor.StreamLength)
            throw new CharRnnException(
                run.CheckpointPath, $"has its place at {checkpoint.Snapshot.Position} in streams of {cursor.StreamLength} characters",
                "restore the config.json and the checkpoint that the run wrote");

        long total = schedule.TotalIterations(cursor.StepsPerEpoch);
        if (checkpoint.Snapshot.Iteration >= total && (checkpoint.Snapshot.EndedBy is not null || !checkpoint.Snapshot.EventsDue))
        {
            if (!Output.IsQuiet)
                Output.Note($"{directory}: is finished at iteration {checkpoint.Snapshot.Iteration}; give more --iterations or --epochs to go on");
            return 0;
        }

        ModelShape shape = checkpoint.Model.Weights.Shape;
        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device));
        if (!Output.IsQuiet && saved.Has("device-name") && saved.GetText("device-name") is var before && before != device.Name)
            Output.Note($"{directory}: was trained on {before}, and goes on on {device.Name}, whose results differ in the last digits");
        RequireMemory(shape, step, split, device);
        using var model = new DeviceModel(device, checkpoint.Snapshot.Weights);
        using var engine = new TrainingEngine(model, split.Training, step);
        engine.Restore(checkpoint.Snapshot.Engine);
        string? initFrom = saved.Has("init-from") ? saved.GetText("init-from") : null;
        SaveConfiguration(options, step, schedule, corpus, device, run, initFrom);
        return Train(options, step, schedule, corpus, split, engine, run, initFrom, checkpoint.Snapshot, stop);
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

        // Where a run goes back to that diverges before its first checkpoint.
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
            TensorBoardLog? tensorBoard = options.GetValue(TensorBoard) ? new TensorBoardLog(run.TensorBoardPath, resumeFrom, smoothed, TimeProvider.System) : null;
            using var recorder = new RunRecorder(run, corpus.Vocabulary, resumeFrom, options.GetValue(KeepCheckpoints)!.Value, Output.Warning, tensorBoard);
            var loop = new TrainingLoop(engine, step, schedule, corpus.Vocabulary, validation, resumeFrom);
            bool json = options.GetValue(Json);
            var report = new ReportWriter(run.Root, Output.Warning);
            var rate = new RateWarning(corpus.Vocabulary.Size, Output.Warning);
            TrainingScreen? screen = !Output.IsQuiet && !json && Output.LiveConsole(isError: false) is { } console ? new TrainingScreen(console, corpus.Vocabulary, resumeFrom, smoothed) : null;
            TrainingOutcome outcome = Output.Timed("training", () => screen is null
                ? loop.Run(new ObserverList(recorder, report, rate, new TrainingDisplay(corpus.Vocabulary, json, smoothed)), stop)
                : screen.Run(() => loop.Run(new ObserverList(recorder, report, rate, screen), stop)));
            report.Write();
            if (outcome != TrainingOutcome.Diverged)
            {
                recorder.RequireSaved();
                bool finished = outcome == TrainingOutcome.Finished;
                if (!Output.IsQuiet)
                    Output.Note(finished ? $"done; write text with: charrnn sample {ShellText.Quote(run.Root)}" : $"stopped and saved; go on with: charrnn train --resume --out {ShellText.Quote(run.Root)}");
                return finished ? 0 : Interrupts.ExitCode;
            }

            bool saved = File.Exists(run.CheckpointPath);
            float half = step.LearningRate / 2;
            if (!options.GetValue(OnDivergence).Value || rollbacks == MaxRollbacks || half == 0)
                throw new CharRnnException(
                    run.Root, $"training diverged: {loop.Divergence}, {(saved ? "so the last checkpoint and model are kept" : "before the first checkpoint")}",
                    $"start anew with {(saved ? "--overwrite and " : "")}a lower --learning-rate or --clip");

            step = step with { LearningRate = half };
            engine.LearningRate = step.LearningRate;
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

    /// <summary>What --cache says, as an absolute path; null where it is not given.</summary>
    private static string? CachePath(ParseResult options)
    {
        string? given = options.GetValue(Cache);
        try
        {
            return given is null or NoCache ? given : Path.GetFullPath(given);
        }
        catch (ArgumentException e)
        {
            throw new CharRnnException("--cache", "is no path", "give a directory, or none", e);
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

    private static StepOptions ReadStep(ParseResult options) => new()
    {
        HiddenSize = options.GetValue(HiddenSize)!.Value,
        SequenceLength = options.GetValue(SequenceLength)!.Value,
        BatchSize = options.GetValue(BatchSize)!.Value,
        LearningRate = options.GetValue(LearningRate)!.Value,
        Clip = options.GetValue(Clip)!.Value,
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
        CheckpointEvery = options.GetValue(CheckpointEvery)!.Value,
    };

    private static void SaveConfiguration(
        ParseResult options, StepOptions step, TrainingSchedule schedule, Corpus corpus, ComputeDevice device, RunDirectory run, string? initFrom)
    {
        var configuration = new RunConfiguration();
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
        configuration.Set("learning-rate", double.Parse(step.LearningRate.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));
        configuration.Set("clip", double.Parse(step.Clip.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));
        configuration.Set("optimizer", options.GetValue(Optimizer).Word);
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

    private static Option<float?> Rate(string name, float value, string description) =>
        SharedOptions.Number<float>(name, value, "a number over 0, up to 3.4e38", Limits.IsPositive, description);

    private static Option<long?> Cadence(string name, long value, string description) => SharedOptions.WholeNumber<long>(name, value, 0, description);
}
