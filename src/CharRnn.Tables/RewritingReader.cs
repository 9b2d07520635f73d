namespace CharRnn.Tables;

/// <summary>Reads a text that is rewritten character by character; nobody can look ahead.</summary>
internal abstract class RewritingReader : TextReader
{
    /// <inheritdoc/>
    public sealed override int Read(char[] buffer, int index, int count)
    {
        int read = 0;
        while (read < count && Read() is >= 0 and var c)
            buffer[index + read++] = (char)c;
        return read;
    }

    /// <inheritdoc/>
    public abstract override int Read();

    /// <inheritdoc/>
    public sealed override int Peek() => throw new NotSupportedException();
}
