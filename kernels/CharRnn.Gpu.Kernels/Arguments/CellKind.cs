namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>The numbers by which kernels name a cell, and what of it decides the shape of buffers.</summary>
public static class CellKind
{
    /// <summary>The vanilla cell (E1), the LSTM (E10) and the GRU (E11).</summary>
    public const int Rnn = 0, Lstm = 1, Gru = 2;

    /// <summary>The number of gates.</summary>
    public static int Gates(int cell) => cell == Lstm ? 4 : cell == Gru ? 3 : 1;

    /// <summary>Whether a cell state c goes along with the hidden state.</summary>
    public static bool HasCellState(int cell) => cell == Lstm;

    /// <summary>Whether the state's part of the pre-activations is kept apart from the input's part, and has a bias of its own.</summary>
    public static bool KeepsApart(int cell) => cell == Gru;
}
