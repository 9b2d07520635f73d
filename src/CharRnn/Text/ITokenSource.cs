namespace CharRnn.Text;

/// <summary>A sequence of tokens (vocabulary indices) of any length, read in pieces: a large corpus never lies in memory whole.</summary>
public interface ITokenSource
{
    /// <summary>Number of tokens.</summary>
    long Length { get; }

    /// <summary>Copies the tokens <c>[offset, offset + destination.Length)</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the sequence.</exception>
    void Read(long offset, Span<int> destination);

    /// <summary>The part <c>[offset, offset + length)</c> of this sequence, over the same storage.</summary>
    ITokenSource Slice(long offset, long length);
}
