using CharRnn.Text;

namespace CharRnn.Training;

/// <summary>
/// A text that only the first rank has, and from there goes to all others. All ranks read the same places in the same order.
/// </summary>
/// <param name="ranks">The ranks.</param>
/// <param name="text">The text on the first rank; null on the others.</param>
/// <param name="length">The number of its tokens.</param>
public sealed class SharedText(ICollective ranks, ITokenSource? text, long length) : ITokenSource
{
    /// <inheritdoc/>
    public long Length => length;

    /// <inheritdoc/>
    public void Read(long offset, Span<int> destination)
    {
        text?.Read(offset, destination);
        ranks.BroadcastValues(destination, 0);
    }

    /// <inheritdoc/>
    public ITokenSource Slice(long offset, long length) => new SharedText(ranks, text?.Slice(offset, length), length);
}
