namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>
/// Where the elements of a matrix lie: (r, c) at <c>r·Row + (c / 16)·Panel + c % 16</c>. One formula for rows one after
/// the other and for panels of 16 columns, in which a product that walks down a panel reads memory as it comes.
/// </summary>
public readonly struct Layout
{
    /// <summary>Columns of a panel: 16 floats are a cache line, and the widest vector.</summary>
    public const int PanelWidth = 16;

    /// <summary>Distance between rows.</summary>
    public readonly int Row;

    /// <summary>Distance between panels.</summary>
    public readonly int Panel;

    private Layout(int row, int panel) => (Row, Panel) = (row, panel);

    /// <summary>Rows one after the other.</summary>
    /// <param name="row">A row's padded length.</param>
    public static Layout Rows(int row) => new(row, PanelWidth);

    /// <summary>Panels one after the other, each of all rows.</summary>
    /// <param name="rows">The matrix's rows.</param>
    public static Layout Panels(int rows) => new(PanelWidth, rows * PanelWidth);

    /// <summary>Panels that so many columns fill, the last one padded.</summary>
    public static int PanelCount(int columns) => (columns + PanelWidth - 1) / PanelWidth;

    /// <summary>The place of an element.</summary>
    public int Offset(int row, int column) => (row * Row) + (column / PanelWidth * Panel) + (column % PanelWidth);
}
