using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Devices;

/// <summary>
/// The devices that device tests run on, opened once per process: the CPU always, a GPU where there is one (a visible skip
/// where not).
/// </summary>
public static class TestDevices
{
    private static readonly Dictionary<DeviceKind, Lazy<ComputeDevice?>> Opened = new()
    {
        [DeviceKind.Cpu] = new(() => DeviceCatalog.OpenCpu()),
        [DeviceKind.Cuda] = new(() => OpenIfPresent(DeviceKind.Cuda)),
        [DeviceKind.OpenCl] = new(() => OpenIfPresent(DeviceKind.OpenCl)),
    };

    /// <summary>Every kind, as test data.</summary>
    public static TheoryData<DeviceKind> Kinds => [.. Opened.Keys];

    /// <summary>Every kind with two plans: a launch for each phase, and many steps a launch.</summary>
    public static MatrixTheoryData<DeviceKind, bool> KindsAndPlans => new([.. Opened.Keys], [false, true]);

    /// <summary>A launch for each phase, or many steps a launch.</summary>
    public static ExecutionPlan Plan(bool fused, ComputeDevice device, ModelShape shape, StepOptions options) => ExecutionPlan.Of(
        fused ? PlanKind.ManySteps : PlanKind.Phases, shape, options, device.Traits, "test");

    /// <summary>The device of a kind; skips the test where there is none.</summary>
    public static ComputeDevice Get(DeviceKind kind)
    {
        ComputeDevice? device = Opened[kind].Value;
        Assert.SkipWhen(device is null, $"no {kind} device on this machine");
        return device!;
    }

    private static ComputeDevice? OpenIfPresent(DeviceKind kind) =>
        DeviceCatalog.List(kind).Any(d => d.Rejection is null) ? DeviceCatalog.OpenGpu(kind, 0) : null;
}
