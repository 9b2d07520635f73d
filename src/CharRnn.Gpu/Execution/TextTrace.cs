namespace CharRnn.Gpu.Execution;

/// <summary>What a network did while it read a text of N characters.</summary>
/// <param name="Units">H, the number of hidden units of each layer.</param>
/// <param name="Best">The number of likeliest characters that are named after each.</param>
/// <param name="States">The states, in the order of <see cref="ModelShape.States"/>.</param>
/// <param name="Gates">How often the gates were saturated, layer by layer from the lowest on; none of a cell without such gates.</param>
/// <param name="BestTokens">The likeliest characters to follow each, <c>[N, Best]</c>, likeliest first.</param>
/// <param name="BestProbabilities">Their probabilities.</param>
/// <param name="Surprisal">The loss of each character's prediction in nats, <c>[N]</c>; 0 for the first, which is not predicted.</param>
public sealed record TextTrace(
    int Units, int Best, IReadOnlyList<TracedState> States, IReadOnlyList<GateSaturation> Gates, int[] BestTokens,
    float[] BestProbabilities, float[] Surprisal);

/// <summary>A state of a network after each of N characters.</summary>
/// <param name="Name">Its name, one of <see cref="ModelShape.States"/>.</param>
/// <param name="Layer">Its layer; the lowest is 0.</param>
/// <param name="IsCell">Whether it is c, which has no bounds, and not h, which lies within -1 and 1.</param>
/// <param name="Values">The values, <c>[N, H]</c>.</param>
public sealed record TracedState(string Name, int Layer, bool IsCell, float[] Values)
{
    /// <summary>The states of a model in the order of <see cref="ModelShape.States"/>, all zeros.</summary>
    internal static TracedState[] All(ModelShape shape, int length) =>
    [
        .. shape.States.Select((name, place) =>
            new TracedState(name, place % shape.Layers, place >= shape.Layers, new float[length * shape.HiddenSize])),
    ];
}

/// <summary>
/// How often a gate was saturated, over all units of a layer and all characters of a text, as Karpathy, Johnson and Fei-Fei define it in
/// "Visualizing and understanding recurrent networks" (2015). Only sigmoids are gates in this sense: i, f and o of an LSTM, r and z of a
/// GRU.
/// </summary>
public sealed class GateSaturation
{
    /// <summary>A gate is open above <see cref="Open"/>, and closed below <see cref="Closed"/>.</summary>
    public const float Open = 0.9f, Closed = 0.1f;

    private GateSaturation(int layer, string gate, int place) => (Layer, Gate, Place) = (layer, gate, place);

    /// <summary>The layer; the lowest is 0.</summary>
    public int Layer { get; }

    /// <summary>The symbol of the gate in E10 or E11.</summary>
    public string Gate { get; }

    /// <summary>The number of values, N·H.</summary>
    public long Count { get; private set; }

    /// <summary>The number of values above <see cref="Open"/>.</summary>
    public long OpenCount { get; private set; }

    /// <summary>The number of values below <see cref="Closed"/>.</summary>
    public long ClosedCount { get; private set; }

    /// <summary>The place of the gate among those of its cell.</summary>
    internal int Place { get; }

    /// <summary>The gates of a model, layer by layer, before anything is counted.</summary>
    internal static GateSaturation[] All(ModelShape shape) =>
    [
        .. from layer in Enumerable.Range(0, shape.Layers)
           from gate in shape.SigmoidGates
           select new GateSaturation(layer, gate.Name, gate.Place),
    ];

    /// <summary>Counts some values.</summary>
    internal void Add(ReadOnlySpan<float> values)
    {
        Count += values.Length;
        foreach (float value in values)
        {
            if (value > Open)
                OpenCount++;
            else if (value < Closed)
                ClosedCount++;
        }
    }
}
