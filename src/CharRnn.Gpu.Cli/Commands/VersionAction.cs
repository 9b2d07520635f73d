using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;
using System.Runtime.InteropServices;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using ILGPU.Runtime;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>--version</c>: prints the versions of the program and of what it runs on, and whether drivers are present.</summary>
internal sealed class VersionAction : SynchronousCommandLineAction
{
    /// <summary>The version and the commit that it was built from.</summary>
    public static string Version { get; } =
        typeof(VersionAction).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    public override int Invoke(ParseResult parseResult)
    {
        Output.Line($"charrnn {Version}");
        Output.Line(
            $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}, "
                + $"ILGPU {typeof(Accelerator).Assembly.GetName().Version?.ToString(3)}");
        foreach (DeviceKind kind in (DeviceKind[])[DeviceKind.Cuda, DeviceKind.OpenCl])
        {
            string name = kind == DeviceKind.Cuda ? "CUDA" : "OpenCL";
            string presence = DriverLibrary.IsPresent(kind) ? "is here (charrnn devices lists its devices)" : "is not here";
            Output.Line($"{name}: {DriverLibrary.FileOf(kind)} {presence}");
        }

        return 0;
    }
}
