using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Storage;

/// <summary>The content of a checkpoint.</summary>
/// <param name="Vocabulary">The V characters.</param>
/// <param name="Snapshot">The state of training.</param>
public sealed record Checkpoint(Vocabulary Vocabulary, TrainingSnapshot Snapshot)
{
    /// <summary>The model as it stood.</summary>
    public CharacterModel Model => new(Vocabulary, Snapshot.Weights);
}

/// <summary>
/// All that an exact resume needs, as a safetensors file: a model's tensors and metadata, what the optimizer remembers in the
/// same shapes under <c>adagrad.*</c>, <c>rmsprop.*</c>, <c>adam.m.*</c> and <c>adam.v.*</c>, or <c>momentum.*</c>,
/// <c>state.hidden [B,H]</c>, counters as I64 and losses as F64 scalars under <c>state.*</c>. It loads as a model, too. The first
/// version's files, which have only Adagrad and fewer counters, can be loaded as well.
/// </summary>
public static class CheckpointFile
{
    private const string StatePrefix = "state.";
    private const string Hidden = "state.hidden";
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

    private static readonly string[] s_counters = [Iteration, Position, Epoch, EventsDue, MetricsLength, SamplesLength];
    private static readonly string[] s_losses = [LastLoss, SmoothLoss, BestValidationLoss];

    // Files of version 1 have none of these; they are then 0, and the best loss of a plateau is NaN.
    private static readonly string[] s_laterCounters =
        [Ended, LossCount, BestIteration, EvaluationsSinceBest, PlateauWaited, PlateauDecays];
    private static readonly string[] s_laterNumbers = [LossSum, PlateauBest];

    // A file has the index of its end in this list.
    private static readonly TrainingOutcome?[] s_ends = [null, TrainingOutcome.Finished, TrainingOutcome.StoppedEarly];

    /// <summary>Saves a state atomically; equal states give equal bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="vocabulary">The V characters.</param>
    /// <param name="snapshot">The state.</param>
    /// <param name="replacing">See <see cref="AtomicFile.Write"/>.</param>
    /// <exception cref="CharRnnException">A value is not finite, or the file system refuses; an old file stays as it was.</exception>
    public static void Save(string path, Vocabulary vocabulary, TrainingSnapshot snapshot, Action? replacing = null)
    {
        const string remedy = "nothing was saved: lower --learning-rate or --clip";
        long[] hiddenShape = [snapshot.BatchSize, snapshot.Weights.Sizes.HiddenSize];
        WeightTensors.RequireFinite(path, "", snapshot.Weights, remedy);
        foreach ((string name, ParameterSet<float> values) in snapshot.Moments)
            WeightTensors.RequireFinite(path, $"{name}.", values, remedy);
        WeightTensors.RequireFinite(path, Hidden, hiddenShape, snapshot.HiddenState, remedy);
        CheckState(path, snapshot, remedy);

        // Elements of 8 bytes first: every tensor then lies at a multiple of its element size.
        SafetensorsTensor[] tensors =
        [
            new(Iteration, [], [snapshot.Iteration]),
            new(Position, [], [snapshot.Position]),
            new(Epoch, [], [snapshot.Epoch]),
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
            .. snapshot.Moments.SelectMany(moment => WeightTensors.Create($"{moment.Name}.", moment.Values)),
            new(Hidden, hiddenShape, snapshot.HiddenState),
        ];
        SafetensorsFile.Write(path, ModelMetadata.Create(vocabulary, tensors, ModelMetadata.Version), tensors, replacing);
    }

    /// <summary>Loads a state, bit for bit as it was saved.</summary>
    /// <exception cref="CharRnnException">
    /// As for <see cref="ModelFile.Load"/>; the file is a model, not a checkpoint; a counter is out of its range.
    /// </exception>
    public static Checkpoint Load(string path)
    {
        using var file = SafetensorsFile.Open(path);
        Vocabulary vocabulary = ModelMetadata.Read(file);
        if (!IsCheckpoint(file))
            throw new CharRnnException(path, $"tensor {Iteration} is missing: it is a model, not a checkpoint", "give a run's checkpoint.safetensors");
        ModelShape shape = WeightTensors.ReadShape(file, vocabulary.Size);
        IReadOnlyList<string> moments = MomentsOf(file, shape);
        RequireKnown(file, shape, moments);
        WeightTensors.Check(file, "", shape);
        foreach (string name in moments)
            WeightTensors.Check(file, $"{name}.", shape);
        int batchSize = ReadBatchSize(file);
        foreach (string name in s_counters)
            file.Require(name, SafetensorsDtype.I64);
        foreach (string name in s_losses)
            file.Require(name, SafetensorsDtype.F64);
        foreach (string name in s_laterCounters.Where(file.Has))
            file.Require(name, SafetensorsDtype.I64);
        foreach (string name in s_laterNumbers.Where(file.Has))
            file.Require(name, SafetensorsDtype.F64);
        ModelMetadata.CheckChecksum(file);

        var snapshot = new TrainingSnapshot
        {
            Weights = WeightTensors.Read(file, "", shape),
            Moments = [.. moments.Select(name => new Moment(name, WeightTensors.Read(file, $"{name}.", shape)))],
            HiddenState = file.ReadFloats(Hidden, batchSize, shape.HiddenSize),
            BatchSize = batchSize,
            Iteration = file.ReadIntegers(Iteration)[0],
            Position = file.ReadIntegers(Position)[0],
            Epoch = file.ReadIntegers(Epoch)[0],
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
        const string remedy = "give an intact checkpoint";
        WeightTensors.RequireFinite(path, Hidden, [batchSize, shape.HiddenSize], snapshot.HiddenState, remedy);
        CheckState(path, snapshot, remedy);
        return new Checkpoint(vocabulary, snapshot);
    }

    /// <summary>Whether a file is a checkpoint: it counts iterations, as no model does.</summary>
    internal static bool IsCheckpoint(SafetensorsFile file) => file.Has(Iteration);

    /// <summary>Whether a tensor's name belongs to a checkpoint's state, not to the weights.</summary>
    internal static bool IsState(string name)
        => name.StartsWith(StatePrefix, StringComparison.Ordinal)
            || UpdateOptions.EveryMoments.Any(set => set.Any(moment => name.StartsWith($"{moment}.", StringComparison.Ordinal)));

    /// <summary>The moments that a file has.</summary>
    private static IReadOnlyList<string> MomentsOf(SafetensorsFile file, ModelShape shape) =>
        UpdateOptions.EveryMoments.First(set => set.All(moment => shape.Tensors.Any(spec => file.Has($"{moment}.{spec.Name}"))));

    private static void RequireKnown(SafetensorsFile file, ModelShape shape, IReadOnlyList<string> moments)
    {
        HashSet<string> known =
        [
            .. ((string[])["", .. moments.Select(moment => $"{moment}.")]).SelectMany(prefix => shape.Tensors.Select(spec => prefix + spec.Name)),
            Hidden, .. s_counters, .. s_losses, .. s_laterCounters, .. s_laterNumbers,
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
        SafetensorsEntry hidden = file.Entry(Hidden);
        return hidden.Shape.Count == 2 && hidden.Shape[0] is >= 1 and <= int.MaxValue
            ? (int)hidden.Shape[0]
            : throw FileErrors.Damaged(file.Path, $"tensor {Hidden} has shape {SafetensorsEntry.ShapeText(hidden.Shape)}, not [batch size, hidden size]");
    }

    private static void CheckState(string path, TrainingSnapshot snapshot, string remedy)
    {
        // A square below zero would make the roots in E9, E14 and E15 NaN.
        foreach ((string name, ParameterSet<float> values) in snapshot.Moments.Where(moment => UpdateOptions.IsOfSquares(moment.Name)))
            foreach (ParameterTensor<float> tensor in values.Tensors)
                if (Array.Exists(tensor.Values, value => value < 0))
                    throw new CharRnnException(path, $"tensor {name}.{tensor.Spec.Name} has a value below 0, but holds sums of squares", remedy);

        foreach ((string name, long value, long least) in new (string, long, long)[]
        {
            (Iteration, snapshot.Iteration, 0),
            (Position, snapshot.Position, -1),
            (Epoch, snapshot.Epoch, 0),
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

        foreach ((string name, double value) in new[] { (SmoothLoss, snapshot.SmoothLoss), (LossSum, snapshot.LossSum) })
            if (!double.IsFinite(value))
                throw new CharRnnException(path, $"tensor {name} is not finite", remedy);
        // NaN says that there was no step or no validation yet.
        if (double.IsInfinity(snapshot.LastLoss))
            throw new CharRnnException(path, $"tensor {LastLoss} is infinite", remedy);
        if (double.IsInfinity(snapshot.BestValidationLoss))
            throw new CharRnnException(path, $"tensor {BestValidationLoss} is infinite", remedy);
        if (double.IsInfinity(snapshot.Plateau.Best))
            throw new CharRnnException(path, $"tensor {PlateauBest} is infinite", remedy);
    }
}
