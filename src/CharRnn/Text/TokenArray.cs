namespace CharRnn.Text;

/// <summary>A text of given tokens.</summary>
/// <param name="tokens">They are not copied.</param>
public sealed class TokenArray(int[] tokens) : ITokenSource
{
    private readonly int[] _tokens = tokens ?? throw new ArgumentNullException(nameof(tokens));

    /// <inheritdoc/>
    public long Length => _tokens.Length;

    /// <inheritdoc/>
    public void Read(long offset, Span<int> destination)
    {
        TokenSlice.CheckRange(this, offset, destination.Length);
        _tokens.AsSpan((int)offset, destination.Length).CopyTo(destination);
    }

    /// <inheritdoc/>
    public ITokenSource Slice(long offset, long length) => new TokenSlice(this, offset, length);
}
