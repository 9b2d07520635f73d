using System.IO.Hashing;
using System.Text;
using CharRnn.Text;

namespace CharRnn.Tables;

/// <summary>
/// The bytes of a table, which are hashed as they are read. Cancellation is heard before each read, and while one waits for a pipe.
/// </summary>
/// <param name="inner">The bytes; owned.</param>
/// <param name="delimiter">What the fields are said to be separated by: the same bytes are another table with another delimiter.</param>
/// <param name="progress">Hears how much has been read; may be null.</param>
/// <param name="cancellation">Ends the reading.</param>
internal sealed class TableStream(Stream inner, string? delimiter, IProgress<ReadingProgress>? progress, CancellationToken cancellation)
    : Stream
{
    private const int ReadBytes = 1 << 18;

    private readonly XxHash128 _hash = Begin(delimiter);
    private readonly long _total = inner.CanSeek ? inner.Length : 0;

    /// <summary>The number of bytes read so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>XxHash128 of the delimiter that was given and of the bytes so far, 32 lower-case hexadecimal digits.</summary>
    public string Hash => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Reads the rest, to hash it.</summary>
    public void ReadAll()
    {
        byte[] buffer = new byte[ReadBytes];
        while (Read(buffer, 0, buffer.Length) > 0)
        {
            // It is only hashed.
        }
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellation).AsTask().GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellation.ThrowIfCancellationRequested();
        int count = inner.CanSeek
            ? inner.Read(buffer.Span)
            : await inner.ReadAsync(buffer, cancellation).AsTask().WaitAsync(cancellation).ConfigureAwait(false);
        _hash.Append(buffer.Span[..count]);
        Bytes += count;
        progress?.Report(new ReadingProgress(Bytes, _total));
        return count;
    }

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        inner.Dispose();
        base.Dispose(disposing);
    }

    private static XxHash128 Begin(string? delimiter)
    {
        var hash = new XxHash128();
        hash.Append(Encoding.UTF8.GetBytes($"table {delimiter}\n"));
        return hash;
    }
}
