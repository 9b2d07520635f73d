using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Randomness;

namespace CharRnn.Gpu.Tests.Kernels;

/// <summary>Random operands with no two values alike, and views of padded rows.</summary>
internal static class Values
{
    /// <summary>Uniform numbers in [-scale, scale).</summary>
    public static float[] Random(int count, ulong seed, float scale = 1) =>
        [.. Enumerable.Range(0, count).Select(i => scale * ((2 * Philox.Uniform(seed, 11, (ulong)i)) - 1))];

    /// <summary>Random rows with zeros in their padding.</summary>
    public static float[] RandomRows(int rows, int columns, ulong seed, float scale = 1) =>
        Pad(Random(rows * columns, seed, scale), rows, columns);

    public static float[] Pad(float[] values, int rows, int columns)
    {
        int row = RnnDims.PaddedRow(columns);
        var padded = new float[rows * row];
        for (int r = 0; r < rows; r++)
            values.AsSpan(r * columns, columns).CopyTo(padded.AsSpan(r * row));
        return padded;
    }

    /// <summary>The values of padded rows; fails if anything but zero stands in the padding.</summary>
    public static float[] Unpad(float[] padded, int rows, int columns)
    {
        int row = RnnDims.PaddedRow(columns);
        for (int i = 0; i < rows * row; i++)
            if (i % row >= columns)
                Assert.Equal(0u, BitConverter.SingleToUInt32Bits(padded[i]));
        return [.. Enumerable.Range(0, rows).SelectMany(r => padded[(r * row)..((r * row) + columns)])];
    }

    /// <summary>How far a float is from the exact value, in units of that value's last place.</summary>
    public static double UlpsFrom(double exact, float actual)
    {
        float nearest = (float)Math.Abs(exact);
        return Math.Abs(actual - exact) / (MathF.BitIncrement(nearest) - (double)nearest);
    }
}
