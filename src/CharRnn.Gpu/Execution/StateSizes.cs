using CharRnn.Gpu.Kernels.Arguments;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// The sizes of the buffers of a step of a character model, in elements: buffers, layers and the memory estimate follow them. They are
/// long, because a mistyped size may exceed any buffer.
/// </summary>
/// <param name="shape">The model.</param>
/// <param name="steps">T.</param>
/// <param name="streams">B.</param>
/// <param name="drops">Whether there is dropout.</param>
internal sealed class StateSizes(ModelShape shape, long steps, long streams, bool drops)
{
    private readonly long _rows = steps * streams, _hRow = RnnDims.PaddedRow((long)shape.HiddenSize);

    /// <summary>The number by which kernels name the cell.</summary>
    public static int CellOf(RecurrentCell cell) => cell switch
    {
        RecurrentCell.Lstm => CellKind.Lstm,
        RecurrentCell.Gru => CellKind.Gru,
        _ => CellKind.Rnn,
    };

    /// <summary>Whether the gates have a place of their own, and not that of the hidden states.</summary>
    public bool HasGates => shape.Gates > 1;

    /// <summary>Whether the state's part of the gates is kept apart.</summary>
    public bool KeepsApart => CellKind.KeepsApart(CellOf(shape.Cell));

    /// <summary>The states of a layer, and of all.</summary>
    public long StatesOfLayer => (_rows + streams) * _hRow;

    /// <inheritdoc cref="StatesOfLayer"/>
    public long States => shape.Layers * StatesOfLayer;

    /// <summary>The gates of a layer.</summary>
    public long GatesOfLayer => _rows * RnnDims.PaddedRow(GateColumns.Count((long)shape.HiddenSize, shape.Gates));

    /// <summary>The gates of all layers; 0 where they have no place of their own.</summary>
    public long Gates => HasGates ? shape.Layers * GatesOfLayer : 0;

    /// <summary>The state's part of the gates.</summary>
    public long Recurrent => KeepsApart ? Gates : 0;

    /// <summary>The cell states.</summary>
    public long CellStates => shape.HasCellState ? States : 0;

    /// <summary>Rows of H values of a layer.</summary>
    public long RowsOfLayer => _rows * _hRow;

    /// <summary>What higher layers and the output read, where it is not the hidden states themselves.</summary>
    public long Inputs => drops ? shape.Layers * RowsOfLayer : 0;

    /// <summary>The gradient of hidden states: of every layer where the gradient of its gates takes its place, otherwise of one.</summary>
    public long HiddenGradient => HasGates ? RowsOfLayer : shape.Layers * RowsOfLayer;

    /// <summary>What a time step sends back beside its gates.</summary>
    public long Carry => HasGates ? streams * _hRow : 0;

    /// <summary>The logits.</summary>
    public long Logits => _rows * RnnDims.PaddedRow((long)shape.VocabularySize);

    /// <summary>The elements of a forward pass.</summary>
    public double Forward => (double)States + CellStates + Gates + Recurrent + Inputs + Logits;

    /// <summary>The elements that training needs beyond it, without those of the optimizer.</summary>
    public double Backward => (double)HiddenGradient + Carry;

    /// <summary>The elements of the largest buffer.</summary>
    public double Largest => new[] { States, Gates, Inputs, HiddenGradient, Logits }.Max();
}
