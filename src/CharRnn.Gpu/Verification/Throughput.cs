using System.Diagnostics;
using CharRnn.Gpu.Execution;
using CharRnn.Sampling;
using CharRnn.Training;

namespace CharRnn.Gpu.Verification;

/// <summary>What training reached.</summary>
/// <param name="CharactersPerSecond">Of all streams.</param>
/// <param name="LaunchesPerStep">Kernel launches.</param>
public readonly record struct TrainingThroughput(double CharactersPerSecond, double LaunchesPerStep);

/// <summary>How fast a device works, in characters per second of wall-clock time.</summary>
public static class Throughput
{
    /// <summary>Training steps, one after the other, from the state as it is.</summary>
    /// <param name="engine">Who trains.</param>
    /// <param name="step">Its sizes.</param>
    /// <param name="seconds">For about so long.</param>
    /// <param name="stop">Ends the measurement.</param>
    /// <exception cref="CharRnnException">Training diverged: skipped steps would count as fast ones.</exception>
    public static TrainingThroughput OfTraining(TrainingEngine engine, StepOptions step, double seconds, CancellationToken stop = default)
    {
        long steps = 0, launches = engine.Launches, started = Stopwatch.GetTimestamp();
        do
        {
            stop.ThrowIfCancellationRequested();
            StepsResult result = engine.RunSteps(long.MaxValue);
            if (result.Diverged)
                throw new CharRnnException("training", "diverged while it was measured", "skipped steps are not worth timing; measure other sizes");
            steps += result.Losses.Length;
        }
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < seconds);
        double elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return new TrainingThroughput(steps * (double)step.BatchSize * step.SequenceLength / elapsed, (engine.Launches - launches) / (double)steps);
    }

    /// <summary>Writing one text.</summary>
    /// <param name="sampler">Who writes.</param>
    /// <param name="seconds">For about so long.</param>
    public static double OfSampling(Sampler sampler, double seconds)
    {
        long written = 0, started = Stopwatch.GetTimestamp();
        foreach (int[] chunk in sampler.Write([0], long.MaxValue, new SamplingOptions(), 1, 0))
        {
            written += chunk.Length;
            if (Stopwatch.GetElapsedTime(started).TotalSeconds >= seconds)
                break;
        }

        return written / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
