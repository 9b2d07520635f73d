using ILGPU;

namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>A part of the hidden states: some time steps of some streams, and some of their units.</summary>
/// <remarks>A part of more than one time step has all units: each of them hangs on all of the step before.</remarks>
public readonly struct Part(int begin, int end, int first, int count, int unit, int units)
{
    /// <summary>The first time step, and the one after the last.</summary>
    public readonly int Begin = begin, End = end;

    /// <summary>The first stream, and their number.</summary>
    public readonly int First = first, Count = count;

    /// <summary>The first unit, at a panel's begin, and their number.</summary>
    public readonly int Unit = unit, Units = units;

    /// <summary>All units of some streams.</summary>
    public static Part Streams(RnnDims d, int begin, int end, int first, int count) => new(begin, end, first, count, 0, d.H);

    /// <summary>A team's part where streams and units are cut into shares.</summary>
    public static Part Of(RnnDims d, int begin, int end, int team, Shares shares)
    {
        int row = team / shares.Columns, column = team - (row * shares.Columns);
        int first = Share.Begin(d.B, row, shares.Rows), unit = Share.PanelBegin(d.H, column, shares.Columns);
        return new Part(
            begin, end, first, Share.Begin(d.B, row + 1, shares.Rows) - first, unit, Share.PanelBegin(d.H, column + 1, shares.Columns) - unit);
    }

    /// <summary>Of values <c>[time, B, HRow]</c>, those of this part's streams at one time, from its first unit on.</summary>
    public ArrayView<float> At(ArrayView<float> values, RnnDims d, int time) =>
        values.SubView((((time * d.B) + First) * d.HRow) + Unit, (Count * d.HRow) - Unit);
}

/// <summary>How a matrix is cut into blocks: into how many shares of its rows, and of its columns.</summary>
public readonly struct Shares(int rows, int columns)
{
    /// <summary>Shares of the rows.</summary>
    public readonly int Rows = rows;

    /// <summary>Shares of the columns, each of whole panels.</summary>
    public readonly int Columns = columns;

    /// <summary>Blocks.</summary>
    public int Count => Rows * Columns;
}

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
