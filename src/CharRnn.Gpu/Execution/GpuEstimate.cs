using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// An estimate of the time that a training step takes on a GPU. It is made to choose a plan, for which only the order of the plans
/// matters. The rates are those of one of the two groups that share a multiprocessor. Those of products, of reading weights and of meetings
/// are fitted by hand to what the benchmarks' command <c>plans</c> measured on an H200; those of launches and phases are an H100's, and are
/// up to a half too long. Most estimates are within a fifth; benchmarks/README.md has the table.
/// </summary>
internal static class GpuEstimate
{
    /// <summary>
    /// The instructions of a warp for its 32 multiply-adds in a large model, with their loads, addresses, loops, and all that comes between
    /// products. A test compares it with what the simulated device counts.
    /// </summary>
    public const double InstructionsPerMultiplyAdd = 2.1;

    // Only its quotient with the number above matters, which is fitted to (1024, 128, 100): hardly anything but products.
    private const double InstructionsPerSecond = 2.3e9;

    // A group reads weights from the second-level cache, computes products, and updates parameters one by one.
    private const double BytesPerSecond = 95e9, FlopsPerSecond = 2 * 32 * InstructionsPerSecond / InstructionsPerMultiplyAdd,
        UpdatesPerSecond = 200e6;

    // The least time of a phase that all groups share, of a launch in a sequence of short ones, and of a time step within a group:
    // the latency of a few loads and barriers.
    private const double PhaseSeconds = 9e-6, LaunchSeconds = 5.6e-6, ChainStepSeconds = 1.2e-6, ResidentStepSeconds = 0.37e-6;

    // What a time step takes beside its products within a launch whose groups meet, which is less with one stream, and what a cell with
    // several gates adds to any time step.
    private const double MeetingStepSeconds = 3.9e-6, GatesSeconds = 1.2e-6;

    // Hidden states, outputs, the way back, gradients, update.
    private const int Phases = 5;

    /// <summary>The seconds of a step by a plan that may be chosen, or by time steps.</summary>
    public static double Seconds(PlanKind kind, ModelShape shape, StepOptions options, DeviceTraits device)
    {
        double h = shape.HiddenSize, b = options.BatchSize, t = options.SequenceLength;
        double weights = shape.Gates * h * h; // of Whh
        double product = 2 * weights; // the operations of a time step of a stream in a layer, forward or back
        double rest = ((shape.TrainingFlops - (2 * product * shape.Layers)) * b * t / FlopsPerSecond)
            + (shape.ParameterCount / UpdatesPerSecond);
        double streams = Math.Ceiling(b / device.Teams);
        bool resides = shape.Gates == 1 && streams == 1 && h <= Recurrence.ResidentSide && device.GroupSize == Recurrence.ResidentThreads;
        double timeStep = kind switch
        {
            PlanKind.TimeSteps => LaunchSeconds + (product * b / FlopsPerSecond / device.Teams),
            PlanKind.Persistent => MeetingStepSeconds + (product * b / FlopsPerSecond / device.Teams),
            PlanKind.Phases when resides => ResidentStepSeconds,
            PlanKind.Phases => ChainStepSeconds + Math.Max(sizeof(float) * weights / BytesPerSecond, product * streams / FlopsPerSecond),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "has no estimate"),
        };
        int phases = Phases + (4 * (shape.Layers - 1)); // each further layer has two chains, and the products between it and the one below
        timeStep += shape.Gates > 1 ? GatesSeconds : 0;
        return (2 * t * timeStep * shape.Layers) + (rest / device.Teams) + (phases * PhaseSeconds);
    }
}
