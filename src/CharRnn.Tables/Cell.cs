namespace CharRnn.Tables;

/// <summary>Reads the text of a cell.</summary>
internal static class Cell
{
    // Texts that stand for a missing value in any column: those of R, pandas, databases and UCI's tables. "None" is a category too often.
    private static readonly HashSet<string> s_missing =
        ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NaT", "null", "NULL", "?"];

    /// <summary>Whether a text stands for a missing value in any column.</summary>
    public static bool IsMissing(string text) => s_missing.Contains(text);

    /// <summary>Whether a text is one of a code, such as 007: a number with zeros before it.</summary>
    public static bool IsCode(string text) => text.Length > 1 && text[0] == '0' && char.IsAsciiDigit(text[1]);

    /// <summary>Whether a text has no digit: a word in a column of numbers then says that there is none.</summary>
    public static bool IsWord(string text) => !text.AsSpan().ContainsAnyInRange('0', '9');
}
