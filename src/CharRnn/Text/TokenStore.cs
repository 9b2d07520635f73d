using System.Buffers;

namespace CharRnn.Text;

/// <summary>
/// The tokens of a corpus in 1, 2 or 4 bytes each: in memory up to a limit, beyond it in a temporary file.
/// Stored are the characters' ids in the order they were first met, since the corpus is read once and its vocabulary
/// is known at its end only; <see cref="Read"/> turns them into tokens, the indices by ascending code point.
/// </summary>
public sealed class TokenStore : ITokenSource, IDisposable
{
    // A read of a spilled chunk goes through a rented buffer of at most this many bytes.
    private const int SpillReadBytes = 1 << 16;

    private readonly TokenChunk[] _chunks;
    private readonly int _chunkTokens;
    private readonly int[] _tokenOfId;
    private readonly SpillFile? _spill;
    private bool _disposed;

    /// <param name="chunks">All of <paramref name="chunkTokens"/> tokens, but for the last.</param>
    /// <param name="chunkTokens">Tokens per chunk.</param>
    /// <param name="length">Tokens in all.</param>
    /// <param name="tokenOfId">The token of every id; empty if ids are tokens.</param>
    /// <param name="spill">Where chunks without memory lie; owned.</param>
    internal TokenStore(TokenChunk[] chunks, int chunkTokens, long length, int[] tokenOfId, SpillFile? spill)
    {
        _chunks = chunks;
        _chunkTokens = chunkTokens;
        _tokenOfId = tokenOfId;
        _spill = spill;
        Length = length;
    }

    /// <inheritdoc/>
    public long Length { get; }

    /// <summary>Bytes that the tokens take in memory; the rest lies in the temporary file.</summary>
    public long MemoryBytes => _chunks.Sum(c => (long)(c.Memory?.Length ?? 0));

    /// <inheritdoc/>
    /// <remarks>Any number of threads may read at once.</remarks>
    /// <exception cref="ObjectDisposedException">The store, or its corpus, is disposed.</exception>
    /// <exception cref="CharRnnException">The temporary file cannot be read.</exception>
    public void Read(long offset, Span<int> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        TokenSlice.CheckRange(this, offset, destination.Length);

        while (!destination.IsEmpty)
        {
            (long index, long start) = Math.DivRem(offset, _chunkTokens);
            int count = (int)Math.Min(destination.Length, _chunkTokens - start);
            TokenChunk chunk = _chunks[index];
            if (chunk.Memory is byte[] memory)
                TokenChunk.Unpack(memory.AsSpan((int)start * chunk.Width), chunk.Width, _tokenOfId, destination[..count]);
            else
                ReadSpilled(chunk, start, destination[..count]);

            destination = destination[count..];
            offset += count;
        }
    }

    /// <inheritdoc/>
    public ITokenSource Slice(long offset, long length) => new TokenSlice(this, offset, length);

    /// <summary>Deletes the temporary file.</summary>
    public void Dispose()
    {
        _disposed = true;
        _spill?.Dispose();
    }

    private void ReadSpilled(TokenChunk chunk, long start, Span<int> destination)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Math.Min(SpillReadBytes, destination.Length * chunk.Width));
        try
        {
            while (!destination.IsEmpty)
            {
                int count = Math.Min(destination.Length, buffer.Length / chunk.Width);
                Span<byte> packed = buffer.AsSpan(0, count * chunk.Width);
                _spill!.Read(chunk.FileOffset + (start * chunk.Width), packed);
                TokenChunk.Unpack(packed, chunk.Width, _tokenOfId, destination[..count]);
                destination = destination[count..];
                start += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
