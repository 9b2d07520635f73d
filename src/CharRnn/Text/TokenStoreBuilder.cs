namespace CharRnn.Text;

/// <summary>Collects ids into a <see cref="TokenStore"/>, chunk by chunk, with one chunk of work space.</summary>
/// <remarks>Disposing gives up what was collected; a store that was built owns it instead.</remarks>
/// <param name="options">The size of a chunk, and how much may lie in memory.</param>
/// <param name="file">The file for all chunks; null to keep them in memory up to the limit, and the rest in a temporary file.</param>
internal sealed class TokenStoreBuilder(CorpusOptions options, TokenFile? file = null) : IDisposable
{
    private readonly List<TokenChunk> _chunks = [];
    private readonly long _memoryLimit = file is null ? options.MemoryLimit : 0;
    private long _length;
    private long _memoryBytes;
    private TokenFile? _file = file;

    // A chunk on its way to the file, while the next is filled.
    private Task _writing = Task.CompletedTask;
    private byte[] _written = [];

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
        _writing.GetAwaiter().GetResult();
        var store = new TokenStore([.. _chunks], options.ChunkTokens, _length, tokenOfId, _file);
        _file = null;
        return store;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Task.WhenAny(_writing).GetAwaiter().GetResult(); // how it ends no longer matters
        _file?.Dispose();
    }

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
        int bytes = _count * _width;
        if (_memoryBytes + bytes <= _memoryLimit)
        {
            _chunks.Add(new TokenChunk(_chunk.AsSpan(0, bytes).ToArray(), 0, _width));
            _memoryBytes += bytes;
        }
        else
        {
            _writing.GetAwaiter().GetResult();
            TokenFile file = _file ??= TokenFile.CreateTemporary(options.SpillDirectory ?? Path.GetTempPath());
            _chunks.Add(new TokenChunk(null, file.Length, _width));
            (_written, _chunk) = (_chunk, _written.Length < options.ChunkTokens ? new byte[options.ChunkTokens] : _written);
            byte[] full = _written;
            _writing = Task.Run(() => file.Append(full.AsSpan(0, bytes)));
        }

        _length += _count;
        _count = 0;
        _width = 1;
    }
}
