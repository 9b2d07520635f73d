using System.Buffers;
using CharRnn.Files;

namespace CharRnn.Text;

/// <summary>
/// The tokens of a corpus in 1, 2 or 4 bytes each: in memory up to a limit, beyond it, or of a cached corpus all of them, in a file.
/// Stored are the characters' ids in the order they were first met, since the corpus is read once and its vocabulary
/// is known at its end only; <see cref="Read"/> turns them into tokens, the indices by ascending code point.
/// </summary>
public sealed class TokenStore : ITokenSource, IDisposable
{
    // A read of a chunk in the file goes through a rented buffer of at most this many bytes.
    private const int FileReadBytes = 1 << 16;

    private readonly PackedChunk[] _chunks;
    private readonly int _chunkTokens;
    private readonly int[] _tokenOfId;
    private readonly PackedFile? _file;
    private bool _disposed;

    /// <param name="chunks">All of <paramref name="chunkTokens"/> tokens, but for the last.</param>
    /// <param name="chunkTokens">Tokens per chunk.</param>
    /// <param name="length">Tokens in all.</param>
    /// <param name="tokenOfId">The token of every id; empty if ids are tokens.</param>
    /// <param name="file">The file with the chunks that are not in memory; owned.</param>
    internal TokenStore(PackedChunk[] chunks, int chunkTokens, long length, int[] tokenOfId, PackedFile? file)
    {
        _chunks = chunks;
        _chunkTokens = chunkTokens;
        _tokenOfId = tokenOfId;
        _file = file;
        Length = length;
    }

    /// <inheritdoc/>
    public long Length { get; }

    /// <summary>Tokens per chunk.</summary>
    internal int ChunkTokens => _chunkTokens;

    /// <summary>Bytes per token of each chunk.</summary>
    internal IEnumerable<int> ChunkWidths => _chunks.Select(chunk => chunk.Width);

    /// <summary>Bytes that the tokens take in memory; the rest lies in the file.</summary>
    public long MemoryBytes => _chunks.Sum(c => (long)(c.Memory?.Length ?? 0));

    /// <inheritdoc/>
    /// <remarks>Any number of threads may read at once.</remarks>
    /// <exception cref="ObjectDisposedException">The store, or its corpus, is disposed.</exception>
    /// <exception cref="CharRnnException">The file cannot be read, or holds what was never written to it.</exception>
    public void Read(long offset, Span<int> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        TokenSlice.CheckRange(this, offset, destination.Length);

        while (!destination.IsEmpty)
        {
            (long index, long start) = Math.DivRem(offset, _chunkTokens);
            int count = (int)Math.Min(destination.Length, _chunkTokens - start);
            PackedChunk chunk = _chunks[index];
            if (chunk.Memory is byte[] memory)
                PackedChunk.Unpack(memory.AsSpan((int)start * chunk.Width), chunk.Width, _tokenOfId, destination[..count]);
            else
                ReadFile(_file!, chunk, start, destination[..count]);

            destination = destination[count..];
            offset += count;
        }
    }

    /// <inheritdoc/>
    public ITokenSource Slice(long offset, long length) => new TokenSlice(this, offset, length);

    /// <summary>Closes the file, a temporary one for ever.</summary>
    public void Dispose()
    {
        _disposed = true;
        _file?.Dispose();
    }

    private void ReadFile(PackedFile file, PackedChunk chunk, long start, Span<int> destination)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Math.Min(FileReadBytes, destination.Length * chunk.Width));
        try
        {
            while (!destination.IsEmpty)
            {
                int count = Math.Min(destination.Length, buffer.Length / chunk.Width);
                Span<byte> packed = buffer.AsSpan(0, count * chunk.Width);
                file.Read(chunk.FileOffset + (start * chunk.Width), packed);
                if (!PackedChunk.Unpack(packed, chunk.Width, _tokenOfId, destination[..count]))
                    throw file.Damaged();
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
