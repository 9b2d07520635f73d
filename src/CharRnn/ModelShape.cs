using System.Text.Json.Serialization;

namespace CharRnn;

/// <summary>The cell of a recurrent layer: how a state follows from the state before it and from an input.</summary>
public enum RecurrentCell
{
    /// <summary>E1: the vanilla cell, one tanh.</summary>
    Rnn,

    /// <summary>E10: long short-term memory, whose state has a second part, c.</summary>
    Lstm,

    /// <summary>E11: the gated recurrent unit.</summary>
    Gru,
}

/// <summary>
/// The sizes that fix the parameters of a character model: V characters, and N layers of H hidden units of one kind of cell.
/// </summary>
/// <param name="VocabularySize">V, the number of distinct characters, at least 1.</param>
/// <param name="HiddenSize">H, the number of hidden units of each layer, at least 1.</param>
/// <param name="Cell">The cell of every layer.</param>
/// <param name="Layers">N, the number of recurrent layers, from 1 to <see cref="MostLayers"/>.</param>
/// <exception cref="ArgumentOutOfRangeException">A size is below 1, there are too many layers, or the cell is unknown.</exception>
[method: JsonConstructor] // a structure would be made without its sizes
public readonly record struct ModelShape(int VocabularySize, int HiddenSize, RecurrentCell Cell = RecurrentCell.Rnn, int Layers = 1)
    : IModelShape
{
    /// <summary>The most layers of a model.</summary>
    public const int MostLayers = 100;

    /// <summary>V, the number of distinct characters.</summary>
    public int VocabularySize { get; } = Limits.Size(VocabularySize);

    /// <summary>H, the number of hidden units of each layer.</summary>
    public int HiddenSize { get; } = Limits.Size(HiddenSize);

    /// <summary>The cell of every layer.</summary>
    public RecurrentCell Cell { get; } =
        Enum.IsDefined(Cell) ? Cell : throw new ArgumentOutOfRangeException(nameof(Cell), Cell, "must be a cell");

    /// <summary>N, the number of recurrent layers.</summary>
    public int Layers { get; } = Limits.Size(Layers) <= MostLayers
        ? Layers
        : throw new ArgumentOutOfRangeException(nameof(Layers), Layers, $"must be at most {MostLayers}");

    /// <summary>
    /// G, the number of gates of the cell: i, f, g, o of an LSTM, r, z, n of a GRU, in this order in files and on the host.
    /// </summary>
    public int Gates => Cell switch { RecurrentCell.Lstm => 4, RecurrentCell.Gru => 3, _ => 1 };

    /// <inheritdoc/>
    public IReadOnlyList<TensorSpec> Tensors
    {
        get
        {
            var tensors = new List<TensorSpec>();
            // A mistyped size is cut here; no memory holds a model of that size either.
            int columns = (int)Math.Min((long)Gates * HiddenSize, int.MaxValue);
            for (int l = 0; l < Layers; l++)
            {
                string prefix = FormattableString.Invariant($"layers.{l}.");
                tensors.Add(
                    l == 0
                        ? new(prefix + "Wxh", VocabularySize, columns, TensorRole.Table, Gates)
                        : new(prefix + "Wxh", HiddenSize, columns, TensorRole.Matrix, Gates));
                tensors.Add(new(prefix + "Whh", HiddenSize, columns, TensorRole.Matrix, Gates));
                tensors.Add(new(prefix + "bh", 1, columns, TensorRole.Bias, Gates));
                if (HasRecurrentBias)
                    tensors.Add(new(prefix + "bhn", 1, HiddenSize, TensorRole.Bias));
            }

            tensors.Add(new("Why", HiddenSize, VocabularySize, TensorRole.Matrix));
            tensors.Add(new("by", 1, VocabularySize, TensorRole.Bias));
            return tensors;
        }
    }

    /// <summary>
    /// The names of the arrays <c>[B, H]</c> that are carried from step to step: h of every layer, then, of an LSTM, c of every layer.
    /// </summary>
    public IReadOnlyList<string> States
    {
        get
        {
            IEnumerable<int> layers = Enumerable.Range(0, Layers);
            IEnumerable<string> hidden = layers.Select(l => l == 0 ? "hidden" : FormattableString.Invariant($"hidden.{l}"));
            return HasCellState ? [.. hidden, .. layers.Select(l => FormattableString.Invariant($"cell.{l}"))] : [.. hidden];
        }
    }

    /// <summary>The gates that are sigmoids, with their places among all gates.</summary>
    public IReadOnlyList<(string Name, int Place)> SigmoidGates => Cell switch
    {
        RecurrentCell.Lstm => [("i", 0), ("f", 1), ("o", 3)],
        RecurrentCell.Gru => [("r", 0), ("z", 1)],
        _ => [],
    };

    /// <summary>Whether a state has a second part, c.</summary>
    public bool HasCellState => Cell == RecurrentCell.Lstm;

    /// <summary>Whether n has a bias of its own for the part that r multiplies, bhn.</summary>
    public bool HasRecurrentBias => Cell == RecurrentCell.Gru;

    /// <summary>The place of a layer's Wxh, <c>[V or H, G·H]</c>, in <see cref="Tensors"/>.</summary>
    public int WxhOf(int layer) => layer * TensorsOfLayer;

    /// <summary>The place of a layer's Whh, <c>[H, G·H]</c>.</summary>
    public int WhhOf(int layer) => WxhOf(layer) + 1;

    /// <summary>The place of a layer's bh, <c>[G·H]</c>.</summary>
    public int BhOf(int layer) => WxhOf(layer) + 2;

    /// <summary>The place of a layer's bhn, <c>[H]</c>, if the cell has one.</summary>
    public int BhnOf(int layer) => WxhOf(layer) + 3;

    /// <summary>The place of Why, <c>[H, V]</c>.</summary>
    public int Why => WxhOf(Layers);

    /// <summary>The place of by, <c>[V]</c>.</summary>
    public int By => Why + 1;

    private int TensorsOfLayer => HasRecurrentBias ? 4 : 3;
}
