namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>
/// Where the gates of units lie in a row. They are interleaved by panel: the 16 units of a panel have a panel for each gate, one behind the
/// other. Thus some units from the begin of a panel on are one range of columns, and a vector of one gate is 16 floats from that of the
/// next.
/// </summary>
public static class GateColumns
{
    /// <summary>The column of a gate of a unit.</summary>
    public static int Of(int unit, int gate, int gates) =>
        (((unit / Layout.PanelWidth * gates) + gate) * Layout.PanelWidth) + (unit % Layout.PanelWidth);

    /// <summary>
    /// The number of columns up to the last gate of the last of some units; with a single gate it is the number of units. In front of the
    /// last gate's columns are the whole panels of the others.
    /// </summary>
    public static int Count(int units, int gates) => units + ((gates - 1) * Layout.WholeLines(units));

    /// <inheritdoc cref="Count(int, int)"/>
    public static long Count(long units, int gates) =>
        units + ((gates - 1) * ((units + Layout.PanelWidth - 1) / Layout.PanelWidth * Layout.PanelWidth));
}
