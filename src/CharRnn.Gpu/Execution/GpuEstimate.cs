using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// An estimate of the time that a training step takes on a GPU, good enough to choose a plan. The rates are those of an H100, of which
/// two groups share a multiprocessor: the benchmarks' command <c>plans</c> measures what they are fitted to.
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
        double timeStep = kind == PlanKind.TimeSteps
            ? LaunchSeconds + (product * b / FlopsPerSecond / device.Teams)
            : streams == 1 && h <= Recurrence.ResidentSide && device.GroupSize == Recurrence.ResidentThreads
                ? ResidentStepSeconds
                : ChainStepSeconds + Math.Max(4 * h * h / BytesPerSecond, product * streams / FlopsPerSecond);
        return (2 * t * timeStep) + (rest / device.Teams) + (Phases * PhaseSeconds);
    }
}
