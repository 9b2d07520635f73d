using CharRnn.Model;
using CharRnn.Text;

namespace CharRnn.Reference;

/// <summary>
/// E1–E8 and E10–E12 in plain double loops: what every kernel must agree with. It is written to be checked by eye against
/// the equations and shares nothing with the kernels, not even an index helper.
/// </summary>
public static class ReferenceRnn
{
    /// <summary>The state before a text, all zeros: an array <c>[H]</c> for each of <see cref="ModelShape.States"/>.</summary>
    public static double[][] ZeroState(ModelShape shape) => [.. shape.States.Select(_ => new double[shape.HiddenSize])];

    /// <summary>E1, E10 or E11 in every layer: one time step of one stream, without dropout.</summary>
    /// <param name="w">The weights.</param>
    /// <param name="x">The input token.</param>
    /// <param name="state">The state before it, an array <c>[H]</c> for each of <see cref="ModelShape.States"/>.</param>
    /// <returns>The state after it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such token.</exception>
    public static double[][] Step(ParameterSet<double> w, int x, double[][] state)
    {
        Vocabulary.RequireTokens([x], w.Sizes.VocabularySize, nameof(x));
        var next = new double[state.Length][];
        double[]? below = null;
        for (int l = 0; l < w.Sizes.Layers; l++)
        {
            CellStep step = Forward(w, l, x, below, state);
            below = next[l] = step.H;
            if (w.Sizes.HasCellState)
                next[w.Sizes.Layers + l] = step.C;
        }

        return next;
    }

    /// <summary>E2: the logits of a state of the highest layer.</summary>
    /// <returns>z[t], <c>[V]</c>.</returns>
    public static double[] Logits(ParameterSet<double> w, double[] h)
    {
        (int V, int H) = (w.Sizes.VocabularySize, w.Sizes.HiddenSize);
        double[] why = w.Why, z = [.. w.By];
        for (int k = 0; k < V; k++)
            for (int j = 0; j < H; j++)
                z[k] += h[j] * why[(j * V) + k];
        return z;
    }

    /// <summary>E2 of a whole state: the logits that follow it.</summary>
    /// <returns>z[t], <c>[V]</c>.</returns>
    public static double[] Logits(ParameterSet<double> w, double[][] state) => Logits(w, state[w.Sizes.Layers - 1]);

    /// <summary><c>log Σ exp z</c>, safe for logits of any size.</summary>
    public static double LogSumExp(double[] z)
    {
        double max = z.Max();
        double sum = 0;
        foreach (double value in z)
            sum += Math.Exp(value - max);
        return max + Math.Log(sum);
    }

    /// <summary>E1–E8 and E10–E12 for one step of T tokens of B streams.</summary>
    /// <param name="w">The weights.</param>
    /// <param name="tokens"><c>[T+1, B]</c>: row t is the input at t and the target at t-1.</param>
    /// <param name="carried">The carried state, an array <c>[B, H]</c> for each of <see cref="ModelShape.States"/>.</param>
    /// <param name="factor">
    /// E12's m / (1 - p), by which h of (layer, t, b, unit) is multiplied before the layer above, or the output, reads it; null for 1.
    /// </param>
    /// <exception cref="ArgumentException">An array is not a whole number of rows, or a token is not in the vocabulary.</exception>
    public static ReferencePass Run(
        ParameterSet<double> w, int[] tokens, IReadOnlyList<double[]> carried, Func<int, int, int, int, double>? factor = null)
    {
        ModelShape shape = w.Sizes;
        (int V, int H) = (shape.VocabularySize, shape.HiddenSize);
        Vocabulary.RequireTokens(tokens, V);
        if (carried.Count != shape.States.Count
            || carried.Any(state => state.Length == 0 || state.Length % H != 0 || state.Length != carried[0].Length))
            throw new ArgumentException(
                $"has arrays of {string.Join(", ", carried.Select(state => state.Length))} numbers, "
                + $"not {shape.States.Count} of a whole number of states of {H} units", nameof(carried));
        if (tokens.Length == 0 || tokens.Length % (carried[0].Length / H) != 0)
            throw new ArgumentException(
                $"has {tokens.Length} tokens, not a whole number of rows of {carried[0].Length / H} streams", nameof(tokens));
        int B = carried[0].Length / H;
        int T = (tokens.Length / B) - 1;
        var pass = new ReferencePass(shape, T, B);
        for (int b = 0; b < B; b++)
            RunStream(w, tokens, carried, factor ?? ((_, _, _, _) => 1), pass, b);
        return pass;
    }

    private static void RunStream(
        ParameterSet<double> w, int[] tokens, IReadOnlyList<double[]> carried, Func<int, int, int, int, double> factor, ReferencePass pass,
        int b)
    {
        (int T, int B, int N, int V, int H) = (pass.T, pass.B, w.Sizes.Layers, w.Sizes.VocabularySize, w.Sizes.HiddenSize);
        double[][] state = [.. carried.Select(values => values[(b * H)..((b + 1) * H)])];
        pass.Keep(state, 0, b);
        var steps = new CellStep[N, T];
        var inputs = new double[N + 1][][]; // inputs[l][t]: what layer l reads at t, above the lowest; inputs[N] is what the output reads
        for (int l = 0; l <= N; l++)
            inputs[l] = new double[T][];
        for (int t = 0; t < T; t++)
        {
            for (int l = 0; l < N; l++)
            {
                CellStep step = steps[l, t] = Forward(w, l, tokens[(t * B) + b], inputs[l][t], state);
                state[l] = step.H;
                if (w.Sizes.HasCellState)
                    state[N + l] = step.C;
                inputs[l + 1][t] = [.. step.H.Select((value, unit) => value * factor(l, t, b, unit))]; // E12
            }

            pass.Keep(state, t + 1, b);
            double[] z = Logits(w, inputs[N][t]);
            double logSumExp = LogSumExp(z);
            int y = tokens[((t + 1) * B) + b];
            pass.Loss += (logSumExp - z[y]) / B; // E3
            for (int k = 0; k < V; k++) // E4
                pass.Dz[(((t * B) + b) * V) + k] = (Math.Exp(z[k] - logSumExp) - (k == y ? 1 : 0)) / B;
        }

        double[][] dh = [.. Enumerable.Range(0, N).Select(_ => new double[H])], dc = [.. dh.Select(_ => new double[H])];
        for (int t = T - 1; t >= 0; t--)
        {
            double[] above = Output(w, pass, inputs[N][t], t, b);
            for (int l = N - 1; l >= 0; l--)
            {
                for (int u = 0; u < H; u++) // E6
                    dh[l][u] += above[u] * factor(l, t, b, u);
                above = Backward(w, pass.Gradient, l, tokens[(t * B) + b], inputs[l][t], steps[l, t], dh[l], dc[l]);
                steps[l, t].InputGradient.CopyTo(pass.Da[l], ((t * B) + b) * steps[l, t].InputGradient.Length);
            }
        }
    }

    /// <summary>The pre-activations and the cell of one layer.</summary>
    private static CellStep Forward(ParameterSet<double> w, int layer, int x, double[]? below, double[][] state)
    {
        ModelShape shape = w.Sizes;
        (int H, int columns) = (shape.HiddenSize, shape.Gates * shape.HiddenSize);
        LayerParameters<double> p = w.Layer(layer);
        double[] wxh = p.Wxh, whh = p.Whh, bh = p.Bh;
        var step = new CellStep(H, shape.Gates)
        {
            PreviousH = state[layer],
            PreviousC = shape.HasCellState ? state[shape.Layers + layer] : new double[H],
        };
        for (int i = 0; i < columns; i++)
        {
            step.Input[i] = bh[i];
            if (layer == 0)
                step.Input[i] += wxh[(x * columns) + i];
            else
                for (int j = 0; j < H; j++)
                    step.Input[i] += below![j] * wxh[(j * columns) + i];
            for (int j = 0; j < H; j++)
                step.Recurrent[i] += step.PreviousH[j] * whh[(j * columns) + i];
        }

        if (shape.HasRecurrentBias)
            for (int u = 0; u < H; u++)
                step.Recurrent[(2 * H) + u] += p.Bhn[u];
        ReferenceCell.Of(shape.Cell).Forward(step);
        return step;
    }

    /// <summary>E5 for one token of one stream.</summary>
    /// <returns>What the output sends back to its input.</returns>
    private static double[] Output(ParameterSet<double> w, ReferencePass pass, double[] input, int t, int b)
    {
        (int V, int H) = (w.Sizes.VocabularySize, w.Sizes.HiddenSize);
        double[] why = w.Why, dWhy = pass.Gradient.Why, dBy = pass.Gradient.By, back = new double[H];
        for (int k = 0; k < V; k++)
        {
            double dz = pass.Dz[(((t * pass.B) + b) * V) + k];
            dBy[k] += dz;
            for (int j = 0; j < H; j++)
            {
                dWhy[(j * V) + k] += input[j] * dz;
                back[j] += dz * why[(j * V) + k];
            }
        }

        return back;
    }

    /// <summary>E7 and E8 of one layer for one token of one stream.</summary>
    /// <returns>What the layer sends back to its input.</returns>
    private static double[] Backward(
        ParameterSet<double> w, ParameterSet<double> gradient, int layer, int x, double[] below, CellStep step, double[] dh, double[] dc)
    {
        ModelShape shape = w.Sizes;
        (int H, int columns) = (shape.HiddenSize, shape.Gates * shape.HiddenSize);
        ReferenceCell.Of(shape.Cell).Backward(step, dh, dc);
        LayerParameters<double> p = w.Layer(layer), g = gradient.Layer(layer);
        double[] wxh = p.Wxh, whh = p.Whh, dWxh = g.Wxh, dWhh = g.Whh, dBh = g.Bh, back = new double[H];
        for (int i = 0; i < columns; i++)
        {
            (double input, double recurrent) = (step.InputGradient[i], step.RecurrentGradient[i]);
            dBh[i] += input;
            if (layer == 0)
                dWxh[(x * columns) + i] += input;
            else
                for (int j = 0; j < H; j++)
                {
                    dWxh[(j * columns) + i] += below[j] * input;
                    back[j] += input * wxh[(j * columns) + i];
                }

            for (int j = 0; j < H; j++)
            {
                dWhh[(j * columns) + i] += step.PreviousH[j] * recurrent;
                dh[j] += recurrent * whh[(j * columns) + i];
            }
        }

        if (shape.HasRecurrentBias)
            for (int u = 0; u < H; u++)
                g.Bhn[u] += step.RecurrentGradient[(2 * H) + u];
        return back;
    }

    /// <summary>The summed loss, nats, of predicting each next token of a text from a carried state.</summary>
    /// <param name="w">The weights.</param>
    /// <param name="tokens">N tokens; the first is only an input, the last only a target.</param>
    /// <param name="state">
    /// The state before the first token, as <see cref="Step"/> takes it; on return the state after the last input.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary.</exception>
    public static double Evaluate(ParameterSet<double> w, ReadOnlySpan<int> tokens, ref double[][] state)
    {
        Vocabulary.RequireTokens(tokens, w.Sizes.VocabularySize);
        double loss = 0;
        for (int t = 0; t + 1 < tokens.Length; t++)
        {
            state = Step(w, tokens[t], state);
            double[] z = Logits(w, state);
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

    /// <summary>
    /// The states, an array <c>[T+1, B, H]</c> for each of <see cref="ModelShape.States"/>; row 0 is the carried state, row t+1 is h[t] or
    /// c[t].
    /// </summary>
    public double[][] States { get; } = [.. shape.States.Select(_ => new double[(T + 1) * B * shape.HiddenSize])];

    /// <summary>E4, <c>[T, B, V]</c>.</summary>
    public double[] Dz { get; } = new double[T * B * shape.VocabularySize];

    /// <summary>E7, or its counterpart of other cells: ∂L/∂(x·Wx + b) of each layer, <c>[T, B, G·H]</c>.</summary>
    public double[][] Da { get; } = [.. Enumerable.Range(0, shape.Layers).Select(_ => new double[T * B * shape.Gates * shape.HiddenSize])];

    /// <summary>E3: nats, summed over T, averaged over B.</summary>
    public double Loss { get; set; }

    /// <summary>E5 and E8, before the clip.</summary>
    public ParameterSet<double> Gradient { get; } = new(shape);

    /// <summary>What the next step carries: the last rows of <see cref="States"/>, <c>[B, H]</c>.</summary>
    public double[][] CarriedOut => [.. States.Select(state => state[^(B * shape.HiddenSize)..])];

    /// <summary>Keeps the state of a stream.</summary>
    internal void Keep(double[][] state, int row, int b)
    {
        foreach ((double[] values, double[] to) in state.Zip(States))
            values.CopyTo(to, ((row * B) + b) * shape.HiddenSize);
    }
}
