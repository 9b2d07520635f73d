using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Text;

namespace CharRnn.Storage;

/// <summary>What the weights need to be a model. A model's file has it in its <c>__metadata__</c>.</summary>
public abstract class ModelDescription
{
    private protected ModelDescription()
    {
    }

    /// <summary>Whether the model writes texts.</summary>
    public abstract bool WritesText { get; }

    /// <summary>Saves a model atomically; equal models give equal bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="weights">The model's weights.</param>
    /// <param name="replacing">See <see cref="AtomicFile.Write"/>.</param>
    /// <exception cref="CharRnnException">A weight is not finite, or the file system refuses; an old file stays as it was.</exception>
    public void Save(string path, ParameterSet<float> weights, Action? replacing = null)
    {
        WeightTensors.RequireFinite(path, "", weights, "nothing was saved: lower --learning-rate or --clip");
        SafetensorsTensor[] tensors = [.. WeightTensors.Create("", weights)];
        bool isFirst = weights.Shape is not ModelShape shape || shape is { Cell: RecurrentCell.Rnn, Layers: 1 };
        SafetensorsFile.Write(
            path, Metadata(weights.Shape, tensors, isFirst ? ModelMetadata.FirstVersion : ModelMetadata.Version), tensors, replacing);
    }

    /// <summary>The metadata of a file of a model of this shape with these tensors.</summary>
    internal abstract Dictionary<string, string> Metadata(IModelShape shape, IReadOnlyList<SafetensorsTensor> tensors, int version);
}

/// <summary>The description of a character model: its characters.</summary>
/// <param name="vocabulary">The V characters.</param>
public sealed class CharacterDescription(Vocabulary vocabulary) : ModelDescription
{
    /// <summary>The V characters.</summary>
    public Vocabulary Vocabulary { get; } = vocabulary;

    /// <inheritdoc/>
    public override bool WritesText => true;

    /// <inheritdoc/>
    internal override Dictionary<string, string> Metadata(IModelShape shape, IReadOnlyList<SafetensorsTensor> tensors, int version) =>
        ModelMetadata.Create(Vocabulary, (ModelShape)shape, tensors, version);
}

/// <summary>The description of a feed-forward network: its layers, and how rows of a table become its inputs.</summary>
/// <param name="network">The layers.</param>
/// <param name="encoding">How columns of a table become numbers.</param>
public sealed class NetworkDescription(NetworkShape network, TableEncoding encoding) : ModelDescription
{
    /// <summary>The layers.</summary>
    public NetworkShape Shape { get; } = network;

    /// <summary>How columns of a table become numbers.</summary>
    public TableEncoding Encoding { get; } = encoding;

    /// <inheritdoc/>
    public override bool WritesText => false;

    /// <inheritdoc/>
    internal override Dictionary<string, string> Metadata(IModelShape shape, IReadOnlyList<SafetensorsTensor> tensors, int version) =>
        ModelMetadata.CreateNetwork(
            Shape.Layers.Count,
            new()
            {
                ["activations"] = string.Join(',', Shape.Layers.Select(layer => layer.Activation)),
                ["loss"] = Shape.Loss.ToString(),
                [NetworkFile.Columns] = Encoding.ToJson(),
            },
            tensors,
            version);
}
