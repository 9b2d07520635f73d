using System.Collections.Immutable;
using System.Numerics;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace CharRnn.Gpu.Devices;

/// <summary>A device of this machine, or one that cannot be used.</summary>
/// <param name="Id">The value for <c>--device</c>: cpu, cuda:0, opencl:1.</param>
/// <param name="Kind">The kind of the device.</param>
/// <param name="Name">The driver's name for it.</param>
/// <param name="MemorySize">Memory in bytes; 0 if unknown.</param>
/// <param name="Details">Cores, group size, versions, for people.</param>
/// <param name="IsGpu">False for the CPU, also where OpenCL drives it.</param>
/// <param name="Rejection">Why it cannot be used; null if it can.</param>
public sealed record DeviceDescription(
    string Id, DeviceKind Kind, string Name, long MemorySize, string Details, bool IsGpu, string? Rejection);

/// <summary>Finds and opens devices. Only drivers of the kinds that are asked for are touched.</summary>
public static class DeviceCatalog
{
    /// <summary>Threads of a team on a GPU: enough to hide latency, and no more than most OpenCL devices have to offer.</summary>
    public const int GpuGroupSize = 256;

    /// <summary>Resident teams per multiprocessor of a GPU; more would only wait.</summary>
    public const int TeamsPerMultiprocessor = 2;

    /// <summary>Workers of the CPU at most: each is a thread.</summary>
    public const int MaxWorkers = 1024;

    private static readonly Lock Asking = new();

    /// <summary>The devices of a kind, usable or not.</summary>
    public static IReadOnlyList<DeviceDescription> List(DeviceKind kind) => kind switch
    {
        DeviceKind.Cpu => [new("cpu", kind, "CPU", GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, CpuDetails, false, null)],
        _ => ListGpus(kind),
    };

    /// <summary>Opens the CPU with a number of workers; the results do not depend on it.</summary>
    /// <param name="workers">The number of workers, 1 to <see cref="MaxWorkers"/>; the number of cores if it is left out.</param>
    /// <param name="profiling">Whether kernels can be timed.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no workers, or too many.</exception>
    public static ComputeDevice OpenCpu(int? workers = null, bool profiling = false)
    {
        int teams = workers ?? Math.Min(Environment.ProcessorCount, MaxWorkers);
        ArgumentOutOfRangeException.ThrowIfLessThan(teams, 1, nameof(workers));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(teams, MaxWorkers, nameof(workers));

        // One group of as many threads as there are workers, which run side by side; ILGPU wants at least two.
        var device = new CPUDevice(Math.Max(2, teams), 1, 1);

        // The CPU runs the kernels' own C#: to optimise a translation that nobody runs would take time and 20 MB.
        Context context = ContextFactory.Create(builder => builder.CPU(device), profiling, OptimizationLevel.O0);
        return new ComputeDevice(DeviceKind.Cpu, context, device.CreateCPUAccelerator(context, CPUAcceleratorMode.Parallel), teams, 1);
    }

    /// <summary>Opens a GPU or another device with a driver of its own.</summary>
    /// <param name="kind">CUDA or OpenCL.</param>
    /// <param name="index">The index among the usable devices of <see cref="List"/>, from 0.</param>
    /// <param name="profiling">Whether kernels can be timed, which costs a little.</param>
    /// <exception cref="CharRnnException">There is no such device, or it does not open.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The kind is another, or the index negative.</exception>
    public static ComputeDevice OpenGpu(DeviceKind kind, int index, bool profiling = false) =>
        OpenGpu(kind, index, profiling, GpuGroupSize);

    /// <summary>The same with groups of at most this many threads, like a device without larger ones.</summary>
    internal static ComputeDevice OpenGpu(DeviceKind kind, int index, bool profiling, int mostThreads)
    {
        if (kind is not (DeviceKind.Cuda or DeviceKind.OpenCl))
            throw new ArgumentOutOfRangeException(nameof(kind), kind, "has no driver of its own");
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        string id = $"{IdOf(kind)}:{index}";
        Context? context = null;
        Accelerator? accelerator = null;
        try
        {
            Device[] devices = [.. Gpus(kind).Where(device => Rejection(device) is null)];
            if (index >= devices.Length)
            {
                string present = string.Join(
                    ", ", Enum.GetValues<DeviceKind>().SelectMany(List).Where(d => d.Rejection is null).Select(d => d.Id));
                string? why = List(kind).Select(d => d.Rejection).FirstOrDefault(rejection => rejection is not null);
                throw new CharRnnException(
                    id, why is null ? "no such device" : $"no such device ({why})",
                    $"use one of those here: {present} (`charrnn devices` says more)");
            }

            context = ContextFactory.Create(_ => { }, profiling);
            accelerator = devices[index].CreateAccelerator(context);
            int groupSize = Math.Min(mostThreads, accelerator.MaxNumThreadsPerGroup);
            int teams = Math.Max(1, accelerator.NumMultiprocessors) * TeamsPerMultiprocessor;
            return new ComputeDevice(kind, context, accelerator, teams, groupSize);
        }
        catch (Exception e)
        {
            foreach (IDisposable? part in (IDisposable?[])[accelerator, context])
                if (part is not null)
                    ComputeDevice.Quietly(part);
            if (e is CharRnnException)
                throw;
            throw new CharRnnException(id, $"does not open: {DriverErrors.Reason(e)}", "use another --device, or update its driver", e);
        }
    }

    /// <summary>The word that <c>--device</c> takes for a kind.</summary>
    public static string IdOf(DeviceKind kind) => kind switch { DeviceKind.Cpu => "cpu", DeviceKind.Cuda => "cuda", _ => "opencl" };

    /// <summary>The floats of the CPU's vectors, for people.</summary>
    internal static string CpuVectors => Product.VectorWidth == Vector<float>.Count
        ? $"{Vector<float>.Count}-wide vectors"
        : $"{Vector<float>.Count}-wide vectors, {Product.VectorWidth}-wide in products";

    private static string CpuDetails => $"{Environment.ProcessorCount} cores, {CpuVectors}";

    private static List<DeviceDescription> ListGpus(DeviceKind kind)
    {
        string id = IdOf(kind);
        try
        {
            int shown = 0;
            if (kind == DeviceKind.Cuda && DriverLibrary.CudaFault(out shown) is { } fault)
                return [new(id, kind, "no device", 0, "", true, fault)];
            ImmutableArray<Device> devices = Gpus(kind);
            List<DeviceDescription> descriptions =
            [
                .. devices.Where(device => Rejection(device) is null).Select((device, i) => Describe($"{id}:{i}", kind, device, null)),
                .. devices.Where(device => Rejection(device) is not null).Select(device => Describe(id, kind, device, Rejection(device))),
            ];
            if (devices.Length < shown) // ILGPU leaves out a device that fails when it is asked, and those behind it
                descriptions.Add(new(id, kind, "a device", 0, "", true, "its driver does not tell its properties; run nvidia-smi"));
            return descriptions;
        }
        catch (Exception e)
        {
            return [new(id, kind, $"no {kind} driver", 0, "", kind == DeviceKind.Cuda, DriverErrors.Reason(e))];
        }
    }

    /// <summary>
    /// The devices that a kind's driver shows. No context has them: on WSL, ILGPU's way of adding CUDA's devices to one sets a resolver of
    /// libraries of its own, which .NET refuses beside that of <see cref="DriverLibrary"/>.
    /// One thread at a time asks: while PoCL is being loaded by one, it tells the others that there is no device.
    /// </summary>
    private static ImmutableArray<Device> Gpus(DeviceKind kind)
    {
        DriverLibrary.Register();
        lock (Asking)
            return kind == DeviceKind.Cuda ? CudaDevice.GetDevices(_ => true) : CLDevice.GetDevices(_ => true);
    }

    private static DeviceDescription Describe(string id, DeviceKind kind, Device device, string? rejection)
    {
        string version = device switch
        {
            CLDevice cl => $"{cl.DeviceVersion}, {cl.DeviceType}",
            CudaDevice cuda => $"compute {cuda.Architecture}, driver {cuda.DriverVersion}",
            _ => "",
        };
        bool gpu = device is not CLDevice clDevice || clDevice.DeviceType.HasFlag(CLDeviceType.CL_DEVICE_TYPE_GPU);
        return new DeviceDescription(
            id, kind, device.Name, device.MemorySize,
            $"{device.NumMultiprocessors} multiprocessors, groups to {device.MaxNumThreadsPerGroup}, {version}", gpu, rejection);
    }

    /// <summary>Why ILGPU cannot use a device; null if it can.</summary>
    private static string? Rejection(Device device) => device switch
    {
        CudaDevice { InstructionSet: var set } when set is null || !PTXCodeGenerator.SupportedInstructionSets.Contains(set.Value) =>
            "ILGPU has no instruction set for it and its driver; update the driver",
        CLDevice cl when !cl.Capabilities.GenericAddressSpace => "lacks OpenCL 2.0's generic address space; a newer driver may have it",
        CLDevice cl when cl.CLStdVersion < CLBackend.MinimumVersion =>
            $"compiles {cl.CLStdVersion} at most, and ILGPU needs {CLBackend.MinimumVersion}",
        _ => null,
    };
}
