namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>
/// Where the elements of a matrix are: (r, c) is at <c>r·Row + (c / 16)·Panel + c % 16</c>. This one formula is for matrices that are
/// stored row after row, and for those in panels of 16 columns, where a product that moves down a panel reads memory in order.
/// </summary>
public readonly struct Layout
{
    /// <summary>Number of columns of a panel: 16 floats fill a cache line, and the widest vector.</summary>
    public const int PanelWidth = 16;

    /// <summary>Distance between rows.</summary>
    public readonly int Row;

    /// <summary>Distance between panels.</summary>
    public readonly int Panel;

    private Layout(int row, int panel) => (Row, Panel) = (row, panel);

    /// <summary>The layout of a matrix that is stored row after row.</summary>
    /// <param name="row">A row's padded length.</param>
    public static Layout Rows(int row) => new(row, PanelWidth);

    /// <summary>The layout of a matrix that is stored panel after panel, each of which has all rows.</summary>
    /// <param name="rows">Number of rows of the matrix.</param>
    public static Layout Panels(int rows) => new(PanelWidth, rows * PanelWidth);

    /// <summary>The number of panels for so many columns; the last one is padded.</summary>
    public static int PanelCount(int columns) => (columns + PanelWidth - 1) / PanelWidth;

    /// <summary>The floats of the cache lines that hold so many columns, the padding of the last one included.</summary>
    public static int WholeLines(int columns) => PanelCount(columns) * PanelWidth;

    /// <summary>The place of an element.</summary>
    public int Offset(int row, int column) => (row * Row) + (column / PanelWidth * Panel) + (column % PanelWidth);
}
