using System.Text;
using CharRnn.Text;

namespace CharRnn.Sampling;

/// <summary>
/// Texts that end what is written: it ends before the place where the first of them begins. Where it ends does not depend on the
/// pieces in which it is written.
/// </summary>
public sealed class StopTexts
{
    private readonly Stop[] _stops;

    private StopTexts(Stop[] stops) => _stops = stops;

    /// <summary>Stop texts for a vocabulary.</summary>
    /// <param name="vocabulary">The characters of what is written.</param>
    /// <param name="texts">The texts; none ends nothing. With <see cref="TextEncoding.Bytes"/> the bytes of their UTF-8 form count.</param>
    /// <param name="unknown">
    /// What to do with a text that has characters outside the vocabulary: it can never be written, so
    /// <see cref="UnknownCharacters.Skip"/> leaves it out as a whole.
    /// </param>
    /// <param name="subject">The name of the texts in errors: the option that gave them.</param>
    /// <exception cref="ArgumentException">A text is empty.</exception>
    /// <exception cref="CharRnnException">A text has unknown characters, or half a surrogate pair.</exception>
    public static StopTexts Of(Vocabulary vocabulary, IEnumerable<string> texts, UnknownCharacters unknown, string subject)
    {
        var stops = new List<Stop>();
        foreach (string text in texts)
        {
            if (text.Length == 0)
                throw new ArgumentException("has an empty text, which begins everywhere", nameof(texts));
            int[] tokens = vocabulary.Encode(text, unknown, subject);
            if (vocabulary.Decode(tokens).AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(text)))
                stops.Add(new Stop(text, tokens));
        }

        return new StopTexts([.. stops]);
    }

    /// <summary>Ends a text where a stop text begins.</summary>
    /// <param name="pieces">The tokens of the text, in pieces as they are written; no more of them are asked for than are needed.</param>
    /// <param name="found">Receives the stop text that ended the text, if one did.</param>
    /// <returns>The tokens, in pieces. What may still become a stop text is held back until that is known.</returns>
    public IEnumerable<int[]> Cut(IEnumerable<int[]> pieces, Action<string>? found = null)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        return Pieces(pieces, found);
    }

    private IEnumerable<int[]> Pieces(IEnumerable<int[]> pieces, Action<string>? found)
    {
        var held = new List<int>();
        int[] matched = new int[_stops.Length];
        int begin = 0; // of the longest end of what is held that may still become a stop text
        Stop? first = null; // of the stop texts met so far, the one that begins first
        int firstBegin = 0;
        foreach (int[] piece in pieces)
        {
            foreach (int token in piece)
            {
                held.Add(token);
                begin = held.Count;
                for (int s = 0; s < _stops.Length; s++)
                {
                    matched[s] = _stops[s].Next(matched[s], token);
                    int at = held.Count - matched[s];
                    if (_stops[s].IsWhole(matched[s]) && (first is null || at < firstBegin))
                        (first, firstBegin) = (_stops[s], at);
                    begin = Math.Min(begin, at);
                }

                if (first is not null && firstBegin <= begin)
                    break;
            }

            if (first is not null && firstBegin <= begin)
                break;
            if (begin == 0)
                continue;
            yield return [.. held[..begin]];
            held.RemoveRange(0, begin);
            (begin, firstBegin) = (0, firstBegin - begin);
        }

        if (first is not null)
            held.RemoveRange(firstBegin, held.Count - firstBegin);
        if (held.Count > 0)
            yield return [.. held];
        if (first is not null)
            found?.Invoke(first.Text);
    }

    /// <summary>A text to look for; no token of what is written is looked at twice (Knuth, Morris and Pratt, 1977).</summary>
    private sealed class Stop
    {
        private readonly int[] _tokens;

        // The length of the longest proper suffix of the first i + 1 tokens with which the text also begins.
        private readonly int[] _borders;

        public Stop(string text, int[] tokens)
        {
            (Text, _tokens, _borders) = (text, tokens, new int[tokens.Length]);
            for (int i = 1; i < tokens.Length; i++)
                _borders[i] = Next(_borders[i - 1], tokens[i]);
        }

        public string Text { get; }

        public bool IsWhole(int matched) => matched == _tokens.Length;

        /// <summary>How many tokens of the stop text are at the end of what was written.</summary>
        /// <param name="matched">How many there were before the token.</param>
        /// <param name="token">The token.</param>
        public int Next(int matched, int token)
        {
            while (IsWhole(matched) || _tokens[matched] != token)
            {
                if (matched == 0)
                    return 0;
                matched = _borders[matched - 1];
            }

            return matched + 1;
        }
    }
}
