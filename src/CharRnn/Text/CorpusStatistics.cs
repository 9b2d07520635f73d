using System.Runtime.InteropServices;

namespace CharRnn.Text;

/// <summary>How well a text can be predicted without a network: what a loss is to be compared with.</summary>
/// <param name="UnigramEntropy">Nats per character, of one who knows how often each character comes.</param>
/// <param name="BigramEntropy">Nats per character, of one who also knows the character before.</param>
public readonly record struct CorpusStatistics(double UnigramEntropy, double BigramEntropy)
{
    // Enough to know them to some thousandths, and no noticeable time.
    private const long MostTokens = 4 << 20;

    // Pairs in a flat table of at most 16 MB.
    private const int MostInTable = 2048;

    /// <summary>Counts the characters and pairs of a text, of its first 4 million where it is longer.</summary>
    /// <param name="text">The text.</param>
    /// <param name="vocabularySize">V.</param>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary is empty, or a token is not in it.</exception>
    public static CorpusStatistics Of(ITokenSource text, int vocabularySize)
    {
        Limits.Size(vocabularySize, nameof(vocabularySize));
        var table = vocabularySize <= MostInTable ? new int[vocabularySize * vocabularySize] : [];
        var sparse = new Dictionary<long, int>();
        int[] ones = new int[vocabularySize];
        int[] piece = new int[1 << 16];
        long length = Math.Min(text.Length, MostTokens), pairs = 0;
        int before = -1;
        for (long offset = 0; offset < length; offset += piece.Length)
        {
            Span<int> tokens = piece.AsSpan(0, (int)Math.Min(piece.Length, length - offset));
            text.Read(offset, tokens);
            Vocabulary.RequireTokens(tokens, vocabularySize, nameof(text));
            foreach (int token in tokens)
            {
                if (before >= 0)
                {
                    pairs++;
                    ones[before]++;
                    if (table.Length > 0)
                        table[(before * vocabularySize) + token]++;
                    else
                        CollectionsMarshal.GetValueRefOrAddDefault(sparse, ((long)before * vocabularySize) + token, out _)++;
                }

                before = token;
            }
        }

        // H(next | before) = H(before, next) - H(before), over the same pairs.
        double unigram = Entropy(ones, pairs);
        return new CorpusStatistics(unigram, Math.Max(0, Entropy(table.Length > 0 ? table : sparse.Values, pairs) - unigram));
    }

    private static double Entropy(IEnumerable<int> counts, long total)
    {
        double sum = 0;
        foreach (int count in counts)
            if (count > 0)
                sum -= count * Math.Log((double)count / total);
        return total > 0 ? sum / total : 0;
    }
}
