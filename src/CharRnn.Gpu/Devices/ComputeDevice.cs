using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace CharRnn.Gpu.Devices;

/// <summary>
/// An open device. Any thread may use it, one at a time: the others wait. What stands on it throws
/// <see cref="ObjectDisposedException"/> once it is disposed of.
/// </summary>
public sealed class ComputeDevice : IDisposable
{
    private readonly Context _context;

    internal ComputeDevice(DeviceKind kind, Context context, Accelerator accelerator, int teams, int groupSize)
    {
        _context = context;
        (Kind, Accelerator, Teams, GroupSize) = (kind, accelerator, teams, groupSize);
        Life = new DeviceLife(this);
        Name = kind == DeviceKind.Cpu ? "CPU" : accelerator.Name;
        Kernels = new KernelSet(this);
    }

    /// <summary>The kind of the device.</summary>
    public DeviceKind Kind { get; }

    /// <summary>The driver's name for it.</summary>
    public string Name { get; }

    /// <summary>Teams that run at once: worker threads on the CPU, resident thread groups on a GPU.</summary>
    public int Teams { get; }

    /// <summary>Threads in a team; a CPU worker is one thread.</summary>
    public int GroupSize { get; }

    /// <summary>Device memory in bytes; on the CPU, what the process may use.</summary>
    public long MemorySize => Kind == DeviceKind.Cpu ? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes : Accelerator.MemorySize;

    /// <summary>Bytes of the largest buffer: OpenCL devices often allow a quarter of their memory.</summary>
    public long MaxBufferSize => Accelerator is CLAccelerator { Device: CLDevice device }
        ? device.GetDeviceInfo<long>(CLDeviceInfoType.CL_DEVICE_MAX_MEM_ALLOC_SIZE)
        : MemorySize;

    /// <summary>The properties that plans depend on.</summary>
    public DeviceTraits Traits => new(Kind, Teams, GroupSize);

    internal DeviceLife Life { get; }

    internal Accelerator Accelerator { get; }

    internal KernelSet Kernels { get; }

    /// <summary>Closes the device, and frees all memory there.</summary>
    public void Dispose() => Life.End(() =>
    {
        Quietly(Accelerator);
        Quietly(_context);
    });

    /// <summary>
    /// Frees what a device holds. After a CUDA error every further call fails too, and the first error is the one to report.
    /// </summary>
    internal static void Quietly(IDisposable part)
    {
        try
        {
            part.Dispose();
        }
        catch (AcceleratorException)
        {
            // Said above.
        }
    }
}
