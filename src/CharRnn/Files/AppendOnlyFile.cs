using Microsoft.Win32.SafeHandles;

namespace CharRnn.Files;

/// <summary>
/// A log that only grows, by whole records: no part of a record that does not fit on the disk stays in the file; it is kept in
/// memory and written before the next one.
/// </summary>
internal sealed class AppendOnlyFile : IDisposable
{
    private readonly string _path;
    private readonly FileStream _stream;
    private readonly MemoryStream _unwritten = new();

    /// <summary>Opens or creates a file to append to; others may read it meanwhile.</summary>
    /// <exception cref="CharRnnException">The file system refuses, or it is a link, a pipe or a device.</exception>
    public AppendOnlyFile(string path)
    {
        _path = path;
        try
        {
            // No buffer: a record is with the operating system, and safe from a kill, as soon as Append returns.
            _stream = new FileStream(RegularFile.OpenOwn(FileErrors.FullPath(path), FileShare.Read), FileAccess.Write, bufferSize: 0);
            Length = _stream.Seek(0, SeekOrigin.End);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            _stream?.Dispose();
            throw FileErrors.Writing(path, e);
        }
    }

    /// <summary>Bytes written so far, those of earlier runs included.</summary>
    public long Length { get; private set; }

    /// <summary>Appends a record.</summary>
    /// <exception cref="CharRnnException">The file system refuses; the file is as it was before.</exception>
    public void Append(ReadOnlySpan<byte> record)
    {
        _unwritten.Write(record);
        WriteOut();
    }

    /// <summary>Waits until all records are on the disk, safe from a power cut.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void FlushToDisk()
    {
        WriteOut();
        try
        {
            _stream.Flush(flushToDisk: true);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Writing(_path, e);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stream.Dispose();

    /// <summary>Cuts a log back to a recorded length and then to the end of its last whole line. A missing file is not an error.</summary>
    /// <exception cref="CharRnnException">The file system refuses, or it is a link, a pipe or a device.</exception>
    public static void CutBack(string path, long length)
    {
        if (!File.Exists(path))
            return;
        try
        {
            using SafeFileHandle handle = RegularFile.OpenOwn(path, FileShare.Read);
            long actual = RandomAccess.GetLength(handle);
            long whole = EndOfLastLine(handle, Math.Min(actual, length));
            if (whole < actual)
                RandomAccess.SetLength(handle, whole);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Writing(path, e);
        }
    }

    /// <summary>The complete lines of a log that may still be growing, without their line ends; none if there is no file.</summary>
    /// <param name="path">The log, of any length.</param>
    /// <param name="longest">Bytes that a line may have.</param>
    /// <returns>Lines, each to be used before the next is asked for.</returns>
    /// <exception cref="CharRnnException">It cannot be read, or a line is longer; thrown where that line is asked for.</exception>
    public static IEnumerable<ReadOnlyMemory<byte>> ReadLines(string path, int longest)
    {
        using SafeFileHandle? handle = OpenToRead(path);
        if (handle is null)
            yield break;
        byte[] piece = new byte[longest + 1];
        long offset = 0, lines = 0;
        for (int kept = 0, read; (read = Read(path, handle, piece.AsSpan(kept), offset)) > 0; offset += read)
        {
            int begin = 0, end = kept + read;
            for (int length; (length = piece.AsSpan(begin, end - begin).IndexOf((byte)'\n')) >= 0; begin += length + 1)
            {
                lines++;
                yield return piece.AsMemory(begin, length);
            }

            kept = end - begin;
            if (kept > longest)
                throw FileErrors.Damaged(path, $"line {lines + 1} is longer than {longest} bytes");
            piece.AsSpan(begin, kept).CopyTo(piece);
        }
    }

    /// <summary>The end of a log that may still be growing, from the start of a line on; nothing if there is no file.</summary>
    /// <param name="path">The log, of any length.</param>
    /// <param name="most">Bytes to read.</param>
    /// <exception cref="CharRnnException">It cannot be read.</exception>
    public static byte[] ReadEnd(string path, int most)
    {
        using SafeFileHandle? handle = OpenToRead(path);
        if (handle is null)
            return [];
        long end = RandomAccess.GetLength(handle), begin = Math.Max(0, end - most);
        byte[] bytes = new byte[end - begin];
        int length = 0;
        for (int read; (read = Read(path, handle, bytes.AsSpan(length), begin + length)) > 0;)
            length += read;
        int firstLine = begin == 0 ? 0 : bytes.AsSpan(0, length).IndexOf((byte)'\n') + 1;
        return begin > 0 && firstLine == 0 ? [] : bytes[firstLine..length];
    }

    private static SafeFileHandle? OpenToRead(string path)
    {
        try
        {
            return File.Exists(path) ? RegularFile.OpenHandle(path) : null;
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Reading(path, e);
        }
    }

    private static int Read(string path, SafeFileHandle handle, Span<byte> destination, long offset)
    {
        try
        {
            return RandomAccess.Read(handle, destination, offset);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Reading(path, e);
        }
    }

    private static long EndOfLastLine(SafeFileHandle handle, long end)
    {
        byte[] piece = new byte[4096];
        while (end > 0)
        {
            long begin = Math.Max(0, end - piece.Length);
            int read = RandomAccess.Read(handle, piece.AsSpan(0, (int)(end - begin)), begin);
            int lineEnd = piece.AsSpan(0, read).LastIndexOf((byte)'\n');
            if (lineEnd >= 0)
                return begin + lineEnd + 1;
            end = begin;
        }

        return 0;
    }

    private void WriteOut()
    {
        try
        {
            _stream.Write(_unwritten.GetBuffer().AsSpan(0, (int)_unwritten.Length));
            Length += _unwritten.Length;
            _unwritten.SetLength(0);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            CutTornRecord();
            throw FileErrors.Writing(_path, e);
        }
    }

    private void CutTornRecord()
    {
        try
        {
            _stream.SetLength(Length);
            _stream.Position = Length;
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            // The failed write is the error to report; a resume cuts a torn last line.
        }
    }
}
