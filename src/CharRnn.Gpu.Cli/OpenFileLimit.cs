using System.Runtime.InteropServices;
using System.Text;
using CharRnn.Files;

namespace CharRnn.Gpu.Cli;

/// <summary>
/// Checks how many files the program may have open. With too few it cannot even load the code that would report that, so this
/// check comes first and needs hardly more than the core library.
/// </summary>
internal static class OpenFileLimit
{
    // Every assembly of the program and of .NET takes two, and training loads about 50 of them: 106 were seen.
    private const ulong Needed = 128;

    /// <summary>Whether there are enough; if not, it says so on stderr.</summary>
    public static bool Suffices()
    {
        if (OperatingSystem.IsWindows()
            || LibC.getrlimit(OperatingSystem.IsLinux() ? LibC.OpenFilesOnLinux : LibC.OpenFilesElsewhere, out LibC.Limit limit) != 0
            || limit.Now >= Needed)
            return true;
        byte[] line = Encoding.ASCII.GetBytes(
            $"error: charrnn: may have only {limit.Now} files open, and needs {Needed}; raise the limit: ulimit -n 1024\n");
        if (StandardStreams.IsOpen(StandardStreams.Error))
            _ = LibC.write(StandardStreams.Error, line, line.Length);
        return false;
    }

    private static class LibC
    {
        public const int OpenFilesOnLinux = 7, OpenFilesElsewhere = 8;

        [DllImport("libc")]
        public static extern int getrlimit(int resource, out Limit limit);

        [DllImport("libc")]
        public static extern nint write(int descriptor, byte[] bytes, nint length);

        public struct Limit
        {
            public ulong Now, Most;
        }
    }
}
