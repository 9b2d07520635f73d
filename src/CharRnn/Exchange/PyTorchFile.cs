using System.Globalization;
using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Storage;
using CharRnn.Text;

namespace CharRnn.Exchange;

/// <summary>
/// A model as the state of a PyTorch module with an <c>nn.RNN</c> (tanh), <c>nn.LSTM</c> or <c>nn.GRU</c> on one-hot characters and a
/// <c>nn.Linear</c>, in a safetensors file: <c>rnn.weight_ih_l0 [G·H,V]</c>, <c>rnn.weight_hh_l0 [G·H,H]</c>, <c>rnn.bias_ih_l0 [G·H]</c>,
/// <c>rnn.bias_hh_l0 [G·H]</c>, the same of higher layers with <c>[G·H,H]</c> of weight_ih, <c>fc.weight [V,H]</c>, <c>fc.bias [V]</c>;
/// <c>load_state_dict(safetensors.torch.load_file(...))</c> takes it as it is. The gates have the order of model files.
/// </summary>
public static class PyTorchFile
{
    private const string Weight = "weight", Bias = "bias", LowestInputs = "weight_ih_l0";
    private const string Remedy = "save the state of one nn.RNN (tanh), nn.LSTM or nn.GRU on one-hot characters, neither bidirectional "
        + "nor with proj_size, and one nn.Linear, as safetensors";

    /// <summary>Writes the state, atomically.</summary>
    /// <exception cref="CharRnnException">A weight is not finite, or the file system refuses.</exception>
    public static void Save(string path, CharacterModel model)
    {
        WeightTensors.RequireFinite(path, "", model.Weights, "give a model whose training did not diverge");
        ModelShape shape = model.Shape;
        SafetensorsTensor[] ours = [.. WeightTensors.Create("", model.Weights)];
        var theirs = new List<SafetensorsTensor>();
        void Add(string name, int tensor) => theirs.Add(new(name, ours[tensor].Shape, (float[])ours[tensor].Values));
        for (int l = 0; l < shape.Layers; l++)
        {
            LayerNames names = NamesOf("rnn.", l);
            Add(names.Inputs, shape.WxhOf(l));
            Add(names.States, shape.WhhOf(l));
            Add(names.InputBias, shape.BhOf(l));
            theirs.Add(new(names.StateBias, ours[shape.BhOf(l)].Shape, ForeignModel.RecurrentBias(model, l)));
        }

        Add("fc.weight", shape.Why);
        Add("fc.bias", shape.By);
        var metadata = new Dictionary<string, string>
        {
            ["cell"] = ModelMetadata.CellName(shape.Cell),
            ["layers"] = shape.Layers.ToString(CultureInfo.InvariantCulture),
            ["encoding"] = ModelMetadata.EncodingName(model.Vocabulary),
            ["vocabulary"] = ModelMetadata.VocabularyText(model.Vocabulary),
        };
        SafetensorsFile.Write(path, metadata, theirs);
    }

    /// <summary>
    /// Writes the state of the <c>nn.Sequential</c> of a network on tables, atomically: <c>0.weight [out,in]</c> and <c>0.bias [out]</c> of
    /// its first <c>nn.Linear</c>, and with an activation behind each of the hidden ones, <c>2.weight</c>, <c>2.bias</c> and so on.
    /// </summary>
    /// <exception cref="CharRnnException">A weight is not finite, or the file system refuses.</exception>
    public static void Save(string path, NetworkModel model)
    {
        WeightTensors.RequireFinite(path, "", model.Parameters, "give a network whose training did not diverge");
        SafetensorsTensor[] ours = [.. WeightTensors.Create("", model.Parameters)];
        var theirs = new List<SafetensorsTensor>();
        int place = 0;
        foreach ((int l, Layer layer) in model.Shape.Layers.Index())
        {
            foreach ((string name, int tensor) in ((string, int)[])
                [(Weight, NetworkShape.WeightsOf(l)), (Bias, NetworkShape.BiasesOf(l))])
                theirs.Add(new(FormattableString.Invariant($"{place}.{name}"), ours[tensor].Shape, (float[])ours[tensor].Values));
            place += layer.Activation == ActivationFunction.Identity ? 1 : 2;
        }

        SafetensorsFile.Write(
            path,
            new Dictionary<string, string>
            {
                ["activations"] = string.Join(',', model.Shape.Layers.Select(layer => layer.Activation)),
                ["loss"] = model.Shape.Loss.ToString(),
                [NetworkFile.Columns] = model.Encoding.ToJson(),
            },
            theirs);
    }

    /// <summary>Reads a state, whatever the names of the module's parts. Its characters are sorted into ascending order.</summary>
    /// <param name="path">The file.</param>
    /// <param name="vocabulary">The characters in index order, where the file's metadata do not have them.</param>
    /// <param name="vocabularyPath">The file of those characters, for errors.</param>
    /// <exception cref="CharRnnException">The file cannot be read, or holds another kind of network.</exception>
    public static CharacterModel Load(string path, Vocabulary? vocabulary = null, string? vocabularyPath = null)
    {
        using var file = SafetensorsFile.Open(path);
        if (ModelMetadata.IsOurs(file))
            throw new CharRnnException(path, "is a model of charrnn already", "give it to charrnn sample as it is");
        string whose = vocabulary is null ? "its vocabulary" : "the given vocabulary";
        vocabulary ??= file.Metadata.ContainsKey("vocabulary")
            ? ModelMetadata.ReadVocabulary(file)
            : throw new CharRnnException(
                path, "its metadata have no vocabulary", "give the characters in index order as --vocabulary FILE");

        SafetensorsEntry[] lowest = [.. file.Tensors.Where(tensor => tensor.Name.EndsWith(LowestInputs, StringComparison.Ordinal))];
        if (lowest is not [var inputs])
            throw new CharRnnException(path, $"has {lowest.Length} tensors named ...{LowestInputs}, not one", Remedy);
        LayerNames[] layers = ReadLayers(file, inputs.Name[..^LowestInputs.Length]);
        SafetensorsEntry output = FindOutput(file, layers);

        SafetensorsEntry states = file.Entry(layers[0].States);
        if (states.Shape is not [_, >= 1 and <= int.MaxValue and var h])
            throw new CharRnnException(
                path, $"tensor {states.Name} has shape {SafetensorsEntry.ShapeText(states.Shape)}, not [gates x hidden size, hidden size]",
                Remedy);
        if (inputs.Shape is not [var rows, >= 1 and <= int.MaxValue and var v])
            throw new CharRnnException(
                path, $"tensor {inputs.Name} has shape {SafetensorsEntry.ShapeText(inputs.Shape)}, not [gates x hidden size, characters]",
                Remedy);
        var shape = new ModelShape(
            (int)v, (int)h, ForeignModel.CellOf(path, $"tensor {inputs.Name}", rows, (int)h), layers.Length);
        vocabulary = ForeignModel.Fit(path, vocabulary, (int)v, $"tensor {inputs.Name}", whose, vocabularyPath);

        var tensors = new List<float[]>();
        bool hasBiases = layers.Any(names => file.Has(names.InputBias) || file.Has(names.StateBias));
        foreach ((int l, LayerNames names) in layers.Index())
        {
            tensors.Add(Read(names.Inputs, rows, l == 0 ? v : h));
            tensors.Add(Read(names.States, rows, h));
            float[] inputBias = hasBiases ? Read(names.InputBias, rows) : new float[rows];
            float[] stateBias = hasBiases ? Read(names.StateBias, rows) : new float[rows];

            // They are added to each other everywhere but in n of a GRU, where r multiplies the state's.
            int apart = shape.HasRecurrentBias ? (int)h : 0;
            int together = stateBias.Length - apart;
            float[] bias = [.. inputBias.Zip(stateBias[..together], (a, b) => a + b), .. inputBias[together..]];
            WeightTensors.RequireFinite(path, $"{names.InputBias} + {names.StateBias}", [rows], bias, ForeignModel.NotFiniteRemedy);
            tensors.Add(bias);
            if (shape.HasRecurrentBias)
                tensors.Add(stateBias[together..]);
        }

        tensors.Add(Read(output.Name, v, h));
        tensors.Add(file.Has(BiasOf(output)) ? Read(BiasOf(output), v) : new float[v]);
        return ForeignModel.Of(vocabulary, shape, tensors);

        float[] Read(string name, params ReadOnlySpan<long> size)
        {
            SafetensorsEntry entry = file.Entry(name);
            float[] values = entry.Dtype == SafetensorsDtype.F64
                ? [.. file.ReadDoubles(name, size).Select(value => (float)value)]
                : file.ReadFloats(name, size);
            WeightTensors.RequireFinite(path, name, entry.Shape, values, ForeignModel.NotFiniteRemedy);
            return values;
        }
    }

    /// <summary>The names of the tensors of a layer.</summary>
    private readonly record struct LayerNames(string Inputs, string States, string InputBias, string StateBias)
    {
        public string[] All => [Inputs, States, InputBias, StateBias];
    }

    private static LayerNames NamesOf(string prefix, int layer) => new(
        FormattableString.Invariant($"{prefix}weight_ih_l{layer}"), FormattableString.Invariant($"{prefix}weight_hh_l{layer}"),
        FormattableString.Invariant($"{prefix}bias_ih_l{layer}"), FormattableString.Invariant($"{prefix}bias_hh_l{layer}"));

    /// <summary>The layers of the recurrent module, whose matrices are all there.</summary>
    private static LayerNames[] ReadLayers(SafetensorsFile file, string prefix)
    {
        string beforeNumber = prefix + LowestInputs[..^1];
        int count = 1;
        foreach (SafetensorsEntry tensor in file.Tensors)
            if (tensor.Name.StartsWith(beforeNumber, StringComparison.Ordinal)
                && int.TryParse(tensor.Name.AsSpan(beforeNumber.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int layer))
                count = layer < ModelShape.MostLayers
                    ? Math.Max(count, layer + 1)
                    : throw new CharRnnException(
                        file.Path, $"has tensor {tensor.Name}, and a model has at most {ModelShape.MostLayers} layers",
                        "give a model of fewer layers");
        LayerNames[] layers = [.. Enumerable.Range(0, count).Select(l => NamesOf(prefix, l))];
        foreach (LayerNames names in layers)
            _ = (file.Entry(names.Inputs), file.Entry(names.States));
        return layers;
    }

    /// <summary>The weight of the nn.Linear, beside which and its bias the file has nothing but the layers.</summary>
    private static SafetensorsEntry FindOutput(SafetensorsFile file, LayerNames[] layers)
    {
        HashSet<string> known = [.. layers.SelectMany(names => names.All)];
        SafetensorsEntry[] rest = [.. file.Tensors.Where(tensor => !known.Contains(tensor.Name))];
        long[] size = [.. file.Entry(layers[0].Inputs).Shape.TakeLast(1), .. file.Entry(layers[0].States).Shape.TakeLast(1)]; // [V, H]

        // Of several matrices, the one to blame is the one that is less like an output: an nn.Embedding has no bias.
        SafetensorsEntry? output = rest
            .Where(tensor => tensor.Shape.Count == 2 && tensor.Name.EndsWith(Weight, StringComparison.Ordinal))
            .OrderByDescending(tensor => file.Has(BiasOf(tensor))).ThenByDescending(tensor => tensor.Shape.SequenceEqual(size))
            .FirstOrDefault();
        if (Array.Find(rest, tensor => output is null || (tensor != output && tensor.Name != BiasOf(output))) is { } other)
            throw new CharRnnException(
                file.Path, $"tensor {FileErrors.Quote(other.Name)} is not one of a single nn.RNN, nn.LSTM or nn.GRU and a single nn.Linear",
                Remedy);
        return output ?? throw new CharRnnException(file.Path, "has no weight of an nn.Linear", Remedy);
    }

    private static string BiasOf(SafetensorsEntry weight) => weight.Name[..^Weight.Length] + Bias;
}
