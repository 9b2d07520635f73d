namespace CharRnn.Tables;

/// <summary>
/// Reads a text in which a backslash stands before a quote within quotes, as R writes it, as one that has such quotes twice.
/// </summary>
/// <param name="reader">The text.</param>
internal sealed class EscapedQuoteReader(TextReader reader) : TextReader
{
    private bool _isQuoted, _owesQuote;

    /// <inheritdoc/>
    public override int Read(char[] buffer, int index, int count)
    {
        int read = 0;
        while (read < count && Read() is >= 0 and var c)
            buffer[index + read++] = (char)c;
        return read;
    }

    /// <inheritdoc/>
    public override int Read()
    {
        if (_owesQuote)
        {
            _owesQuote = false;
            return '"';
        }

        int c = reader.Read();
        if (c == '"')
            _isQuoted = !_isQuoted;
        _owesQuote = _isQuoted && c == '\\' && reader.Peek() == '"';
        return _owesQuote ? reader.Read() : c;
    }

    /// <inheritdoc/>
    public override int Peek() => throw new NotSupportedException();
}
