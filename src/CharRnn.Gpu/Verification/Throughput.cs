using System.Diagnostics;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Sampling;
using CharRnn.Training;

namespace CharRnn.Gpu.Verification;

/// <summary>The speed of training.</summary>
/// <param name="CharactersPerSecond">The characters of all streams.</param>
/// <param name="LaunchesPerStep">The number of kernel launches.</param>
public readonly record struct TrainingThroughput(double CharactersPerSecond, double LaunchesPerStep);

/// <summary>The time that a kernel takes in a training step.</summary>
/// <param name="Kernel">The name of the kernel.</param>
/// <param name="LaunchesPerStep">The number of its launches.</param>
/// <param name="SecondsPerStep">The device's time in all of them.</param>
/// <param name="FlopsPerStep">The operations of its products; NaN if it has none.</param>
public readonly record struct KernelTime(string Kernel, double LaunchesPerStep, double SecondsPerStep, double FlopsPerStep);

/// <summary>How fast a device works, in characters per second of wall-clock time.</summary>
public static class Throughput
{
    // Every launch of a profile keeps two marks.
    private const int MaxProfiledSteps = 20;

    /// <summary>Measures training steps from the current state on.</summary>
    /// <param name="engine">The engine that trains.</param>
    /// <param name="step">The sizes of its steps.</param>
    /// <param name="seconds">How long to measure, approximately.</param>
    /// <exception cref="CharRnnException">Training diverged: skipped steps would count as fast ones.</exception>
    public static TrainingThroughput OfTraining(TrainingEngine engine, StepOptions step, double seconds)
    {
        long steps = 0, launches = engine.Launches, started = Stopwatch.GetTimestamp();
        do
        {
            steps += Completed(engine.RunSteps(long.MaxValue));
        }
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < seconds);
        double elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return new TrainingThroughput(
            steps * (double)step.BatchSize * step.SequenceLength / elapsed, (engine.Launches - launches) / (double)steps);
    }

    /// <summary>Measures the device's time in each kernel over some training steps.</summary>
    /// <param name="engine">The engine that trains, with a fixed plan, on a device that was opened for profiling.</param>
    /// <param name="step">The sizes of its steps.</param>
    /// <param name="calls">The number of calls of the engine.</param>
    public static IReadOnlyList<KernelTime> Profile(TrainingEngine engine, StepOptions step, int calls)
    {
        ModelShape shape = engine.Model.Shape;
        (double h, double v, double rows) = (shape.HiddenSize, shape.VocabularySize, (double)step.BatchSize * step.SequenceLength);
        double square = shape.Gates * h * h, products = (2 * shape.Layers) - 1; // of a matrix between states, and such matrices
        using var profile = new KernelProfile(engine.Model.Device.Accelerator);
        engine.Model.Device.Kernels.Profile = profile;
        long steps = 0;
        try
        {
            for (int call = 0; call < calls; call++)
                steps += Completed(engine.RunSteps(MaxProfiledSteps));
        }
        finally
        {
            engine.Model.Device.Kernels.Profile = null;
        }

        return
        [
            .. from one in profile.Read()
               let flops = one.Kernel switch
               {
                   "Hidden" or "Chain" => 2 * square * shape.Layers * rows,
                   "Input" or "Input back" => 2 * square * (shape.Layers - 1) * rows,
                   "Output" => 4 * h * v * rows,
                   "Gradient" => 2 * ((square * products) + (h * v)) * rows,
                   "TrainSteps" => shape.TrainingFlops * rows,
                   _ => double.NaN,
               }
               select new KernelTime(one.Kernel, one.Launches / (double)steps, one.Seconds / steps, flops),
        ];
    }

    private static int Completed(StepsResult result) => result.Diverged
        ? throw new CharRnnException(
            "training", "diverged while it was measured", "skipped steps are not worth timing; measure other sizes")
        : result.Losses.Length;

    /// <summary>Measures how fast one text is written.</summary>
    /// <param name="sampler">The sampler that writes.</param>
    /// <param name="seconds">How long to measure, approximately.</param>
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
