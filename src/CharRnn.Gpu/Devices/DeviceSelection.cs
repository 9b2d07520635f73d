using System.Globalization;
using ILGPU.Runtime;

namespace CharRnn.Gpu.Devices;

/// <summary>The value of <c>--device</c>: <c>auto</c>, <c>cpu</c>, <c>cuda[:i]</c> or <c>opencl[:i]</c>.</summary>
/// <param name="Kind">The kind asked for; null for auto.</param>
/// <param name="Index">The index of the device among those of its kind, from 0.</param>
public readonly record struct DeviceSelection(DeviceKind? Kind, int Index)
{
    // In the order in which auto tries them.
    private static readonly DeviceKind[] GpuKinds = [DeviceKind.Cuda, DeviceKind.OpenCl];

    /// <summary>CUDA if there is a device, otherwise an OpenCL GPU, otherwise the CPU.</summary>
    public static DeviceSelection Auto => new(null, 0);

    /// <summary>Reads a selection.</summary>
    /// <returns>False if the text is not a selection.</returns>
    public static bool TryParse(string text, out DeviceSelection selection)
    {
        string[] parts = text.Split(':');
        int index = 0;
        DeviceKind? kind = parts[0] switch { "cpu" => DeviceKind.Cpu, "cuda" => DeviceKind.Cuda, "opencl" => DeviceKind.OpenCl, _ => null };
        bool valid = parts.Length switch
        {
            1 => kind is not null || text == "auto",
            2 => kind is DeviceKind.Cuda or DeviceKind.OpenCl
                && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index),
            _ => false,
        };
        selection = new DeviceSelection(kind, index);
        return valid;
    }

    /// <summary>
    /// Opens the device. With auto, one that fails its check is passed over with a warning, as is a GPU that cannot be used or a driver of
    /// CUDA that fails; asked for by name, it is an error.
    /// </summary>
    /// <param name="check">Says what is wrong with an open device; null if nothing is.</param>
    /// <param name="warn">Takes the warnings.</param>
    /// <param name="profiling">Whether kernels can be timed, which costs a little.</param>
    /// <param name="workers">The number of workers of the CPU; that of its cores if it is left out.</param>
    /// <exception cref="CharRnnException">The chosen device is absent, does not open or fails its check.</exception>
    public ComputeDevice Open(Func<ComputeDevice, string?> check, Action<string> warn, bool profiling = false, int? workers = null)
    {
        if (Kind is { } kind)
            return Checked(OpenOne(kind, Index, profiling, workers), check);

        foreach (DeviceKind gpus in GpuKinds)
        {
            IReadOnlyList<DeviceDescription> devices = DeviceCatalog.List(gpus);
            foreach (int index in UsableGpus(devices))
            {
                try
                {
                    return Checked(OpenOne(gpus, index, profiling, workers), check);
                }
                catch (CharRnnException e)
                {
                    warn($"{e.Message}; trying the next device");
                }
            }

            // A GPU that cannot be used, or a driver that fails, must not pass for none.
            foreach (DeviceDescription device in devices.Where(d => d.IsGpu && d.Rejection is not null))
                warn($"{device.Id} ({device.Name}): {device.Rejection}; trying the next device");
        }

        return Checked(OpenOne(DeviceKind.Cpu, 0, profiling, workers), check);
    }

    /// <summary>The devices that auto tries, in order: those of CUDA, then OpenCL devices of type GPU, then the CPU.</summary>
    public static IEnumerable<(DeviceKind Kind, int Index)> AutoOrder()
    {
        foreach (DeviceKind gpus in GpuKinds)
            foreach (int index in UsableGpus(DeviceCatalog.List(gpus)))
                yield return (gpus, index);
        yield return (DeviceKind.Cpu, 0);
    }

    /// <summary>The selection as <see cref="TryParse"/> reads it.</summary>
    public override string ToString() => Kind switch
    {
        null => "auto",
        DeviceKind.Cpu => "cpu",
        { } kind => string.Create(CultureInfo.InvariantCulture, $"{DeviceCatalog.IdOf(kind)}:{Index}"),
    };

    /// <summary>The indices of GPUs among the usable devices of a kind.</summary>
    private static IEnumerable<int> UsableGpus(IEnumerable<DeviceDescription> devices) =>
        devices.Where(d => d.Rejection is null).Index().Where(pair => pair.Item.IsGpu).Select(pair => pair.Index);

    private static ComputeDevice OpenOne(DeviceKind kind, int index, bool profiling, int? workers) =>
        kind == DeviceKind.Cpu ? DeviceCatalog.OpenCpu(workers, profiling) : DeviceCatalog.OpenGpu(kind, index, profiling);

    private static ComputeDevice Checked(ComputeDevice device, Func<ComputeDevice, string?> check)
    {
        string? failure;
        Exception? cause = null;
        try
        {
            failure = check(device);
        }
        catch (AcceleratorException e)
        {
            (failure, cause) = ($"fails its check: {DriverErrors.Reason(e)}", e);
        }
        catch
        {
            device.Dispose();
            throw;
        }

        if (failure is null)
            return device;
        string name = $"{DeviceCatalog.IdOf(device.Kind)} ({device.Name})";
        device.Dispose();
        throw new CharRnnException(name, failure, "run `charrnn verify` with this --device to see more, and use another", cause);
    }
}
