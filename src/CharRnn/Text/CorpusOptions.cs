namespace CharRnn.Text;

/// <summary>How a corpus is read and where its tokens are kept.</summary>
/// <exception cref="ArgumentOutOfRangeException">A size or limit is below 1, or the memory below 0.</exception>
public sealed record CorpusOptions
{
    /// <summary>What a character is. It is not used if a vocabulary is given, which has its own encoding.</summary>
    public TextEncoding Encoding { get; init; } = TextEncoding.Utf8;

    /// <summary>
    /// Most distinct characters accepted. 65,536: more than any natural text holds (all of Unicode's Han characters in
    /// daily use are some 20,000), and about where a small model becomes nothing but its two character matrices.
    /// </summary>
    public int VocabularyLimit { get; init => field = Limits.Size(value); } = 65_536;

    /// <summary>
    /// Says what a vocabulary of a size would cost, as "a model of 100 hidden units would need 30 MB", for the error about too large a
    /// one; null if that is not known.
    /// </summary>
    public Func<int, string>? DescribeNeed { get; init; }

    /// <summary>
    /// Bytes of tokens kept in memory; what goes beyond lies in a temporary file. 256 MB: a corpus of that many
    /// characters in an alphabet of up to 256 stays in memory, and so do the other things on a small machine.
    /// </summary>
    public long MemoryLimit { get; init => field = Limits.NotNegative(value); } = 256L << 20;

    /// <summary>The directory of the temporary file; null for the system's directory for temporary files.</summary>
    public string? SpillDirectory { get; init; }

    /// <summary>Keeps the tokens of files that exceed <see cref="MemoryLimit"/> for the next start; null to keep nothing.</summary>
    public TokenCache? Cache { get; init; }

    /// <summary>Hears the progress after every buffer of about a megabyte, on the thread that reads.</summary>
    public IProgress<ReadingProgress>? Progress { get; init; }

    /// <summary>Bytes asked of a file at once. Tests make it small to put an edge inside every character.</summary>
    internal int ReadBytes { get; init; } = 1 << 20;

    /// <summary>Tokens per stored chunk, each chunk as narrow as its own tokens allow.</summary>
    internal int ChunkTokens { get; init; } = 1 << 20;
}

/// <summary>How much of a text has been read.</summary>
/// <param name="Bytes">Bytes read so far, over all files.</param>
/// <param name="TotalBytes">Bytes there are; 0 if not known.</param>
public readonly record struct ReadingProgress(long Bytes, long TotalBytes);
