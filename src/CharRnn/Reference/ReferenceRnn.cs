using CharRnn.Model;
using CharRnn.Text;

namespace CharRnn.Reference;

/// <summary>
/// E1–E8 in plain double loops: what every kernel must agree with. It is written to be checked by eye against
/// the equations and shares nothing with the kernels, not even an index helper.
/// </summary>
public static class ReferenceRnn
{
    /// <summary>E1: one hidden state of one stream.</summary>
    /// <param name="w">The weights.</param>
    /// <param name="x">The input token.</param>
    /// <param name="previous">h[t-1], <c>[H]</c>.</param>
    /// <returns>h[t], <c>[H]</c>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such token.</exception>
    public static double[] HiddenStep(ParameterSet<double> w, int x, double[] previous)
    {
        Vocabulary.RequireTokens([x], w.Sizes.VocabularySize, nameof(x));
        int H = w.Sizes.HiddenSize;
        var h = new double[H];
        for (int i = 0; i < H; i++)
        {
            double a = w.Wxh[(x * H) + i] + w.Bh[i];
            for (int j = 0; j < H; j++)
                a += previous[j] * w.Whh[(j * H) + i];
            h[i] = Math.Tanh(a);
        }

        return h;
    }

    /// <summary>E2: the logits of one hidden state.</summary>
    /// <returns>z[t], <c>[V]</c>.</returns>
    public static double[] Logits(ParameterSet<double> w, double[] h)
    {
        (int V, int H) = (w.Sizes.VocabularySize, w.Sizes.HiddenSize);
        var z = new double[V];
        for (int k = 0; k < V; k++)
        {
            z[k] = w.By[k];
            for (int j = 0; j < H; j++)
                z[k] += h[j] * w.Why[(j * V) + k];
        }

        return z;
    }

    /// <summary><c>log Σ exp z</c>, safe for logits of any size.</summary>
    public static double LogSumExp(double[] z)
    {
        double max = z.Max();
        double sum = 0;
        foreach (double value in z)
            sum += Math.Exp(value - max);
        return max + Math.Log(sum);
    }

    /// <summary>E1–E8 for one step of T tokens of B streams.</summary>
    /// <param name="w">The weights.</param>
    /// <param name="tokens"><c>[T+1, B]</c>: row t is the input at t and the target at t-1.</param>
    /// <param name="carried">h[-1], <c>[B, H]</c>.</param>
    /// <exception cref="ArgumentException">An array is not a whole number of rows, or a token is not in the vocabulary.</exception>
    public static ReferencePass Run(ParameterSet<double> w, int[] tokens, double[] carried)
    {
        (int V, int H) = (w.Sizes.VocabularySize, w.Sizes.HiddenSize);
        Vocabulary.RequireTokens(tokens, V);
        if (carried.Length == 0 || carried.Length % H != 0)
            throw new ArgumentException($"has {carried.Length} numbers, not a whole number of states of {H} units", nameof(carried));
        if (tokens.Length == 0 || tokens.Length % (carried.Length / H) != 0)
            throw new ArgumentException(
                $"has {tokens.Length} tokens, not a whole number of rows of {carried.Length / H} streams", nameof(tokens));
        int B = carried.Length / H;
        int T = (tokens.Length / B) - 1;
        var pass = new ReferencePass(w.Sizes, T, B);

        for (int b = 0; b < B; b++)
        {
            double[] h = carried[(b * H)..((b + 1) * H)];
            h.CopyTo(pass.H, b * H);
            for (int t = 0; t < T; t++)
            {
                h = HiddenStep(w, tokens[(t * B) + b], h);
                h.CopyTo(pass.H, (((t + 1) * B) + b) * H);

                double[] z = Logits(w, h);
                double logSumExp = LogSumExp(z);
                int y = tokens[((t + 1) * B) + b];
                pass.Loss += (logSumExp - z[y]) / B; // E3
                for (int k = 0; k < V; k++) // E4
                    pass.Dz[(((t * B) + b) * V) + k] = (Math.Exp(z[k] - logSumExp) - (k == y ? 1 : 0)) / B;
            }
        }

        for (int b = 0; b < B; b++)
            for (int t = T - 1; t >= 0; t--)
                Backward(w, tokens, pass, t, b);
        return pass;
    }

    /// <summary>E5–E8 for one token of one stream; t descends from T-1.</summary>
    private static void Backward(ParameterSet<double> w, int[] tokens, ReferencePass pass, int t, int b)
    {
        (int V, int H, int B) = (w.Sizes.VocabularySize, w.Sizes.HiddenSize, pass.B);
        ParameterSet<double> g = pass.Gradient;
        Span<double> h = pass.H.AsSpan((((t + 1) * B) + b) * H, H);
        Span<double> previous = pass.H.AsSpan(((t * B) + b) * H, H);
        Span<double> dz = pass.Dz.AsSpan(((t * B) + b) * V, V);
        Span<double> da = pass.Da.AsSpan(((t * B) + b) * H, H);

        for (int j = 0; j < H; j++)
        {
            double dh = 0; // E6
            for (int k = 0; k < V; k++)
                dh += dz[k] * w.Why[(j * V) + k];
            if (t + 1 < pass.T)
                for (int i = 0; i < H; i++)
                    dh += pass.Da[((((t + 1) * B) + b) * H) + i] * w.Whh[(j * H) + i];
            da[j] = (1 - (h[j] * h[j])) * dh; // E7
        }

        for (int j = 0; j < H; j++) // E5
            for (int k = 0; k < V; k++)
                g.Why[(j * V) + k] += h[j] * dz[k];
        for (int k = 0; k < V; k++)
            g.By[k] += dz[k];

        for (int i = 0; i < H; i++) // E8
        {
            g.Wxh[(tokens[(t * B) + b] * H) + i] += da[i];
            g.Bh[i] += da[i];
            for (int j = 0; j < H; j++)
                g.Whh[(j * H) + i] += previous[j] * da[i];
        }
    }

    /// <summary>The summed loss, nats, of predicting each next token of a text from a carried state.</summary>
    /// <param name="w">The weights.</param>
    /// <param name="tokens">N tokens; the first is only an input, the last only a target.</param>
    /// <param name="h">The state before the first token, <c>[H]</c>; on return the state after the last input.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary.</exception>
    public static double Evaluate(ParameterSet<double> w, ReadOnlySpan<int> tokens, ref double[] h)
    {
        Vocabulary.RequireTokens(tokens, w.Sizes.VocabularySize);
        double loss = 0;
        for (int t = 0; t + 1 < tokens.Length; t++)
        {
            h = HiddenStep(w, tokens[t], h);
            double[] z = Logits(w, h);
            loss += LogSumExp(z) - z[tokens[t + 1]];
        }

        return loss;
    }
}

/// <summary>Everything one reference step computed, time-major as on a device.</summary>
public sealed class ReferencePass(ModelShape shape, int T, int B)
{
    /// <summary>Time steps.</summary>
    public int T { get; } = T;

    /// <summary>Streams.</summary>
    public int B { get; } = B;

    /// <summary>Hidden states <c>[T+1, B, H]</c>; row 0 is the carried state, row t+1 is h[t].</summary>
    public double[] H { get; } = new double[(T + 1) * B * shape.HiddenSize];

    /// <summary>E4, <c>[T, B, V]</c>.</summary>
    public double[] Dz { get; } = new double[T * B * shape.VocabularySize];

    /// <summary>E7, <c>[T, B, H]</c>.</summary>
    public double[] Da { get; } = new double[T * B * shape.HiddenSize];

    /// <summary>E3: nats, summed over T, averaged over B.</summary>
    public double Loss { get; set; }

    /// <summary>E5 and E8, before the clip.</summary>
    public ParameterSet<double> Gradient { get; } = new(shape);

    /// <summary>h[T-1], <c>[B, H]</c>: what the next step carries.</summary>
    public double[] CarriedOut => H[^(B * shape.HiddenSize)..];
}
