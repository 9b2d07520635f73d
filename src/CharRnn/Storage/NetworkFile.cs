using System.Text.Json;
using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Networks;

namespace CharRnn.Storage;

/// <summary>A feed-forward network, and how a table's rows become its inputs.</summary>
/// <param name="Parameters">The weights and biases of the network.</param>
/// <param name="Encoding">How columns of a table become its numbers.</param>
public sealed record NetworkModel(ParameterSet<float> Parameters, TableEncoding Encoding)
{
    /// <summary>The network.</summary>
    public NetworkShape Shape => Parameters.Network;
}

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
        NetworkShape shape = model.Shape;
        WeightTensors.RequireFinite(path, "", model.Parameters, "nothing was saved: lower --learning-rate");
        SafetensorsTensor[] tensors = [.. WeightTensors.Create("", model.Parameters)];
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
    /// <exception cref="CharRnnException">The file cannot be read, breaks the format, or is not a network's.</exception>
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
            SafetensorsEntry bias = file.Entry(NetworkShape.BiasName(l));
            if (bias.Shape is not [> 0 and <= int.MaxValue and var width])
                throw FileErrors.Damaged(path, $"tensor {bias.Name} has shape {SafetensorsEntry.ShapeText(bias.Shape)}, not [neurons]");
            layers[l] = new Layer((int)width, Word<ActivationFunction>(file, "activations", activations[l]));
            inputs = width;
        }

        NetworkLoss loss = Word<NetworkLoss>(file, "loss", file.Metadata["loss"]);
        int answers = loss == NetworkLoss.CrossEntropy ? encoding.Label.Width : 1;
        if (loss == NetworkLoss.BinaryCrossEntropy && encoding.Label.Width != 2)
            throw FileErrors.Damaged(path, $"its label has {encoding.Label.Width} categories, and its loss is for 2");
        if (inputs != answers || (loss == NetworkLoss.SquaredError) != (encoding.Label.Categories is null) || (loss != NetworkLoss.SquaredError && layers[^1].Activation != ActivationFunction.Identity))
            throw FileErrors.Damaged(path, $"its last layer has {inputs} neurons, which do not fit its loss and label");
        var shape = new NetworkShape(encoding.Width, layers, loss);
        WeightTensors.Check(file, "", shape);
        ModelMetadata.CheckChecksum(file);
        return new NetworkModel(WeightTensors.Read(file, "", shape), encoding);
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
}
