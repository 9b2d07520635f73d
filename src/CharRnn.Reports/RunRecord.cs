using System.Globalization;
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
    /// <summary>What its loss is to be compared with, as far as it wrote that down.</summary>
    public IReadOnlyList<Baseline> Baselines =>
    [
        .. new Baseline[]
        {
            new("any character", Math.Log(Number("vocabulary-size"))),
            new("unigram entropy", Number("unigram-entropy")),
            new("bigram entropy", Number("bigram-entropy")),
            new("constant answer", Number("label-entropy")),
        }.Where(baseline => double.IsFinite(baseline.Nats)),
    ];

    /// <summary>Reads what a run, finished or at work, has written so far.</summary>
    /// <param name="directory">The run's directory.</param>
    /// <exception cref="CharRnnException">It is no run's, or a file in it cannot be read.</exception>
    public static RunRecord Read(string directory)
    {
        RunFiles files = RunDirectory.FilesOf(directory);
        return new RunRecord(
            directory, RunConfiguration.Read(files.Configuration), MetricsLog.Read(files.Metrics), SamplesLog.Read(files.Samples));
    }

    private double Number(string key) =>
        Configuration.Has(key) && double.TryParse(Configuration.GetDisplayText(key), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : double.NaN;
}

/// <summary>A loss that needs no network.</summary>
/// <param name="Name">What knows no more than this.</param>
/// <param name="Nats">Per character.</param>
public readonly record struct Baseline(string Name, double Nats);
