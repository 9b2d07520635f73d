namespace CharRnn.Tables;

/// <summary>Reads the text of a cell.</summary>
internal static class Cell
{
    // Texts that stand for a missing value in any column: those of R, pandas, databases, UCI's tables, and Excel's errors. "None" is a
    // category too often.
    private static readonly HashSet<string> s_missing =
    [
        "", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NaT", "null", "NULL", "?",
        "#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "#NULL!",
    ];

    /// <summary>Whether a text stands for a missing value in any column.</summary>
    public static bool IsMissing(string text) => s_missing.Contains(text);

    /// <summary>Whether a text is one of a code, such as 007: a number with zeros before it.</summary>
    public static bool IsCode(string text) => text.Length > 1 && text[0] == '0' && char.IsAsciiDigit(text[1]);

    /// <summary>A text without decimals that are all 0: tables have 1.0 for 1 where a column has a gap.</summary>
    public static string WithoutZeroDecimals(string text)
    {
        int point = text.IndexOf('.', StringComparison.Ordinal);
        return point > 0 && point < text.Length - 1 && !text.AsSpan(point + 1).ContainsAnyExcept('0') ? text[..point] : text;
    }

    /// <summary>Whether a text has no digit: a word in a column of numbers then says that there is none.</summary>
    public static bool IsWord(string text) => !text.AsSpan().ContainsAnyInRange('0', '9');
}
