using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;

namespace CharRnn.Gpu.Devices;

/// <summary>
/// The libraries by which drivers are called.
/// Only a driver's developers have them under the names that ILGPU asks for: users have <c>.so.1</c>.
/// </summary>
public static class DriverLibrary
{
    // Where Windows puts its driver into WSL, for systems that were not told to look there.
    private const string CudaOfWsl = "/usr/lib/wsl/lib/libcuda.so.1";

    // CUDA_ERROR_NO_DEVICE.
    private const int NoDevice = 100;

    private delegate int CuInit(uint flags);

    private delegate int CuDeviceGetCount(out int devices);

    private delegate int CuGetErrorText(int result, out IntPtr text);

    private static readonly Lazy<bool> Resolver = new(() =>
    {
        NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, Resolve);
        return true;
    });

    /// <summary>The library's file on this system; null for the CPU, which has none.</summary>
    public static string? FileOf(DeviceKind kind) => kind switch
    {
        DeviceKind.Cpu => null,
        DeviceKind.Cuda => OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1",
        _ => OperatingSystem.IsWindows() ? "OpenCL.dll"
            : OperatingSystem.IsMacOS() ? "/System/Library/Frameworks/OpenCL.framework/OpenCL"
            : "libOpenCL.so.1",
    };

    /// <summary>Whether it can be loaded; it then stays loaded.</summary>
    public static bool IsPresent(DeviceKind kind) => TryLoad(kind, out _);

    /// <summary>
    /// Why CUDA's driver shows no device, in one line; null if it shows some, if there is no driver, or if the user hides all devices.
    /// </summary>
    /// <param name="devices">How many it shows.</param>
    internal static string? CudaFault(out int devices)
    {
        devices = 0;
        if (!TryLoad(DeviceKind.Cuda, out IntPtr library))
            return null;
        int result = Function<CuInit>(library, "cuInit")(0);
        if (result == 0)
            result = Function<CuDeviceGetCount>(library, "cuDeviceGetCount")(out devices);
        if (result is 0 or NoDevice && Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES") is "" or "-1")
            return null;
        return result != 0 ? Describe(library, result)
            : devices == 0 ? "its driver shows no device"
            : null;
    }

    /// <summary>A result of CUDA's driver in its own words, with the remedy for those that users meet.</summary>
    private static string Describe(IntPtr library, int result)
    {
        string remedy = result switch
        {
            NoDevice => "run nvidia-smi, and see whether CUDA_VISIBLE_DEVICES hides the devices",
            304 or 800 => "its device files may not be open to this user",
            803 => "restart the machine, because its driver was updated",
            _ => "run nvidia-smi",
        };
        return $"{Text("cuGetErrorName")} ({result}: {Text("cuGetErrorString")}); {remedy}";

        string Text(string name) => Function<CuGetErrorText>(library, name)(result, out IntPtr text) == 0
            ? Marshal.PtrToStringUTF8(text)!
            : "unknown to the driver";
    }

    private static T Function<T>(IntPtr library, string name)
        where T : Delegate => Marshal.GetDelegateForFunctionPointer<T>(NativeLibrary.GetExport(library, name));

    /// <summary>Has ILGPU find them; to be called before it is asked for a device.</summary>
    internal static void Register() => _ = Resolver.Value;

    private static IntPtr Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        DeviceKind kind = name switch
        {
            "cuda" or "nvcuda" => DeviceKind.Cuda,
            "OpenCL" or "opencl" => DeviceKind.OpenCl,
            _ => DeviceKind.Cpu,
        };
        return TryLoad(kind, out IntPtr library) ? library : IntPtr.Zero; // .NET looks by itself
    }

    private static bool TryLoad(DeviceKind kind, out IntPtr library)
    {
        library = IntPtr.Zero;
        return FileOf(kind) is { } file
            && (NativeLibrary.TryLoad(file, out library)
                || (kind == DeviceKind.Cuda && OperatingSystem.IsLinux() && NativeLibrary.TryLoad(CudaOfWsl, out library)));
    }
}
