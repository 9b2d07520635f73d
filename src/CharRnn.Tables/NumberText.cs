using System.Buffers;
using System.Globalization;
using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>
/// Reads numbers as tables have them: with a decimal comma, separators of thousands, percent and currency signs; or as times.
/// </summary>
internal static class NumberText
{
    // No number is longer; a longer text is not looked at.
    private const int Longest = 64;

    private const string Units = "%$€£¥₹₩₽";

    private static readonly SearchValues<char> s_units = SearchValues.Create(Units);

    // Spaces of a fixed width, which some write between thousands.
    private const string Spaces = "\u00A0\u202F\u2009";

    /// <summary>Times of a day and durations, such as 07:15: the hours before a colon, then minutes.</summary>
    public static NumberNotation Clock { get; } = new(':', '\0');

    /// <summary>The notations that numbers may have, the likeliest first.</summary>
    /// <param name="delimiter">What separates the fields: a table that does so with a comma hardly has decimal commas.</param>
    public static IReadOnlyList<NumberNotation> Notations(string delimiter) =>
    [
        NumberNotation.Plain,
        .. delimiter == "," ? (NumberNotation[])[new('.', ','), new(',', '.')] : [new(',', '.'), new('.', ',')],
        new('.', ' '), new(',', ' '), new('.', '\''), Clock,
    ];

    /// <summary>Reads a number.</summary>
    /// <param name="text">The text of a cell.</param>
    /// <param name="notation">How numbers are written.</param>
    /// <param name="value">The number, which is finite; of a time, its hours.</param>
    public static bool TryParse(string text, NumberNotation notation, out double value) =>
        notation == NumberNotation.Plain && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value)
            ? double.IsFinite(value)
            : notation == Clock ? ClockText.TryParse(text, out value) : TryParseWritten(text, notation, out value);

    /// <summary>Whether a text has a percent or currency sign.</summary>
    public static bool HasUnit(string text) => text.AsSpan().ContainsAny(s_units);

    private static bool TryParseWritten(ReadOnlySpan<char> text, NumberNotation notation, out double value)
    {
        value = double.NaN;
        text = text.Trim();
        if (text.Length is 0 or > Longest)
            return false;
        Span<char> plain = stackalloc char[Longest];
        int length = 0;
        bool isBracketed = text is ['(', .., ')']; // as accountants write negative numbers
        if (isBracketed)
        {
            plain[length++] = '-';
            text = text[1..^1];
        }
        else if (text[0] is '-' or '+' or '\u2212')
        {
            plain[length++] = text[0] == '+' ? '+' : '-';
            text = text[1..];
        }

        text = text.Trim(Units).Trim();
        if (length == 0 && text.Length > 0 && text[0] is '-' or '+') // $-5
        {
            plain[length++] = text[0];
            text = text[1..];
        }

        // Groups are of three digits, but for the first, which has one to three.
        int digits = 0, groups = 0;
        bool isWhole = true;
        foreach (char c in text)
        {
            char here = Spaces.Contains(c, StringComparison.Ordinal) ? ' ' : c;
            if (isWhole && char.IsAsciiDigit(here))
                digits++;
            else if (isWhole && notation.GroupMark != '\0' && here == notation.GroupMark)
            {
                if (groups++ == 0 ? digits is 0 or > 3 || plain[length - digits] == '0' : digits != 3)
                    return false; // 0.103 has no thousands
                digits = 0;
                continue;
            }
            else
            {
                if (isWhole && groups > 0 && digits != 3)
                    return false;
                isWhole = false;
                if (here == notation.DecimalMark)
                    here = '.';
                else if (here is '.' or ',' or ' ')
                    return false;
            }

            plain[length++] = here;
        }

        return (!isWhole || groups == 0 || digits == 3)
            && double.TryParse(plain[..length], NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);
    }
}
