using CharRnn.Gpu.Kernels.Arguments;

namespace CharRnn.Gpu.Execution;

/// <summary>Converts matrices between the layout of the host, row after row, and the layouts of devices, padded with zeros.</summary>
internal static class Padding
{
    /// <summary>Copies a matrix into padded rows.</summary>
    public static float[] Add(ReadOnlySpan<float> values, int rows, int columns)
    {
        int row = RnnDims.PaddedRow(columns);
        return Add(values, rows, columns, Layout.Rows(row), (long)rows * row);
    }

    public static float[] Add(ReadOnlySpan<float> values, int rows, int columns, Layout layout, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, rows * columns, nameof(values));
        var padded = new float[length];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c += Layout.PanelWidth)
                Piece(values, r, columns, c).CopyTo(padded.AsSpan(layout.Offset(r, c)));
        return padded;
    }

    /// <summary>Copies a matrix out of padded rows.</summary>
    public static float[] Remove(ReadOnlySpan<float> padded, int rows, int columns) =>
        Remove(padded, rows, columns, Layout.Rows(RnnDims.PaddedRow(columns)));

    public static float[] Remove(ReadOnlySpan<float> padded, int rows, int columns, Layout layout)
    {
        var values = new float[rows * columns];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c += Layout.PanelWidth)
                padded.Slice(layout.Offset(r, c), Math.Min(Layout.PanelWidth, columns - c)).CopyTo(values.AsSpan((r * columns) + c));
        return values;
    }

    /// <summary>Copies a matrix of the host, whose gates come one after the other, into the order of <see cref="GateColumns"/>.</summary>
    /// <returns>The matrix with <see cref="GateColumns.Count(int, int)"/> columns; the given one if it has a single gate.</returns>
    public static float[] Interleave(float[] values, int rows, int units, int gates)
    {
        if (gates == 1)
            return values;
        int columns = GateColumns.Count(units, gates);
        var interleaved = new float[rows * columns];
        for (int r = 0; r < rows; r++)
            for (int gate = 0; gate < gates; gate++)
                for (int u = 0; u < units; u += Layout.PanelWidth)
                    Piece(values, (r * gates) + gate, units, u)
                        .CopyTo(interleaved.AsSpan((r * columns) + GateColumns.Of(u, gate, gates)));
        return interleaved;
    }

    /// <summary>Copies such a matrix back into the order of the host.</summary>
    public static float[] Separate(float[] interleaved, int rows, int units, int gates)
    {
        if (gates == 1)
            return interleaved;
        int columns = GateColumns.Count(units, gates);
        var values = new float[rows * gates * units];
        for (int r = 0; r < rows; r++)
            for (int gate = 0; gate < gates; gate++)
                for (int u = 0; u < units; u += Layout.PanelWidth)
                    interleaved.AsSpan((r * columns) + GateColumns.Of(u, gate, gates), Math.Min(Layout.PanelWidth, units - u))
                        .CopyTo(values.AsSpan((((r * gates) + gate) * units) + u));
        return values;
    }

    public static float[] Transpose(ReadOnlySpan<float> values, int rows, int columns)
    {
        var transposed = new float[values.Length];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                transposed[(c * rows) + r] = values[(r * columns) + c];
        return transposed;
    }

    private static ReadOnlySpan<float> Piece(ReadOnlySpan<float> values, int row, int columns, int first) =>
        values.Slice((row * columns) + first, Math.Min(Layout.PanelWidth, columns - first));
}
