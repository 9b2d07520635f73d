using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>
/// What a person presses in the console of a process that has one of its own (<see cref="ProcessStartInfo.CreateNoWindow"/>). Windows only.
/// </summary>
internal static unsafe class WindowsConsole
{
    private const uint ParentProcess = uint.MaxValue, CtrlC = 0;

    private static readonly Lock s_one = new(); // a process has one console at a time
    private static readonly ManualResetEventSlim s_pressed = new();

    /// <summary>Presses Ctrl-C.</summary>
    public static void PressCtrlC(Process process)
    {
        // Only who is attached to a console can press something there, and everybody attached to it is told.
        lock (s_one)
        {
            _ = FreeConsole();
            Check(AttachConsole((uint)process.Id));
            try
            {
                s_pressed.Reset();
                Check(SetConsoleCtrlHandler(&Ignore, true));
                Check(GenerateConsoleCtrlEvent(CtrlC, 0));
                Assert.True(s_pressed.Wait(TimeSpan.FromSeconds(30)), "the console told nobody");
            }
            finally
            {
                _ = SetConsoleCtrlHandler(&Ignore, false);
                _ = FreeConsole();
                _ = AttachConsole(ParentProcess);
            }
        }
    }

    private static void Check(int succeeded)
    {
        if (succeeded == 0)
            throw new Win32Exception();
    }

    // The last handler is asked first, and the others, of .NET and of the test runner, not at all.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvStdcall)])]
    private static int Ignore(uint controlEvent)
    {
        s_pressed.Set();
        return 1;
    }

    [DllImport("kernel32")]
    private static extern int FreeConsole();

    [DllImport("kernel32", SetLastError = true)]
    private static extern int AttachConsole(uint processId);

    [DllImport("kernel32", SetLastError = true)]
    private static extern int SetConsoleCtrlHandler(
        delegate* unmanaged[Stdcall]<uint, int> handler, [MarshalAs(UnmanagedType.Bool)] bool add);

    [DllImport("kernel32", SetLastError = true)]
    private static extern int GenerateConsoleCtrlEvent(uint controlEvent, uint processGroup);
}
