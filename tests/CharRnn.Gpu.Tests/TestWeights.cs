using CharRnn.Model;
using CharRnn.Sampling;

namespace CharRnn.Gpu.Tests;

/// <summary>Weights of the size that training arrives at, biases included: every path of the mathematics carries a signal.</summary>
internal static class TestWeights
{
    public static ParameterSet<float> Trained(ModelShape shape)
    {
        var weights = new ParameterSet<float>(shape);
        ulong index = 0;
        foreach (ParameterTensor<float> tensor in weights.Tensors)
            for (int i = 0; i < tensor.Values.Length; i++)
                tensor.Values[i] = (float)(Philox.Normal(7, 0, index++) * (tensor.Name == "Wxh" ? 0.8 : 1.5 / Math.Sqrt(shape.HiddenSize)));
        return weights;
    }
}
