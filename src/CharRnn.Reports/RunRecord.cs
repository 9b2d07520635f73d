using System.Globalization;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Reports;

/// <summary>What a run wrote down.</summary>
/// <param name="Name">What it is called on a page.</param>
/// <param name="Configuration">Its config.json.</param>
/// <param name="Reports">Its metrics.jsonl, as many as a curve shows (<see cref="Curve"/>).</param>
/// <param name="Samples">Its samples.txt, or the end of a long one.</param>
public sealed record RunRecord(string Name, RunConfiguration Configuration, IReadOnlyList<TrainingReport> Reports, IReadOnlyList<Sample> Samples)
{
    // More points than pixels tell nothing, and a page should open at once.
    private const int MostReports = 20_000;

    /// <summary>
    /// Whether it has a classic smoothed loss that is worth a look: min-char-rnn's, of one stream. With more streams it lags far
    /// behind the training that it stands for.
    /// </summary>
    public bool HasSmoothLoss => Number("batch-size") == 1 && Reports.Any(report => double.IsFinite(report.SmoothLossPerCharacter));

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

    /// <summary>Reads what a run, finished or at work, has written so far; files of any length, in bounded memory.</summary>
    /// <param name="directory">The run's directory.</param>
    /// <param name="cancellation">Heard between two lines.</param>
    /// <exception cref="CharRnnException">It is no run's, or a file in it cannot be read.</exception>
    public static RunRecord Read(string directory, CancellationToken cancellation = default)
    {
        RunPaths files = RunSearch.PathsOf(directory);
        return new RunRecord(
            directory, RunConfiguration.Read(files.ConfigurationPath), Curve(MetricsLog.Read(files.MetricsPath), cancellation), SamplesLog.Read(files.SamplesPath));
    }

    /// <summary>
    /// What a curve shows of any number of reports: all of a few, else every n-th and the last, every n-th validation, which
    /// is rare and costs more than a point, and the best one. Seconds are those at work in all: a resumed run counts from 0 again.
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

        return [.. all.Items.Concat(validations.Items).Concat(best).DistinctBy(point => point.Index).OrderBy(point => point.Index).Select(point => point.Report)];
    }

    private double Number(string key) =>
        Configuration.Has(key) && double.TryParse(Configuration.GetDisplayText(key), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : double.NaN;
}

/// <summary>A loss that needs no network.</summary>
/// <param name="Name">What knows no more than this.</param>
/// <param name="Nats">Per character.</param>
public readonly record struct Baseline(string Name, double Nats);
