namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>A block of the hidden states [B, H], some of the streams × some of the units, over some time steps.</summary>
/// <remarks>
/// A block that is computed over more than one time step at once has all units, because each unit depends on all units of the time step
/// before.
/// </remarks>
public readonly struct HiddenBlock(int begin, int end, int first, int count, int unit, int units)
{
    /// <summary>The first time step, and the one after the last.</summary>
    public readonly int Begin = begin, End = end;

    /// <summary>The first stream, and the number of streams.</summary>
    public readonly int First = first, Count = count;

    /// <summary>The first unit, where a panel begins, and the number of units.</summary>
    public readonly int Unit = unit, Units = units;

    /// <summary>All units of some streams.</summary>
    public static HiddenBlock Streams(RnnDims d, int begin, int end, int first, int count) => new(begin, end, first, count, 0, d.H);

    /// <summary>A team's block of a grid, which is empty for a team that the grid has no block for.</summary>
    public static HiddenBlock Of(RnnDims d, int begin, int end, int team, BlockGrid grid)
    {
        if (team >= grid.Count)
            return new HiddenBlock(begin, end, 0, 0, 0, 0);
        int rowShare = team / grid.Columns, columnShare = team - (rowShare * grid.Columns);
        int first = Share.Begin(d.B, rowShare, grid.Rows), count = Share.Begin(d.B, rowShare + 1, grid.Rows) - first;
        int unit = Share.PanelBegin(d.H, columnShare, grid.Columns), units = Share.PanelBegin(d.H, columnShare + 1, grid.Columns) - unit;
        return new HiddenBlock(begin, end, first, count, unit, units);
    }

    /// <summary>The same block over other time steps.</summary>
    public HiddenBlock During(int begin, int end) => new(begin, end, First, Count, Unit, Units);

    /// <summary>
    /// At most so many of its streams and units, from some on. The first unit must be the first of a panel.
    /// </summary>
    public HiddenBlock Part(int stream, int streams, int unit, int units) => new(
        Begin, End, First + stream, Count - stream < streams ? Count - stream : streams, Unit + unit,
        Units - unit < units ? Units - unit : units);

    /// <summary>The first of the block's columns in a row of gates.</summary>
    public int Column(RnnDims d) => Unit * d.Gates;

    /// <summary>The number of its columns there.</summary>
    public int Columns(RnnDims d) => GateColumns.Count(Units, d.Gates);

    /// <summary>Where the block's values at one time begin.</summary>
    /// <param name="d">Sizes.</param>
    /// <param name="begin">Where values <c>[time, B, HRow]</c> begin.</param>
    /// <param name="time">Which row of times.</param>
    public int At(RnnDims d, int begin, int time) => begin + (((time * d.B) + First) * d.HRow) + Unit;

    /// <summary>Where the block's gates at one time begin, of values <c>[time, B, GateRow]</c>.</summary>
    public int GatesAt(RnnDims d, int begin, int time) => begin + (((time * d.B) + First) * d.GateRow) + Column(d);

    /// <summary>Where all units of the block's streams begin at one time.</summary>
    public int RowsAt(RnnDims d, int begin, int time) => begin + (((time * d.B) + First) * d.HRow);

    /// <summary>Where all gates of the block's streams begin at one time.</summary>
    public int GateRowsAt(RnnDims d, int begin, int time) => begin + (((time * d.B) + First) * d.GateRow);
}
