using CharRnn.Files;
using CharRnn.Training;

namespace CharRnn.Reports;

/// <summary>What a run wrote down.</summary>
/// <param name="Name">What it is called on a page.</param>
/// <param name="Configuration">Its config.json.</param>
/// <param name="Reports">Its metrics.jsonl.</param>
/// <param name="Samples">Its samples.txt.</param>
public sealed record RunRecord(string Name, RunConfiguration Configuration, IReadOnlyList<TrainingReport> Reports, IReadOnlyList<Sample> Samples)
{
    /// <summary>Reads what a run, finished or at work, has written so far.</summary>
    /// <param name="directory">The run's directory.</param>
    /// <exception cref="CharRnnException">It is no run's, or a file in it cannot be read.</exception>
    public static RunRecord Read(string directory)
    {
        RunFiles files = RunDirectory.FilesOf(directory);
        return new RunRecord(
            directory, RunConfiguration.Read(files.Configuration), MetricsLog.Read(files.Metrics), SamplesLog.Read(files.Samples));
    }
}
