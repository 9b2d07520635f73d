using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Model;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>How training steps are put on a device: the one place that chooses. A plan never changes a result.</summary>
/// <param name="Fused">
/// True: one team runs many whole steps in each launch. False: three launches a step (sequence, gradient, update), each
/// over all teams.
/// </param>
/// <param name="Teams">Teams per launch.</param>
/// <param name="Reason">Why, for people.</param>
public sealed record ExecutionPlan(bool Fused, int Teams, string Reason)
{
    // What one team does per second on a step's products, and what a step's three launches cost: measured on the
    // CPU accelerator (two Zen 3 cores), estimated for GPUs.
    private const double CpuTeamFlops = 35e9, GpuTeamFlops = 15e9;
    private const double CpuLaunchSeconds = 200e-6, GpuLaunchSeconds = 20e-6;

    /// <summary>Chooses for a model, a step and a device.</summary>
    public static ExecutionPlan Choose(ModelShape shape, StepOptions options, ComputeDevice device) =>
        Choose(shape, options, device.Kind, device.Teams);

    internal static ExecutionPlan Choose(ModelShape shape, StepOptions options, DeviceKind kind, int teams)
    {
        bool cpu = kind == DeviceKind.Cpu;
        double flops = shape.TrainingFlopsPerCharacter * options.SequenceLength * options.BatchSize;
        double alone = flops / (cpu ? CpuTeamFlops : GpuTeamFlops);
        double launches = cpu ? CpuLaunchSeconds : GpuLaunchSeconds;

        // A stream's sequence is one team's work: more teams than streams only share the gradients, half of the step.
        int sharing = Math.Min(teams, options.BatchSize);
        double together = (alone / 2 / sharing) + (alone / 2 / teams) + launches;
        string figures = string.Create(CultureInfo.InvariantCulture, $"{flops / 1e9:0.###} GFLOP a step");
        return alone <= together
            ? new ExecutionPlan(true, 1, $"{figures}: one team runs many steps a launch, three launches would cost more than sharing saves")
            : new ExecutionPlan(false, teams, $"{figures}: three launches a step shared by {teams} teams");
    }
}
