using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// A rough estimate of the time that a training step takes on a GPU, good enough to choose a plan. The rates are those of a thread
/// group on a data centre's GPU, computed from its clocks and widths; they have not been measured.
/// </summary>
internal static class GpuEstimate
{
    // A group reads weights from the second-level cache at 64 bytes a cycle, and does 4 x 4 tiles at a third of its peak.
    private const double BytesPerSecond = 100e9, FlopsPerSecond = 80e9;

    // The time of a launch in a sequence of them, and the least time of a time step of a chain: the latency of a few loads and barriers.
    private const double LaunchSeconds = 4e-6, ChainStepSeconds = 1e-6, ResidentStepSeconds = 0.25e-6;

    // Hidden states, outputs, the way back, gradients, update.
    private const int Phases = 5;

    public static double Seconds(PlanKind kind, ModelShape shape, StepOptions options, DeviceTraits device)
    {
        double h = shape.HiddenSize, b = options.BatchSize, t = options.SequenceLength;
        double chains = 4 * h * h * b * t, rest = (shape.TrainingFlops * b * t) - chains;
        int groups = kind == PlanKind.ManySteps ? 1 : device.Teams;
        double streams = Math.Ceiling(b / groups);
        double walking = streams == 1 && h <= Recurrence.ResidentSide && device.GroupSize == Recurrence.ResidentThreads
            ? ResidentStepSeconds
            : Math.Max(ChainStepSeconds, Math.Max(4 * h * h / BytesPerSecond, 2 * h * h * streams / FlopsPerSecond));
        double launched = Math.Max(2 * t * LaunchSeconds, chains / FlopsPerSecond / groups);
        return kind switch
        {
            PlanKind.ManySteps => (2 * t * walking) + (rest / FlopsPerSecond),
            PlanKind.Phases => (2 * t * walking) + (rest / FlopsPerSecond / groups) + (Phases * LaunchSeconds),
            PlanKind.TimeSteps => launched + (rest / FlopsPerSecond / groups) + (Phases * LaunchSeconds),
            _ => double.PositiveInfinity,
        };
    }
}
