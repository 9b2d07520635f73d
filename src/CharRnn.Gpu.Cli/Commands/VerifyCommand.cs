using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Verification;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn verify</c>: compares every kernel and whole training steps on a device with the reference.</summary>
internal static class VerifyCommand
{
    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();
    private static readonly Option<bool> Json = SharedOptions.Json();

    public static Command Create()
    {
        var command = new Command("verify", """
            Compares every kernel and whole training steps on a device with the scalar reference in double precision.
            It tries every cell, several layers, dropout, every optimizer and feed-forward networks at several sizes, with fresh and
            trained weights and with gradients below and above the clip. It exits with 1 if any result is wrong.

            Example: charrnn verify --device cpu
            """)
        {
            Device, SharedOptions.Quiet(), Json, SharedOptions.Verbose(),
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult options)
    {
        // There is no quick check first: this command is the thorough check, and shows what is wrong.
        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device), _ => null);
        if (!options.GetValue(Json))
            Output.Line($"{device.Name} ({DeviceCatalog.IdOf(device.Kind)}), {device.Teams} teams of {device.GroupSize}");
        int checks = 0, failed = 0;
        foreach (VerificationCheck check in DeviceVerification.Run(device))
        {
            checks++;
            failed += check.Passed ? 0 : 1;
            if (options.GetValue(Json))
                Output.Line(JsonSerializer.Serialize(new
                {
                    kernel = check.Kernel,
                    result = check.Result,
                    sizes = check.Sizes,
                    error = double.IsFinite(check.Error) ? check.Error : (double?)null,
                    tolerance = check.Tolerance,
                    passed = check.Passed,
                }));
            else if (!check.Passed || !Output.IsQuiet)
                Output.Line(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(check.Passed ? "ok  " : "FAIL")} {check.Kernel,-15} {check.Result,-41} error {check.Error:0.0e+0}, "
                        + $"tolerance {check.Tolerance:0e+0}   {check.Sizes}"));
        }

        if (!options.GetValue(Json))
            Output.Line($"{checks} checks, {failed} failed");
        return failed == 0 ? 0 : 1;
    }
}
