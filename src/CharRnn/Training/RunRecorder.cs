using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Text;

namespace CharRnn.Training;

/// <summary>Writes a run down in its directory as it goes.</summary>
public sealed class RunRecorder : ITrainingObserver, IDisposable
{
    private readonly RunDirectory _run;
    private readonly Vocabulary _vocabulary;
    private readonly MetricsLog _metrics;
    private readonly SamplesLog _samples;

    /// <param name="run">The run's directory, open.</param>
    /// <param name="vocabulary">The characters.</param>
    /// <param name="resumeFrom">Where an earlier run stopped: its logs are cut back to there.</param>
    public RunRecorder(RunDirectory run, Vocabulary vocabulary, TrainingSnapshot? resumeFrom)
    {
        (_run, _vocabulary) = (run, vocabulary);
        if (resumeFrom is not null)
            run.TruncateLogs(resumeFrom.MetricsLength, resumeFrom.SamplesLength);
        _metrics = new MetricsLog(run.MetricsPath);
        _samples = new SamplesLog(run.SamplesPath);
    }

    /// <inheritdoc/>
    public void Progressed(TrainingReport now, long totalIterations)
    {
    }

    /// <inheritdoc/>
    public void Reported(TrainingReport report) => _metrics.Append(report);

    /// <inheritdoc/>
    public void Improved(ParameterSet<float> weights) => ModelFile.Save(_run.BestModelPath, new CharacterModel(_vocabulary, weights));

    /// <inheritdoc/>
    public void Sampled(long iteration, int[] tokens) => _samples.Append(iteration, _vocabulary.Decode(tokens));

    /// <summary>Saves the checkpoint, then the model: a model without a checkpoint would be no run to go on from.</summary>
    public void Checkpointed(TrainingSnapshot snapshot)
    {
        _metrics.FlushToDisk();
        _samples.FlushToDisk();
        CheckpointFile.Save(_run.CheckpointPath, _vocabulary, snapshot with { MetricsLength = _metrics.Length, SamplesLength = _samples.Length });
        ModelFile.Save(_run.ModelPath, new CharacterModel(_vocabulary, snapshot.Weights));
    }

    /// <summary>Closes the logs.</summary>
    public void Dispose()
    {
        _metrics.Dispose();
        _samples.Dispose();
    }
}
