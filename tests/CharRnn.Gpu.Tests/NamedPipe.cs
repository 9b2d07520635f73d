using System.Diagnostics;

namespace CharRnn.Gpu.Tests;

/// <summary>A pipe with a name: whoever opens it to read waits for a writer that never comes.</summary>
internal static class NamedPipe
{
    /// <summary>Makes one; skips the test on Windows, where they are no files.</summary>
    /// <returns>The path.</returns>
    public static string Make(string path)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "named pipes are no files on Windows");
        using Process mkfifo = Process.Start("mkfifo", [path]);
        mkfifo.WaitForExit();
        Assert.Equal(0, mkfifo.ExitCode);
        return path;
    }
}
