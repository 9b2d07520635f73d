using Microsoft.Win32.SafeHandles;

namespace CharRnn.Text;

/// <summary>A nameless temporary file for the tokens that do not fit in memory; gone with its process, however that ends.</summary>
internal sealed class SpillFile : IDisposable
{
    private readonly string _directory;
    private readonly SafeFileHandle _handle;
    private long _length;

    /// <param name="directory">Where it lies.</param>
    /// <param name="start">Where its first bytes go; a test leaves a gap before them.</param>
    /// <exception cref="CharRnnException">No file can be made there.</exception>
    public SpillFile(string directory, long start = 0)
    {
        _directory = directory;
        _length = start;
        string path = Path.Combine(directory, $"charrnn-{Path.GetRandomFileName()}.tokens");
        try
        {
            _handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose);

            // Windows deletes the file of a killed process by itself; elsewhere only a file that has no name any more goes with it.
            if (!OperatingSystem.IsWindows())
                File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _handle?.Dispose();
            throw CorpusErrors.Spill(directory, e);
        }
    }

    /// <summary>Appends bytes; one writer at a time.</summary>
    /// <returns>Where they lie.</returns>
    /// <exception cref="CharRnnException">The disk is full or fails.</exception>
    public long Append(ReadOnlySpan<byte> bytes)
    {
        long offset = _length;
        try
        {
            RandomAccess.Write(_handle, bytes, offset);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CorpusErrors.Spill(_directory, e);
        }

        _length += bytes.Length;
        return offset;
    }

    /// <summary>Reads bytes that were appended; any number of readers.</summary>
    /// <exception cref="CharRnnException">The disk fails.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        try
        {
            while (!destination.IsEmpty)
            {
                int count = RandomAccess.Read(_handle, destination, offset);
                if (count == 0)
                    throw new EndOfStreamException("the temporary file was cut off");
                destination = destination[count..];
                offset += count;
            }
        }
        catch (IOException e)
        {
            throw CorpusErrors.Spill(_directory, e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
