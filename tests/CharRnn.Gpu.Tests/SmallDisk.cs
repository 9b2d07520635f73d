using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace CharRnn.Gpu.Tests;

/// <summary>A disk of a given size, so that a test can fill it; skips the test where none can be had.</summary>
internal sealed class SmallDisk : IDisposable
{
    /// <param name="root">Where it appears.</param>
    /// <param name="size">As <c>mount</c> takes it: <c>400k</c>.</param>
    public SmallDisk(string root, string size)
    {
        Root = Directory.CreateDirectory(root).FullName;
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Execute("mount", "-t", "tmpfs", "-o", $"size={size}", "charrnn-test", Root) == 0,
            "needs a Linux and a user who may mount a small disk");
    }

    public string Root { get; }

    private string Ballast => Path.Combine(Root, "ballast");

    /// <summary>Leaves no byte free.</summary>
    public void Fill()
    {
        using SafeFileHandle ballast = File.OpenHandle(Ballast, FileMode.Create, FileAccess.Write);
        try
        {
            for (long offset = 0; ; offset += 512)
                RandomAccess.Write(ballast, new byte[512], offset);
        }
        catch (IOException)
        {
            // Full.
        }
    }

    /// <summary>Takes back what <see cref="Fill"/> did.</summary>
    public void Free() => File.Delete(Ballast);

    /// <summary>The names of the files on it, but for the ballast.</summary>
    public IEnumerable<string> Names() =>
        Directory.EnumerateFiles(Root).Where(path => path != Ballast).Select(path => Path.GetFileName(path));

    public void Dispose() => Execute("umount", Root);

    private static int Execute(string command, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
