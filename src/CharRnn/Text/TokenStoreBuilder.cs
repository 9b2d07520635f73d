namespace CharRnn.Text;

/// <summary>Collects ids into a <see cref="TokenStore"/>, chunk by chunk, with one chunk of work space.</summary>
/// <remarks>Disposing gives up what was collected; a store that was built owns it instead.</remarks>
internal sealed class TokenStoreBuilder(CorpusOptions options) : IDisposable
{
    private readonly List<TokenChunk> _chunks = [];
    private long _length;
    private long _memoryBytes;
    private SpillFile? _spill;

    // The chunk being filled: so many tokens, as wide as the widest of them needs. Text rarely needs more than one byte.
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
            int width = TokenChunk.WidthOf(part);
            if (width > _width)
                Widen(width);
            TokenChunk.Pack(part, _width, _chunk.AsSpan(_count * _width));

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
        SpillFile? spill = _spill;
        _spill = null;
        return new TokenStore([.. _chunks], options.ChunkTokens, _length, tokenOfId, spill);
    }

    /// <inheritdoc/>
    public void Dispose() => _spill?.Dispose();

    private void Widen(int width)
    {
        int[] ids = new int[_count];
        TokenChunk.Unpack(_chunk, _width, [], ids);
        if (_chunk.Length < options.ChunkTokens * width)
            _chunk = new byte[options.ChunkTokens * width];
        TokenChunk.Pack(ids, width, _chunk);
        _width = width;
    }

    private void CloseChunk()
    {
        ReadOnlySpan<byte> packed = _chunk.AsSpan(0, _count * _width);
        if (_memoryBytes + packed.Length <= options.MemoryLimit)
        {
            _chunks.Add(new TokenChunk(packed.ToArray(), 0, _width));
            _memoryBytes += packed.Length;
        }
        else
        {
            _spill ??= new SpillFile(options.SpillDirectory ?? Path.GetTempPath());
            _chunks.Add(new TokenChunk(null, _spill.Append(packed), _width));
        }

        _length += _count;
        _count = 0;
        _width = 1;
    }
}
