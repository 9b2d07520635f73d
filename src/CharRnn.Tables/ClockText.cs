using System.Globalization;

namespace CharRnn.Tables;

/// <summary>
/// Reads times of a day and durations: <c>7:15</c>, <c>07:15:00.5</c>, <c>7:15 PM</c>, <c>2 days</c>, and with days before the time as
/// pandas (<c>-1 days +23:59:00</c>) and Python (<c>1 day, 2:03:04</c>) write them.
/// </summary>
internal static class ClockText
{
    private const int HoursOfDay = 24, HoursOfHalf = 12, MostDigits = 6;

    /// <summary>Reads a time or duration.</summary>
    /// <param name="text">The text of a cell.</param>
    /// <param name="hours">Its hours.</param>
    public static bool TryParse(ReadOnlySpan<char> text, out double hours)
    {
        hours = double.NaN;
        text = text.Trim();
        double days = 0;
        if (text.IndexOf(" day", StringComparison.Ordinal) is > 0 and var end)
        {
            if (!TryParse(text[..end], NumberStyles.AllowLeadingSign, out days))
                return false;
            text = text[(end + " day".Length)..];
            text = (text is ['s', ..] ? text[1..] : text).TrimStart(", ");
            if (text.IsEmpty)
            {
                hours = days * HoursOfDay;
                return true;
            }
        }

        bool isNegative = text is ['-', ..];
        if (!TryParseClock(text is ['-' or '+', ..] ? text[1..] : text, out double clock))
            return false;
        hours = (days * HoursOfDay) + (isNegative ? -clock : clock);
        return true;
    }

    private static bool TryParseClock(ReadOnlySpan<char> text, out double hours)
    {
        hours = double.NaN;
        bool isMorning = text.EndsWith("AM", StringComparison.OrdinalIgnoreCase),
            isAfternoon = text.EndsWith("PM", StringComparison.OrdinalIgnoreCase);
        if (isMorning || isAfternoon)
            text = text[..^2].TrimEnd();
        int colon = text.IndexOf(':');
        if (colon < 0 || !TryParse(text[..colon], NumberStyles.None, out double whole))
            return false;
        if (isMorning || isAfternoon)
        {
            if (whole is < 1 or > HoursOfHalf)
                return false;
            whole = (whole % HoursOfHalf) + (isAfternoon ? HoursOfHalf : 0); // 12 AM is midnight
        }

        ReadOnlySpan<char> rest = text[(colon + 1)..];
        int second = rest.IndexOf(':');
        if (!IsSixtieth(second < 0 ? rest : rest[..second], NumberStyles.None, out double minutes))
            return false;
        double seconds = 0;
        if (second >= 0 && !IsSixtieth(rest[(second + 1)..], NumberStyles.AllowDecimalPoint, out seconds))
            return false;
        hours = whole + (minutes / 60) + (seconds / 3600);
        return true;
    }

    /// <summary>Reads minutes or seconds, whose whole part has two digits.</summary>
    private static bool IsSixtieth(ReadOnlySpan<char> text, NumberStyles styles, out double number)
    {
        number = 0;
        return text.Length >= 2 && char.IsAsciiDigit(text[1]) && (text.Length == 2 || text[2] == '.')
            && double.TryParse(text, styles, CultureInfo.InvariantCulture, out number) && number < 60;
    }

    private static bool TryParse(ReadOnlySpan<char> digits, NumberStyles styles, out double number)
    {
        number = 0;
        return digits.Length <= MostDigits && double.TryParse(digits, styles, CultureInfo.InvariantCulture, out number);
    }
}
