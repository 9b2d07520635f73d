using CharRnn.Model;
using CharRnn.Randomness;
namespace CharRnn.Networks;

/// <summary>The parameters of a feed-forward network by their layers.</summary>
public static class NetworkParameters
{
    extension<T>(ParameterSet<T> set)
        where T : unmanaged
    {
        /// <summary>The network.</summary>
        /// <exception cref="ArgumentException">The parameters are those of another kind of model.</exception>
        public NetworkShape Network => set.Shape as NetworkShape
            ?? throw new ArgumentException("are not a feed-forward network's", nameof(set));

        /// <summary>W[l], <c>[in, out]</c>, row-major.</summary>
        public T[] Weights(int layer) => set[NetworkShape.WeightsOf(layer)];

        /// <summary>b[l], <c>[out]</c>.</summary>
        public T[] Biases(int layer) => set[NetworkShape.BiasesOf(layer)];
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
    public static ParameterSet<float> Create(NetworkShape shape, ulong seed)
    {
        var parameters = new ParameterSet<float>(shape);
        ulong index = 0;
        for (int l = 0; l < shape.Layers.Count; l++)
        {
            (int inputs, int outputs) = (shape.InputsOf(l), shape.Layers[l].Width);
            float limit = MathF.Sqrt(6f / (inputs + (shape.Layers[l].Activation == ActivationFunction.Relu ? 0 : outputs)));
            float[] weights = parameters.Weights(l);

            // Drawn neuron by neuron.
            for (int j = 0; j < outputs; j++)
                for (int i = 0; i < inputs; i++)
                    weights[(i * outputs) + j] = limit * ((2 * Philox.Uniform(seed, Stream, index++)) - 1);
        }

        return parameters;
    }
}
