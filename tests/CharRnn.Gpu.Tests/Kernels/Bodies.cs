using System.Reflection;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Tests.Devices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace CharRnn.Gpu.Tests.Kernels;

/// <summary>
/// Runs the two bodies of a primitive. The SIMD body is plain C# over memory of the CPU accelerator. The group body runs in
/// a kernel of one group: of three threads on ILGPU's CPU accelerator, of a team's threads on a GPU.
/// </summary>
internal static class Bodies
{
    // More than eight lines, by which a product's views move past the end of an operand, where they read nothing.
    private const int GuardLength = 160;
    private const float Guard = 1234.5f;

    private static readonly Lazy<Accelerator> ThreeThreads = new(() =>
    {
        var device = new CPUDevice(4, 1, 1);
        return device.CreateCPUAccelerator(ContextFactory.Create(builder => builder.CPU(device)), CPUAcceleratorMode.Parallel);
    });

    // Loading a kernel compiles it.
    private static readonly Dictionary<(Accelerator, MethodInfo), Action<KernelConfig, Operands>> Loaded = [];

    /// <summary>Where group bodies run: the CPU stands for a group of three of its threads.</summary>
    public static TheoryData<DeviceKind> Groups => TestDevices.Kinds;

    public static OperandData Simd(OperandData data, Action<Operands> body) => Run(ThreeThreads.Value, data, body);

    public static OperandData OnGroup(DeviceKind kind, OperandData data, Action<Operands> kernel)
    {
        (Accelerator accelerator, int threads) = kind == DeviceKind.Cpu
            ? (ThreeThreads.Value, 3)
            : (TestDevices.Get(kind).Accelerator, TestDevices.Get(kind).GroupSize);
        if (!Loaded.TryGetValue((accelerator, kernel.Method), out Action<KernelConfig, Operands>? launch))
            Loaded[(accelerator, kernel.Method)] = launch = accelerator.LoadStreamKernel(kernel);
        return Run(accelerator, data, operands =>
        {
            launch(new KernelConfig(1, threads), operands);
            accelerator.Synchronize();
        });
    }

    private static OperandData Run(Accelerator accelerator, OperandData data, Action<Operands> run)
    {
        using MemoryBuffer1D<float, Stride1D.Dense> a = Allocate(data.A), b = Allocate(data.B), c = Allocate(data.C), d = Allocate(data.D);
        using MemoryBuffer1D<int, Stride1D.Dense> i = accelerator.Allocate1D<int>([.. data.I, .. Enumerable.Repeat(-1, GuardLength)]);
        run(new Operands(
            a.View.AsContiguous(), b.View.AsContiguous(), c.View.AsContiguous(), d.View.AsContiguous(), i.View.AsContiguous(), data.N));
        return data with { A = Read(a), B = Read(b), C = Read(c), D = Read(d), I = ReadNumbers() };

        MemoryBuffer1D<float, Stride1D.Dense> Allocate(float[] values) =>
            accelerator.Allocate1D<float>([.. values, .. Enumerable.Repeat(Guard, GuardLength)]);

        int[] ReadNumbers()
        {
            int[] values = i.GetAsArray1D();
            Assert.All(values[^GuardLength..], value => Assert.Equal(-1, value));
            return values[..^GuardLength];
        }

        static float[] Read(MemoryBuffer1D<float, Stride1D.Dense> buffer)
        {
            float[] values = buffer.GetAsArray1D();
            Assert.All(values[^GuardLength..], value => Assert.Equal(Guard, value)); // nothing is written past an operand
            return values[..^GuardLength];
        }
    }
}
