namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>The sizes of a step, and the padded row lengths that its device buffers have.</summary>
public readonly struct RnnDims(int t, int b, int h, int v)
{
    /// <summary>Time steps.</summary>
    public readonly int T = t;

    /// <summary>Streams.</summary>
    public readonly int B = b;

    /// <summary>Hidden units.</summary>
    public readonly int H = h;

    /// <summary>Characters.</summary>
    public readonly int V = v;

    /// <summary>Length of a row of H values.</summary>
    public readonly int HRow = PaddedRow(h);

    /// <summary>Length of a row of V values.</summary>
    public readonly int VRow = PaddedRow(v);

    /// <summary>Whole cache lines, and an odd number of them: a column's rows then fall into different cache sets.</summary>
    public static int PaddedRow(int columns) => checked((int)PaddedRow((long)columns));

    /// <inheritdoc cref="PaddedRow(int)"/>
    public static long PaddedRow(long columns)
    {
        long lines = (columns + Layout.PanelWidth - 1) / Layout.PanelWidth;
        return (lines | 1) * Layout.PanelWidth;
    }
}
