using System.Text;

namespace CharRnn.Tables;

/// <summary>What the first bytes of a table tell of the rest: its encoding, where it begins, and what separates its fields.</summary>
internal sealed class TableHead
{
    private const int RecordsLookedAt = 10;

    // What may separate fields, the likeliest first.
    private const string Delimiters = ",;\t|";

    private readonly string _text;

    /// <param name="bytes">The first bytes.</param>
    /// <param name="encoding">Their encoding.</param>
    public TableHead(ReadOnlySpan<byte> bytes, Encoding encoding)
    {
        // A character may be cut at the end, and what is wrong further in is found by whoever reads the rows.
        var lenient = (Encoding)encoding.Clone();
        lenient.DecoderFallback = DecoderFallback.ReplacementFallback;
        string text = lenient.GetString(bytes).TrimStart('\uFEFF').ReplaceLineEndings("\n");
        string[] lines = text.Split('\n');
        SeparatorLine = lines[0] is ['s' or 'S', 'e' or 'E', 'p' or 'P', '=', var named] && IsDelimiter(named) ? named.ToString() : null;
        int header = Array.FindIndex(lines, line => line.Trim() is not (['#', ..] or ""));
        int comment = header < 0 ? -1 : Array.FindLastIndex(lines, Math.Max(0, header - 1), line => line.TrimStart().StartsWith('#'));
        LinesBefore = SeparatorLine is not null ? 1 : comment + 1;
        _text = TextFrom(lines, LinesBefore);
        if (comment < 0 || SeparatorLine is not null)
            return;

        // A last line with # is the header if it has as many fields as the line below.
        string delimiter = Delimiter, withIt = TextFrom(lines, comment);
        if (Counts(withIt, delimiter[0]) is [> 0 and var one, var other, ..] && one == other)
            (LinesBefore, _text) = (comment, withIt);
    }

    /// <summary>The delimiter that Excel's first line names, as in <c>sep=;</c>; null if there is no such line.</summary>
    public string? SeparatorLine { get; }

    /// <summary>The number of lines before the header: Excel's first line, or comments, which begin with #.</summary>
    public int LinesBefore { get; }

    /// <summary>
    /// What separates the fields: what the header has, as often as the first rows do if possible, and the most often. A table whose lines
    /// have only blanks between their fields has a blank.
    /// </summary>
    public string Delimiter
    {
        get
        {
            (char Delimiter, bool IsEven, int Count)[] found =
            [
                .. from one in Delimiters
                   let counts = Counts(_text, one)
                   where counts.Count > 0 && counts[0] > 0
                   select (one, counts.TrueForAll(count => count == counts[0] || count == counts[0] + 1), counts[0]),
            ];
            if (found.Length > 0)
                return found.OrderByDescending(one => one.IsEven).ThenByDescending(one => one.Count).First().Delimiter.ToString();
            string[] lines = [.. _text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0).Take(2)];
            return lines.Length == 2 && Array.TrueForAll(lines, line => line.Contains(' ', StringComparison.Ordinal)) ? " " : ",";
        }
    }

    /// <summary>Whether a character can separate fields.</summary>
    private static bool IsDelimiter(char c) => c is '\t' or ' ' || !(c == '"' || char.IsWhiteSpace(c) || char.IsSurrogate(c));

    /// <summary>
    /// Whether a backslash stands before quotes within quotes: somewhere it does so before one that would otherwise end a field, and does
    /// not. What has blanks between its fields and quotes comes from R, which always writes them so.
    /// </summary>
    /// <param name="delimiter">What separates the fields.</param>
    public bool EscapesQuotes(string delimiter)
    {
        bool isQuoted = false;
        for (int i = 0; i < _text.Length - 2; i++)
        {
            if (_text[i] == '"')
                isQuoted = !isQuoted;
            if (isQuoted && _text[i] == '\\' && _text[i + 1] == '"' && _text[i + 2] is not ('"' or '\n') && _text[i + 2] != delimiter[0])
                return true;
        }

        return delimiter == " ";
    }

    /// <summary>The encoding of a table's first bytes: UTF-16 with a mark or with a zero in every other byte, or else UTF-8.</summary>
    public static Encoding EncodingOf(ReadOnlySpan<byte> bytes)
    {
        if (bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
            return new UnicodeEncoding(bigEndian: bytes[0] == 0xFE, byteOrderMark: true, throwOnInvalidBytes: true);
        int even = 0, odd = 0;
        for (int i = 0; i < bytes.Length; i++)
            if (bytes[i] == 0)
                _ = i % 2 == 0 ? even++ : odd++;
        // Text of Western letters has one half of zeros, and other text has them at least in its delimiters and line ends.
        return Math.Max(even, odd) > Math.Max(2, bytes.Length / 16) && Math.Min(even, odd) <= bytes.Length / 1000
            ? new UnicodeEncoding(bigEndian: even > odd, byteOrderMark: false, throwOnInvalidBytes: true)
            : new UTF8Encoding(false, throwOnInvalidBytes: true);
    }

    private static string TextFrom(string[] lines, int first) => string.Join('\n', lines[first..]);

    /// <summary>How often a character is outside of quotes, in each of the first records.</summary>
    private static List<int> Counts(string text, char delimiter)
    {
        var counts = new List<int>();
        bool isQuoted = false, isEmpty = true;
        int count = 0;
        foreach (char c in text)
        {
            if (c == '"')
                isQuoted = !isQuoted;
            if (c == '\n' && !isQuoted)
            {
                if (!isEmpty)
                    counts.Add(count);
                if (counts.Count == RecordsLookedAt)
                    return counts;
                (count, isEmpty) = (0, true);
                continue;
            }

            if (!isQuoted && c == delimiter)
                count++;
            isEmpty = false;
        }

        if (counts.Count == 0 && !isEmpty)
            counts.Add(count); // the header has no line end
        return counts;
    }
}
