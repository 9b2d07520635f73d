using ILGPU;

namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>A block of the hidden states [B, H], some of the streams × some of the units, over some time steps.</summary>
/// <remarks>Over more than one time step a block has all units, because each unit depends on all units of the time step before.</remarks>
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

    /// <summary>A team's block of a grid.</summary>
    public static HiddenBlock Of(RnnDims d, int begin, int end, int team, BlockGrid grid)
    {
        int rowShare = team / grid.Columns, columnShare = team - (rowShare * grid.Columns);
        int first = Share.Begin(d.B, rowShare, grid.Rows), count = Share.Begin(d.B, rowShare + 1, grid.Rows) - first;
        int unit = Share.PanelBegin(d.H, columnShare, grid.Columns), units = Share.PanelBegin(d.H, columnShare + 1, grid.Columns) - unit;
        return new HiddenBlock(begin, end, first, count, unit, units);
    }

    /// <summary>The values of the block's streams at one time, from the block's first unit on.</summary>
    /// <param name="values">Values <c>[time, B, HRow]</c>.</param>
    /// <param name="d">Sizes.</param>
    /// <param name="time">Which row of times.</param>
    public ArrayView<float> At(ArrayView<float> values, RnnDims d, int time) =>
        values.SubView((((time * d.B) + First) * d.HRow) + Unit, (Count * d.HRow) - Unit);
}
