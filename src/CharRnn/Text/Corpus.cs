using CharRnn.Files;

namespace CharRnn.Text;

/// <summary>
/// A text as tokens: read once, from start to end, whatever its size and source. Files are joined as they
/// are, with nothing between them; line ends stay as they are.
/// </summary>
public sealed class Corpus : IDisposable
{
    private readonly TokenStore _tokens;
    private CorpusStatistics? _statistics;

    private Corpus(
        CorpusSource source, Vocabulary vocabulary, TokenStore tokens, CorpusReader reader, IEnumerable<string> notes, long skipped = 0)
    {
        Name = source.Name;
        Files = source.Files;
        Vocabulary = vocabulary;
        _tokens = tokens;
        Bytes = reader.Bytes;
        Hash = reader.Hash;
        SkippedCharacters = skipped;
        Notes = [.. source.Notes, .. reader.Notes, .. notes];
    }

    /// <summary>The name of the text in messages: its only file, or the first file and how many more.</summary>
    public string Name { get; }

    /// <summary>The files read, in this order, named by way of the inputs; a stream's name.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>The characters of the text in ascending code-point order, or the vocabulary it was read with.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>The text's N tokens. Any number of threads may read them, until the corpus is disposed.</summary>
    public ITokenSource Tokens => _tokens;

    /// <summary>Bytes of text, byte order marks left out.</summary>
    public long Bytes { get; }

    /// <summary>
    /// Tells texts apart: XxHash128 of the encoding's name, a newline and the text's bytes (without byte order marks),
    /// 32 lower-case hexadecimal digits. The same for one file and for its pieces.
    /// </summary>
    public string Hash { get; }

    /// <summary>How well the text can be predicted by counting; counted when first asked for.</summary>
    public CorpusStatistics Statistics => _statistics ??= CorpusStatistics.Of(Tokens, Vocabulary.Size);

    /// <summary>Characters left out because the given vocabulary does not have them.</summary>
    public long SkippedCharacters { get; }

    /// <summary>Notes about the text for the user, one line each.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Reads a text and finds its vocabulary.</summary>
    /// <param name="inputs">
    /// Files, directories (the text files below them, also by way of links: all that are neither hidden nor empty nor a
    /// run's), globs (<c>*</c>, <c>?</c>, <c>**</c>) or <c>-</c> for standard input. All files are joined in the ordinal
    /// order of their full paths, standard input first, each file once.
    /// </param>
    /// <param name="options">The encoding and the limits; null for the defaults.</param>
    /// <param name="cancellation">Ends the reading with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="CharRnnException">
    /// The text cannot be found, read, decoded or learned from; the message says where and why.
    /// </exception>
    public static Corpus Read(IReadOnlyList<string> inputs, CorpusOptions? options = null, CancellationToken cancellation = default) =>
        Learn(CorpusSource.Of(inputs), options ?? new CorpusOptions(), cancellation);

    /// <summary>Reads a text from a stream, to its end, and finds its vocabulary.</summary>
    /// <param name="stream">The text; stays open.</param>
    /// <param name="name">The name of the text in messages.</param>
    /// <param name="options">The encoding and the limits; null for the defaults.</param>
    /// <param name="cancellation">Ends the reading with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="CharRnnException">The text cannot be decoded or learned from; the message says where and why.</exception>
    public static Corpus Read(Stream stream, string name, CorpusOptions? options = null, CancellationToken cancellation = default) =>
        Learn(CorpusSource.Of(stream, name), options ?? new CorpusOptions(), cancellation);

    /// <summary>Reads a text with a model's vocabulary.</summary>
    /// <param name="vocabulary">The characters and the encoding.</param>
    /// <param name="inputs">As for <see cref="Read(IReadOnlyList{string}, CorpusOptions?, CancellationToken)"/>.</param>
    /// <param name="unknown">What to do with other characters.</param>
    /// <param name="options">The limits; null for the defaults.</param>
    /// <param name="cancellation">Ends the reading with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="CharRnnException">The text cannot be found, read or decoded, or has unknown characters.</exception>
    public static Corpus ReadWith(
        Vocabulary vocabulary, IReadOnlyList<string> inputs, UnknownCharacters unknown,
        CorpusOptions? options = null, CancellationToken cancellation = default) =>
        Apply(vocabulary, CorpusSource.Of(inputs), unknown, options ?? new CorpusOptions(), cancellation);

    /// <summary>Reads a text from a stream, to its end, with a model's vocabulary.</summary>
    /// <inheritdoc cref="ReadWith(Vocabulary, IReadOnlyList{string}, UnknownCharacters, CorpusOptions?, CancellationToken)"/>
    /// <param name="vocabulary">The characters and the encoding.</param>
    /// <param name="stream">The text; stays open.</param>
    /// <param name="name">The name of the text in messages.</param>
    /// <param name="unknown">What to do with other characters.</param>
    /// <param name="options">The limits; null for the defaults.</param>
    /// <param name="cancellation">Ends the reading with an <see cref="OperationCanceledException"/>.</param>
    public static Corpus ReadWith(
        Vocabulary vocabulary, Stream stream, string name, UnknownCharacters unknown,
        CorpusOptions? options = null, CancellationToken cancellation = default) =>
        Apply(vocabulary, CorpusSource.Of(stream, name), unknown, options ?? new CorpusOptions(), cancellation);

    /// <summary>Deletes the temporary file, if there is one; <see cref="Tokens"/> can be read no more.</summary>
    public void Dispose() => _tokens.Dispose();

    private static Corpus Learn(CorpusSource source, CorpusOptions options, CancellationToken cancellation)
    {
        // A text that fits in memory is made into tokens faster than it is looked up; packed tokens have this byte order.
        TokenCache? cache = source.Bytes > options.MemoryLimit && BitConverter.IsLittleEndian ? options.Cache : null;
        List<string> notes = [];
        if (cache?.MayHold(source.Bytes) == true)
        {
            using var reader = new CorpusReader(options.Encoding, options, CorpusErrors.UseBytes);
            source.ReadInto(reader, cancellation);
            if (!reader.HasInnerMark && cache.Find(source.Bytes, reader.Hash, options.Encoding, notes, cancellation) is { } cached)
            {
                var corpus = new Corpus(source, cached.Vocabulary, cached.Tokens, reader, notes);
                try
                {
                    CheckVocabulary(source, corpus.Vocabulary, options);
                    return corpus;
                }
                catch (CharRnnException)
                {
                    corpus.Dispose();
                    throw;
                }
            }
        }

        using CacheEntry? entry = cache?.BeginText(source.Bytes, notes);
        try
        {
            return Learn(source, options, entry, notes, cancellation);
        }
        catch (CacheException e)
        {
            notes.Add(cache!.NotKept(e));
            entry!.Dispose(); // what it has written may be what fills the disk
            return Learn(source, options, null, notes, cancellation);
        }
    }

    private static Corpus Learn(
        CorpusSource source, CorpusOptions options, CacheEntry? keep, List<string> notes, CancellationToken cancellation)
    {
        var table = new CharacterTable(options.Encoding);
        using var reader = new CorpusReader(table, options, CorpusErrors.UseBytes, keep?.Destination);
        source.ReadInto(reader, cancellation);
        reader.CheckEnd(source.Name);

        (Vocabulary vocabulary, int[] tokenOfId) = table.Finish();
        CheckVocabulary(source, vocabulary, options);
        TokenStore tokens = reader.Build(tokenOfId);
        if (keep is not null)
            TokenCache.Keep(keep, source.Bytes, reader.Hash, vocabulary, tokenOfId, tokens, notes);
        return new Corpus(source, vocabulary, tokens, reader, notes);
    }

    private static void CheckVocabulary(CorpusSource source, Vocabulary vocabulary, CorpusOptions options)
    {
        if (vocabulary.Size == 1)
            throw CorpusErrors.OneCharacter(source.Name, CharacterNames.Of(options.Encoding, vocabulary.CodePoints[0]));
        if (vocabulary.Size > options.VocabularyLimit)
            throw CorpusErrors.VocabularyTooLarge(
                source.Name, vocabulary.Size, options.VocabularyLimit, options.DescribeNeed?.Invoke(vocabulary.Size));
    }

    private static Corpus Apply(
        Vocabulary vocabulary, CorpusSource source, UnknownCharacters unknown, CorpusOptions options, CancellationToken cancellation)
    {
        var table = new CharacterTable(vocabulary);
        using var reader = new CorpusReader(table, options, CorpusErrors.GiveText);
        source.ReadInto(reader, cancellation);
        reader.CheckEnd(source.Name);

        if (unknown == UnknownCharacters.Error && table.Unknown.Count > 0)
            throw CorpusErrors.UnknownCharacters(source.Name, CharacterNames.List(vocabulary.Encoding, table.Unknown));
        TokenStore tokens = reader.Build([]);
        return tokens.Length > 0
            ? new Corpus(source, vocabulary, tokens, reader, LeftOut(source, table.UnknownCount), table.UnknownCount)
            : throw CorpusErrors.NoKnownCharacter(source.Name);
    }

    private static string[] LeftOut(CorpusSource source, long count) =>
        count == 0 ? [] : [$"{source.Name}: {count} characters left out that the vocabulary does not have"];
}
