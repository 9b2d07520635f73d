using CharRnn.Randomness;

namespace CharRnn.Model;

/// <summary>min-char-rnn's fresh weights.</summary>
public static class InitialWeights
{
    // Far from every iteration number, which is the stream of the samples taken along the way.
    private const ulong Stream = ulong.MaxValue;

    /// <summary>Matrices N(0, 0.01²), biases 0; a function of shape and seed.</summary>
    public static ParameterSet<float> Create(ModelShape shape, ulong seed)
    {
        var weights = new ParameterSet<float>(shape);
        ulong index = 0;
        foreach (float[] matrix in (float[][])[weights.Wxh, weights.Whh, weights.Why])
            for (int i = 0; i < matrix.Length; i++)
                matrix[i] = (float)(0.01 * Philox.Normal(seed, Stream, index++));
        return weights;
    }
}
