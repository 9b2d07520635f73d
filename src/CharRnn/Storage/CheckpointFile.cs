using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Storage;

/// <summary>The content of a checkpoint.</summary>
/// <param name="Description">What the weights need to be a model.</param>
/// <param name="Snapshot">The state of training.</param>
public sealed record Checkpoint(ModelDescription Description, TrainingSnapshot Snapshot)
{
    /// <summary>The character model at this state of training.</summary>
    /// <exception cref="InvalidOperationException">The checkpoint holds a model of another kind.</exception>
    public CharacterModel Model => Description is CharacterDescription { Vocabulary: var vocabulary }
        ? new(vocabulary, Snapshot.Weights)
        : throw new InvalidOperationException("The checkpoint holds no character model.");
}

/// <summary>
/// All that an exact resume needs, as a safetensors file: a model's tensors and metadata, what the optimizer remembers in the
/// same shapes under <c>adagrad.*</c>, <c>rmsprop.*</c>, <c>adam.m.*</c> and <c>adam.v.*</c>, or <c>momentum.*</c>,
/// counters as I64 and losses as F64 scalars under <c>state.*</c>, and for training on a text the carried state, <c>[B,H]</c> each:
/// <c>state.hidden</c>, <c>state.hidden.1</c> and so on of the higher layers, and <c>state.cell.0</c> and so on of an LSTM. It can also be
/// loaded as a model. The files of the first version, which have only Adagrad and fewer counters, can be loaded as well.
/// </summary>
public static class CheckpointFile
{
    private const string StatePrefix = "state.";
    private const string Iteration = "state.iteration";
    private const string Position = "state.position";
    private const string Epoch = "state.epoch";
    private const string EventsDue = "state.events_due";
    private const string LastLoss = "state.last_loss";
    private const string SmoothLoss = "state.smooth_loss";
    private const string BestValidationLoss = "state.best_validation_loss";
    private const string MetricsLength = "state.metrics_length";
    private const string SamplesLength = "state.samples_length";
    private const string Ended = "state.ended";
    private const string LossSum = "state.loss_sum";
    private const string LossCount = "state.loss_count";
    private const string BestIteration = "state.best_iteration";
    private const string EvaluationsSinceBest = "state.evaluations_since_best";
    private const string PlateauBest = "state.plateau_best";
    private const string PlateauWaited = "state.plateau_waited";
    private const string PlateauDecays = "state.plateau_decays";
    private const string LossBefore = "state.loss_before";
    private const string EpochLossSum = "state.epoch_loss_sum";
    private const string EpochNormSum = "state.epoch_norm_sum";
    private const string EpochRows = "state.epoch_rows";

    private static readonly string[] s_counters = [Iteration, EventsDue, MetricsLength, SamplesLength];
    private static readonly string[] s_losses = [LastLoss, SmoothLoss, BestValidationLoss];

    // Files of version 1 have none of these. They are then 0, except the best loss of a plateau, which is NaN.
    private static readonly string[] s_laterCounters =
        [Ended, LossCount, BestIteration, EvaluationsSinceBest, PlateauWaited, PlateauDecays];
    private static readonly string[] s_laterNumbers = [LossSum, PlateauBest];

    // Only the training of one kind of model has these.
    private static readonly string[] s_textCounters = [Position, Epoch];
    private static readonly string[] s_tableCounters = [EpochRows], s_tableNumbers = [LossBefore, EpochLossSum, EpochNormSum];

    // A file records how training ended as an index into this list.
    private static readonly TrainingOutcome?[] s_ends =
        [null, TrainingOutcome.Finished, TrainingOutcome.StoppedEarly, TrainingOutcome.SmallGradient, TrainingOutcome.SmallChange];

    /// <summary>Saves a state atomically; equal states give equal bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="description">What the weights need to be a model.</param>
    /// <param name="snapshot">The state.</param>
    /// <param name="replacing">See <see cref="AtomicFile.Write"/>.</param>
    /// <exception cref="CharRnnException">A value is not finite, or the file system refuses; an old file stays as it was.</exception>
    public static void Save(string path, ModelDescription description, TrainingSnapshot snapshot, Action? replacing = null)
    {
        const string remedy = "nothing was saved: lower --learning-rate or --clip";
        WeightTensors.RequireFinite(path, "", snapshot.Weights, remedy);
        foreach ((string name, ParameterSet<float> values) in snapshot.Engine.Moments)
            WeightTensors.RequireFinite(path, $"{name}.", values, remedy);
        CheckState(path, snapshot, remedy);

        // Elements of 8 bytes come first, so that every tensor lies at a multiple of its element size.
        SafetensorsTensor[] tensors =
        [
            new(Iteration, [], [snapshot.Iteration]),
            .. PlaceOf(snapshot.Engine),
            new(EventsDue, [], [snapshot.EventsDue ? 1L : 0L]),
            new(MetricsLength, [], [snapshot.MetricsLength]),
            new(SamplesLength, [], [snapshot.SamplesLength]),
            new(LastLoss, [], [snapshot.LastLoss]),
            new(SmoothLoss, [], [snapshot.SmoothLoss]),
            new(BestValidationLoss, [], [snapshot.BestValidationLoss]),
            new(Ended, [], [(long)Array.IndexOf(s_ends, snapshot.EndedBy)]),
            new(LossSum, [], [snapshot.LossSum]),
            new(LossCount, [], [snapshot.LossCount]),
            new(BestIteration, [], [snapshot.BestIteration]),
            new(EvaluationsSinceBest, [], [snapshot.EvaluationsSinceBest]),
            new(PlateauBest, [], [snapshot.Plateau.Best]),
            new(PlateauWaited, [], [snapshot.Plateau.Waited]),
            new(PlateauDecays, [], [snapshot.Plateau.Decays]),
            .. WeightTensors.Create("", snapshot.Weights),
            .. snapshot.Engine.Moments.SelectMany(moment => WeightTensors.Create($"{moment.Name}.", moment.Values)),
        ];
        if (snapshot.Engine is TextState text)
            tensors = [.. tensors, .. StatesOf(text).Select(state => new SafetensorsTensor(state.Name, StateShape(text), state.Values))];
        SafetensorsFile.Write(path, description.Metadata(snapshot.Weights.Shape, tensors, ModelMetadata.Version), tensors, replacing);
    }

    /// <summary>Loads a state, bit for bit as it was saved.</summary>
    /// <exception cref="CharRnnException">
    /// For the reasons of <see cref="ModelFile.Load(string)"/>; or the file is a model, not a checkpoint, or a counter is out of its range.
    /// </exception>
    public static Checkpoint Load(string path)
    {
        using var file = SafetensorsFile.Open(path);
        NetworkDescription? network = ModelMetadata.IsNetwork(file) ? NetworkFile.Describe(file) : null;
        (Vocabulary vocabulary, RecurrentCell cell, int layers) = network is null ? ModelMetadata.Read(file) : default;
        ModelDescription description = network is null ? new CharacterDescription(vocabulary) : network;
        if (!IsCheckpoint(file))
            throw new CharRnnException(
                path, $"tensor {Iteration} is missing: it is a model, not a checkpoint", "give a run's checkpoint.safetensors");
        IModelShape shape = network is null ? WeightTensors.ReadShape(file, vocabulary.Size, cell, layers) : network.Shape;
        IReadOnlyList<string> moments = MomentsOf(file, shape);
        bool isText = shape is ModelShape;
        RequireKnown(file, shape, moments);
        WeightTensors.Check(file, "", shape);
        foreach (string name in moments)
            WeightTensors.Check(file, $"{name}.", shape);
        int batchSize = isText ? ReadBatchSize(file) : 0;
        if (shape is ModelShape { HiddenSize: var units } text)
            foreach (string name in StateNames(text))
                file.Require(name, SafetensorsDtype.F32, batchSize, units);
        foreach (string name in s_counters.Concat(isText ? s_textCounters : s_tableCounters).Concat(s_laterCounters.Where(file.Has)))
            file.Require(name, SafetensorsDtype.I64);
        foreach (string name in s_losses.Concat(isText ? [] : s_tableNumbers).Concat(s_laterNumbers.Where(file.Has)))
            file.Require(name, SafetensorsDtype.F64);
        ModelMetadata.CheckChecksum(file);

        ParameterSet<float> weights = WeightTensors.Read(file, "", shape);
        Moment[] remembered = [.. moments.Select(name => new Moment(name, WeightTensors.Read(file, $"{name}.", shape)))];
        long iteration = file.ReadIntegers(Iteration)[0];
        var snapshot = new TrainingSnapshot
        {
            Engine = shape is ModelShape sizes
                ? new TextState(
                    weights, remembered, iteration,
                    [.. StateNames(sizes).Select(name => file.ReadFloats(name, batchSize, sizes.HiddenSize))],
                    file.ReadIntegers(Position)[0], file.ReadIntegers(Epoch)[0])
                : new TableState(
                    weights, remembered, iteration, new EpochProgress(
                        file.ReadDoubles(LossBefore)[0], file.ReadDoubles(EpochLossSum)[0], file.ReadDoubles(EpochNormSum)[0],
                        file.ReadIntegers(EpochRows)[0])),
            EventsDue = file.ReadIntegers(EventsDue)[0] != 0,
            LastLoss = file.ReadDoubles(LastLoss)[0],
            SmoothLoss = file.ReadDoubles(SmoothLoss)[0],
            BestValidationLoss = file.ReadDoubles(BestValidationLoss)[0],
            MetricsLength = file.ReadIntegers(MetricsLength)[0],
            SamplesLength = file.ReadIntegers(SamplesLength)[0],
            EndedBy = ReadEnd(file),
            LossSum = LaterNumber(file, LossSum, 0),
            LossCount = LaterInteger(file, LossCount),
            BestIteration = LaterInteger(file, BestIteration),
            EvaluationsSinceBest = LaterInteger(file, EvaluationsSinceBest),
            Plateau = new PlateauState(
                LaterNumber(file, PlateauBest, double.NaN), LaterInteger(file, PlateauWaited), LaterInteger(file, PlateauDecays)),
        };
        CheckState(path, snapshot, "give an intact checkpoint");
        return new Checkpoint(description, snapshot);
    }

    /// <summary>The iteration of a checkpoint's best model, without the rest of its state; null if it is damaged.</summary>
    /// <exception cref="CharRnnException">The file cannot be read.</exception>
    internal static long? ReadBestIteration(string path)
    {
        try
        {
            using var file = SafetensorsFile.Open(path);
            return LaterInteger(file, BestIteration);
        }
        catch (CharRnnException e) when (CheckpointRecovery.IsDamage(e))
        {
            return null;
        }
    }

    /// <summary>Whether a file is a checkpoint: it counts iterations, as no model does.</summary>
    internal static bool IsCheckpoint(SafetensorsFile file) => file.Has(Iteration);

    /// <summary>Whether a tensor's name belongs to a checkpoint's state, not to the weights.</summary>
    internal static bool IsState(string name)
        => name.StartsWith(StatePrefix, StringComparison.Ordinal)
            || UpdateOptions.EveryMoments.Any(set => set.Any(moment => name.StartsWith($"{moment}.", StringComparison.Ordinal)));

    /// <summary>The names of the moments that a file has.</summary>
    private static IReadOnlyList<string> MomentsOf(SafetensorsFile file, IModelShape shape) =>
        UpdateOptions.EveryMoments.First(set => set.All(moment => shape.Tensors.Any(spec => file.Has($"{moment}.{spec.Name}"))));

    /// <summary>The scalars that record an engine's place in its data.</summary>
    private static SafetensorsTensor[] PlaceOf(EngineState engine) => engine switch
    {
        TextState text => [new(Position, [], [text.Position]), new(Epoch, [], [text.Epoch])],
        TableState { Progress: var progress } =>
        [
            new(LossBefore, [], [progress.LossBefore]), new(EpochLossSum, [], [progress.LossSum]),
            new(EpochNormSum, [], [progress.NormSum]), new(EpochRows, [], [progress.Rows]),
        ],
        _ => throw new ArgumentException("is of an unknown kind", nameof(engine)),
    };

    private static IEnumerable<string> StateNames(ModelShape shape) => shape.States.Select(name => StatePrefix + name);

    private static IEnumerable<(string Name, float[] Values)> StatesOf(TextState text) => StateNames(text.Weights.Sizes).Zip(text.States);

    private static long[] StateShape(TextState text) => [text.BatchSize, text.Weights.Sizes.HiddenSize];

    private static void RequireKnown(SafetensorsFile file, IModelShape shape, IReadOnlyList<string> moments)
    {
        IEnumerable<string> own = shape is ModelShape text
            ? [.. StateNames(text), .. s_textCounters]
            : [.. s_tableCounters, .. s_tableNumbers];
        HashSet<string> known =
        [
            .. moments.Select(moment => $"{moment}.").Prepend("")
                .SelectMany(prefix => shape.Tensors.Select(spec => prefix + spec.Name)),
            .. own, .. s_counters, .. s_losses, .. s_laterCounters, .. s_laterNumbers,
        ];
        foreach (SafetensorsEntry tensor in file.Tensors)
            if (!known.Contains(tensor.Name))
                throw ModelFile.Superfluous(file.Path, tensor.Name);
    }

    private static long LaterInteger(SafetensorsFile file, string name) => file.Has(name) ? file.ReadIntegers(name)[0] : 0;

    private static double LaterNumber(SafetensorsFile file, string name, double absent) =>
        file.Has(name) ? file.ReadDoubles(name)[0] : absent;

    private static TrainingOutcome? ReadEnd(SafetensorsFile file)
    {
        long end = LaterInteger(file, Ended);
        return end >= 0 && end < s_ends.Length
            ? s_ends[end]
            : throw FileErrors.Damaged(file.Path, $"tensor {Ended} is {end}, not 0 to {s_ends.Length - 1}");
    }

    private static int ReadBatchSize(SafetensorsFile file)
    {
        SafetensorsEntry hidden = file.Entry(StatePrefix + "hidden");
        return hidden.Shape.Count == 2 && hidden.Shape[0] is >= 1 and <= int.MaxValue
            ? (int)hidden.Shape[0]
            : throw FileErrors.Damaged(
                file.Path, $"tensor {hidden.Name} has shape {SafetensorsEntry.ShapeText(hidden.Shape)}, not [batch size, hidden size]");
    }

    private static void CheckState(string path, TrainingSnapshot snapshot, string remedy)
    {
        // A square below zero would make the roots in E9, E14 and E15 NaN.
        IEnumerable<Moment> ofSquares = snapshot.Engine.Moments.Where(moment => UpdateOptions.IsOfSquares(moment.Name));
        foreach ((string name, ParameterSet<float> values) in ofSquares)
            foreach (ParameterTensor<float> tensor in values.Tensors)
                if (Array.Exists(tensor.Values, value => value < 0))
                    throw new CharRnnException(
                        path, $"tensor {name}.{tensor.Spec.Name} has a value below 0, but holds sums of squares", remedy);

        var text = snapshot.Engine as TextState;
        EpochProgress? progress = (snapshot.Engine as TableState)?.Progress;
        if (text is not null)
            foreach ((string name, float[] values) in StatesOf(text))
                WeightTensors.RequireFinite(path, name, StateShape(text), values, remedy);
        foreach ((string name, long value, long least) in new (string, long, long)[]
        {
            (Iteration, snapshot.Iteration, 0),
            (Position, text?.Position ?? 0, -1),
            (Epoch, text?.Epoch ?? 0, 0),
            (EpochRows, progress?.Rows ?? 0, 0),
            (MetricsLength, snapshot.MetricsLength, 0),
            (SamplesLength, snapshot.SamplesLength, 0),
            (LossCount, snapshot.LossCount, 0),
            (BestIteration, snapshot.BestIteration, 0),
            (EvaluationsSinceBest, snapshot.EvaluationsSinceBest, 0),
            (PlateauWaited, snapshot.Plateau.Waited, 0),
            (PlateauDecays, snapshot.Plateau.Decays, 0),
        })
            if (value < least)
                throw new CharRnnException(path, $"tensor {name} is {value}, not at least {least}", remedy);

        // Some are NaN before the first step or measurement, and only training on a text has the classic smoothed loss.
        foreach ((string name, double value, bool mayBeNaN) in new (string, double, bool)[]
        {
            (SmoothLoss, snapshot.SmoothLoss, text is null),
            (LossSum, snapshot.LossSum, false),
            (EpochLossSum, progress?.LossSum ?? 0, false),
            (EpochNormSum, progress?.NormSum ?? 0, false),
            (LossBefore, progress?.LossBefore ?? 0, true),
            (LastLoss, snapshot.LastLoss, true),
            (BestValidationLoss, snapshot.BestValidationLoss, true),
            (PlateauBest, snapshot.Plateau.Best, true),
        })
            if (double.IsInfinity(value) || (double.IsNaN(value) && !mayBeNaN))
                throw new CharRnnException(path, $"tensor {name} is {(mayBeNaN ? "infinite" : "not finite")}", remedy);
    }
}
