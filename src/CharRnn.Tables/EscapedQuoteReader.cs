namespace CharRnn.Tables;

/// <summary>
/// Reads a text in which a backslash stands before a quote within quotes, as R writes it, as one that has such quotes twice.
/// </summary>
/// <param name="reader">The text.</param>
internal sealed class EscapedQuoteReader(TextReader reader) : RewritingReader
{
    private bool _isQuoted, _owesQuote;
    private int _ahead = -1;

    /// <inheritdoc/>
    public override int Read()
    {
        if (_owesQuote)
        {
            _owesQuote = false;
            return '"';
        }

        int c = _ahead >= 0 ? _ahead : reader.Read();
        _ahead = -1;
        if (c == '"')
            _isQuoted = !_isQuoted;
        if (!_isQuoted || c != '\\')
            return c;
        int next = reader.Read(); // and not Peek, which knows of nothing that has yet to come through a pipe
        _owesQuote = next == '"';
        _ahead = _owesQuote ? -1 : next;
        return _owesQuote ? next : c;
    }
}
