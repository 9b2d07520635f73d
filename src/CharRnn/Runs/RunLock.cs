using System.Globalization;
using System.Text;
using CharRnn.Files;
using Microsoft.Win32.SafeHandles;

namespace CharRnn.Runs;

/// <summary>
/// The lock on a run directory: an open handle on <c>run.lock</c> that shares nothing, which the operating system
/// releases when the process ends, however it ends. The holder's process id is in <c>run.pid</c> beside it, because
/// nobody else can read the locked file on Windows.
/// </summary>
internal sealed class RunLock : IDisposable
{
    /// <summary>The locked file. It stays when the lock is released: whoever deleted it could delete another's new lock.</summary>
    public const string LockName = "run.lock";

    /// <summary>The holder's process id as text; gone when the holder ended in order.</summary>
    public const string ProcessIdName = "run.pid";

    private readonly SafeFileHandle _handle;
    private readonly string? _processIdPath;

    private RunLock(SafeFileHandle handle, string? processIdPath) => (_handle, _processIdPath) = (handle, processIdPath);

    /// <summary>Locks a directory or fails at once.</summary>
    /// <exception cref="CharRnnException">Another run has the lock (its process is named), or the directory cannot be written.</exception>
    public static RunLock Acquire(string directory)
    {
        string lockPath = Path.Combine(directory, LockName), processIdPath = Path.Combine(directory, ProcessIdName);
        try
        {
            SafeFileHandle handle = RegularFile.OpenOwn(lockPath, FileShare.None);
            return new RunLock(handle, TryWriteProcessId(processIdPath) ? processIdPath : null);
        }
        catch (Exception e) when (FileErrors.IsInUse(e))
        {
            throw new CharRnnException(
                directory, $"is in use by {Holder(processIdPath)}", "wait for it to end or choose another directory", e);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Writing(lockPath, e);
        }
    }

    /// <summary>
    /// Whether the process that last wrote down that it holds the lock is still there.
    /// The lock itself is not tried: that could keep a holder out.
    /// </summary>
    public static bool IsHeld(string directory)
    {
        string path = Path.Combine(directory, ProcessIdName);
        return ProcessId(path) is { } id && WritingProcess.IsThere(id, path);
    }

    /// <summary>
    /// Releases the lock, and deletes its file: on Windows when another process has not locked it by then, elsewhere before. Only for a
    /// directory that goes with it, so that nobody has a reason to wait for it.
    /// </summary>
    /// <exception cref="IOException">The file system refuses, or another process has the lock now.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not delete it.</exception>
    public void Remove(string directory)
    {
        string path = Path.Combine(directory, LockName);
        if (!OperatingSystem.IsWindows())
            File.Delete(path);
        Dispose();
        if (OperatingSystem.IsWindows())
            File.Delete(path);
    }

    /// <summary>Releases the lock.</summary>
    public void Dispose()
    {
        if (_handle.IsClosed)
            return;
        try
        {
            if (_processIdPath is not null)
                File.Delete(_processIdPath);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            // The next holder overwrites it.
        }

        RegularFile.CloseLocked(_handle);
    }

    private static bool TryWriteProcessId(string path)
    {
        try
        {
            byte[] text = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n"));
            AtomicFile.Write(path, stream => stream.Write(text));
            return true;
        }
        catch (CharRnnException)
        {
            return false; // the lock holds without it: on a full disk, which overwriting an old run may be about to free
        }
    }

    private static string Holder(string processIdPath) => ProcessId(processIdPath) is { } id ? $"process {id}" : "another process";

    private static int? ProcessId(string path)
    {
        try
        {
            using SafeFileHandle handle = RegularFile.OpenHandle(path);
            Span<byte> text = stackalloc byte[32];
            int length = RandomAccess.Read(handle, text, 0);
            return int.TryParse(text[..length].Trim("\r\n "u8), NumberStyles.None, CultureInfo.InvariantCulture, out int processId)
                ? processId
                : null;
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            return null; // nobody holds the lock, or its holder has not written the file yet
        }
    }
}
