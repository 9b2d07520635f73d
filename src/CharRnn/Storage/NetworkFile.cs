using System.Text.Json;
using CharRnn.Files;
using CharRnn.Networks;

namespace CharRnn.Storage;

/// <summary>A feed-forward network, and how a table's rows become its inputs.</summary>
/// <param name="Parameters">Its weights and biases.</param>
/// <param name="Encoding">What its numbers stand for.</param>
public sealed record NetworkModel(NetworkParameters<float> Parameters, TableEncoding Encoding);

/// <summary>
/// A feed-forward network as a safetensors file: <c>layers.0.weight [out,in]</c>, <c>layers.0.bias [out]</c> and so on, as PyTorch's
/// Linear has them; in <c>__metadata__</c> the format, its version, the cell <c>mlp</c>, activations, loss, the table's encoding and
/// checksums.
/// </summary>
public static class NetworkFile
{
    private const int MostLayers = 1000;
    private const string Remedy = "give a model written by charrnn mlp train";

    /// <summary>Saves a network atomically; equal networks give equal bytes.</summary>
    /// <exception cref="CharRnnException">A weight is not finite, or the file system refuses; an old file stays as it was.</exception>
    public static void Save(string path, NetworkModel model)
    {
        NetworkShape shape = model.Parameters.Shape;
        var tensors = new List<SafetensorsTensor>();
        for (int l = 0; l < shape.Layers.Count; l++)
        {
            long[] size = [shape.Layers[l].Width, shape.InputsOf(l)];
            WeightTensors.RequireFinite(path, WeightName(l), size, model.Parameters.Weights[l], "nothing was saved: lower --learning-rate");
            WeightTensors.RequireFinite(path, BiasName(l), [size[0]], model.Parameters.Biases[l], "nothing was saved: lower --learning-rate");
            tensors.Add(new SafetensorsTensor(WeightName(l), size, model.Parameters.Weights[l]));
            tensors.Add(new SafetensorsTensor(BiasName(l), [size[0]], model.Parameters.Biases[l]));
        }

        SafetensorsFile.Write(
            path,
            ModelMetadata.CreateNetwork(
                shape.Layers.Count,
                new()
                {
                    ["activations"] = string.Join(',', shape.Layers.Select(layer => layer.Activation)),
                    ["loss"] = shape.Loss.ToString(),
                    ["table"] = model.Encoding.ToJson(),
                },
                tensors),
            tensors);
    }

    /// <summary>Loads a network.</summary>
    /// <exception cref="CharRnnException">The file cannot be read, breaks the format, or is no network's.</exception>
    public static NetworkModel Load(string path)
    {
        using var file = SafetensorsFile.Open(path);
        int count = ModelMetadata.ReadNetwork(file, ["activations", "loss", "table"]);
        string[] activations = file.Metadata["activations"].Split(',');
        if (count > MostLayers || activations.Length != count || file.Tensors.Count != 2 * count)
            throw FileErrors.Damaged(path, $"it says that it has {count} layers, with {activations.Length} activations and {file.Tensors.Count} tensors");

        TableEncoding encoding = ReadEncoding(file);
        var layers = new Layer[count];
        long inputs = encoding.Width;
        for (int l = 0; l < count; l++)
        {
            IReadOnlyList<long> bias = file.Entry(BiasName(l)).Shape;
            if (bias is not [> 0 and <= int.MaxValue])
                throw FileErrors.Damaged(path, $"tensor {BiasName(l)} has shape {SafetensorsEntry.ShapeText(bias)}, not [neurons]");
            file.Require(BiasName(l), SafetensorsDtype.F32, bias[0]);
            if (file.Require(WeightName(l), SafetensorsDtype.F32, bias[0], inputs).Count > Array.MaxLength)
                throw new CharRnnException(path, $"tensor {WeightName(l)} has more than {Array.MaxLength} values", "give a smaller model");
            layers[l] = new Layer((int)bias[0], Word<ActivationFunction>(file, "activations", activations[l]));
            inputs = bias[0];
        }

        NetworkLoss loss = Word<NetworkLoss>(file, "loss", file.Metadata["loss"]);
        int answers = loss == NetworkLoss.CrossEntropy ? encoding.Label.Width : 1;
        if (loss == NetworkLoss.BinaryCrossEntropy && encoding.Label.Width != 2)
            throw FileErrors.Damaged(path, $"its label has {encoding.Label.Width} categories, and its loss is for 2");
        if (inputs != answers || (loss == NetworkLoss.SquaredError) != (encoding.Label.Categories is null) || (loss != NetworkLoss.SquaredError && layers[^1].Activation != ActivationFunction.Identity))
            throw FileErrors.Damaged(path, $"its last layer has {inputs} neurons, which do not fit its loss and label");
        ModelMetadata.CheckChecksum(file);

        var parameters = new NetworkParameters<float>(new NetworkShape(encoding.Width, layers, loss));
        for (int l = 0; l < count; l++)
        {
            Read(file, WeightName(l), [layers[l].Width, parameters.Shape.InputsOf(l)], parameters.Weights[l]);
            Read(file, BiasName(l), [layers[l].Width], parameters.Biases[l]);
        }

        return new NetworkModel(parameters, encoding);
    }

    private static void Read(SafetensorsFile file, string name, long[] shape, float[] to)
    {
        float[] values = file.ReadFloats(name, shape);
        WeightTensors.RequireFinite(file.Path, name, shape, values, "give a file with finite values");
        values.CopyTo(to, 0);
    }

    private static TableEncoding ReadEncoding(SafetensorsFile file)
    {
        try
        {
            return TableEncoding.FromJson(file.Metadata["table"]);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw FileErrors.Damaged(file.Path, $"metadata key table is wrong: {FileErrors.OneLine(e.Message)}", e);
        }
    }

    private static T Word<T>(SafetensorsFile file, string key, string word)
        where T : struct, Enum => Enum.GetNames<T>().Contains(word)
        ? Enum.Parse<T>(word)
        : throw new CharRnnException(file.Path, $"metadata key {key} has {FileErrors.Quote(word)}, not one of {string.Join(", ", Enum.GetNames<T>())}", Remedy);

    private static string WeightName(int layer) => FormattableString.Invariant($"layers.{layer}.weight");

    private static string BiasName(int layer) => FormattableString.Invariant($"layers.{layer}.bias");
}
