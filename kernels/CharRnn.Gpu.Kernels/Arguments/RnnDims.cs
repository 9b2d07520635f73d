namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>The sizes of a step of a character model, and the padded row lengths that its device buffers have.</summary>
public readonly struct RnnDims(int t, int b, int h, int v, int cell, int layers, int streams, int firstStream)
{
    /// <summary>Number of time steps.</summary>
    public readonly int T = t;

    /// <summary>Number of streams.</summary>
    public readonly int B = b;

    /// <summary>Number of streams of all processes that train together, over which the loss is a mean: B where there is one.</summary>
    public readonly int Streams = streams;

    /// <summary>The number, among all these, of the first of the B streams.</summary>
    public readonly int FirstStream = firstStream;

    /// <summary>Number of hidden units of each layer.</summary>
    public readonly int H = h;

    /// <summary>Number of characters in the vocabulary.</summary>
    public readonly int V = v;

    /// <summary>The cell of every layer, a number of <see cref="CellKind"/>.</summary>
    public readonly int Cell = cell;

    /// <summary>Number of recurrent layers.</summary>
    public readonly int Layers = layers;

    /// <summary>Number of gates of the cell.</summary>
    public readonly int Gates = CellKind.Gates(cell);

    /// <summary>Number of columns of all gates: see <see cref="GateColumns"/>.</summary>
    public readonly int Columns = GateColumns.Count(h, CellKind.Gates(cell));

    /// <summary>Padded length of a row of H values.</summary>
    public readonly int HRow = PaddedRow(h);

    /// <summary>Padded length of a row of all gates.</summary>
    public readonly int GateRow = PaddedRow(GateColumns.Count(h, CellKind.Gates(cell)));

    /// <summary>Padded length of a row of V values.</summary>
    public readonly int VRow = PaddedRow(v);

    /// <summary>The number of row (t, b) among the rows of all processes.</summary>
    public int RowOfAll(int time, int stream) => (time * Streams) + FirstStream + stream;

    /// <summary>Rounds up to an odd number of lines, so that the elements of a column fall into different cache sets.</summary>
    public static int PaddedRow(int columns) => checked((int)PaddedRow((long)columns));

    /// <inheritdoc cref="PaddedRow(int)"/>
    public static long PaddedRow(long columns)
    {
        long lines = (columns + Layout.PanelWidth - 1) / Layout.PanelWidth;
        return (lines | 1) * Layout.PanelWidth;
    }
}
