namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>Where contiguous shares of some items begin; one's end is the next one's begin.</summary>
public static class Share
{
    /// <summary>Shares that differ by one item at most.</summary>
    public static int Begin(int items, int share, int shares) => (int)((long)items * share / shares);

    /// <summary>Shares that begin at multiples of four: a GPU reads four floats at a time.</summary>
    public static int FourBegin(int items, int share, int shares)
    {
        int begin = (Begin(items, share, shares) + 3) / 4 * 4;
        return begin < items ? begin : items;
    }

    /// <summary>Shares of columns that begin with a panel.</summary>
    public static int PanelBegin(int columns, int share, int shares)
    {
        int begin = Begin(Layout.PanelCount(columns), share, shares) * Layout.PanelWidth;
        return begin < columns ? begin : columns;
    }
}
