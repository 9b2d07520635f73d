using CharRnn.Model;
using CharRnn.Randomness;

namespace CharRnn.Gpu.Verification;

/// <summary>Weights to verify with.</summary>
internal static class CaseData
{
    /// <summary>Weights of the size that training arrives at, biases included, so that every path carries a signal.</summary>
    public static ParameterSet<float> TrainedWeights(ModelShape shape)
    {
        var weights = new ParameterSet<float>(shape);
        ulong index = 0;
        foreach (ParameterTensor<float> tensor in weights.Tensors)
            for (int i = 0; i < tensor.Values.Length; i++)
                tensor.Values[i] = (float)(Philox.Normal(7, 0, index++)
                    * (tensor.Spec.Role == TensorRole.Table ? 0.8 : 1.2 / Math.Sqrt(shape.HiddenSize)));
        return weights;
    }
}
