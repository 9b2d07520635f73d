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
    /// The number of columns up to the last gate of the last of some units; with a single gate it is the number of units.
    /// </summary>
    public static int Count(int units, int gates) => (int)Count((long)units, gates);

    /// <inheritdoc cref="Count(int, int)"/>
    public static long Count(long units, int gates)
    {
        if (units == 0)
            return 0;
        long last = units - 1, panel = last / Layout.PanelWidth; // the last unit and its panel
        return (((panel * gates) + gates - 1) * Layout.PanelWidth) + (last % Layout.PanelWidth) + 1;
    }
}
