using CharRnn.Files;

namespace CharRnn.Text;

/// <summary>Collects ids into a <see cref="TokenStore"/>, chunk by chunk, with one chunk of work space.</summary>
/// <remarks>Disposing gives up what was collected; a store that was built owns it instead.</remarks>
/// <param name="options">The size of a chunk, and how much may lie in memory.</param>
/// <param name="file">The file for all chunks; null to keep them in memory up to the limit, and the rest in a temporary file.</param>
internal sealed class TokenStoreBuilder(CorpusOptions options, PackedFile? file = null) : IDisposable
{
    private readonly List<PackedChunk> _chunks = [];
    private readonly PackedSpace _space = file is not null
        ? new PackedSpace(file)
        : new PackedSpace(options.MemoryLimit, () => PackedFile.CreateTemporary(options.SpillDirectory, "corpus"));
    private long _length;

    // The chunk being filled; its tokens are as wide as the widest of them needs. Text rarely needs more than one byte.
    private byte[] _chunk = new byte[options.ChunkTokens];
    private int _count;
    private int _width = 1;

    /// <summary>Appends ids.</summary>
    /// <exception cref="CharRnnException">The disk that takes what exceeds memory is full or fails.</exception>
    public void Append(ReadOnlySpan<int> ids)
    {
        while (!ids.IsEmpty)
        {
            ReadOnlySpan<int> part = ids[..Math.Min(ids.Length, options.ChunkTokens - _count)];
            int width = PackedChunk.WidthOf(part);
            if (width > _width)
                Widen(width);
            PackedChunk.Pack(part, _width, _chunk.AsSpan(_count * _width));

            _count += part.Length;
            if (_count == options.ChunkTokens)
                CloseChunk();
            ids = ids[part.Length..];
        }
    }

    /// <summary>The finished store.</summary>
    /// <param name="tokenOfId">The token of every id; empty if ids are tokens.</param>
    public TokenStore Build(int[] tokenOfId)
    {
        if (_count > 0)
            CloseChunk();
        return new TokenStore([.. _chunks], options.ChunkTokens, _length, tokenOfId, _space.TakeFile());
    }

    /// <inheritdoc/>
    public void Dispose() => _space.Dispose();

    private void Widen(int width)
    {
        int[] ids = new int[_count];
        PackedChunk.Unpack(_chunk, _width, [], ids);
        if (_chunk.Length < options.ChunkTokens * width)
            _chunk = new byte[options.ChunkTokens * width];
        PackedChunk.Pack(ids, width, _chunk);
        _width = width;
    }

    private void CloseChunk()
    {
        _chunks.Add(_space.Add(_chunk.AsSpan(0, _count * _width), _width));
        _length += _count;
        _count = 0;
        _width = 1;
    }
}
