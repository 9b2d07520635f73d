using System.Globalization;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Reports;

/// <summary>What a run wrote into its directory.</summary>
/// <param name="Name">The name of the run on a page.</param>
/// <param name="Configuration">The content of its config.json.</param>
/// <param name="Reports">The reports in its metrics.jsonl, thinned as <see cref="Curve"/> says.</param>
/// <param name="Samples">The samples in its samples.txt, or in the end of a long one.</param>
public sealed record RunRecord(
    string Name, RunConfiguration Configuration, IReadOnlyList<TrainingReport> Reports, IReadOnlyList<Sample> Samples)
{
    // More points than pixels tell nothing, and a page should open at once.
    private const int MostReports = 20_000;

    /// <summary>
    /// Whether it has a classic smoothed loss that is worth a look: that of one stream, as in min-char-rnn. With more streams
    /// the smoothed loss lags far behind the training.
    /// </summary>
    public bool HasSmoothLoss => Number("batch-size") == 1 && Reports.Any(report => double.IsFinite(report.SmoothLossPerCharacter));

    /// <summary>The losses to compare its own with, as far as the run recorded them.</summary>
    public IReadOnlyList<Baseline> Baselines =>
    [
        .. new Baseline[]
        {
            new("any character", Math.Log(Number("vocabulary-size"))),
            new("unigram entropy", Number("unigram-entropy")),
            new("bigram entropy", Number("bigram-entropy")),
            new("constant answer", Number(Configuration.Has("constant-loss") ? "constant-loss" : "label-entropy")), // its name in old runs
        }.Where(baseline => double.IsFinite(baseline.Nats)),
    ];

    /// <summary>Reads what a finished or running run has written so far. Files may have any length; the memory is bounded.</summary>
    /// <param name="directory">The run's directory.</param>
    /// <param name="cancellation">Checked between two lines.</param>
    /// <exception cref="CharRnnException">The directory is not a run's, or a file in it cannot be read.</exception>
    public static RunRecord Read(string directory, CancellationToken cancellation = default)
    {
        RunPaths files = RunSearch.PathsOf(directory);
        return new RunRecord(
            directory, RunConfiguration.Read(files.ConfigurationPath), Curve(MetricsLog.Read(files.MetricsPath), cancellation),
            SamplesLog.Read(files.SamplesPath));
    }

    /// <summary>
    /// Chooses the reports that a curve shows. If there are many, these are every n-th one, the last one, every n-th one with a
    /// validation loss, and the best of these. Seconds are summed over all starts, because a resumed run counts from 0 again.
    /// </summary>
    internal static TrainingReport[] Curve(IEnumerable<TrainingReport> reports, CancellationToken cancellation = default)
    {
        var all = new Thinned<(long Index, TrainingReport Report)>(MostReports);
        var validations = new Thinned<(long Index, TrainingReport Report)>(MostReports);
        (long Index, TrainingReport Report)[] best = [];
        double before = 0, last = 0;
        long index = 0;
        foreach (TrainingReport report in reports)
        {
            cancellation.ThrowIfCancellationRequested();
            if (report.Seconds < last)
                before += last;
            last = report.Seconds;
            var point = (index++, report with { Seconds = before + last });
            all.Add(point);
            if (!double.IsFinite(report.ValidationLoss))
                continue;
            validations.Add(point);
            if (best is [] || report.ValidationLoss < best[0].Report.ValidationLoss)
                best = [point];
        }

        return [.. all.Items.Concat(validations.Items).Concat(best)
            .DistinctBy(point => point.Index).OrderBy(point => point.Index).Select(point => point.Report)];
    }

    private double Number(string key) =>
        Configuration.Has(key)
            && double.TryParse(Configuration.GetDisplayText(key), NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
                ? value
                : double.NaN;
}

/// <summary>A loss that can be reached without a network.</summary>
/// <param name="Name">The name of a predictor that knows no more than this.</param>
/// <param name="Nats">The loss in nats per character.</param>
public readonly record struct Baseline(string Name, double Nats);
