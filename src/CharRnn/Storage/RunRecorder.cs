using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Runs;
using CharRnn.Training;

namespace CharRnn.Storage;

/// <summary>
/// Writes the files of a run while it trains. A disk that is full or missing does not end training: a warning is given
/// once, and what could not be written is tried again at the next save.
/// </summary>
public sealed class RunRecorder : ITrainingObserver, IDisposable
{
    private readonly RunDirectory _run;
    private readonly ModelDescription _description;
    private readonly MetricsLog _metrics;
    private readonly SamplesLog? _samples;
    private readonly TensorBoardLog? _tensorBoard;
    private readonly int _keep;
    private readonly Action<string> _warn;
    private readonly HashSet<string> _told = [];
    private (long Metrics, long Samples)? _lengthsBeforeEnd;
    private long _bestIteration; // of the best model on the disk, if there is one
    private bool _isBestNeeded = true; // by a checkpoint on the disk, or by the coming one of the end
    private (long Iteration, ParameterSet<float> Weights)? _unsavedBest;
    private CharRnnException? _unsavedBecause;

    /// <param name="run">The run's directory, open.</param>
    /// <param name="description">What the weights need to be a model.</param>
    /// <param name="resumeFrom">
    /// The state in which an earlier run stopped; null at the start. The logs and the best model go back to it.
    /// </param>
    /// <param name="keep">The number of checkpoints to keep, at least 1.</param>
    /// <param name="warn">Takes a line when something cannot be written.</param>
    /// <param name="tensorBoard">A log for TensorBoard, which the recorder closes; null for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of checkpoints to keep is below 1.</exception>
    public RunRecorder(
        RunDirectory run, ModelDescription description, TrainingSnapshot? resumeFrom, int keep, Action<string> warn,
        TensorBoardLog? tensorBoard = null)
    {
        (_run, _description, _keep, _warn, _tensorBoard) = (run, description, Limits.Size(keep, nameof(keep)), warn, tensorBoard);
        run.TruncateLogs(resumeFrom?.MetricsLength ?? 0, resumeFrom?.SamplesLength ?? 0);
        _bestIteration = resumeFrom?.BestIteration ?? 0;
        run.TakeBackBest(_bestIteration, hadBest: resumeFrom is { BestValidationLoss: not double.NaN });
        _metrics = new MetricsLog(run.MetricsPath);
        _samples = description.WritesText ? new SamplesLog(run.SamplesPath) : null;
    }

    /// <inheritdoc/>
    public void Ending()
    {
        Attempt(() =>
        {
            FlushLogs();
            SaveBest();
        });
        _lengthsBeforeEnd = Lengths;
        _isBestNeeded = true;
    }

    /// <inheritdoc/>
    public void Reported(TrainingReport report)
    {
        Attempt(() => _metrics.Append(report));
        if (_tensorBoard is { } log)
            Attempt(() => log.Append(report));
    }

    /// <inheritdoc/>
    public void Improved(long iteration, ParameterSet<float> weights)
    {
        _unsavedBest = (iteration, weights);
        Attempt(SaveBest);
    }

    /// <inheritdoc/>
    public void Sampled(long iteration, ReadOnlyMemory<byte> text) => Attempt(() => _samples?.Append(iteration, text.Span));

    /// <summary>Saves the checkpoint first and the model second, since a run with a model but no checkpoint could not be resumed.</summary>
    public void Checkpointed(TrainingSnapshot snapshot)
    {
        _unsavedBecause = Attempt(() =>
        {
            FlushLogs();
            SaveBest();
            (long metrics, long samples) = _lengthsBeforeEnd ?? Lengths;
            CheckpointFile.Save(
                _run.CheckpointPath, _description, snapshot with { MetricsLength = metrics, SamplesLength = samples },
                () => _run.AgeCheckpoints(_keep));
            _isBestNeeded = true;
            _description.Save(_run.ModelPath, snapshot.Weights);
        });
        if (_unsavedBecause is null && Attempt(() => _run.RemoveEarlierBests(CheckpointFile.ReadBestIteration)) is null)
            _told.Clear();
    }

    /// <summary>Checks that the last checkpoint was saved. Call it at the end of training, when no later save can try again.</summary>
    /// <exception cref="CharRnnException">The last checkpoint could not be saved.</exception>
    public void RequireSaved()
    {
        if (_unsavedBecause is not null)
            throw _unsavedBecause;
    }

    /// <summary>Closes the logs.</summary>
    public void Dispose()
    {
        _metrics.Dispose();
        _samples?.Dispose();
        _tensorBoard?.Dispose();
    }

    private (long Metrics, long Samples) Lengths => (_metrics.Length, _samples?.Length ?? 0);

    private void FlushLogs()
    {
        _metrics.FlushToDisk();
        _samples?.FlushToDisk();
    }

    private void SaveBest()
    {
        if (_unsavedBest is not { } best)
            return;
        _description.Save(_run.BestModelPath, best.Weights, _isBestNeeded ? () => _run.KeepBest(_bestIteration) : null);
        (_bestIteration, _isBestNeeded, _unsavedBest) = (best.Iteration, false, null);
    }

    /// <returns>The reason why something was not written; null if it was.</returns>
    private CharRnnException? Attempt(Action write)
    {
        try
        {
            write();
            return null;
        }
        catch (CharRnnException e) when (e.InnerException is not null && FileErrors.IsFileFailure(e.InnerException))
        {
            if (_told.Add(e.Message))
                _warn($"{e.Message}; training goes on, and tries again at the next save");
            return e;
        }
    }
}
