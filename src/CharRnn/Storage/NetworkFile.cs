using System.Text.Json;
using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Networks;

namespace CharRnn.Storage;

/// <summary>A feed-forward network, and how rows of a table become its inputs.</summary>
/// <param name="Parameters">The weights and biases of the network.</param>
/// <param name="Encoding">How columns of a table become numbers.</param>
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
    /// <summary>The metadata key of the table's encoding.</summary>
    internal const string Columns = "columns";

    // Its name in files of earlier programs, whose encodings say less.
    private const string FirstColumns = "table";

    private const int MostLayers = 1000;
    private const string Remedy = "give a model written by charrnn mlp train";

    /// <summary>Saves a network atomically; equal networks give equal bytes.</summary>
    /// <exception cref="CharRnnException">A weight is not finite, or the file system refuses; an old file stays as it was.</exception>
    public static void Save(string path, NetworkModel model) =>
        new NetworkDescription(model.Shape, model.Encoding).Save(path, model.Parameters);

    /// <summary>Loads the network of a model or of a checkpoint.</summary>
    /// <exception cref="CharRnnException">The file cannot be read, breaks the format, or is not a network's.</exception>
    public static NetworkModel Load(string path)
    {
        using var file = SafetensorsFile.Open(path);
        return Load(file);
    }

    /// <summary>Loads the network of a model or a character model, whichever a file says that it holds.</summary>
    /// <returns>One of them; null for the other.</returns>
    /// <exception cref="CharRnnException">As <see cref="Load(string)"/> and <see cref="ModelFile.Load(string)"/>.</exception>
    public static (NetworkModel? Network, CharacterModel? Text) LoadAny(string path)
    {
        using var file = SafetensorsFile.Open(path);
        return ModelMetadata.IsNetwork(file) ? (Load(file), null) : (null, ModelFile.Load(file));
    }

    private static NetworkModel Load(SafetensorsFile file)
    {
        NetworkDescription description = Describe(file);
        bool isCheckpoint = CheckpointFile.IsCheckpoint(file);
        int count = description.Shape.Layers.Count;
        int tensors = file.Tensors.Count(tensor => !(isCheckpoint && CheckpointFile.IsState(tensor.Name)));
        if (tensors != 2 * count)
            throw FileErrors.Damaged(file.Path, $"it says that it has {count} layers, and has {tensors} tensors");
        WeightTensors.Check(file, "", description.Shape);
        ModelMetadata.CheckChecksum(file);
        return new NetworkModel(WeightTensors.Read(file, "", description.Shape), description.Encoding);
    }

    /// <summary>Reads the description of a file's network, but no values of tensors.</summary>
    /// <exception cref="CharRnnException">The file is not a network's, or contradicts itself.</exception>
    internal static NetworkDescription Describe(SafetensorsFile file)
    {
        string path = file.Path;
        int count = ModelMetadata.ReadNetwork(file, ["activations", "loss", ColumnsKey(file)], MostLayers);
        string[] activations = file.Metadata["activations"].Split(',');
        if (activations.Length != count)
            throw FileErrors.Damaged(path, $"it says that it has {count} layers, with {activations.Length} activations");

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
        bool isQuantity = loss == NetworkLoss.SquaredError;
        bool fitsActivation = isQuantity || layers[^1].Activation == ActivationFunction.Identity;
        if (inputs != answers || isQuantity != (encoding.Label.Categories is null) || !fitsActivation)
            throw FileErrors.Damaged(path, $"its last layer has {inputs} neurons, which do not fit its loss and label");
        return new NetworkDescription(new NetworkShape(encoding.Width, layers, loss), encoding);
    }

    private static TableEncoding ReadEncoding(SafetensorsFile file)
    {
        string key = ColumnsKey(file);
        try
        {
            return TableEncoding.FromJson(file.Metadata[key], isFirst: key == FirstColumns);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw FileErrors.Damaged(file.Path, $"metadata key {key} is wrong: {FileErrors.OneLine(e.Message)}", e);
        }
    }

    private static string ColumnsKey(SafetensorsFile file) => file.Metadata.ContainsKey(FirstColumns) ? FirstColumns : Columns;

    private static T Word<T>(SafetensorsFile file, string key, string word)
        where T : struct, Enum => Enum.GetNames<T>().Contains(word)
        ? Enum.Parse<T>(word)
        : throw new CharRnnException(
            file.Path, $"metadata key {key} has {FileErrors.Quote(word)}, not one of {string.Join(", ", Enum.GetNames<T>())}", Remedy);
}
