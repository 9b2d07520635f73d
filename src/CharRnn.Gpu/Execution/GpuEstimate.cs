using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// An estimate of the time that a training step takes on a GPU. It is made to choose a plan, for which only the order of the plans
/// matters. The rates are those of one of the two groups that share a multiprocessor of an H100. They are fitted by hand to the times that
/// the benchmarks' command <c>plans</c> measures, and are within a fifth of most of these; benchmarks/README.md has the table.
/// </summary>
internal static class GpuEstimate
{
    // A group reads weights from the second-level cache, does 4 x 4 tiles, and updates parameters one by one.
    private const double BytesPerSecond = 68e9, FlopsPerSecond = 55e9, UpdatesPerSecond = 200e6;

    // The least time of a phase that all groups share, of a launch in a sequence of short ones, and of a time step within a group:
    // the latency of a few loads and barriers.
    private const double PhaseSeconds = 9e-6, LaunchSeconds = 5.6e-6, ChainStepSeconds = 1.2e-6, ResidentStepSeconds = 0.37e-6;

    // Hidden states, outputs, the way back, gradients, update.
    private const int Phases = 5;

    /// <summary>The seconds of a step by phases or by time steps.</summary>
    public static double Seconds(PlanKind kind, ModelShape shape, StepOptions options, DeviceTraits device)
    {
        double h = shape.HiddenSize, b = options.BatchSize, t = options.SequenceLength;
        double product = 2 * h * h; // the operations of a time step of a stream, forward or back
        double rest = ((shape.TrainingFlops - (2 * product)) * b * t / FlopsPerSecond) + (shape.ParameterCount / UpdatesPerSecond);
        double streams = Math.Ceiling(b / device.Teams);
        bool resides = streams == 1 && h <= Recurrence.ResidentSide && device.GroupSize == Recurrence.ResidentThreads;
        double timeStep = kind switch
        {
            PlanKind.TimeSteps => LaunchSeconds + (product * b / FlopsPerSecond / device.Teams),
            PlanKind.Phases when resides => ResidentStepSeconds,
            PlanKind.Phases => ChainStepSeconds + Math.Max(4 * h * h / BytesPerSecond, product * streams / FlopsPerSecond),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "has no estimate"),
        };
        return (2 * t * timeStep) + (rest / device.Teams) + (Phases * PhaseSeconds);
    }
}
