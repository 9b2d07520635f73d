using System.ComponentModel;
using System.Diagnostics;

namespace CharRnn.Files;

/// <summary>A process that is known by its number and by a file that it wrote.</summary>
internal static class WritingProcess
{
    private static readonly TimeSpan ClockSlack = TimeSpan.FromSeconds(5);

    /// <summary>Whether it is still there, on this machine.</summary>
    /// <param name="id">The number of the process, which another one may have by now.</param>
    /// <param name="written">A file that it wrote: older than that other process.</param>
    public static bool IsThere(int id, string written)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            return !process.HasExited && process.StartTime.ToUniversalTime() < File.GetLastWriteTimeUtc(written) + ClockSlack;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or Win32Exception || FileErrors.IsFileFailure(e))
        {
            return false;
        }
    }
}
