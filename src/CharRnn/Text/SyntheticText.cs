using CharRnn.Randomness;

namespace CharRnn.Text;

/// <summary>Random tokens, the same each time: a text of any length that needs no file, for checks and measurements.</summary>
/// <param name="vocabularySize">V; every token below it is equally likely.</param>
/// <param name="length">Number of tokens.</param>
/// <param name="begin">The position in the endless sequence at which it begins.</param>
/// <exception cref="ArgumentOutOfRangeException">The vocabulary is empty, or the length or the start is negative.</exception>
public sealed class SyntheticText(int vocabularySize, long length, long begin = 0) : ITokenSource
{
    // Its random numbers are its own, whatever seeds and sequences others use.
    private const ulong Seed = 5, Sequence = 1UL << 63;

    private readonly int _vocabularySize = Limits.Size(vocabularySize, nameof(vocabularySize));
    private readonly long _begin = Limits.NotNegative(begin, nameof(begin));

    /// <inheritdoc/>
    public long Length { get; } = Limits.NotNegative(length, nameof(length));

    /// <inheritdoc/>
    public void Read(long offset, Span<int> destination)
    {
        TokenSlice.CheckRange(this, offset, destination.Length);
        for (int i = 0; i < destination.Length; i++)
            destination[i] = (int)(Philox.Uniform(Seed, Sequence, (ulong)(_begin + offset + i)) * _vocabularySize);
    }

    /// <inheritdoc/>
    public ITokenSource Slice(long offset, long length)
    {
        TokenSlice.CheckRange(this, offset, length);
        return new SyntheticText(_vocabularySize, length, _begin + offset);
    }
}
