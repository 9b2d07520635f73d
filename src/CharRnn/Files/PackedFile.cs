using System.IO.Hashing;
using Microsoft.Win32.SafeHandles;

namespace CharRnn.Files;

/// <summary>A file of packed chunks, of tokens or of a table's cells: a nameless temporary one, or one of a cache.</summary>
/// <param name="handle">The open file; owned.</param>
/// <param name="length">The offset at which the next bytes are written.</param>
/// <param name="writing">Makes the exception for a file that cannot be written.</param>
/// <param name="reading">Makes the exception for a file that cannot be read, or is damaged.</param>
internal sealed class PackedFile(
    SafeFileHandle handle, long length, Func<Exception, Exception> writing, Func<Exception, CharRnnException> reading) : IDisposable
{
    /// <summary>XxHash3 of all that was appended.</summary>
    public XxHash3 Checksum { get; } = new();

    /// <summary>The file's end.</summary>
    public long Length { get; private set; } = length;

    /// <summary>Creates a file that is deleted when its process ends in whatever way.</summary>
    /// <param name="directory">The directory of the file; null for the system's directory for temporary files.</param>
    /// <param name="what">What goes into the file, in errors.</param>
    /// <param name="start">The offset of its first bytes; a test leaves a gap before them.</param>
    /// <exception cref="CharRnnException">No file can be made there.</exception>
    public static PackedFile CreateTemporary(string? directory, string what, long start = 0)
    {
        directory ??= Path.GetTempPath();
        CharRnnException Refused(Exception e) => FileErrors.Spill(directory, what, e);
        string path = Path.Combine(directory, $"charrnn-{Path.GetRandomFileName()}.packed");
        SafeFileHandle? handle = null;
        try
        {
            handle = Create(path, FileShare.None, FileOptions.DeleteOnClose);

            // Windows deletes the file of a killed process by itself; elsewhere only a file that has no name any more goes with it.
            if (!OperatingSystem.IsWindows())
                File.Delete(path);
            return new PackedFile(handle, start, Refused, Refused);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            handle?.Dispose();
            throw Refused(e);
        }
    }

    /// <summary>Makes a file that only its user may open, from the start: what it holds may be private.</summary>
    /// <param name="path">The file; nothing may be there, not even a link.</param>
    /// <param name="share">What other handles may do at the same time.</param>
    /// <param name="options">How it is used.</param>
    public static SafeFileHandle Create(string path, FileShare share, FileOptions options = FileOptions.None)
    {
        var how = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = share,
            Options = options,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
            how.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(path, how).SafeFileHandle;
    }

    /// <summary>Appends bytes; one writer at a time.</summary>
    /// <returns>The offset of the bytes.</returns>
    public long Append(ReadOnlySpan<byte> bytes)
    {
        long offset = Length;
        Write(bytes, offset);
        Checksum.Append(bytes);
        Length += bytes.Length;
        return offset;
    }

    /// <summary>Writes over what lies somewhere; the checksum does not cover it.</summary>
    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        try
        {
            RandomAccess.Write(handle, bytes, offset);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw writing(e);
        }
    }

    /// <summary>Reads bytes; any number of readers.</summary>
    public void Read(long offset, Span<byte> destination)
    {
        try
        {
            while (!destination.IsEmpty)
            {
                int count = RandomAccess.Read(handle, destination, offset);
                if (count == 0)
                    throw new EndOfStreamException("it was cut off");
                destination = destination[count..];
                offset += count;
            }
        }
        catch (IOException e)
        {
            throw reading(e);
        }
    }

    /// <summary>The exception for a file with bytes that were never written.</summary>
    public CharRnnException Damaged() => reading(new InvalidDataException("it was changed"));

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();
}
