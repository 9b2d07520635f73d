using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Model;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>How training steps are put on a device: the one place that chooses. A plan never changes a result.</summary>
/// <param name="Kind">Which kernels run.</param>
/// <param name="Teams">Teams per launch.</param>
/// <param name="Reason">Why, for people.</param>
public sealed record ExecutionPlan(PlanKind Kind, int Teams, string Reason)
{
    // What one team of a GPU does per second on a step's products, and what a step's three launches cost: estimates.
    private const double GpuTeamFlops = 15e9, GpuLaunchSeconds = 20e-6;

    /// <summary>Chooses for a model, a step and a device.</summary>
    public static ExecutionPlan Choose(ModelShape shape, StepOptions options, ComputeDevice device)
    {
        double flops = shape.TrainingFlopsPerCharacter * options.SequenceLength * options.BatchSize;
        string figures = string.Create(CultureInfo.InvariantCulture, $"{flops / 1e9:0.###} GFLOP a step");
        if (device.Kind == DeviceKind.Cpu)
            return options.BatchSize == 1 && device.Teams > 1
                ? Of(PlanKind.Stream, device, $"{figures}: many steps a launch, one worker walks the time steps, another follows with the outputs")
                : Of(PlanKind.ManySteps, device, $"{figures}: many steps a launch, workers meet between phases");

        // A stream's sequence is one team's work: more teams than streams only share the gradients, half of the step.
        double alone = flops / GpuTeamFlops;
        double together = (alone / 2 / Math.Min(device.Teams, options.BatchSize)) + (alone / 2 / device.Teams) + GpuLaunchSeconds;
        return alone <= together
            ? Of(PlanKind.ManySteps, device, $"{figures}: one team runs many steps a launch, three launches would cost more than sharing saves")
            : Of(PlanKind.ThreeLaunches, device, $"{figures}: three launches a step shared by {device.Teams} teams");
    }

    /// <summary>The kinds that a device can run.</summary>
    public static PlanKind[] Kinds(ComputeDevice device, int batchSize) => device.Kind == DeviceKind.Cpu && device.Teams > 1 && batchSize == 1
        ? [PlanKind.ThreeLaunches, PlanKind.ManySteps, PlanKind.Stream]
        : [PlanKind.ThreeLaunches, PlanKind.ManySteps];

    /// <summary>A plan as told, for measurements and tests.</summary>
    public static ExecutionPlan Of(PlanKind kind, ComputeDevice device, string reason) =>
        new(kind, kind == PlanKind.ManySteps && device.Kind != DeviceKind.Cpu ? 1 : device.Teams, reason)
        {
            Alone = kind != PlanKind.ThreeLaunches && device.Kind == DeviceKind.Cpu && device.Teams > 1 ? new ExecutionPlan(PlanKind.ManySteps, 1, reason) : null,
        };

    /// <summary>The same steps on one team, for when others use the cores; null if the teams of this plan do not wait for each other.</summary>
    internal ExecutionPlan? Alone { get; init; }
}

/// <summary>Which kernels run training steps.</summary>
public enum PlanKind
{
    /// <summary>Three launches a step (sequence, gradient, update), each over all teams.</summary>
    ThreeLaunches,

    /// <summary>Many whole steps in each launch: on the CPU by all teams, which meet between phases, on a GPU by one team.</summary>
    ManySteps,

    /// <summary>One stream on the CPU: many steps in each launch, the teams follow each other through the time steps.</summary>
    Stream,
}
