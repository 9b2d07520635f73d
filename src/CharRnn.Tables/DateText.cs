using System.Globalization;
using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>Reads dates as tables have them: three parts in an order, and maybe a time.</summary>
internal static class DateText
{
    /// <summary>Reads a date.</summary>
    /// <param name="text">The text of a cell.</param>
    /// <param name="order">The order of its parts.</param>
    /// <param name="date">The date, with the time where there is one.</param>
    /// <param name="hasTime">Whether there is a time.</param>
    public static bool TryParse(ReadOnlySpan<char> text, DateOrder order, out DateTime date, out bool hasTime)
    {
        (date, hasTime) = (default, false);
        text = text.Trim();
        int end = text.IndexOfAny(' ', 'T');
        if (end > 0 && text[end] == 'T' && !char.IsAsciiDigit(text[end - 1]))
            end = text.IndexOf(' '); // of a month, as in 31-OCT-2024
        ReadOnlySpan<char> day = end < 0 ? text : text[..end], time = end < 0 ? "" : text[(end + 1)..].Trim();
        int first = day.IndexOfAny("-/."), second = first < 0 ? -1 : day[(first + 1)..].IndexOfAny("-/.") + first + 1;
        if (first <= 0 || second <= first + 1)
            return false;
        if (order == DateOrder.MonthDayYear && day[first] == '.')
            return false; // nobody writes points between month and day
        ReadOnlySpan<char> a = day[..first], b = day[(first + 1)..second], c = day[(second + 1)..];
        int year, month, dayOfMonth;
        bool isDate = order switch
        {
            DateOrder.YearMonthDay => Year(a, out year) & Month(b, out month) & Number(c, out dayOfMonth),
            DateOrder.MonthDayYear => Month(a, out month) & Number(b, out dayOfMonth) & ShortYear(c, out year),
            _ => Number(a, out dayOfMonth) & Month(b, out month) & ShortYear(c, out year),
        };
        if (!isDate || dayOfMonth < 1 || dayOfMonth > DateTime.DaysInMonth(year, month))
            return false;
        date = new DateTime(year, month, dayOfMonth);
        if (time.IsEmpty)
            return true;

        // A time zone says nothing about the hour of the day there.
        int zone = time.TrimEnd('Z').LastIndexOfAny('+', '-');
        time = (zone < 0 ? time : time[..zone]).TrimEnd('Z').Trim();
        hasTime = TimeOnly.TryParse(time, CultureInfo.InvariantCulture, out TimeOnly clock);
        date += clock.ToTimeSpan();
        return hasTime;
    }

    /// <summary>A date of ticks that were rounded to a double.</summary>
    public static DateTime OfTicks(double ticks) => new(Math.Min((long)ticks, DateTime.MaxValue.Ticks));

    /// <summary>The parts that a network reads.</summary>
    public static double[] Parts(double ticks, int count)
    {
        DateTime date = OfTicks(ticks);
        return [.. ((double[])[date.Year, date.Month, date.Day, (int)date.DayOfWeek, date.TimeOfDay.TotalHours])[..count]];
    }

    private static bool Number(ReadOnlySpan<char> text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && text.Length <= 2;

    private static bool Year(ReadOnlySpan<char> text, out int year) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out year) && text.Length == 4 && year > 0;

    /// <summary>A year of four digits, or of two: 49 is 2049, and 50 is 1950, as .NET has it.</summary>
    private static bool ShortYear(ReadOnlySpan<char> text, out int year)
    {
        if (text.Length != 2 || !Number(text, out year))
            return Year(text, out year);
        year = CultureInfo.InvariantCulture.Calendar.ToFourDigitYear(year);
        return true;
    }

    private static bool Month(ReadOnlySpan<char> text, out int month)
    {
        if (Number(text, out month))
            return month is >= 1 and <= 12;
        string[] names = CultureInfo.InvariantCulture.DateTimeFormat.AbbreviatedMonthNames;
        for (month = 1; month <= 12; month++)
            if (text.Equals(names[month - 1], StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }
}
