using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn devices</c>: lists the devices, those that cannot be used with the reason, and the one that auto chooses.</summary>
internal static class DevicesCommand
{
    private static readonly Option<bool> Json = SharedOptions.Json();

    public static Command Create()
    {
        var command = new Command("devices", """
            Lists the devices of this machine, those that cannot be used with the reason, and the one that auto chooses.

            Example: charrnn devices
            """)
        {
            SharedOptions.Quiet(), Json, SharedOptions.Verbose(),
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult options)
    {
        (DeviceKind kind, int index) = DeviceSelection.AutoOrder().First();
        foreach (DeviceDescription device in ((DeviceKind[])[DeviceKind.Cuda, DeviceKind.OpenCl, DeviceKind.Cpu]).SelectMany(List))
        {
            if (device.Rejection is not null && Output.IsQuiet)
                continue;
            bool chosen = device.Rejection is null && device.Kind == kind
                && (kind == DeviceKind.Cpu || device.Id.EndsWith($":{index}", StringComparison.Ordinal));
            if (options.GetValue(Json))
                Output.Line(JsonSerializer.Serialize(new
                {
                    id = device.Id,
                    name = device.Name,
                    memory_bytes = device.MemorySize,
                    details = device.Details,
                    usable = device.Rejection is null,
                    rejection = device.Rejection,
                    auto = chosen,
                }));
            else
                Output.Line(Describe(device, chosen));
        }

        return 0;
    }

    /// <summary>The devices of a kind; if there are none, one entry that says so.</summary>
    private static IReadOnlyList<DeviceDescription> List(DeviceKind kind) => DeviceCatalog.List(kind) is { Count: > 0 } devices
        ? devices
        : [new DeviceDescription(
            DeviceCatalog.IdOf(kind), kind, "none", 0, "", false,
            DriverLibrary.IsPresent(kind)
                ? "no driver shows a device of this kind"
                : $"{DriverLibrary.FileOf(kind)} is not here; it comes with a driver")];

    private static string Describe(DeviceDescription device, bool chosen)
    {
        if (device.Rejection is not null)
            return $"  {device.Id,-10} {device.Name}; not usable: {device.Rejection}";
        string gpu = device.Kind == DeviceKind.OpenCl && !device.IsGpu ? "; it is not a GPU, so auto does not choose it" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{(chosen ? '*' : ' ')} {device.Id,-10} {device.Name}, {device.MemorySize / 1e9:F1} GB, {device.Details}{gpu}"
                + $"{(chosen ? "  <- auto chooses this" : "")}");
    }
}
