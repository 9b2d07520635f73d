namespace CharRnn.Files;

/// <summary>
/// The three streams that a program is started with, any of which may be closed, as a daemon has them. The descriptor of one that is
/// closed belongs to the first thing that .NET opens, a pipe of its own: reading there never ends, and writing there does harm.
/// </summary>
public static class StandardStreams
{
    /// <summary>Descriptor of stdin.</summary>
    public const int Input = 0;

    /// <summary>Descriptor of stdout.</summary>
    public const int Output = 1;

    /// <summary>Descriptor of stderr.</summary>
    public const int Error = 2;

    /// <summary>Whether a stream was open when the program started. Always true on Windows, where .NET itself knows.</summary>
    /// <param name="descriptor">The descriptor of the stream.</param>
    public static bool IsOpen(int descriptor)
    {
        if (OperatingSystem.IsWindows())
            return true;

        // Descriptors that .NET opens are closed on exec; those that this program inherited are not, or they would not be here.
        int flags = LibC.fcntl(descriptor, LibC.GetDescriptorFlags);
        return flags >= 0 && (flags & LibC.ClosesOnExecute) == 0;
    }

    /// <summary>Whether a path stands for stdin: <c>-</c>, or on Unix /dev/stdin.</summary>
    public static bool IsInput(string path) => path is "-" || (path is "/dev/stdin" && !OperatingSystem.IsWindows());

    /// <summary>What messages call a path: standard input, or the path itself.</summary>
    public static string NameOf(string path) => IsInput(path) ? "standard input" : path;

    /// <summary>
    /// Opens a file or pipe to read it once, from start to end, or stdin; others may write, rename and delete it meanwhile.
    /// </summary>
    /// <exception cref="CharRnnException">It is stdin, and closed; or it is a device, such as /dev/zero.</exception>
    /// <exception cref="IOException">The file does not exist, or the file system refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not read it.</exception>
    public static Stream OpenToRead(string path)
    {
        if (IsInput(path))
            return OpenInput();
        if (RegularFile.IsDevice(path))
            throw new CharRnnException(path, "is a device, which may never end", "give a file or a pipe");
        return new FileStream(
            path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
    }

    /// <summary>The same, but a pipe that waits for its other end does so on another thread, and cancellation ends the waiting.</summary>
    /// <inheritdoc cref="OpenToRead(string)"/>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static Stream OpenToRead(string path, CancellationToken cancellation) =>
        Task.Run(() => OpenToRead(path), cancellation).WaitAsync(cancellation).GetAwaiter().GetResult();

    /// <summary>Opens stdin.</summary>
    /// <exception cref="CharRnnException">It is closed.</exception>
    private static Stream OpenInput() => IsOpen(Input)
        ? Console.OpenStandardInput()
        : throw new CharRnnException(NameOf("-"), "is closed", "give a file, or send something to it");
}
