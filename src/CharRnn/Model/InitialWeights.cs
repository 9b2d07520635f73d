using CharRnn.Randomness;

namespace CharRnn.Model;

/// <summary>Fresh weights: a function of the model's shape and a seed. This is the one place that chooses.</summary>
public static class InitialWeights
{
    // Far from every iteration number, which is the stream of the samples taken along the way.
    private const ulong Stream = ulong.MaxValue;

    /// <summary>
    /// A single vanilla layer begins as min-char-rnn does: matrices N(0, 0.01²), biases 0. Through several layers, or gates, so small
    /// weights would carry no signal: all other models begin as PyTorch's do, with everything uniform in ±1/√H; but the bias of an
    /// LSTM's forget gate is 1, so that it remembers from the start (Jozefowicz et al., 2015). Orthogonal matrices Whh were no better for
    /// any cell; benchmarks/README.md has the losses.
    /// </summary>
    public static ParameterSet<float> Create(ModelShape shape, ulong seed)
    {
        var weights = new ParameterSet<float>(shape);
        bool isClassic = shape is { Cell: RecurrentCell.Rnn, Layers: 1 };
        float limit = 1 / MathF.Sqrt(shape.HiddenSize);
        ulong index = 0;
        foreach ((TensorSpec spec, float[] values) in weights.Tensors)
            for (int i = 0; i < values.Length && !(isClassic && spec.Role == TensorRole.Bias); i++)
                values[i] = isClassic
                    ? (float)(0.01 * Philox.Normal(seed, Stream, index++))
                    : limit * ((2 * Philox.Uniform(seed, Stream, index++)) - 1);
        if (shape.Cell == RecurrentCell.Lstm)
            for (int l = 0; l < shape.Layers; l++)
                weights.Layer(l).Bh.AsSpan(shape.HiddenSize, shape.HiddenSize).Fill(1);
        return weights;
    }
}
