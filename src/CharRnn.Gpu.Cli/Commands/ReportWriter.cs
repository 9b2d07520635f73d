using System.Diagnostics;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Reports;
using CharRnn.Runs;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>Keeps a run's report.html up to date while it trains, at a cost of less than a hundredth of its time.</summary>
/// <param name="directory">The run's directory.</param>
/// <param name="warn">Takes a warning, once, if the report cannot be written.</param>
internal sealed class ReportWriter(string directory, Action<string> warn) : ITrainingObserver
{
    private const int PausesPerWriting = 200;
    private static readonly TimeSpan LeastPause = TimeSpan.FromSeconds(10);

    private long _written = Stopwatch.GetTimestamp();
    private TimeSpan _pause = LeastPause;
    private bool _hasWarned;

    public void Progressed(TrainingReport now, long totalIterations)
    {
        if (Stopwatch.GetElapsedTime(_written) > _pause)
            Write();
    }

    /// <summary>Writes the report of the current state. Call it at the end of the run.</summary>
    public void Write()
    {
        long started = Stopwatch.GetTimestamp();
        try
        {
            ReportPage.Write(RunSearch.PathsOf(directory).ReportPath, [RunRecord.Read(directory)]);
        }
        catch (Exception e)
        {
            // A failure to write the page must never end a run.
            if (!_hasWarned)
                warn($"report.html could not be written: {Failure.Describe(e)}; training goes on");
            _hasWarned = true;
        }

        _written = Stopwatch.GetTimestamp();
        _pause = TimeSpan.FromSeconds(Math.Max(LeastPause.TotalSeconds, PausesPerWriting * Stopwatch.GetElapsedTime(started).TotalSeconds));
    }
}
