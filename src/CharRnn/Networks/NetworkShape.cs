namespace CharRnn.Networks;

/// <summary>A layer's nonlinearity σ.</summary>
public enum ActivationFunction
{
    /// <summary>z</summary>
    Identity,

    /// <summary>1 / (1 + e⁻ᶻ)</summary>
    Sigmoid,

    /// <summary>tanh z</summary>
    Tanh,

    /// <summary>max(0, z)</summary>
    Relu,
}

/// <summary>The loss that is minimised; each has its own kind of output.</summary>
public enum NetworkLoss
{
    /// <summary>Mean over rows and outputs of (h - y)²; the last layer's own activation is the output.</summary>
    SquaredError,

    /// <summary>Mean over rows of -Σ (y ln p + (1 - y) ln(1 - p)), p the sigmoid of the last layer: y is 0 or 1.</summary>
    BinaryCrossEntropy,

    /// <summary>Mean over rows of -ln p[y], p the softmax of the last layer: y is a class.</summary>
    CrossEntropy,
}

/// <summary>A layer: how many neurons, and their activation.</summary>
/// <param name="Width">Neurons.</param>
/// <param name="Activation">σ.</param>
public readonly record struct Layer(int Width, ActivationFunction Activation);

/// <summary>A feed-forward network: N1 for each layer, and a loss.</summary>
public sealed record NetworkShape : IModelShape
{
    /// <param name="inputs">Numbers in a row of the data.</param>
    /// <param name="layers">At least one; one alone is a neuron, or several side by side.</param>
    /// <param name="loss">The loss that is minimised.</param>
    /// <exception cref="ArgumentException">
    /// A width is not positive, an activation or the loss is unknown, or the last layer has an activation although the loss has its own.
    /// </exception>
    public NetworkShape(int inputs, IReadOnlyList<Layer> layers, NetworkLoss loss)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputs, 1);
        ArgumentOutOfRangeException.ThrowIfZero(layers.Count, nameof(layers));
        if (layers.Any(layer => layer.Width < 1))
            throw new ArgumentException("a layer has no neurons", nameof(layers));
        if (!layers.All(layer => Enum.IsDefined(layer.Activation)))
            throw new ArgumentException("a layer has an unknown activation", nameof(layers));
        if (!Enum.IsDefined(loss))
            throw new ArgumentOutOfRangeException(nameof(loss), loss, "is not a loss");
        if (loss != NetworkLoss.SquaredError && layers[^1].Activation != ActivationFunction.Identity)
            throw new ArgumentException("a cross-entropy has its own activation: give the last layer none", nameof(layers));
        (Inputs, Layers, Loss) = (inputs, [.. layers], loss);
    }

    /// <summary>Numbers in a row of the data.</summary>
    public int Inputs { get; }

    /// <summary>The layers, from the first hidden one to the output.</summary>
    public IReadOnlyList<Layer> Layers { get; }

    /// <summary>The loss that is minimised.</summary>
    public NetworkLoss Loss { get; }

    /// <summary>Numbers that it computes of a row.</summary>
    public int Outputs => Layers[^1].Width;

    /// <inheritdoc/>
    public IReadOnlyList<TensorSpec> Tensors =>
    [
        .. Layers.Index().SelectMany(layer => (TensorSpec[])
        [
            new(
                FormattableString.Invariant($"layers.{layer.Index}.weight"), InputsOf(layer.Index), layer.Item.Width,
                layer.Index == 0 ? TensorRole.InputMatrix : TensorRole.Matrix),
            new(BiasName(layer.Index), 1, layer.Item.Width, TensorRole.Bias),
        ]),
    ];

    /// <summary>The name of a layer's bias in files.</summary>
    internal static string BiasName(int layer) => FormattableString.Invariant($"layers.{layer}.bias");

    /// <summary>The place of a layer's weights in <see cref="Tensors"/>.</summary>
    public static int WeightsOf(int layer) => 2 * layer;

    /// <summary>The place of a layer's biases there.</summary>
    public static int BiasesOf(int layer) => (2 * layer) + 1;

    /// <summary>Whether both have the same layers.</summary>
    public bool Equals(NetworkShape? other) =>
        other is not null && (Inputs, Loss) == (other.Inputs, other.Loss) && Layers.SequenceEqual(other.Layers);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Inputs, Loss, Layers.Count, Outputs);

    /// <summary>Inputs of a layer.</summary>
    public int InputsOf(int layer) => layer == 0 ? Inputs : Layers[layer - 1].Width;
}
