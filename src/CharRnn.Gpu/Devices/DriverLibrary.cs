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
    public static bool IsPresent(DeviceKind kind) => FileOf(kind) is { } file && NativeLibrary.TryLoad(file, out _);

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
        return FileOf(kind) is { } file && NativeLibrary.TryLoad(file, out IntPtr library)
            ? library
            : IntPtr.Zero; // .NET looks by itself
    }
}
