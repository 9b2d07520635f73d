using CharRnn.Sampling;

namespace CharRnn.Reference;

/// <summary>Drawing a character from logits, in double: sorts and sums as the definitions read.</summary>
public static class ReferenceSampler
{
    /// <summary>The probability of every character after temperature, top-k and top-p, in that order.</summary>
    /// <param name="z">Logits, <c>[V]</c>.</param>
    /// <param name="options">The sampling options.</param>
    public static double[] Probabilities(double[] z, SamplingOptions options)
    {
        int[] likeliestFirst = [.. Enumerable.Range(0, z.Length).OrderByDescending(i => z[i]).ThenBy(i => i)];
        var p = new double[z.Length];
        if (options.Temperature == 0)
        {
            p[likeliestFirst[0]] = 1;
            return p;
        }

        int k = options.TopK == 0 ? z.Length : Math.Min(options.TopK, z.Length);
        double[] scaled = [.. likeliestFirst.Take(k).Select(i => z[i] / options.Temperature)];
        double logSumExp = ReferenceRnn.LogSumExp(scaled);

        double mass = 0;
        int kept = 0;
        while (kept < k && (kept == 0 || mass < options.TopP))
        {
            double probability = Math.Exp(scaled[kept] - logSumExp);
            p[likeliestFirst[kept++]] = probability;
            mass += probability;
        }

        for (int i = 0; i < p.Length; i++)
            p[i] /= mass;
        return p;
    }

    /// <summary>The character at u: the first, in vocabulary order, whose cumulative probability exceeds u.</summary>
    /// <param name="probabilities">The probabilities from <see cref="Probabilities"/>.</param>
    /// <param name="u">A uniform number in [0, 1).</param>
    public static int Choose(double[] probabilities, double u)
    {
        double cumulative = 0;
        int last = 0;
        for (int i = 0; i < probabilities.Length; i++)
        {
            if (probabilities[i] == 0)
                continue;
            last = i;
            cumulative += probabilities[i];
            if (cumulative > u)
                return i;
        }

        return last; // rounding left the sum a hair below u
    }
}
