namespace CharRnn.Files;

/// <summary>Takes packed chunks: into memory up to a limit, and beyond it, or all of them, into a file.</summary>
/// <remarks>Disposing closes the file, a temporary one for ever.</remarks>
/// <param name="memoryLimit">Bytes that may lie in memory.</param>
/// <param name="makeFile">Makes the file when it is first needed.</param>
internal sealed class PackedSpace(long memoryLimit, Func<PackedFile> makeFile) : IDisposable
{
    private PackedFile? _file;

    // A chunk on its way to the file, while the next is filled.
    private Task _writing = Task.CompletedTask;
    private byte[] _written = [];

    /// <summary>A space that is all in a file.</summary>
    /// <param name="file">The file; owned.</param>
    public PackedSpace(PackedFile file)
        : this(0, () => file) => _file = file;

    /// <summary>Bytes of the chunks that lie in memory.</summary>
    public long MemoryBytes { get; private set; }

    /// <summary>Takes a chunk.</summary>
    /// <param name="packed">What it holds, which is copied.</param>
    /// <param name="width">See <see cref="PackedChunk"/>.</param>
    /// <exception cref="CharRnnException">The disk that takes what exceeds memory is full or fails.</exception>
    public PackedChunk Add(ReadOnlySpan<byte> packed, int width)
    {
        if (MemoryBytes + packed.Length <= memoryLimit)
        {
            MemoryBytes += packed.Length;
            return new PackedChunk(packed.ToArray(), 0, width);
        }

        Flush();
        PackedFile file = _file ??= makeFile();
        if (_written.Length < packed.Length)
            _written = new byte[packed.Length];
        packed.CopyTo(_written);
        int length = packed.Length;
        var chunk = new PackedChunk(null, file.Length, width);
        _writing = Task.Run(() => file.Append(_written.AsSpan(0, length)));
        return chunk;
    }

    /// <summary>Forgets a chunk, whose memory others may take. In a file its place stays.</summary>
    public void Remove(PackedChunk chunk) => MemoryBytes -= chunk.Memory?.Length ?? 0;

    /// <summary>Waits until all that was added to the file is written.</summary>
    /// <exception cref="CharRnnException">The disk is full or fails.</exception>
    public void Flush() => _writing.GetAwaiter().GetResult();

    /// <summary>Reads a part of a chunk that lies in the file; any number of readers, while none adds.</summary>
    /// <param name="chunk">The chunk.</param>
    /// <param name="first">The first id or number to read.</param>
    /// <param name="destination">What is read, a whole number of ids or numbers.</param>
    /// <exception cref="CharRnnException">The file cannot be read.</exception>
    public void Read(PackedChunk chunk, int first, Span<byte> destination)
    {
        Flush();
        _file!.Read(chunk.FileOffset + ((long)first * chunk.Width), destination);
    }

    /// <inheritdoc cref="PackedFile.Damaged"/>
    public CharRnnException Damaged() => _file!.Damaged();

    /// <summary>The file with all that was added to it, which the caller then owns; null if there is none.</summary>
    /// <exception cref="CharRnnException">The disk is full or fails.</exception>
    public PackedFile? TakeFile()
    {
        Flush();
        (PackedFile? file, _file) = (_file, null);
        return file;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Task.WhenAny(_writing).GetAwaiter().GetResult(); // how it ends no longer matters
        _file?.Dispose();
    }
}
