using System.Runtime.InteropServices;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>SIGINT and SIGTERM: the first asks the work to stop and save, the second ends the program at once.</summary>
internal static class Interrupts
{
    private static readonly CancellationTokenSource Source = new();
    private static readonly List<PosixSignalRegistration> Registrations = [];
    private static int s_watchesCursor;

    /// <summary>128 + the signal's number, as shells expect; 0 before any.</summary>
    public static int ExitCode { get; private set; }

    /// <summary>Watches from now on.</summary>
    /// <returns>Cancelled by the first signal.</returns>
    public static CancellationToken Watch()
    {
        Watch(PosixSignal.SIGINT, 130);
        Watch(PosixSignal.SIGTERM, 143);
        return Source.Token;
    }

    /// <summary>Stops the work as a signal does, but for the exit code, which stays 0.</summary>
    public static void Stop() => Source.Cancel();

    /// <summary>Has the cursor shown before a signal ends the program in the middle of a drawing.</summary>
    public static void WatchCursor()
    {
        if (Interlocked.Exchange(ref s_watchesCursor, 1) == 0)
            foreach (PosixSignal signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGQUIT])
                Registrations.Add(PosixSignalRegistration.Create(signal, _ => Output.ShowCursor()));
    }

    private static void Watch(PosixSignal signal, int exitCode) => Registrations.Add(PosixSignalRegistration.Create(signal, context =>
    {
        if (ExitCode != 0)
        {
            Output.ShowCursor();
            Environment.Exit(exitCode);
        }

        context.Cancel = true;
        ExitCode = exitCode;
        Source.Cancel();
    }));
}
