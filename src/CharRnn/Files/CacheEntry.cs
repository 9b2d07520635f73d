using System.Buffers.Binary;

namespace CharRnn.Files;

/// <summary>What a file is read as, while a cache collects it; disposed before it is kept, it is gone.</summary>
internal sealed class CacheEntry : IDisposable
{
    /// <summary>The offset of the first chunk in the file.</summary>
    public const int HeaderBytes = 4096;

    private readonly FileCache _cache;
    private readonly string _path;
    private bool _isKept;

    /// <param name="cache">The cache.</param>
    /// <param name="path">The file for it, until it is kept; nothing is there.</param>
    public CacheEntry(FileCache cache, string path)
    {
        (_cache, _path) = (cache, path);
        Destination = new PackedFile(
            PackedFile.Create(path, FileShare.Read | FileShare.Delete), HeaderBytes, e => new CacheException(e),
            e => cache.Unreadable(path, e));
    }

    /// <summary>The file for the chunks, which its reader closes.</summary>
    public PackedFile Destination { get; }

    /// <summary>Keeps what was collected; whoever reads chunks from it goes on.</summary>
    /// <param name="bytes">See <see cref="FileCache.Find"/>.</param>
    /// <param name="hash">See <see cref="FileCache.Find"/>.</param>
    /// <param name="chunks">The name of the tensor that all chunks are.</param>
    /// <param name="tensors">What else is to be kept.</param>
    /// <param name="notes">Takes a line about where it is kept, or why not.</param>
    public void Keep(long bytes, string hash, string chunks, IReadOnlyList<SafetensorsTensor> tensors, List<string> notes)
    {
        try
        {
            long packed = Destination.Length - HeaderBytes;
            foreach (SafetensorsTensor tensor in tensors)
                tensor.CopyTo(piece => Destination.Append(piece));
            var header = new SafetensorsHeader(
                _cache.Metadata(hash, SafetensorsTensor.ChecksumText(Destination.Checksum)),
                [new(chunks, SafetensorsDtype.U8, [packed], 0, packed), .. SafetensorsHeader.Lay(tensors, packed)]);
            byte[] head = new byte[HeaderBytes];
            head.AsSpan().Fill((byte)' ');
            BinaryPrimitives.WriteInt64LittleEndian(head, HeaderBytes - sizeof(long));
            header.Build().CopyTo(head, sizeof(long));
            Destination.Write(head, 0);
            string path = _cache.Keep(_path, bytes, hash);
            _isKept = true;
            notes.Add(_cache.Kept(path));
        }
        catch (Exception e) when (e is CacheException || FileErrors.IsFileFailure(e))
        {
            notes.Add(_cache.NotKept(e));
        }
    }

    /// <summary>Deletes the name of a file that is not kept: the file itself is gone as soon as nobody reads it.</summary>
    public void Dispose()
    {
        if (_isKept)
            return;
        try
        {
            File.Delete(_path);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            // The next one that is kept tidies up.
        }
    }
}

/// <summary>A cache refuses what it is given: the file is to be read again without it.</summary>
internal sealed class CacheException(Exception cause) : Exception(cause.Message, cause);
