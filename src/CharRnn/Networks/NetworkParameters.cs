using CharRnn.Randomness;

namespace CharRnn.Networks;

/// <summary>A network's weights and biases, or one value for each: their gradients.</summary>
/// <typeparam name="T"><see cref="float"/> on devices and in files, <see cref="double"/> in the reference.</typeparam>
public sealed class NetworkParameters<T>
    where T : unmanaged
{
    /// <summary>Zeros.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A layer would have more weights than an array may have values.</exception>
    public NetworkParameters(NetworkShape shape)
    {
        Shape = shape;
        long[] counts = [.. shape.Layers.Select((layer, l) => (long)layer.Width * shape.InputsOf(l))];
        ArgumentOutOfRangeException.ThrowIfGreaterThan(counts.Max(), Array.MaxLength, nameof(shape));
        Weights = [.. counts.Select(count => new T[count])];
        Biases = [.. shape.Layers.Select(layer => new T[layer.Width])];
    }

    /// <summary>The network.</summary>
    public NetworkShape Shape { get; }

    /// <summary>W[l], <c>[out, in]</c>, row-major.</summary>
    public IReadOnlyList<T[]> Weights { get; }

    /// <summary>b[l], <c>[out]</c>.</summary>
    public IReadOnlyList<T[]> Biases { get; }

    /// <summary>All arrays, W before b, layer by layer; not copies.</summary>
    public IEnumerable<T[]> Arrays => Weights.Zip(Biases).SelectMany(layer => (T[][])[layer.First, layer.Second]);

    /// <summary>The same values in another precision.</summary>
    public NetworkParameters<TOther> Convert<TOther>(Func<T, TOther> convert)
        where TOther : unmanaged
    {
        var result = new NetworkParameters<TOther>(Shape);
        foreach ((T[] from, TOther[] to) in Arrays.Zip(result.Arrays))
            for (int i = 0; i < from.Length; i++)
                to[i] = convert(from[i]);
        return result;
    }
}

/// <summary>Fresh weights.</summary>
public static class InitialNetwork
{
    private const ulong Stream = ulong.MaxValue - 1;

    /// <summary>
    /// Biases 0; weights uniform in ±√(6 / in) before ReLU (He et al., 2015), else in ±√(6 / (in + out)) (Glorot and Bengio,
    /// 2010); a function of shape and seed.
    /// </summary>
    public static NetworkParameters<float> Create(NetworkShape shape, ulong seed)
    {
        var parameters = new NetworkParameters<float>(shape);
        ulong index = 0;
        for (int l = 0; l < shape.Layers.Count; l++)
        {
            int fan = shape.InputsOf(l) + (shape.Layers[l].Activation == ActivationFunction.Relu ? 0 : shape.Layers[l].Width);
            float limit = MathF.Sqrt(6f / fan);
            float[] weights = parameters.Weights[l];
            for (int i = 0; i < weights.Length; i++)
                weights[i] = limit * ((2 * Philox.Uniform(seed, Stream, index++)) - 1);
        }

        return parameters;
    }
}
