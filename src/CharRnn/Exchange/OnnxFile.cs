using System.Runtime.InteropServices;
using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Storage;
using static CharRnn.Exchange.OnnxGraph;

namespace CharRnn.Exchange;

/// <summary>
/// A model as an ONNX graph (https://onnx.ai; opset 14, IR version 7) with a node <c>RNN</c>, <c>LSTM</c> or <c>GRU</c> for each of N
/// layers: inputs <c>tokens</c> int64 [T, B] and <c>h0</c> float [N, B, H], outputs <c>logits</c> float [T, B, V] and <c>hn</c> [N, B, H];
/// an LSTM also has the input <c>c0</c> and the output <c>cn</c>, [N, B, H]. The metadata holds encoding and vocabulary.
/// </summary>
public static class OnnxFile
{
    // Each layer's fifth input, the lengths of the sequences, is left out: all have T characters.
    private const string NoLengths = "";

    /// <summary>Writes the graph, atomically.</summary>
    /// <exception cref="CharRnnException">
    /// A weight is not finite, the model is over the format's 2 GB, or the file system refuses.
    /// </exception>
    public static void Save(string path, CharacterModel model)
    {
        WeightTensors.RequireFinite(path, "", model.Weights, "give a model whose training did not diverge");
        ModelShape shape = model.Shape;
        long biases = (long)shape.Layers * shape.Gates * shape.HiddenSize; // which every layer has twice
        if ((shape.ParameterCount + biases + shape.VocabularySize) * sizeof(float) > int.MaxValue - (1 << 20))
            throw new CharRnnException(
                path, "the model is over the 2 GB that an ONNX file can hold", "give a smaller one, or another --format");
        byte[] bytes = Build(model);
        AtomicFile.Write(path, stream => stream.Write(bytes));
    }

    private static byte[] Build(CharacterModel model)
    {
        ModelShape shape = model.Shape;
        (int v, int h, int layers) = (shape.VocabularySize, shape.HiddenSize, shape.Layers);
        long columns = (long)shape.Gates * h;
        string[] states = shape.HasCellState ? ["h", "c"] : ["h"];
        string Prefix(int layer) => layers == 1 ? "" : FormattableString.Invariant($"layers.{layer}.");
        string[] OfLayers(string name) => [.. Enumerable.Range(0, layers).Select(l => Prefix(l) + name)];

        // The states of several layers come as one tensor and leave as one.
        ProtobufWriter graph = new ProtobufWriter().Message(1, Node("", "OneHot", ["tokens", "depth", "off_on"], ["x"]));
        if (layers > 1)
            foreach (string state in states)
                graph.Message(1, Node($"{state}0.", "Split", [$"{state}0"], OfLayers($"{state}0"), ("axis", 0)));
        for (int l = 0; l < layers; l++)
            AddLayer(graph, shape, states, Prefix(l), l == 0 ? "x" : $"{Prefix(l - 1)}states");
        if (layers > 1)
            foreach (string state in states)
                graph.Message(1, Node($"{state}n.", "Concat", OfLayers($"{state}n"), [$"{state}n"], ("axis", 0)));
        graph
            .Message(1, Node("", "MatMul", [$"{Prefix(layers - 1)}states", "Why"], ["scores"]))
            .Message(1, Node("", "Add", ["scores", "by"], ["logits"]))
            .Text(2, "charrnn")
            .Message(5, Integers("depth", [], [v]))
            .Message(5, Tensor("off_on", FloatType, [2], MemoryMarshal.AsBytes<float>([0, 1])))
            .Message(5, Integers("direction", [1], [1]));

        // A layer's tensors are [directions, ...], and its bias is the input's and the state's, one after the other.
        SafetensorsTensor[] files = [.. WeightTensors.Create("", model.Weights)];
        float[] Values(int tensor) => InOrder(shape.Cell, (float[])files[tensor].Values);
        for (int l = 0; l < layers; l++)
            graph
                .Message(5, Floats($"{Prefix(l)}Wxh", [1, columns, l == 0 ? v : h], Values(shape.WxhOf(l))))
                .Message(5, Floats($"{Prefix(l)}Whh", [1, columns, h], Values(shape.WhhOf(l))))
                .Message(5, Floats(
                    $"{Prefix(l)}bh", [1, 2 * columns],
                    [.. Values(shape.BhOf(l)), .. InOrder(shape.Cell, ForeignModel.RecurrentBias(model, l))]));
        graph
            .Message(5, Floats("Why", [h, v], model.Weights.Why))
            .Message(5, Floats("by", [v], model.Weights.By))
            .Message(11, Value("tokens", Int64Type, "T", "B"));
        foreach (string state in states)
            graph.Message(11, Value($"{state}0", FloatType, layers, "B", h));
        graph.Message(12, Value("logits", FloatType, "T", "B", v));
        foreach (string state in states)
            graph.Message(12, Value($"{state}n", FloatType, layers, "B", h));

        return OnnxGraph.Build(
            graph, isOnTables: false, ("encoding", ModelMetadata.EncodingName(model.Vocabulary)),
            ("vocabulary", ModelMetadata.VocabularyText(model.Vocabulary)));
    }

    /// <summary>The nodes of a recurrent layer; the second removes the axis of the directions.</summary>
    private static void AddLayer(ProtobufWriter graph, ModelShape shape, string[] states, string prefix, string input)
    {
        string[] inputs =
            [input, $"{prefix}Wxh", $"{prefix}Whh", $"{prefix}bh", NoLengths, .. states.Select(state => $"{prefix}{state}0")];
        string[] outputs = [$"{prefix}h", .. states.Select(state => $"{prefix}{state}n")];
        (string, long) units = ("hidden_size", shape.HiddenSize);
        graph.Message(1, shape.Cell switch
        {
            RecurrentCell.Lstm => Node(prefix, "LSTM", inputs, outputs, units),
            RecurrentCell.Gru => Node(prefix, "GRU", inputs, outputs, units, ("linear_before_reset", 1)), // E11's r ⊙ (h·Whn + bhn)
            _ => Node(prefix, "RNN", inputs, outputs, units),
        });
        graph.Message(1, Node(prefix, "Squeeze", [$"{prefix}h", "direction"], [$"{prefix}states"]));
    }

    /// <summary>Values that come gate after gate, as in model files, in the order of ONNX.</summary>
    private static float[] InOrder(RecurrentCell cell, float[] values)
    {
        int[] gates = cell switch
        {
            RecurrentCell.Lstm => [0, 3, 1, 2], // i, o, f, g of i, f, g, o
            RecurrentCell.Gru => [1, 0, 2], // z, r, n of r, z, n
            _ => [0],
        };
        int length = values.Length / gates.Length;
        float[] ordered = new float[values.Length];
        for (int g = 0; g < gates.Length; g++)
            values.AsSpan(gates[g] * length, length).CopyTo(ordered.AsSpan(g * length));
        return ordered;
    }
}
