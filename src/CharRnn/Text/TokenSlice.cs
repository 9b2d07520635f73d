namespace CharRnn.Text;

/// <summary>A part of a sequence of tokens, over the same storage.</summary>
internal sealed class TokenSlice : ITokenSource
{
    private readonly ITokenSource _source;
    private readonly long _offset;

    public TokenSlice(ITokenSource source, long offset, long length)
    {
        CheckRange(source, offset, length);
        _source = source;
        _offset = offset;
        Length = length;
    }

    /// <inheritdoc/>
    public long Length { get; }

    /// <inheritdoc/>
    public void Read(long offset, Span<int> destination)
    {
        CheckRange(this, offset, destination.Length);
        _source.Read(_offset + offset, destination);
    }

    /// <inheritdoc/>
    public ITokenSource Slice(long offset, long length)
    {
        CheckRange(this, offset, length);
        return new TokenSlice(_source, _offset + offset, length);
    }

    /// <exception cref="ArgumentOutOfRangeException"><c>[offset, offset + length)</c> leaves the sequence.</exception>
    public static void CheckRange(ITokenSource source, long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, source.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, source.Length - offset);
    }
}
