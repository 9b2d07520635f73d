using System.Diagnostics;
using System.Globalization;

namespace CharRnn.Training;

/// <summary>
/// The order of training: it runs the steps up to the next event, takes their losses, and raises the event. It depends on no device.
/// </summary>
/// <param name="learner">What is trained: its engine is at the start of training, or restored to <paramref name="resumeFrom"/>.</param>
/// <param name="learningRate">η, which the schedule changes.</param>
/// <param name="schedule">When events are due, and when training ends.</param>
/// <param name="resumeFrom">The state in which an earlier run stopped; null at the start.</param>
public sealed class TrainingLoop(Learner learner, double learningRate, TrainingSchedule schedule, TrainingSnapshot? resumeFrom)
{
    private readonly Stopwatch _clock = new();
    private readonly ITrainingEngine _engine = learner.Engine;
    private long _iteration = resumeFrom?.Iteration ?? 0;
    private double _smoothLoss = resumeFrom?.SmoothLoss ?? learner.InitialSmoothLoss;
    private long _evaluationsSinceBest = resumeFrom?.EvaluationsSinceBest ?? 0;
    private PlateauState _plateau = resumeFrom?.Plateau ?? PlateauState.Start;
    private double _lastLoss = resumeFrom?.LastLoss ?? double.NaN;
    private double _lossSum = resumeFrom?.LossSum ?? 0;
    private long _lossCount = resumeFrom?.LossCount ?? 0;
    private double _normSum;
    private long _normCount;
    private bool _eventsDue = resumeFrom?.EventsDue ?? false;
    private TrainingOutcome? _converged;
    private (long Iteration, TimeSpan Time) _lastReport;
    private long _lastCheckpoint = -1;
    private long _total;

    /// <summary>The best validation loss so far and its iteration; NaN and 0 before the first.</summary>
    public (double ValidationLoss, long Iteration) Best { get; private set; } =
        (resumeFrom?.BestValidationLoss ?? double.NaN, resumeFrom?.BestIteration ?? 0);

    /// <summary>How training diverged, for people; null while it has not.</summary>
    public string? Divergence { get; private set; }

    /// <summary>
    /// Trains until the schedule or its patience ends, the engine has converged, a stop is requested, or a loss is not finite or absurd.
    /// </summary>
    /// <param name="observer">Is told of every event. Training waits while it reports and saves.</param>
    /// <param name="stop">Checked between calls of the engine, about ten times a second.</param>
    public TrainingOutcome Run(ITrainingObserver observer, CancellationToken stop)
    {
        _clock.Start();
        _lastReport = (_iteration, TimeSpan.Zero);
        _total = schedule.TotalIterations(_engine.StepsPerEpoch);
        _engine.LearningRateAt = LearningRateAt;

        // Training goes on from an end: the last checkpoint must say so, or a later resume would find that training has ended.
        if (resumeFrom?.EndedBy is not null && !stop.IsCancellationRequested)
            Checkpoint(observer, Snapshot());
        while (_converged is not null || ((_eventsDue || _iteration < _total) && !stop.IsCancellationRequested))
        {
            if (_eventsDue)
            {
                if (RaiseEvents(observer, stop) is { } end)
                    return end;
                continue;
            }

            long next = schedule.NextEvent(_iteration, _total);
            StepsResult result = _engine.RunSteps(next - _iteration);
            Add(result);
            if (Divergence is not null)
                return TrainingOutcome.Diverged;

            if (result.Losses.Length > 0)
                observer.Progressed(Report(double.NaN), _total);
            _converged = result.End;
            _eventsDue = _iteration == next || _converged is not null;
        }

        if (_lastCheckpoint != _iteration)
            Checkpoint(observer, Snapshot());
        return _iteration >= _total && !_eventsDue ? TrainingOutcome.Finished : TrainingOutcome.Stopped;
    }

    /// <summary>
    /// The mean loss of the steps since the last report, or the last loss right after a resume from a checkpoint of the first version,
    /// which has no sum.
    /// </summary>
    private double MeanLoss => _lossCount > 0 ? _lossSum / _lossCount : _lastLoss;

    /// <summary>
    /// Counts some steps and judges the loss of each, so that it does not matter how many steps a call had. Where there is a smoothed
    /// loss, that one is judged, since even a ruined model may guess the answers of a single step.
    /// </summary>
    private void Add(StepsResult result)
    {
        foreach (float loss in result.Losses.Span)
        {
            long weight = learner.WeightOf(_iteration++);
            _smoothLoss = Loss.Smooth(_smoothLoss, _lastLoss = loss);
            (_lossSum, _lossCount) = (_lossSum + (weight * (double)loss), _lossCount + weight);
            (string name, double judged) = double.IsNaN(_smoothLoss) ? ("loss", loss) : ("smoothed loss", _smoothLoss);
            if (judged > learner.AbsurdLoss)
                Divergence ??= string.Create(CultureInfo.InvariantCulture, $"the {name} is {judged / learner.LossTerms:0.0e+0}");
        }

        if (result.Diverged)
            Divergence ??= "a loss or gradient is not finite";

        foreach (float norm in result.GradientNorms.Span)
            (_normSum, _normCount) = (_normSum + norm, _normCount + 1);
    }

    /// <summary>
    /// Raises the events that are due at this iteration; at the end of training, all of them. If a stop is requested meanwhile, no event
    /// is raised and all stay due.
    /// </summary>
    /// <returns>How training ends here; null if it goes on or was stopped.</returns>
    private TrainingOutcome? RaiseEvents(ITrainingObserver observer, CancellationToken stop)
    {
        TrainingOutcome? end = _converged ?? (_iteration >= _total ? TrainingOutcome.Finished : null);
        bool evaluationDue = learner.HasValidation && TrainingSchedule.IsDue(schedule.EvalEvery, _iteration);
        bool evaluate = evaluationDue || (learner.HasValidation && end is not null);
        bool isBest = false;
        double validationLoss = double.NaN;
        byte[]? sample = null;
        if (_converged is not null)
            stop = CancellationToken.None; // a resume would begin with another step, so this end cannot be put off
        try
        {
            if (evaluate)
                validationLoss = learner.Evaluate(stop);
            isBest = double.IsFinite(validationLoss) && !(validationLoss >= Best.ValidationLoss);
            if (evaluationDue && !isBest && schedule.Patience > 0 && _evaluationsSinceBest + 1 >= schedule.Patience)
                end ??= TrainingOutcome.StoppedEarly;
            if (end is null ? TrainingSchedule.IsDue(schedule.SampleEvery, _iteration) : schedule.SampleEvery > 0)
                sample = learner.Sample(_iteration, stop);
        }
        catch (OperationCanceledException)
        {
            return null;
        }

        // The snapshot at the end is taken before its events, so that a resume to a later end raises those that are due then.
        TrainingSnapshot? beforeEnd = end is null ? null : Snapshot() with { EndedBy = end };
        if (end is not null)
            observer.Ending();
        _eventsDue = false;
        if (end is not null || evaluate || TrainingSchedule.IsDue(schedule.LogEvery, _iteration))
        {
            observer.Reported(Report(validationLoss));
            _lastReport = (_iteration, _clock.Elapsed);
            (_lossSum, _lossCount, _normSum, _normCount) = (0, 0, 0, 0);
        }

        if (isBest)
        {
            Best = (validationLoss, _iteration);
            observer.Improved(_iteration, _engine.ReadWeights());
        }

        if (evaluationDue)
        {
            _evaluationsSinceBest = isBest ? 0 : _evaluationsSinceBest + 1;
            if (schedule.LearningRates.Kind == LearningRateDecay.Plateau)
                _plateau = _plateau.After(validationLoss, schedule.LearningRates.DecayPatience);
        }

        if (sample is not null)
            observer.Sampled(_iteration, sample);
        if (beforeEnd is not null)
            Checkpoint(observer, beforeEnd);
        else if (TrainingSchedule.IsDue(schedule.CheckpointEvery, _iteration))
            Checkpoint(observer, Snapshot());
        return end;
    }

    private void Checkpoint(ITrainingObserver observer, TrainingSnapshot snapshot)
    {
        observer.Checkpointed(snapshot);
        _lastCheckpoint = _iteration;
    }

    private TrainingSnapshot Snapshot() => new()
    {
        Engine = _engine.ReadState(),
        EventsDue = _eventsDue,
        EndedBy = null,
        LastLoss = _lastLoss,
        LossSum = _lossSum,
        LossCount = _lossCount,
        SmoothLoss = _smoothLoss,
        BestValidationLoss = Best.ValidationLoss,
        BestIteration = Best.Iteration,
        EvaluationsSinceBest = _evaluationsSinceBest,
        Plateau = _plateau,
        MetricsLength = 0, // the observer that writes the logs fills in their lengths
        SamplesLength = 0,
    };

    private TrainingReport Report(double validationLoss)
    {
        double seconds = (_clock.Elapsed - _lastReport.Time).TotalSeconds;
        (long epochs, long steps) = Math.DivRem(_iteration, _engine.StepsPerEpoch);
        long examples = learner.ExamplesIn(_iteration), since = examples - learner.ExamplesIn(_lastReport.Iteration);
        long epoch = epochs + Math.Sign(steps);
        return new TrainingReport(
            _iteration, epoch, examples, MeanLoss / learner.LossTerms, _smoothLoss, _smoothLoss / learner.LossTerms, validationLoss,
            since > 0 ? since / seconds : double.NaN, _clock.Elapsed.TotalSeconds, LearningRateAt(_iteration - 1))
        {
            GradientNorm = _normSum / _normCount,
        };
    }

    private double LearningRateAt(long completedSteps) =>
        schedule.LearningRates.At(completedSteps, learningRate, _total, _plateau.Decays);
}

/// <summary>How training ended.</summary>
public enum TrainingOutcome
{
    /// <summary>All iterations are done.</summary>
    Finished,

    /// <summary>A stop was requested; everything is saved.</summary>
    Stopped,

    /// <summary>
    /// The validation loss did not improve for as long as <see cref="TrainingSchedule.Patience"/> allows; everything is saved.
    /// </summary>
    StoppedEarly,

    /// <summary>The gradient's norm fell below a tolerance; everything is saved.</summary>
    SmallGradient,

    /// <summary>The loss changed by less than a tolerance; everything is saved.</summary>
    SmallChange,

    /// <summary>
    /// A loss or gradient was not finite, and its update was skipped; or the loss is absurd, though finite. Nothing was
    /// saved over the last checkpoint.
    /// </summary>
    Diverged,
}

/// <summary>Is told what training does, to show it or to record it. Every method may be left out.</summary>
public interface ITrainingObserver
{
    /// <summary>Some steps are done. This is for live displays.</summary>
    /// <param name="now">The progress of training.</param>
    /// <param name="totalIterations">The iteration at which training will end.</param>
    void Progressed(TrainingReport now, long totalIterations)
    {
    }

    /// <summary>
    /// Training ends here. What is raised between now and the last checkpoint belongs to this end, and a resume from that checkpoint
    /// takes it back.
    /// </summary>
    void Ending()
    {
    }

    /// <summary>A report was due.</summary>
    void Reported(TrainingReport report)
    {
    }

    /// <summary>The validation loss is the best so far.</summary>
    /// <param name="iteration">The number of completed steps.</param>
    /// <param name="weights">The weights.</param>
    void Improved(long iteration, Model.ParameterSet<float> weights)
    {
    }

    /// <summary>The model wrote a text.</summary>
    /// <param name="iteration">The number of completed steps.</param>
    /// <param name="text">The text's bytes, as the vocabulary decodes them.</param>
    void Sampled(long iteration, ReadOnlyMemory<byte> text)
    {
    }

    /// <summary>A checkpoint is due. The observer fills in the lengths of the logs that it writes.</summary>
    void Checkpointed(TrainingSnapshot snapshot)
    {
    }
}

/// <summary>The progress of training.</summary>
/// <param name="Iteration">The number of completed steps.</param>
/// <param name="Epoch">The number of passes over the data that have begun.</param>
/// <param name="Characters">The number of characters trained on: iterations · B · T; for a table, the number of rows.</param>
/// <param name="Loss">
/// The mean loss of the steps since the last report, in nats per character, or J for a table; NaN before the first step.
/// </param>
/// <param name="SmoothLoss">The classic smoothed loss in nats, a sum over T; NaN for a table.</param>
/// <param name="SmoothLossPerCharacter">The same in nats per character.</param>
/// <param name="ValidationLoss">The validation loss in nats per character, or J; NaN if none was measured.</param>
/// <param name="CharactersPerSecond">The number of characters or rows per second since the last report; NaN if there was no step.</param>
/// <param name="Seconds">The seconds since this program began to train.</param>
/// <param name="LearningRate">η of the last step.</param>
public readonly record struct TrainingReport(
    long Iteration, long Epoch, long Characters, double Loss, double SmoothLoss, double SmoothLossPerCharacter,
    double ValidationLoss, double CharactersPerSecond, double Seconds, double LearningRate)
{
    /// <summary>
    /// The mean norm of the gradients of the steps since the last report; NaN if the engine does not measure it. The logs do not have
    /// it.
    /// </summary>
    public double GradientNorm { get; init; } = double.NaN;
}
