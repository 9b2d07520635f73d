using System.Diagnostics;
using CharRnn.Networks;

namespace CharRnn.Gpu.Execution;

/// <summary>How far a training is.</summary>
/// <param name="Epoch">Epochs done.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">J, the mean over the last epoch's rows, each at its step.</param>
/// <param name="GradientNorm">The gradient's norm, the same mean over the last epoch's steps.</param>
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
    /// <exception cref="ArgumentOutOfRangeException">There are no epochs, or none between reports.</exception>
    public DescentEnd? Run(long epochs, long reportEvery, Action<NetworkReport> report, CancellationToken stop)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(epochs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(reportEvery, 1);
        bool isFullBatch = engine.StepsPerEpoch == 1, watches = !isFullBatch && (options.GradientTolerance > 0 || options.LossTolerance > 0);
        long total = epochs > long.MaxValue / engine.StepsPerEpoch ? long.MaxValue : epochs * engine.StepsPerEpoch;
        long started = Stopwatch.GetTimestamp(), reported = started, reportedStep = 0;
        double loss = 0, norm = 0, weight = 0, before = double.PositiveInfinity;
        DescentEnd? end = engine.Step >= total ? DescentEnd.EnoughSteps : null;
        while (end is null && !stop.IsCancellationRequested)
        {
            // To the end of an epoch, or where nothing is to be seen there, to the next report.
            long target = Math.Min(isFullBatch ? ((engine.Step / reportEvery) + 1) * reportEvery : ((engine.Step / engine.StepsPerEpoch) + 1) * engine.StepsPerEpoch, total);
            long first = engine.Step;
            NetworkSteps steps = engine.RunSteps(target - first);
            end = steps.End;
            for (int i = isFullBatch ? Math.Max(0, steps.Losses.Length - 1) : 0; i < steps.Losses.Length; i++)
            {
                int share = engine.RowsOf(first + i);
                (loss, norm, weight) = isFullBatch
                    ? (steps.Losses[i], steps.GradientNorms[i], 1)
                    : (loss + (share * (double)steps.Losses[i]), norm + (share * (double)steps.GradientNorms[i]), weight + share);
            }

            bool isWhole = isFullBatch ? engine.Step == target : engine.Step % engine.StepsPerEpoch == 0;
            if (watches && isWhole && end is null)
                end = norm / weight < options.GradientTolerance ? DescentEnd.SmallGradient : Math.Abs(before - (loss / weight)) < options.LossTolerance ? DescentEnd.SmallChange : null;
            if (end is null && engine.Step >= total)
                end = DescentEnd.EnoughSteps;
            bool isLast = end is not null || stop.IsCancellationRequested, isDue = isWhole && engine.Step / engine.StepsPerEpoch % reportEvery == 0;
            if ((isLast || isDue) && weight > 0 && engine.Step > reportedStep)
            {
                double since = Math.Max(Stopwatch.GetElapsedTime(reported).TotalSeconds, 1e-9);
                report(new NetworkReport(
                    engine.Step / engine.StepsPerEpoch, engine.Step, loss / weight, norm / weight,
                    (engine.Step - reportedStep) * ((double)rows / engine.StepsPerEpoch) / since, Stopwatch.GetElapsedTime(started).TotalSeconds));
                (reported, reportedStep) = (Stopwatch.GetTimestamp(), engine.Step);
            }

            if (isWhole)
                (before, loss, norm, weight) = (loss / weight, 0, 0, 0);
        }

        return end;
    }
}
