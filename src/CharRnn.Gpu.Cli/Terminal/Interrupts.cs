using System.Runtime.InteropServices;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>
/// SIGINT, SIGTERM and SIGHUP ask the work to stop and save; a second SIGINT or SIGTERM ends the program at once. On Windows they are
/// Ctrl-C, the end of the session and a console window that is closed, and Ctrl-Break does the same as Ctrl-C.
/// </summary>
internal static class Interrupts
{
    // Linux and macOS; .NET has no name for it.
    private const PosixSignal FileSizeExceeded = (PosixSignal)25;

    private static readonly CancellationTokenSource Source = new();
    private static readonly List<PosixSignalRegistration> Registrations = [];
    private static int s_watchesCursor;
    private static bool s_wasAsked;

    /// <summary>128 + the number of SIGTERM, as shells expect.</summary>
    public const int TerminatedExitCode = 143;

    /// <summary>128 + the signal's number, as shells expect; 0 before any signal.</summary>
    public static int ExitCode { get; private set; }

    /// <summary>Starts to watch for signals.</summary>
    /// <returns>A token that the first signal cancels.</returns>
    public static CancellationToken Watch()
    {
        Watch(PosixSignal.SIGINT, 130);
        Watch(PosixSignal.SIGTERM, TerminatedExitCode);
        Watch(PosixSignal.SIGHUP, 129);
        if (OperatingSystem.IsWindows())
            Watch(PosixSignal.SIGQUIT, 130);
        return Source.Token;
    }

    /// <summary>Makes a file that grows beyond <c>ulimit -f</c> an error of the write instead of the end of the program.</summary>
    public static void OutliveLargeFiles()
    {
        if (!OperatingSystem.IsWindows())
            Registrations.Add(PosixSignalRegistration.Create(FileSizeExceeded, context => context.Cancel = true));
    }

    /// <summary>Stops the work as a signal does.</summary>
    /// <param name="exitCode">The exit code, if no signal has set another.</param>
    public static void Stop(int exitCode = 0)
    {
        ExitCode = ExitCode == 0 ? exitCode : ExitCode;
        Source.Cancel();
    }

    /// <summary>Shows the cursor again before a signal ends the program in the middle of a drawing.</summary>
    public static void WatchCursor()
    {
        if (Interlocked.Exchange(ref s_watchesCursor, 1) == 0)
            foreach (PosixSignal signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGQUIT])
                Registrations.Add(PosixSignalRegistration.Create(signal, _ => Output.ShowCursor()));
    }

    private static void Watch(PosixSignal signal, int exitCode) => Registrations.Add(PosixSignalRegistration.Create(signal, context =>
    {
        // A terminal that closes may send its signal twice, and a service manager may send it besides another.
        bool isRequest = signal != PosixSignal.SIGHUP;
        if (isRequest && s_wasAsked)
        {
            Output.ShowCursor();
            Environment.Exit(exitCode);
        }

        context.Cancel = true;
        s_wasAsked |= isRequest;
        ExitCode = ExitCode == 0 ? exitCode : ExitCode;
        Source.Cancel();

        // Windows ends the program as soon as it is told that these were heard, and a few seconds later anyway.
        if (OperatingSystem.IsWindows() && signal is (PosixSignal.SIGHUP or PosixSignal.SIGTERM))
            Thread.Sleep(Timeout.Infinite);
    }));
}
