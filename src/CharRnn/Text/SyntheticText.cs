using CharRnn.Sampling;

namespace CharRnn.Text;

/// <summary>Random tokens, the same each time: a text of any length that needs no file, for checks and measurements.</summary>
/// <param name="vocabularySize">V; every token below it is equally likely.</param>
/// <param name="length">Number of tokens.</param>
/// <param name="begin">Where in the endless sequence it begins.</param>
public sealed class SyntheticText(int vocabularySize, long length, long begin = 0) : ITokenSource
{
    // Its own random numbers, whatever seeds and sequences others use.
    private const ulong Seed = 5, Sequence = 1UL << 63;

    /// <inheritdoc/>
    public long Length => length;

    /// <inheritdoc/>
    public void Read(long offset, Span<int> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, length - destination.Length);
        for (int i = 0; i < destination.Length; i++)
            destination[i] = (int)(Philox.Uniform(Seed, Sequence, (ulong)(begin + offset + i)) * vocabularySize);
    }

    /// <inheritdoc/>
    public ITokenSource Slice(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        return new SyntheticText(vocabularySize, length, begin + offset);
    }
}
