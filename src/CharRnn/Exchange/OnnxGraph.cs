using System.Runtime.InteropServices;
using CharRnn.Files;

namespace CharRnn.Exchange;

/// <summary>The parts of an ONNX model (https://onnx.ai), as messages: opset 14, IR version 7.</summary>
internal static class OnnxGraph
{
    /// <summary>Types of tensors' elements.</summary>
    public const int FloatType = 1, Int64Type = 7, StringType = 8, DoubleType = 11;

    // Types of attributes.
    private const int IntegerKind = 2, TextKind = 3, IntegersKind = 7, TextsKind = 8;

    private const int OpSet = 14, TableOpSet = 2, IrVersion = 7;
    private const string TableDomain = "ai.onnx.ml";

    /// <summary>A model.</summary>
    /// <param name="graph">Its graph.</param>
    /// <param name="isOnTables">Whether it has operations on tables.</param>
    /// <param name="metadata">Names and texts that belong to it.</param>
    public static byte[] Build(ProtobufWriter graph, bool isOnTables, params ReadOnlySpan<(string Name, string Value)> metadata)
    {
        ProtobufWriter model = new ProtobufWriter()
            .Integer(1, IrVersion)
            .Text(2, "charrnn")
            .Message(7, graph)
            .Message(8, new ProtobufWriter().Text(1, "").Integer(2, OpSet));
        if (isOnTables)
            model.Message(8, new ProtobufWriter().Text(1, TableDomain).Integer(2, TableOpSet));
        foreach ((string name, string value) in metadata)
            model.Message(14, new ProtobufWriter().Text(1, name).Text(2, value));
        return model.ToArray();
    }

    /// <summary>A node that turns texts into numbers: those of keys into their values, and all others into a default.</summary>
    public static ProtobufWriter NumbersOfTexts(string input, string output, IEnumerable<(string Key, long Value)> pairs, long otherwise)
    {
        (string Key, long Value)[] all = [.. pairs];
        return TableNode("LabelEncoder", input, output)
            .Message(5, List("keys_strings", TextsKind, list => Array.ForEach(all, pair => list.Text(9, pair.Key))))
            .Message(5, List("values_int64s", IntegersKind, list => Array.ForEach(all, pair => list.Integer(8, pair.Value))))
            .Message(5, new ProtobufWriter().Text(1, "default_int64").Integer(3, otherwise).Integer(20, IntegerKind));
    }

    /// <summary>A node that turns the numbers from 0 on into texts.</summary>
    public static ProtobufWriter TextsOfNumbers(string input, string output, IReadOnlyList<string> texts) =>
        TableNode("LabelEncoder", input, output)
            .Message(5, List("keys_int64s", IntegersKind, list =>
            {
                for (int i = 0; i < texts.Count; i++)
                    list.Integer(8, i);
            }))
            .Message(5, List("values_strings", TextsKind, list =>
            {
                foreach (string text in texts)
                    list.Text(9, text);
            }))
            .Message(5, new ProtobufWriter().Text(1, "default_string").Text(4, "").Integer(20, TextKind));

    /// <summary>A node, which is called after its operation.</summary>
    public static ProtobufWriter Node(
        string prefix, string operation, string[] inputs, string[] outputs, params ReadOnlySpan<(string Name, long Value)> attributes)
    {
        var node = new ProtobufWriter();
        foreach (string input in inputs)
            node.Text(1, input);
        foreach (string output in outputs)
            node.Text(2, output);
        node.Text(3, prefix + operation).Text(4, operation);
        foreach ((string name, long value) in attributes)
            node.Message(5, new ProtobufWriter().Text(1, name).Integer(3, value).Integer(20, IntegerKind));
        return node;
    }

    /// <summary>A constant of floats.</summary>
    public static ProtobufWriter Floats(string name, long[] shape, float[] values) => Constant(name, FloatType, shape, values);

    /// <summary>A constant of doubles.</summary>
    public static ProtobufWriter Doubles(string name, long[] shape, double[] values) => Constant(name, DoubleType, shape, values);

    /// <summary>A constant of whole numbers.</summary>
    public static ProtobufWriter Integers(string name, long[] shape, long[] values) => Constant(name, Int64Type, shape, values);

    /// <summary>A constant of values in little-endian order.</summary>
    public static ProtobufWriter Tensor(string name, int type, long[] shape, ReadOnlySpan<byte> values)
    {
        var tensor = new ProtobufWriter();
        foreach (long size in shape)
            tensor.Integer(1, size);
        return tensor.Integer(2, type).Text(8, name).Bytes(9, values);
    }

    /// <summary>An input or output: sizes are numbers, or names where they are free.</summary>
    public static ProtobufWriter Value(string name, int type, params object[] sizes)
    {
        var shape = new ProtobufWriter();
        foreach (object size in sizes)
            shape.Message(1, size is string free ? new ProtobufWriter().Text(2, free) : new ProtobufWriter().Integer(1, (int)size));
        ProtobufWriter tensor = new ProtobufWriter().Integer(1, type).Message(2, shape);
        return new ProtobufWriter().Text(1, name).Message(2, new ProtobufWriter().Message(1, tensor));
    }

    private static ProtobufWriter Constant<T>(string name, int type, long[] shape, T[] values)
        where T : unmanaged
    {
        T[] swapped = [.. values];
        LittleEndian.Swap<T>(swapped);
        return Tensor(name, type, shape, MemoryMarshal.AsBytes<T>(swapped));
    }

    private static ProtobufWriter TableNode(string operation, string input, string output) =>
        new ProtobufWriter().Text(1, input).Text(2, output).Text(3, output).Text(4, operation).Text(7, TableDomain);

    private static ProtobufWriter List(string name, int type, Action<ProtobufWriter> add)
    {
        ProtobufWriter list = new ProtobufWriter().Text(1, name);
        add(list);
        return list.Integer(20, type);
    }
}
