using System.CommandLine;
using CharRnn.Dashboard;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Verification;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn dashboard</c>: serves a page that follows runs and writes text with their models.</summary>
internal static class DashboardCommand
{
    private static readonly Argument<string> Root = new("RUN_OR_DIR")
    {
        Description = "A run's directory, or a directory with runs in it.",
    };
    private static readonly Option<int?> Port = SharedOptions.Number<int>(
        "--port", 6107, "a port from 0 to 65535", port => port is >= 0 and <= 65535, "The port on this machine; 0 takes any free port.");
    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();

    public static Command Create()
    {
        var command = new Command("dashboard", """
            Shows runs in a browser as they train, and writes with their models.
            It answers only to this machine, and there only to a browser that opened the address that it prints, whose token is new
            at each start. It changes no files, and opens the device when a text is first asked for. Ctrl-C ends it.

            Example: charrnn dashboard runs
            """)
        {
            Root, Port, Device, SharedOptions.Quiet(), SharedOptions.Verbose(),
        };
        command.SetAction((options, _) => Run(options));
        return command;
    }

    private static async Task<int> Run(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        await using DashboardServer server = await DashboardServer.StartAsync(
            options.GetRequiredValue(Root), options.GetValue(Port)!.Value, () => SharedOptions.Open(options.GetValue(Device), Check),
            Describe);
        Output.Line(server.Address.ToString());
        await Task.Delay(Timeout.Infinite, stop).ContinueWith(_ => { }, TaskScheduler.Default);
        return 0;
    }

    // The models come later, and may have any cell.
    private static string? Check(ComputeDevice device) => Enum.GetValues<RecurrentCell>()
        .Select(cell => DeviceVerification.QuickCheck(device, new ModelShape(2, 2, cell, 2)))
        .FirstOrDefault(failure => failure is not null);

    private static string Describe(Exception e)
    {
        if (Output.IsVerbose)
            Output.Note(e.ToString());
        return Failure.Describe(e);
    }
}
