namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>Where contiguous shares of some items begin. A share ends where the next one begins.</summary>
public static class Share
{
    /// <summary>
    /// Where a share begins, if shares differ by one item at most: ⌊items·share / shares⌋. There are at most 46,340 shares. A GPU takes
    /// a hundred instructions to divide numbers of 64 bits, so the product is divided in two parts.
    /// </summary>
    public static int Begin(int items, int share, int shares)
    {
        int each = items / shares;
        return (each * share) + ((items - (each * shares)) * share / shares);
    }

    /// <summary>Where a share begins, if that must be a multiple of four, because a GPU reads four floats at a time.</summary>
    public static int FourBegin(int items, int share, int shares)
    {
        int begin = (Begin(items, share, shares) + 3) / 4 * 4;
        return begin < items ? begin : items;
    }

    /// <summary>Where a share of columns begins, if shares are whole panels.</summary>
    public static int PanelBegin(int columns, int share, int shares)
    {
        int begin = Begin(Layout.PanelCount(columns), share, shares) * Layout.PanelWidth;
        return begin < columns ? begin : columns;
    }
}
