using CharRnn.Files;

namespace CharRnn.Text;

/// <summary>Keeps the tokens of large texts, so that the next start reads a text only to see that it is the same.</summary>
/// <param name="directory">The directory, which is created when it is first needed.</param>
public sealed class TokenCache(string directory) : FileCache(directory, "tokens", "the tokens of this text")
{
    private const string Tokens = "tokens", Counts = "counts", Widths = "widths", Characters = "characters", TokenOfId = "token-of-id";

    /// <summary>The tokens of a text, if it has them and they are intact.</summary>
    /// <param name="bytes">The text's length, byte order marks included.</param>
    /// <param name="hash"><see cref="Corpus.Hash"/> of the text.</param>
    /// <param name="encoding">What a character is.</param>
    /// <param name="notes">Takes a line about what was found.</param>
    /// <param name="cancellation">Ends the checking.</param>
    internal CachedTokens? Find(long bytes, string hash, TextEncoding encoding, List<string> notes, CancellationToken cancellation) =>
        Find(bytes, hash, file => Read(file, encoding), notes, cancellation);

    /// <summary>Begins to keep the tokens of a text of this many bytes; null if they cannot be kept.</summary>
    /// <remarks>A character of one byte takes two where its neighbours need two.</remarks>
    internal CacheEntry? BeginText(long bytes, List<string> notes) => Begin(2 * bytes, notes);

    /// <summary>Keeps the tokens of a text, and goes on reading from there.</summary>
    /// <param name="entry">What they were collected in.</param>
    /// <param name="bytes">The text's length, byte order marks included.</param>
    /// <param name="hash"><see cref="Corpus.Hash"/> of the text.</param>
    /// <param name="vocabulary">The text's characters.</param>
    /// <param name="tokenOfId">The token of every id.</param>
    /// <param name="tokens">The store built over the entry's file.</param>
    /// <param name="notes">Takes a line about where they are kept, or why not.</param>
    internal static void Keep(
        CacheEntry entry, long bytes, string hash, Vocabulary vocabulary, int[] tokenOfId, TokenStore tokens, List<string> notes) =>
        entry.Keep(
            bytes, hash, Tokens,
            [
                Integers(Counts, [tokens.Length, tokens.ChunkTokens]), Integers(Widths, [.. tokens.ChunkWidths.Select(w => (long)w)]),
                Integers(Characters, [.. vocabulary.CodePoints.Select(c => (long)c)]),
                Integers(TokenOfId, [.. tokenOfId.Select(t => (long)t)]),
            ],
            notes);

    private static SafetensorsTensor Integers(string name, long[] values) => new(name, [values.Length], values);

    private CachedTokens Read(SafetensorsFile file, TextEncoding encoding)
    {
        long[] counts = file.ReadIntegers(Counts, 2);
        (long length, long chunkTokens) = (counts[0], counts[1]);
        long[] widths = file.ReadIntegers(Widths, file.Entry(Widths).Count);
        long[] characters = file.ReadIntegers(Characters, file.Entry(Characters).Count);
        long[] tokenOfId = file.ReadIntegers(TokenOfId, characters.Length);
        if (chunkTokens is < 1 or > int.MaxValue || length < 1 || length > file.Entry(Tokens).Count
            || widths.Length != (length + chunkTokens - 1) / chunkTokens
            || widths.Any(width => width is not (1 or 2 or 4))
            || !tokenOfId.Order().SequenceEqual(Enumerable.Range(0, characters.Length).Select(i => (long)i)))
            throw FileErrors.Damaged(file.Path, "its tensors do not agree with each other");

        var chunks = new PackedChunk[widths.Length];
        long offset = 0, begin = file.PayloadOffset + file.Entry(Tokens).Begin;
        for (int i = 0; i < chunks.Length; i++)
        {
            chunks[i] = new PackedChunk(null, begin + offset, (int)widths[i]);
            offset += widths[i] * Math.Min(chunkTokens, length - (i * chunkTokens));
        }

        file.Require(Tokens, SafetensorsDtype.U8, offset);
        Vocabulary vocabulary;
        try
        {
            vocabulary = new Vocabulary(encoding, characters.Select(c => (int)c));
        }
        catch (ArgumentException e)
        {
            throw FileErrors.Damaged(file.Path, "its characters are not valid", e);
        }

        return new CachedTokens(
            vocabulary, new TokenStore(chunks, (int)chunkTokens, length, [.. tokenOfId.Select(t => (int)t)], OpenChunks(file)));
    }
}

/// <summary>The tokens of a text in a cache.</summary>
internal sealed record CachedTokens(Vocabulary Vocabulary, TokenStore Tokens);
