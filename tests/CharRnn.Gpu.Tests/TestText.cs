using CharRnn.Text;

namespace CharRnn.Gpu.Tests;

/// <summary>Tokens in memory, for tests.</summary>
internal sealed class TestText(int[] tokens) : ITokenSource
{
    /// <summary>Tokens below V in an order that depends on everything before, the same each time.</summary>
    public static TestText Create(int vocabularySize, int length)
    {
        var tokens = new int[length];
        uint state = 12345;
        for (int i = 0; i < length; i++)
        {
            state = (state * 1664525) + 1013904223;
            tokens[i] = (int)((state >> 8) % (uint)vocabularySize);
        }

        return new TestText(tokens);
    }

    public long Length => tokens.Length;

    public void Read(long offset, Span<int> destination) => tokens.AsSpan((int)offset, destination.Length).CopyTo(destination);

    public ITokenSource Slice(long offset, long length) => new TestText(tokens[(int)offset..(int)(offset + length)]);
}
