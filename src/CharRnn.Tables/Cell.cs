using System.Globalization;

namespace CharRnn.Tables;

/// <summary>Reads the text of a cell.</summary>
internal static class Cell
{
    // Texts that stand for a missing value.
    private static readonly string[] s_missing = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "?"];

    public static bool IsMissing(string text) => s_missing.Contains(text);

    public static bool IsNumber(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value);

    public static double Parse(string text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);

    /// <summary>A number in one spelling: 1 and 1.0 are the same.</summary>
    public static string Text(double number) => number.ToString("R", CultureInfo.InvariantCulture);

    public static CharRnnException Missing(Table table, int row, string column) =>
        table.Wrong(row, column, "the value is missing", "fill it in, or leave out the row or the column");
}
