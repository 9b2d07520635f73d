using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace CharRnn.Files;

/// <summary>
/// Files that are whole at any moment: written beside their place under a temporary name, flushed to disk and
/// renamed over. A kill leaves the old file or the new one, and at worst a temporary file, known by its name, which the
/// next writing of the same file removes. A symbolic link is replaced, and what it leads to stays as it is.
/// </summary>
public static class AtomicFile
{
    private const string TemporaryMark = ".tmp-";

    // A directory may be one to write to and not to read.
    private static readonly EnumerationOptions s_everything = new() { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = true };

    // A virus scanner or a page that looks at a file is done in less.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // Two threads may write the same path: each has its own temporary file, and the last rename stands.
    private static int s_writes;

    /// <summary>Writes a file.</summary>
    /// <param name="path">The file; its directory must exist.</param>
    /// <param name="write">Writes the content. If it throws, the old file stays and the exception passes on.</param>
    /// <param name="replacing">Called when the new file is whole on the disk, and the old one has its name still.</param>
    /// <exception cref="CharRnnException">
    /// The file system refuses: the directory is missing or read-only, the disk is full; the path is a pipe or device.
    /// </exception>
    public static void Write(string path, Action<Stream> write, Action? replacing = null)
    {
        string full = FileErrors.FullPath(path);
        string? temporary = null;
        try
        {
            RegularFile.RequireReplaceable(full);
            RemoveAbandoned(full);
            temporary = TemporaryPath(full);
            // A process id comes back (in a container it is often 1): a killed run's leftover may have this very name.
            File.Delete(temporary);
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            replacing?.Invoke();
            Replace(path, by: temporary);
            temporary = null;
            FlushDirectory(Path.GetDirectoryName(full)!);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Writing(path, e);
        }
        finally
        {
            if (temporary is not null)
                TryDelete(temporary);
        }
    }

    /// <summary>
    /// Removes what killed writers left of a file: <c>.NAME.tmp-PID-N</c> in its directory. Call it only where nobody
    /// else can be writing the file.
    /// </summary>
    /// <param name="path">The file itself, not its temporary name.</param>
    public static void RemoveLeftovers(string path)
    {
        foreach ((string file, _) in Leftovers(FileErrors.FullPath(path)))
            TryDelete(file);
    }

    /// <summary>Removes the leftovers of a file whose writers are gone, here and on other machines or in other containers.</summary>
    private static void RemoveAbandoned(string path)
    {
        foreach ((string file, int writer) in Leftovers(path))
        {
            if (WritingProcess.IsThere(writer, file))
                continue;
            try
            {
                // A writer that cannot be seen from here has its file locked.
                File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose).Dispose();
            }
            catch (Exception e) when (FileErrors.IsFileFailure(e))
            {
                // Only an unused file remains.
            }
        }
    }

    private static IEnumerable<(string File, int Writer)> Leftovers(string path)
    {
        string start = TemporaryStart(path);
        foreach (string file in Directory.EnumerateFiles(Path.GetDirectoryName(path)!, "*", s_everything))
            if (Path.GetFileName(file) is var name && name.StartsWith(start, StringComparison.Ordinal)
                && name[start.Length..].Split('-') is [var writer, var count]
                && int.TryParse(writer, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
                && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                yield return (file, id);
    }

    /// <summary>
    /// Puts one file in the place of another. Windows refuses that while any program has one of them open, even only to read it;
    /// then it is tried again for a moment.
    /// </summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    internal static void Replace(string path, string by)
    {
        for (long started = Stopwatch.GetTimestamp(); ; Thread.Sleep(20))
        {
            try
            {
                File.Move(by, path, overwrite: true);
                return;
            }
            catch (Exception e) when (FileErrors.IsFileFailure(e))
            {
                bool mayBeOpen = OperatingSystem.IsWindows()
                    && (FileErrors.IsInUse(e) || (e is UnauthorizedAccessException && File.Exists(path)));
                if (!mayBeOpen || Stopwatch.GetElapsedTime(started) > Patience)
                    throw FileErrors.Writing(path, e);
            }
        }
    }

    private static string TemporaryStart(string path) => $".{Path.GetFileName(path)}{TemporaryMark}";

    private static string TemporaryPath(string path)
        => Path.Combine(
            Path.GetDirectoryName(path) ?? "", $"{TemporaryStart(path)}{Environment.ProcessId}-{Interlocked.Increment(ref s_writes)}");

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            // Only an unused file remains, and the failure that led here is the one to report.
        }
    }

    /// <summary>
    /// Makes a rename survive a power cut. .NET cannot open a directory, hence libc; Windows needs nothing.
    /// It is not an error if a file system cannot do it: the file is whole under either content.
    /// </summary>
    private static void FlushDirectory(string directory)
    {
        if (OperatingSystem.IsWindows())
            return;
        try
        {
            int descriptor = LibC.open(Encoding.UTF8.GetBytes(directory + '\0'), LibC.ReadOnly);
            if (descriptor < 0)
                return;
            _ = LibC.fsync(descriptor);
            _ = LibC.close(descriptor);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // A system without a libc of this name.
        }
    }
}
