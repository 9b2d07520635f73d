using System.Diagnostics;

namespace CharRnn.Gpu.Tests;

/// <summary>A pipe with a name: whoever opens it to read waits for a writer that never comes.</summary>
internal static class NamedPipe
{
    /// <summary>Makes one. Unix only: on Windows they are no files.</summary>
    /// <returns>The path.</returns>
    public static string Make(string path)
    {
        using Process mkfifo = Process.Start("mkfifo", [path]);
        mkfifo.WaitForExit();
        Assert.Equal(0, mkfifo.ExitCode);
        return path;
    }
}
