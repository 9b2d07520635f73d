using System.Numerics;
using CharRnn.Text;

namespace CharRnn.Tables;

/// <summary>Where the cells of a table are kept while it is used.</summary>
/// <exception cref="ArgumentOutOfRangeException">The memory is below 0.</exception>
public sealed record TableStorage
{
    // Bytes of cells of all columns that are not packed yet. They come besides the limit.
    private const int UnpackedBytes = 1 << 26;

    // A read of fewer rows than this takes as long as one of so many.
    private const int LeastChunkRows = 256;

    /// <summary>
    /// Bytes of cells kept in memory; what goes beyond lies in a temporary file. 256 MB, as for texts: a column of numbers that has more
    /// than 65,536 different ones takes eight bytes a row, and any other at most two.
    /// </summary>
    public long MemoryLimit { get; init => field = Limits.NotNegative(value); } = 256L << 20;

    /// <summary>The directory of the temporary file; null for the system's directory for temporary files.</summary>
    public string? SpillDirectory { get; init; }

    /// <summary>Keeps the columns of files that exceed <see cref="MemoryLimit"/> for the next start; null to keep nothing.</summary>
    public TableCache? Cache { get; init; }

    /// <summary>Hears the progress after every buffer, on the thread that reads.</summary>
    public IProgress<ReadingProgress>? Progress { get; init; }

    /// <summary>The largest number of rows of a chunk, a power of two.</summary>
    internal int ChunkRows { get; init; } = 1 << 16;

    /// <summary>The number of bits that number a chunk's rows in a table of so many columns.</summary>
    internal int ChunkBits(int columns) =>
        BitOperations.Log2((uint)Math.Min(ChunkRows, Math.Max(LeastChunkRows, UnpackedBytes / sizeof(double) / columns)));
}
