using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Storage;
using CharRnn.Text;

namespace CharRnn.Exchange;

/// <summary>
/// A model as the state of a PyTorch module with an <c>nn.RNN</c> on one-hot characters and a <c>nn.Linear</c>, in a safetensors
/// file: <c>rnn.weight_ih_l0 [H,V]</c>, <c>rnn.weight_hh_l0 [H,H]</c>, <c>rnn.bias_ih_l0 [H]</c>, <c>rnn.bias_hh_l0 [H]</c>,
/// <c>fc.weight [V,H]</c>, <c>fc.bias [V]</c>; <c>load_state_dict(safetensors.torch.load_file(...))</c> takes it as it is.
/// </summary>
public static class PyTorchFile
{
    private const string Remedy = "save the state of one nn.RNN layer with tanh and one nn.Linear, as safetensors";

    /// <summary>Writes the state, atomically.</summary>
    /// <exception cref="CharRnnException">A weight is not finite, or the file system refuses.</exception>
    public static void Save(string path, CharacterModel model)
    {
        WeightTensors.RequireFinite(path, "", model.Weights, "give a model whose training did not diverge");
        int h = model.Shape.HiddenSize;
        SafetensorsTensor[] ours = [.. WeightTensors.Create("", model.Weights)];
        SafetensorsTensor[] theirs =
        [
            .. ours.Zip((string[])["rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "fc.weight", "fc.bias"], (tensor, name) =>
                new SafetensorsTensor(name, tensor.Shape, (float[])tensor.Values)),
            new("rnn.bias_hh_l0", [h], new float[h]),
        ];
        var metadata = new Dictionary<string, string>
        {
            ["encoding"] = ModelMetadata.EncodingName(model.Vocabulary),
            ["vocabulary"] = ModelMetadata.VocabularyText(model.Vocabulary),
        };
        SafetensorsFile.Write(path, metadata, theirs);
    }

    /// <summary>Reads a state, whatever the names of the module's parts. Its characters are sorted into ascending order.</summary>
    /// <param name="path">The file.</param>
    /// <param name="vocabulary">The characters in index order, where the file's metadata do not have them.</param>
    /// <param name="vocabularyPath">The file of those characters, for errors.</param>
    /// <exception cref="CharRnnException">The file cannot be read, or holds another kind of network.</exception>
    public static CharacterModel Load(string path, Vocabulary? vocabulary = null, string? vocabularyPath = null)
    {
        using var file = SafetensorsFile.Open(path);
        if (file.Metadata.ContainsKey("format") && file.Metadata.ContainsKey("cell"))
            throw new CharRnnException(path, "is a model of charrnn already", "give it to charrnn sample as it is");
        string whose = vocabulary is null ? "its vocabulary" : "the given vocabulary";
        vocabulary ??= file.Metadata.ContainsKey("vocabulary")
            ? ModelMetadata.ReadVocabulary(file)
            : throw new CharRnnException(
                path, "its metadata have no vocabulary", "give the characters in index order as --vocabulary FILE");

        SafetensorsEntry inputs = Ending(file, "weight_ih_l0"), states = Ending(file, "weight_hh_l0");
        if (states.Shape is not [var h, var alsoH] || h != alsoH || h is < 1 or > int.MaxValue)
            throw new CharRnnException(
                path, $"tensor {states.Name} has shape {SafetensorsEntry.ShapeText(states.Shape)}, not [H, H]", Remedy);

        string prefix = inputs.Name[..^"weight_ih_l0".Length];
        SafetensorsEntry[] rest =
        [
            .. file.Tensors.Where(tensor => !tensor.Name.StartsWith($"{prefix}weight_", StringComparison.Ordinal)
                && !tensor.Name.StartsWith($"{prefix}bias_", StringComparison.Ordinal)),
        ];
        if (file.Has($"{prefix}weight_ih_l1") || file.Has($"{prefix}weight_ih_l0_reverse") || states.Name != $"{prefix}weight_hh_l0"
            || rest.Length is < 1 or > 2 || rest.Count(tensor => tensor.Shape.Count == 2) != 1)
            throw new CharRnnException(path, $"holds {file.Tensors.Count} tensors that are not one nn.RNN layer and one nn.Linear", Remedy);

        if (inputs.Shape is not [var rows, var v] || rows != h || v is < 1 or > int.MaxValue)
            throw new CharRnnException(
                path, $"tensor {inputs.Name} has shape {SafetensorsEntry.ShapeText(inputs.Shape)}, not [{h}, V]", Remedy);
        vocabulary = ForeignModel.Fit(path, vocabulary, (int)v, $"tensor {inputs.Name}", whose, vocabularyPath);
        float[] bias = [.. Bias("bias_ih_l0").Zip(Bias("bias_hh_l0"), (a, b) => a + b)];
        WeightTensors.RequireFinite(path, $"{prefix}bias_ih_l0 + {prefix}bias_hh_l0", [h], bias, ForeignModel.NotFiniteRemedy);
        SafetensorsEntry output = rest.Single(tensor => tensor.Shape.Count == 2);
        float[] outputBias = rest.Length == 1 ? new float[v] : Read(rest.Single(tensor => tensor != output), v);
        return ForeignModel.Of(vocabulary, [Read(inputs, h, v), Read(states, h, h), bias, Read(output, v, h), outputBias]);

        float[] Bias(string name) => file.Has(prefix + name) ? Read(file.Entry(prefix + name), h) : new float[h];

        float[] Read(SafetensorsEntry entry, params ReadOnlySpan<long> shape)
        {
            float[] values = entry.Dtype == SafetensorsDtype.F64
                ? [.. file.ReadDoubles(entry.Name, shape).Select(value => (float)value)]
                : file.ReadFloats(entry.Name, shape);
            WeightTensors.RequireFinite(path, entry.Name, entry.Shape, values, ForeignModel.NotFiniteRemedy);
            return values;
        }
    }

    private static SafetensorsEntry Ending(SafetensorsFile file, string name)
    {
        SafetensorsEntry[] found = [.. file.Tensors.Where(tensor => tensor.Name.EndsWith(name, StringComparison.Ordinal))];
        return found.Length == 1
            ? found[0]
            : throw new CharRnnException(file.Path, $"has {found.Length} tensors named ...{name}, not one", Remedy);
    }
}
