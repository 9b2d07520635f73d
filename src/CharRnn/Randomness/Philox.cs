namespace CharRnn.Randomness;

/// <summary>
/// Philox 4x32-10 (Salmon et al., SC'11, "Parallel random numbers: as easy as 1, 2, 3"): a counter-based generator,
/// so that a random number is a function of (seed, what it is for, its index) and nothing has to be saved for a resume.
/// </summary>
public static class Philox
{
    /// <summary>The ten-round block function: 128 random bits of a 128-bit counter under a 64-bit key.</summary>
    public static (uint X0, uint X1, uint X2, uint X3) Block(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (int round = 0; round < 10; round++)
        {
            ulong product0 = 0xD2511F53UL * c0, product1 = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = (
                (uint)(product1 >> 32) ^ c1 ^ k0, (uint)product1,
                (uint)(product0 >> 32) ^ c3 ^ k1, (uint)product0);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>A uniform number in [0, 1), a multiple of 2⁻²⁴ so that it is exact in float.</summary>
    /// <param name="seed">The user's seed.</param>
    /// <param name="stream">Which sequence of numbers, say the iteration at which a sample was taken.</param>
    /// <param name="index">Which number of the sequence.</param>
    public static float Uniform(ulong seed, ulong stream, ulong index) => (Bits(seed, stream, index) >> 8) * (1f / (1 << 24));

    /// <summary>A standard normal number, by Box and Muller's transform in double.</summary>
    /// <inheritdoc cref="Uniform"/>
    public static double Normal(ulong seed, ulong stream, ulong index)
    {
        (uint a, uint b, _, _) = Block(seed, stream, index);
        double radius = Math.Sqrt(-2 * Math.Log((a + 1.0) / 4294967296.0));
        return radius * Math.Cos(2 * Math.PI * (b / 4294967296.0));
    }

    private static uint Bits(ulong seed, ulong stream, ulong index) => Block(seed, stream, index).X0;

    private static (uint X0, uint X1, uint X2, uint X3) Block(ulong seed, ulong stream, ulong index) =>
        Block((uint)index, (uint)(index >> 32), (uint)stream, (uint)(stream >> 32), (uint)seed, (uint)(seed >> 32));
}
