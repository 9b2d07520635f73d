using System.Diagnostics;
using CharRnn.Networks;

namespace CharRnn.Gpu.Execution;

/// <summary>How far a training is.</summary>
/// <param name="Epoch">Epochs done.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">J, the mean over the last epoch's steps.</param>
/// <param name="GradientNorm">The gradient's norm, the mean over the last epoch's steps.</param>
/// <param name="RowsPerSecond">Since the report before.</param>
/// <param name="Seconds">Since the start.</param>
public readonly record struct NetworkReport(long Epoch, long Step, double Loss, double GradientNorm, double RowsPerSecond, double Seconds);

/// <summary>The loop of a feed-forward network's training: epochs, reports, and when it ends.</summary>
/// <param name="engine">What makes the steps.</param>
/// <param name="rows">Rows of the data.</param>
/// <param name="options">With mini-batches its tolerances are for the means over an epoch; with all rows in one step, the engine itself keeps them.</param>
public sealed class NetworkTraining(NetworkEngine engine, int rows, NetworkOptions options)
{
    /// <summary>Trains.</summary>
    /// <param name="epochs">Epochs at most.</param>
    /// <param name="reportEvery">Epochs between reports; the last is always reported.</param>
    /// <param name="report">Takes the reports.</param>
    /// <param name="stop">Looked at between calls of the engine.</param>
    /// <returns>Why it ended; null if it was asked to.</returns>
    public DescentEnd? Run(long epochs, long reportEvery, Action<NetworkReport> report, CancellationToken stop)
    {
        bool isFullBatch = engine.StepsPerEpoch == 1, watches = !isFullBatch && (options.GradientTolerance > 0 || options.LossTolerance > 0);
        long started = Stopwatch.GetTimestamp(), reported = started;
        long reportedStep = 0, epochBegin = 0;
        double loss = 0, norm = 0, before = double.PositiveInfinity;
        NetworkReport last = default;
        DescentEnd? end = null;
        while (end is null && !stop.IsCancellationRequested)
        {
            // To the end of an epoch, or where nothing is to be seen there, to the next report.
            long next = isFullBatch ? ((engine.Step / reportEvery) + 1) * reportEvery : ((engine.Step / engine.StepsPerEpoch) + 1) * engine.StepsPerEpoch;
            long target = Math.Min(next, epochs * engine.StepsPerEpoch);
            NetworkSteps steps = engine.RunSteps(target - engine.Step);
            end = steps.End;
            if (isFullBatch && steps.Losses.Length > 0)
                (loss, norm, epochBegin) = (steps.Losses[^1], steps.GradientNorms[^1], engine.Step - 1);
            else
                (loss, norm) = (loss + steps.Losses.Sum(one => (double)one), norm + steps.GradientNorms.Sum(one => (double)one));

            bool isEpoch = isFullBatch ? engine.Step == target : engine.Step % engine.StepsPerEpoch == 0 && engine.Step > epochBegin;
            if (!isEpoch && end is null)
                continue;
            long inEpoch = Math.Max(1, engine.Step - epochBegin), epoch = engine.Step / engine.StepsPerEpoch;
            (double meanLoss, double meanNorm) = (loss / inEpoch, norm / inEpoch);
            if (watches && end is null)
                end = meanNorm < options.GradientTolerance ? DescentEnd.SmallGradient : Math.Abs(before - meanLoss) < options.LossTolerance ? DescentEnd.SmallChange : null;
            if (end is null && engine.Step >= epochs * engine.StepsPerEpoch)
                end = DescentEnd.EnoughSteps;
            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds, since = Stopwatch.GetElapsedTime(reported).TotalSeconds;
            last = new NetworkReport(epoch, engine.Step, meanLoss, meanNorm, (engine.Step - reportedStep) * ((double)rows / engine.StepsPerEpoch) / Math.Max(since, 1e-9), seconds);
            if (end is not null || epoch % reportEvery == 0)
            {
                report(last);
                (reported, reportedStep) = (Stopwatch.GetTimestamp(), engine.Step);
            }

            (before, loss, norm, epochBegin) = (meanLoss, 0, 0, engine.Step);
        }

        return end;
    }
}
