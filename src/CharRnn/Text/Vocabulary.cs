using System.Runtime.CompilerServices;
using System.Text;

namespace CharRnn.Text;

/// <summary>
/// The distinct characters of a corpus in ascending code-point order: token i is the i-th of them.
/// With <see cref="TextEncoding.Bytes"/> a character is a byte, 0–255.
/// </summary>
public sealed class Vocabulary
{
    private readonly int[] _codePoints;
    private readonly Dictionary<int, int> _tokens;

    /// <param name="encoding">What a character is.</param>
    /// <param name="codePoints">The characters, in index order, each once.</param>
    /// <exception cref="ArgumentException">There are no characters, or one occurs twice or does not belong to the encoding.</exception>
    public Vocabulary(TextEncoding encoding, IEnumerable<int> codePoints)
    {
        Encoding = encoding;
        _codePoints = [.. codePoints];
        if (_codePoints.Length == 0)
            throw new ArgumentException("there are no characters", nameof(codePoints));
        _tokens = new Dictionary<int, int>(_codePoints.Length);
        for (int i = 0; i < _codePoints.Length; i++)
        {
            int c = _codePoints[i];
            if (encoding == TextEncoding.Bytes ? c is < 0 or > 255 : !Rune.IsValid(c))
                throw new ArgumentException($"U+{c:X4} is not a character of this encoding", nameof(codePoints));
            if (!_tokens.TryAdd(c, i))
                throw new ArgumentException($"U+{c:X4} occurs at indices {_tokens[c]} and {i}", nameof(codePoints));
        }
    }

    /// <summary>What a character is.</summary>
    public TextEncoding Encoding { get; }

    /// <summary>V, the number of characters.</summary>
    public int Size => _codePoints.Length;

    /// <summary>The code points (or bytes) in index order.</summary>
    public IReadOnlyList<int> CodePoints => _codePoints;

    /// <summary>The token of a code point (or byte).</summary>
    /// <returns>False if the vocabulary has no such character.</returns>
    public bool TryGetToken(int codePoint, out int token) => _tokens.TryGetValue(codePoint, out token);

    /// <summary>The first input of a text without a beginning: a newline if the vocabulary has one, otherwise token 0.</summary>
    public int StartToken => TryGetToken('\n', out int token) ? token : 0;

    /// <summary>Checks that numbers are tokens: what reads a text of others reads memory that is not its own.</summary>
    /// <param name="tokens">The numbers.</param>
    /// <param name="vocabularySize">V.</param>
    /// <param name="name">The name of the tokens in the error.</param>
    /// <exception cref="ArgumentOutOfRangeException">One is not from 0 to V - 1; says which, and V.</exception>
    public static void RequireTokens(
        ReadOnlySpan<int> tokens, int vocabularySize, [CallerArgumentExpression(nameof(tokens))] string? name = null)
    {
        int at = tokens.IndexOfAnyExceptInRange(0, vocabularySize - 1);
        if (at >= 0)
            throw new ArgumentOutOfRangeException(
                name, tokens[at], $"is not a token of a vocabulary of {vocabularySize} characters: those are 0 to {vocabularySize - 1}");
    }

    /// <summary>Appends a token's character as it stands in a text: its UTF-8 bytes, or the byte itself.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary has no such token.</exception>
    public void AppendBytes(int token, List<byte> destination)
    {
        RequireTokens([token], Size, nameof(token));
        if (Encoding == TextEncoding.Bytes)
        {
            destination.Add((byte)_codePoints[token]);
            return;
        }

        Span<byte> utf8 = stackalloc byte[4];
        destination.AddRange(utf8[..new Rune(_codePoints[token]).EncodeToUtf8(utf8)]);
    }

    /// <summary>The bytes of a sequence of tokens.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary has no such token.</exception>
    public byte[] Decode(ReadOnlySpan<int> tokens)
    {
        var bytes = new List<byte>(tokens.Length);
        foreach (int token in tokens)
            AppendBytes(token, bytes);
        return [.. bytes];
    }

    /// <summary>
    /// The tokens of a short text, such as a prime; a file is read by
    /// <see cref="Corpus.ReadWith(Vocabulary, IReadOnlyList{string}, UnknownCharacters, CorpusOptions?, CancellationToken)"/>.
    /// </summary>
    /// <param name="text">The text; with <see cref="TextEncoding.Bytes"/> the bytes of its UTF-8 form count.</param>
    /// <param name="unknown">What to do with characters that the vocabulary does not have.</param>
    /// <param name="subject">The name of the text in errors: the option that gave it.</param>
    /// <exception cref="CharRnnException">The text has unknown characters, or half a surrogate pair.</exception>
    public int[] Encode(string text, UnknownCharacters unknown, string subject)
    {
        try
        {
            return Encode(new UTF8Encoding(false, throwOnInvalidBytes: true).GetBytes(text), unknown, subject);
        }
        catch (EncoderFallbackException e)
        {
            throw CorpusErrors.LoneSurrogate(subject, e.Index);
        }
    }

    /// <inheritdoc cref="Encode(string, UnknownCharacters, string)"/>
    /// <param name="text">The text's bytes: UTF-8 with <see cref="TextEncoding.Utf8"/>, else any.</param>
    /// <param name="unknown">What to do with characters that the vocabulary does not have.</param>
    /// <param name="subject">The name of the text in errors.</param>
    /// <exception cref="CharRnnException">The text has unknown characters, or is not valid UTF-8.</exception>
    public int[] Encode(ReadOnlySpan<byte> text, UnknownCharacters unknown, string subject)
    {
        var table = new CharacterTable(this);
        using var builder = new TokenStoreBuilder(
            new CorpusOptions { ChunkTokens = Math.Max(1, text.Length), MemoryLimit = long.MaxValue });
        CharacterScanner.Stop stop = new CharacterScanner(table, builder).Scan(text, out int consumed);
        if (stop == CharacterScanner.Stop.Nul)
            throw CorpusErrors.Binary(subject, consumed, CorpusErrors.GiveText);
        if (consumed < text.Length)
            throw CorpusErrors.InvalidByte(subject, text[consumed..], consumed, CorpusErrors.GiveText);
        if (unknown == UnknownCharacters.Error && table.Unknown.Count > 0)
            throw CorpusErrors.UnknownCharacters(subject, CharacterNames.List(Encoding, table.Unknown));

        using TokenStore store = builder.Build([]);
        int[] tokens = new int[store.Length];
        store.Read(0, tokens);
        return tokens;
    }

    /// <summary>Whether both have the same characters in the same order.</summary>
    public bool Matches(Vocabulary other) => Encoding == other.Encoding && _codePoints.AsSpan().SequenceEqual(other._codePoints);
}
