namespace CharRnn.Tables;

/// <summary>Reads a text whose fields are separated by any number of blanks as one that has a tab there.</summary>
/// <param name="reader">The text.</param>
internal sealed class BlankReader(TextReader reader) : RewritingReader
{
    private bool _isQuoted, _hasBlank, _isStart = true;
    private int _ahead = -1;

    /// <inheritdoc/>
    public override int Read()
    {
        if (_ahead >= 0)
        {
            int ahead = _ahead;
            _ahead = -1;
            return ahead;
        }

        int c = reader.Read();
        while (!_isQuoted && c is ' ' or '\t')
        {
            _hasBlank = true;
            c = reader.Read();
        }

        if (c == '"')
            _isQuoted = !_isQuoted;
        bool isEnd = !_isQuoted && c is '\n' or '\r' or -1, isBetween = _hasBlank && !_isStart && !isEnd;
        (_hasBlank, _isStart) = (false, isEnd);
        if (!isBetween)
            return c;
        _ahead = c;
        return '\t';
    }
}
