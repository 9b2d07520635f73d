using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace CharRnn.Files;

/// <summary>
/// Opens files where only a regular file belongs: a pipe or device in its place could block the program for ever.
/// The kind of a file is asked of the open handle, so that nobody can change it in between.
/// </summary>
internal static class RegularFile
{
    // Numbers of errno, the same on Linux and macOS unless it says otherwise.
    private const int NotPermitted = 1, NoEntry = 2, Interrupted = 4, NoDevice = 6, NoAccess = 13, SocketOnMacOS = 102;
    private const int LinkOnLinux = 40, LinkOnMacOS = 62, WouldBlockOnLinux = 11, WouldBlockOnMacOS = 35;

    // statx: relative to the working directory, or the handle itself; the type alone, in the upper bits of a 16-bit mode.
    private const int WorkingDirectory = -100, HandleItself = 0x1000, StatusLength = 256, ModeOffset = 28;
    private const uint TypeOnly = 1;
    private const int TypeBits = 0xF000, RegularType = 0x8000, DirectoryType = 0x4000, CharacterDevice = 0x2000, BlockDevice = 0x6000;

    // Terminals, and what a program was started with.
    private static readonly string[] s_streams = ["/dev/fd/", "/dev/pts/", "/dev/tty", "/proc/"];

    /// <summary>
    /// Opens a regular file, or a link to one, to read it; others may write, rename and delete it meanwhile. It never waits.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Hints for Windows; elsewhere the system reads ahead as it sees fit.</param>
    /// <exception cref="NotSupportedException">It is a pipe, a device or a directory.</exception>
    /// <exception cref="IOException">The file does not exist, or the file system refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not read it.</exception>
    public static SafeFileHandle OpenHandle(string path, FileOptions options = FileOptions.None) => OperatingSystem.IsWindows()
        ? File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, options)
        : OpenExisting(path, LibC.ReadOnly) ?? throw new FileNotFoundException("No such file", path);

    /// <summary>
    /// Opens a file that this program keeps under a name of its own, to write it where it stands; it is created if there is none.
    /// A symbolic link in its place is not followed: what it leads to is somebody else's.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="share">
    /// None: the handle holds the operating system's lock on the file until <see cref="CloseLocked"/>. Read: others may read.
    /// </param>
    /// <exception cref="NotSupportedException">It is a link, a pipe or a device.</exception>
    /// <exception cref="IOException">Another holds the lock (<see cref="FileErrors.IsInUse"/>), or the file system refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not write it.</exception>
    public static SafeFileHandle OpenOwn(string path, FileShare share)
    {
        if (OperatingSystem.IsWindows())
            return new FileInfo(path).LinkTarget is null
                ? File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, share)
                : throw new NotSupportedException();

        while (true)
        {
            if (OpenExisting(path, LibC.ReadWrite | LibC.NoFollow) is { } existing)
                return share == FileShare.None ? Locked(existing, path) : existing;
            try
            {
                return File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, share); // which follows no link either
            }
            catch (IOException) when (File.Exists(path))
            {
                // Another process was quicker.
            }
        }
    }

    /// <summary>Closes a handle that holds the operating system's lock.</summary>
    public static void CloseLocked(SafeFileHandle handle)
    {
        // A process that is being started has a copy of the handle for a moment, which would keep the lock.
        if (!OperatingSystem.IsWindows() && !handle.IsClosed)
            _ = LibC.flock(handle, LibC.Unlock);
        handle.Dispose();
    }

    /// <summary>Call it before a file is renamed over another: it refuses to replace a pipe or device, such as /dev/null.</summary>
    /// <exception cref="NotSupportedException">There is one at the path, or at the end of a link there.</exception>
    public static void RequireReplaceable(string path)
    {
        // Elsewhere than on Linux no regular file can be made beside the devices.
        if (OperatingSystem.IsLinux() && TypeOf(WorkingDirectory, path, 0) is not (null or RegularType or DirectoryType))
            throw new NotSupportedException();
    }

    /// <summary>Whether a path leads to a device other than a terminal or the program's own streams. Only Linux can tell.</summary>
    public static bool IsDevice(string path) => OperatingSystem.IsLinux()
        && !Array.Exists(s_streams, start => path.StartsWith(start, StringComparison.Ordinal))
        && TypeOf(WorkingDirectory, path, 0) is (CharacterDevice or BlockDevice);

    /// <returns>Null if there is no file.</returns>
    private static SafeFileHandle? OpenExisting(string path, int flags)
    {
        byte[] name = Encoding.UTF8.GetBytes(Path.GetFullPath(path) + '\0');
        int descriptor, error;
        do
        {
            descriptor = LibC.open(name, flags | LibC.NonBlocking | LibC.CloseOnExecute);
            error = Marshal.GetLastPInvokeError();
        }
        while (descriptor < 0 && error == Interrupted);
        if (descriptor < 0)
            return error == NoEntry ? null : throw Failure(error, path, flags);

        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            RequireRegular(handle, descriptor);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static void RequireRegular(SafeFileHandle handle, int descriptor)
    {
        _ = RandomAccess.GetLength(handle); // throws NotSupportedException where nothing can be sought: pipes and terminals
        if (OperatingSystem.IsLinux() && TypeOf(descriptor, "", HandleItself) is not (null or RegularType))
            throw new NotSupportedException();
    }

    /// <returns>Null where there is nothing, or the system does not tell.</returns>
    private static int? TypeOf(int directory, string path, int flags)
    {
        byte[] status = new byte[StatusLength];
        try
        {
            return LibC.statx(directory, Encoding.UTF8.GetBytes(path + '\0'), flags, TypeOnly, status) == 0
                ? BitConverter.ToUInt16(status, ModeOffset) & TypeBits
                : null;
        }
        catch (EntryPointNotFoundException)
        {
            return null; // a C library from before 2018
        }
    }

    private static SafeFileHandle Locked(SafeFileHandle handle, string path)
    {
        if (LibC.flock(handle, LibC.LockExclusivelyAtOnce) == 0)
            return handle;
        int error = Marshal.GetLastPInvokeError();
        if (error is not (WouldBlockOnLinux or WouldBlockOnMacOS))
            return handle; // a file system without locks: .NET itself makes do with that
        handle.Dispose();
        throw Failure(error, path, LibC.ReadWrite);
    }

    private static Exception Failure(int error, string path, int flags) => error switch
    {
        NotPermitted or NoAccess => new UnauthorizedAccessException($"Access to the path '{path}' is denied."),
        NoDevice or SocketOnMacOS => new NotSupportedException(),
        LinkOnLinux or LinkOnMacOS when (flags & LibC.NoFollow) != 0 => new NotSupportedException(),
        _ => new IOException(Marshal.GetPInvokeErrorMessage(error), error),
    };
}
