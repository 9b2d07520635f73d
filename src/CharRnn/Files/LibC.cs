using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace CharRnn.Files;

/// <summary>The few calls of the C library that .NET has no method for. Not on Windows.</summary>
internal static class LibC
{
    public const int ReadOnly = 0, ReadWrite = 2;

    /// <summary>Arguments and results of <see cref="fcntl"/>: F_GETFD and FD_CLOEXEC.</summary>
    public const int GetDescriptorFlags = 1, ClosesOnExecute = 1;

    /// <summary>Lock for this handle alone, and fail at once where another has it: LOCK_EX | LOCK_NB.</summary>
    public const int LockExclusivelyAtOnce = 2 | 4;

    /// <summary>Give a lock up: LOCK_UN.</summary>
    public const int Unlock = 8;

    // O_NOFOLLOW is one of the flags that differ between the processors of Linux.
    private static readonly bool s_isArmOrPower =
        RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64 or Architecture.Ppc64le;

    /// <summary>Flags of <see cref="open"/>, of Linux and else of macOS: O_NONBLOCK, O_CLOEXEC and O_NOFOLLOW.</summary>
    public static readonly int NonBlocking = OperatingSystem.IsLinux() ? 0x800 : 4,
        CloseOnExecute = OperatingSystem.IsLinux() ? 0x80000 : 0x1000000,
        NoFollow = !OperatingSystem.IsLinux() ? 0x100 : s_isArmOrPower ? 0x8000 : 0x20000;

    // open is variadic in C; without O_CREAT its third argument is never read, so two are right on every ABI.
    [DllImport("libc", SetLastError = true)]
    public static extern int open(byte[] path, int flags);

    [DllImport("libc")]
    public static extern int fsync(int descriptor);

    [DllImport("libc")]
    public static extern int close(int descriptor);

    // fcntl is variadic, too: without a third argument two are right.
    [DllImport("libc")]
    public static extern int fcntl(int descriptor, int command);

    [DllImport("libc", SetLastError = true)]
    public static extern int flock(SafeFileHandle file, int operation);

    /// <summary>Linux only; its structure is the same on all processors.</summary>
    [DllImport("libc")]
    public static extern int statx(int directory, byte[] path, int flags, uint mask, byte[] status);
}
