using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Storage;
using static CharRnn.Exchange.OnnxGraph;

namespace CharRnn.Exchange;

/// <summary>
/// A network on tables as an ONNX graph (https://onnx.ai; opset 14, and ai.onnx.ml 2) that reads the columns of a table by their names: a
/// number is a double [N, 1], NaN where it is missing; a category is a string [N, 1], empty where it is missing; a date is its parts, which
/// are numbers: <c>name.year</c>, <c>name.month</c>, <c>name.day</c>, <c>name.weekday</c> from Sunday's 0, and <c>name.hour</c> if training
/// had times. The outputs are <c>label</c> [N], a string, and <c>probabilities</c> float [N, classes], or of a quantity
/// <c>prediction</c> double [N, 1]; a name that a column has gets a <c>_</c> behind it. A category that was not learned is none of those
/// that were, and no text but the empty one is a missing value.
/// </summary>
public static class OnnxNetworkFile
{
    private static readonly string[] s_parts = ["year", "month", "day", "weekday", "hour"];

    /// <summary>Writes the graph, atomically.</summary>
    /// <exception cref="CharRnnException">
    /// A weight is not finite, the network is over the format's 2 GB, or the file system refuses.
    /// </exception>
    public static void Save(string path, NetworkModel model)
    {
        WeightTensors.RequireFinite(path, "", model.Parameters, "give a network whose training did not diverge");
        double tables = model.Encoding.Inputs.Sum(column => Math.Pow(column.Categories?.Count ?? 0, 2));
        if ((model.Shape.ParameterCount + tables) * sizeof(float) > int.MaxValue - (1 << 20))
            throw new CharRnnException(path, "the network is over the 2 GB that an ONNX file can hold", "give a smaller one");
        byte[] bytes = OnnxGraph.Build(new Builder(model).Graph(), isOnTables: true);
        AtomicFile.Write(path, stream => stream.Write(bytes));
    }

    private sealed class Builder(NetworkModel model)
    {
        private readonly ProtobufWriter _graph = new();
        private readonly List<ProtobufWriter> _inputs = [];
        private readonly List<(int Place, string Name)> _pieces = [];
        private readonly HashSet<string> _names = new(StringComparer.Ordinal);
        private int _nodes;

        private TableEncoding Encoding => model.Encoding;

        public ProtobufWriter Graph()
        {
            // Columns keep their names; parts of dates, outputs and what is within the graph give way.
            _names.UnionWith(Encoding.Inputs.Where(column => column.Dates is null).Select(column => column.Name));
            foreach ((ColumnEncoding column, int numbers, int categories) in Encoding.Places())
                if (column.Categories is null)
                    AddNumbers(column, numbers);
                else
                    AddCategories(column, numbers, categories);
            string[] ordered = [.. _pieces.OrderBy(piece => piece.Place).Select(piece => piece.Name)];
            string output = AddLayers(Node("Concat", ordered, ("axis", 1)));
            ProtobufWriter[] outputs = Encoding.Label.Categories is { } classes ? AddClasses(output, classes) : [AddQuantity(output)];
            _graph.Text(2, "charrnn");
            foreach (ProtobufWriter input in _inputs)
                _graph.Message(11, input);
            foreach (ProtobufWriter one in outputs)
                _graph.Message(12, one);
            return _graph;
        }

        private void AddNumbers(ColumnEncoding column, int place)
        {
            Standard[] standards = column.Dates is null ? [new(column.Mean, column.Deviation)] : [.. column.DateParts];
            for (int part = 0; part < standards.Length; part++)
            {
                string name = column.Dates is null ? column.Name : Taken($"{column.Name}.{s_parts[part]}"), value = name;
                _inputs.Add(Value(name, DoubleType, "N", 1));
                if (Encoding.Missing == MissingValues.Fill)
                {
                    string isMissing = Node("IsNaN", [name]);
                    value = Node("Where", [isMissing, Constant(standards[part].Mean), name]);
                    if (part == 0 && column.HasIndicator)
                        _pieces.Add((place + standards.Length, Node("Cast", [isMissing], ("to", FloatType))));
                }

                string centred = Node("Sub", [value, Constant(standards[part].Mean)]);
                string scaled = Node("Div", [centred, Constant(standards[part].Deviation)]);
                _pieces.Add((place + part, Node("Cast", [scaled], ("to", FloatType))));
            }
        }

        /// <summary>
        /// Turns a category into its place, and that into a row of a constant: the last but one for a missing value, the last for a new
        /// one.
        /// </summary>
        private void AddCategories(ColumnEncoding column, int indicator, int place)
        {
            IReadOnlyList<string> categories = column.Categories!;
            int count = categories.Count, missing = Encoding.Missing == MissingValues.Fill ? count : count + 1;
            IEnumerable<(string, long)> keys = categories.Index().Select(one => (one.Item, (long)one.Index));
            if (!categories.Contains(""))
                keys = keys.Append(("", missing));
            string code = Name();
            _inputs.Add(Value(column.Name, StringType, "N", 1));
            _graph.Message(1, NumbersOfTexts(column.Name, code, keys, count + 1));
            float[] rows = new float[(count + 2) * count];
            for (int i = 0; i < count; i++)
                rows[(i * count) + i] = 1;
            rows[(count * count) + column.Usual] = 1;
            _pieces.Add((place, Row(code, [count + 2, count], rows)));
            if (!column.HasIndicator)
                return;
            float[] flags = new float[count + 2];
            flags[count] = 1;
            _pieces.Add((indicator, Row(code, [count + 2, 1], flags)));
        }

        /// <summary>A row of a constant for each row of codes [N, 1].</summary>
        private string Row(string code, long[] shape, float[] values)
        {
            string table = Name(), axis = Name();
            _graph.Message(5, Floats(table, shape, values)).Message(5, Integers(axis, [1], [1]));
            return Node("Squeeze", [Node("Gather", [table, code]), axis]);
        }

        private string AddLayers(string x)
        {
            ParameterSet<float> parameters = model.Parameters;
            foreach ((int l, Layer layer) in model.Shape.Layers.Index())
            {
                string weights = Taken($"layers.{l}.weight"), biases = Taken(NetworkShape.BiasName(l));
                _graph
                    .Message(5, Floats(weights, [model.Shape.InputsOf(l), layer.Width], parameters.Weights(l)))
                    .Message(5, Floats(biases, [layer.Width], parameters.Biases(l)));
                x = Node("Add", [Node("MatMul", [x, weights]), biases]);
                if (layer.Activation != ActivationFunction.Identity)
                    x = Node(layer.Activation.ToString(), [x]); // the operations have the names of the functions
            }

            return x;
        }

        private ProtobufWriter[] AddClasses(string z, IReadOnlyList<string> classes)
        {
            string probabilities = Taken("probabilities"), label = Taken("label");
            if (model.Shape.Loss == NetworkLoss.CrossEntropy)
                _graph.Message(1, OnnxGraph.Node("", "Softmax", [z], [probabilities], ("axis", 1)));
            else
            {
                string one = Name(), second = Node("Sigmoid", [z]);
                _graph.Message(5, Floats(one, [1], [1])).Message(
                    1, OnnxGraph.Node("", "Concat", [Node("Sub", [one, second]), second], [probabilities], ("axis", 1)));
            }

            string best = Node("ArgMax", [probabilities], ("axis", 1), ("keepdims", 0));
            _graph.Message(1, TextsOfNumbers(best, label, classes));
            return [Value(label, StringType, "N"), Value(probabilities, FloatType, "N", classes.Count)];
        }

        private ProtobufWriter AddQuantity(string y)
        {
            string prediction = Taken("prediction"), wide = Node("Cast", [y], ("to", DoubleType));
            string scaled = Node("Mul", [wide, Constant(Encoding.Label.Deviation)]);
            _graph.Message(1, OnnxGraph.Node("", "Add", [scaled, Constant(Encoding.Label.Mean)], [prediction]));
            return Value(prediction, DoubleType, "N", 1);
        }

        private string Constant(double value)
        {
            string name = Name();
            _graph.Message(5, Doubles(name, [1], [value]));
            return name;
        }

        private string Node(string operation, string[] inputs, params ReadOnlySpan<(string, long)> attributes)
        {
            string output = Name();
            _graph.Message(1, OnnxGraph.Node($"{output}.", operation, inputs, [output], attributes));
            return output;
        }

        /// <summary>A name of the graph's own.</summary>
        private string Name() => Taken(FormattableString.Invariant($"/{++_nodes}"));

        /// <summary>A name, with a mark behind it if another thing has it.</summary>
        private string Taken(string name)
        {
            while (!_names.Add(name))
                name += "_";
            return name;
        }
    }
}
