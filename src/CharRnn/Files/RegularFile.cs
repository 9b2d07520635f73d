using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace CharRnn.Files;

/// <summary>Files that are opened to be read and may be nothing else: opening a pipe waits for its other end, for ever if there is none.</summary>
internal static class RegularFile
{
    private const FileShare Everything = FileShare.ReadWrite | FileShare.Delete;

    /// <summary>Opens a file, sharing everything; it never waits.</summary>
    /// <exception cref="NotSupportedException">It is a pipe, a device or a socket.</exception>
    /// <exception cref="IOException">The file system refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not read it, or it is a directory.</exception>
    public static SafeFileHandle OpenHandle(string path, FileOptions options = FileOptions.None)
    {
        if (OperatingSystem.IsWindows())
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, Everything, options);

        // .NET can open no file without waiting. What libc refuses, .NET refuses too, and words it.
        int flags = OperatingSystem.IsMacOS() ? LibC.CloseOnExecuteMac | LibC.NoWaitMac : LibC.CloseOnExecute | LibC.NoWait;
        int descriptor = LibC.open(Encoding.UTF8.GetBytes(path + '\0'), flags);
        if (descriptor < 0)
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, Everything, options);
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            // Of what is no file either the length cannot be told, or it is 0 and there is something to read all the same.
            bool hasContent = RandomAccess.Read(handle, stackalloc byte[1], 0) > 0;
            return !hasContent || RandomAccess.GetLength(handle) > 0 ? handle : throw new NotSupportedException();
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static class LibC
    {
        public const int NoWait = 0x800, CloseOnExecute = 0x80000, NoWaitMac = 0x4, CloseOnExecuteMac = 0x1000000;

        // open is variadic in C; without O_CREAT its third argument is never read, so two are right on every ABI.
        [DllImport("libc")]
        public static extern int open(byte[] path, int flags);
    }
}
