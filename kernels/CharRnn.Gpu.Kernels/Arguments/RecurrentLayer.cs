namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>
/// A recurrent layer: where its parameters and its values begin in the buffers. The offsets of parameters are those of the arenas.
/// </summary>
public readonly struct RecurrentLayer(
    int index, int wxh, int whh, int bh, int bhn, int wxhTransposed, int whhTransposed, int h, int c, int gates, int above, int dh,
    int deltas)
{
    /// <summary>Its number; the lowest is 0.</summary>
    public readonly int Index = index;

    /// <summary>Where Wxh begins: at the lowest layer <c>[V, GateRow]</c>, above <c>[H, Columns]</c> in panels.</summary>
    public readonly int Wxh = wxh;

    /// <summary>Where Whh begins, <c>[H, Columns]</c> in panels.</summary>
    public readonly int Whh = whh;

    /// <summary>Where bh begins, <c>[GateRow]</c>.</summary>
    public readonly int Bh = bh;

    /// <summary>Where bhn of a GRU begins, <c>[HRow]</c>; 0 in other cells.</summary>
    public readonly int Bhn = bhn;

    /// <summary>Where Wxhᵀ begins, <c>[Columns, H]</c> in panels, in <see cref="UpdateViews.Transposed"/>; 0 at the lowest layer.</summary>
    public readonly int WxhTransposed = wxhTransposed;

    /// <summary>Where Whhᵀ begins, <c>[Columns, H]</c> in panels, in <see cref="UpdateViews.Transposed"/>.</summary>
    public readonly int WhhTransposed = whhTransposed;

    /// <summary>Where the hidden states begin in <see cref="ForwardViews.H"/>.</summary>
    public readonly int H = h;

    /// <summary>Where the cell states begin in <see cref="ForwardViews.C"/>; 0 in cells without them.</summary>
    public readonly int C = c;

    /// <summary>
    /// Where the gates begin in <see cref="ForwardViews.Gates"/>, and what belongs to them in <see cref="ForwardViews.Recurrent"/>.
    /// </summary>
    public readonly int Gates = gates;

    /// <summary>Where that begins in <see cref="ForwardViews.X"/> which the layer above, or the output, reads of this one.</summary>
    public readonly int Above = above;

    /// <summary>Where the gradient of h begins in <see cref="TrainingViews.Dh"/>.</summary>
    public readonly int Dh = dh;

    /// <summary>
    /// Where the gradients of the gates begin in <see cref="TrainingViews.Deltas"/> and <see cref="TrainingViews.RecurrentDeltas"/>.
    /// </summary>
    public readonly int Deltas = deltas;
}
