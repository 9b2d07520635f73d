using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Execution;

/// <summary>A text of given tokens. Reading past its end throws.</summary>
internal sealed class ArrayText(int[] tokens) : ITokenSource
{
    public long Length => tokens.Length;

    public void Read(long offset, Span<int> destination) => tokens.AsSpan((int)offset, destination.Length).CopyTo(destination);

    public ITokenSource Slice(long offset, long length) => new ArrayText(tokens[(int)offset..(int)(offset + length)]);
}
