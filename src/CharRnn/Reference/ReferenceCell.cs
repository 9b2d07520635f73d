namespace CharRnn.Reference;

/// <summary>
/// One time step of one layer for one stream: what a cell reads and writes, forward and back. Arrays of gates are gate after gate.
/// </summary>
/// <param name="units">H.</param>
/// <param name="gates">G.</param>
public sealed class CellStep(int units, int gates)
{
    /// <summary>H.</summary>
    public int Units { get; } = units;

    /// <summary>The input's part of the pre-activations, <c>x·Wx + b</c>, <c>[G·H]</c>.</summary>
    public double[] Input { get; } = new double[gates * units];

    /// <summary>The state's part, <c>h[t-1]·Wh</c>, <c>[G·H]</c>; of a GRU's n with bhn.</summary>
    public double[] Recurrent { get; } = new double[gates * units];

    /// <summary>h[t-1] and c[t-1], <c>[H]</c>; a cell without a second state has zeros in c.</summary>
    public double[] PreviousH { get; init; } = new double[units];

    /// <inheritdoc cref="PreviousH"/>
    public double[] PreviousC { get; init; } = new double[units];

    /// <summary>The gates after their functions, <c>[G·H]</c>.</summary>
    public double[] Gates { get; } = new double[gates * units];

    /// <summary>h[t] and c[t], <c>[H]</c>.</summary>
    public double[] H { get; } = new double[units];

    /// <inheritdoc cref="H"/>
    public double[] C { get; } = new double[units];

    /// <summary>∂L/∂<see cref="Input"/> and ∂L/∂<see cref="Recurrent"/>, <c>[G·H]</c>.</summary>
    public double[] InputGradient { get; } = new double[gates * units];

    /// <inheritdoc cref="InputGradient"/>
    public double[] RecurrentGradient { get; } = new double[gates * units];
}

/// <summary>A cell in plain double loops. Everything around it, products and sums, is <see cref="ReferenceRnn"/>'s.</summary>
public abstract class ReferenceCell
{
    /// <summary>The cell of this kind.</summary>
    public static ReferenceCell Of(RecurrentCell cell) => cell switch
    {
        RecurrentCell.Lstm => new ReferenceLstmCell(),
        RecurrentCell.Gru => new ReferenceGruCell(),
        _ => new ReferenceRnnCell(),
    };

    /// <summary>Computes the gates and the new state.</summary>
    public abstract void Forward(CellStep s);

    /// <summary>Computes the gradients at the pre-activations.</summary>
    /// <param name="s">The step, after <see cref="Forward"/>.</param>
    /// <param name="dh">
    /// ∂L/∂h[t], <c>[H]</c>; on return what reaches h[t-1] directly, beside <see cref="CellStep.RecurrentGradient"/>·Whᵀ.
    /// </param>
    /// <param name="dc">∂L/∂c[t] from the time step after, <c>[H]</c>; on return ∂L/∂c[t-1].</param>
    public abstract void Backward(CellStep s, double[] dh, double[] dc);

    /// <summary>σ(x), which overflows for no x.</summary>
    protected static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));
}
