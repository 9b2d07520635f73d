using System.Runtime.InteropServices;
using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Storage;

namespace CharRnn.Exchange;

/// <summary>
/// A model as an ONNX graph (https://onnx.ai; opset 14, IR version 7): inputs <c>tokens</c> int64 [T, B] and <c>h0</c> float
/// [1, B, H], outputs <c>logits</c> float [T, B, V] and <c>hn</c> [1, B, H]; the metadata holds encoding and vocabulary.
/// </summary>
public static class OnnxFile
{
    private const int Float = 1, Int64 = 7, OpSet = 14, IrVersion = 7;

    /// <summary>Writes the graph, atomically.</summary>
    /// <exception cref="CharRnnException">
    /// A weight is not finite, the model is over the format's 2 GB, or the file system refuses.
    /// </exception>
    public static void Save(string path, CharacterModel model)
    {
        WeightTensors.RequireFinite(path, "", model.Weights, "give a model whose training did not diverge");
        if (model.Shape.ParameterCount * sizeof(float) > int.MaxValue - (1 << 20))
            throw new CharRnnException(
                path, "the model is over the 2 GB that an ONNX file can hold", "give a smaller one, or another --format");
        byte[] bytes = Build(model);
        AtomicFile.Write(path, stream => stream.Write(bytes));
    }

    private static byte[] Build(CharacterModel model)
    {
        (int v, int h) = (model.Shape.VocabularySize, model.Shape.HiddenSize);
        SafetensorsTensor[] files = [.. WeightTensors.Create("", model.Weights)];
        float[] Values(int i) => (float[])files[i].Values;

        // RNN's tensors are [directions, ...], and its bias is the input's and the state's, one after the other.
        ProtobufWriter graph = new ProtobufWriter()
            .Message(1, Node("OneHot", ["tokens", "depth", "off_on"], ["x"]))
            .Message(1, Node(
                "RNN", ["x", "Wxh", "Whh", "bh", "", "h0"], ["h", "hn"],
                new ProtobufWriter().Text(1, "hidden_size").Integer(3, h).Integer(20, 2)))
            .Message(1, Node("Squeeze", ["h", "direction"], ["states"]))
            .Message(1, Node("MatMul", ["states", "Why"], ["scores"]))
            .Message(1, Node("Add", ["scores", "by"], ["logits"]))
            .Text(2, "charrnn")
            .Message(5, Integers("depth", [], [v]))
            .Message(5, Tensor("off_on", Float, [2], MemoryMarshal.AsBytes<float>([0, 1])))
            .Message(5, Integers("direction", [1], [1]))
            .Message(5, Floats("Wxh", [1, h, v], Values(0)))
            .Message(5, Floats("Whh", [1, h, h], Values(1)))
            .Message(5, Floats("bh", [1, 2 * h], [.. Values(2), .. new float[h]]))
            .Message(5, Floats("Why", [h, v], model.Weights.Why))
            .Message(5, Floats("by", [v], Values(4)))
            .Message(11, Value("tokens", Int64, "T", "B"))
            .Message(11, Value("h0", Float, 1, "B", h))
            .Message(12, Value("logits", Float, "T", "B", v))
            .Message(12, Value("hn", Float, 1, "B", h));

        return new ProtobufWriter()
            .Integer(1, IrVersion)
            .Text(2, "charrnn")
            .Message(7, graph)
            .Message(8, new ProtobufWriter().Text(1, "").Integer(2, OpSet))
            .Message(14, new ProtobufWriter().Text(1, "encoding").Text(2, ModelMetadata.EncodingName(model.Vocabulary)))
            .Message(14, new ProtobufWriter().Text(1, "vocabulary").Text(2, ModelMetadata.VocabularyText(model.Vocabulary)))
            .ToArray();
    }

    private static ProtobufWriter Node(string operation, string[] inputs, string[] outputs, ProtobufWriter? attribute = null)
    {
        var node = new ProtobufWriter();
        foreach (string input in inputs)
            node.Text(1, input);
        foreach (string output in outputs)
            node.Text(2, output);
        node.Text(3, operation).Text(4, operation);
        return attribute is null ? node : node.Message(5, attribute);
    }

    private static ProtobufWriter Floats(string name, long[] shape, float[] values)
    {
        float[] swapped = [.. values];
        LittleEndian.Swap<float>(swapped);
        return Tensor(name, Float, shape, MemoryMarshal.AsBytes<float>(swapped));
    }

    private static ProtobufWriter Integers(string name, long[] shape, long[] values)
    {
        long[] swapped = [.. values];
        LittleEndian.Swap<long>(swapped);
        return Tensor(name, Int64, shape, MemoryMarshal.AsBytes<long>(swapped));
    }

    private static ProtobufWriter Tensor(string name, int type, long[] shape, ReadOnlySpan<byte> values)
    {
        var tensor = new ProtobufWriter();
        foreach (long size in shape)
            tensor.Integer(1, size);
        return tensor.Integer(2, type).Text(8, name).Bytes(9, values);
    }

    /// <summary>An input or output: sizes are numbers, or names where they are free.</summary>
    private static ProtobufWriter Value(string name, int type, params object[] sizes)
    {
        var shape = new ProtobufWriter();
        foreach (object size in sizes)
            shape.Message(1, size is string free ? new ProtobufWriter().Text(2, free) : new ProtobufWriter().Integer(1, (int)size));
        ProtobufWriter tensor = new ProtobufWriter().Integer(1, type).Message(2, shape);
        return new ProtobufWriter().Text(1, name).Message(2, new ProtobufWriter().Message(1, tensor));
    }
}
