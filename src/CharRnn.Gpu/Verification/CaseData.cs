using CharRnn.Model;
using CharRnn.Sampling;
using CharRnn.Text;

namespace CharRnn.Gpu.Verification;

/// <summary>A text without a corpus: random tokens, the same each time.</summary>
internal sealed class CaseData(int vocabularySize, long length) : ITokenSource
{
    public long Length => length;

    public void Read(long offset, Span<int> destination)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = (int)(Philox.Uniform(5, 0, (ulong)(offset + i)) * vocabularySize);
    }

    public ITokenSource Slice(long offset, long length) => throw new NotSupportedException("a case is read whole");

    /// <summary>Weights of the size that training arrives at, biases included, so that every path carries a signal.</summary>
    public static ParameterSet<float> TrainedWeights(ModelShape shape)
    {
        var weights = new ParameterSet<float>(shape);
        ulong index = 0;
        foreach (ParameterTensor<float> tensor in weights.Tensors)
            for (int i = 0; i < tensor.Values.Length; i++)
                tensor.Values[i] = (float)(Philox.Normal(7, 0, index++) * (tensor.Name == "Wxh" ? 0.8 : 1.2 / Math.Sqrt(shape.HiddenSize)));
        return weights;
    }
}
