using System.Globalization;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Tables;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>What was decided about the columns of a table, for people.</summary>
internal static class DecisionText
{
    // A table of more columns is not shown whole.
    private const int MostShown = 50, LongestName = 24;

    /// <summary>The decisions, a line for each column below a header; nothing if there are none.</summary>
    public static IEnumerable<string> Table(IReadOnlyList<ColumnDecision> columns)
    {
        if (columns.Count == 0)
            yield break;
        ColumnDecision[] shown = [.. columns.Take(MostShown)];
        int width = Math.Clamp(shown.Max(column => column.Name.Length), 6, LongestName);
        string Row(string name, string role, string values, string missing, string note)
        {
            string shortened = name.Length > width ? $"{name[..(width - 3)]}..." : name;
            return $"{shortened.PadRight(width)}  {role,-8}  {values,10}  {missing,7}  {note}".TrimEnd();
        }

        yield return Row("column", "is", "values", "missing", "");
        foreach (ColumnDecision one in shown)
            yield return Row(
                TerminalText.OneLine(one.Name), one.Role, Values(one),
                one.Missing > 0 ? one.Missing.ToString(CultureInfo.InvariantCulture) : "", one.Note);
        if (columns.Count > shown.Length)
            yield return string.Create(CultureInfo.InvariantCulture, $"and {columns.Count - shown.Length:N0} more, which config.json has");
    }

    /// <summary>The decision about a column, as config.json has it.</summary>
    public static string Line(ColumnDecision column)
    {
        string missing = column.Missing > 0 ? string.Create(CultureInfo.InvariantCulture, $", {column.Missing} missing") : "";
        string note = column.Note.Length > 0 ? $" ({column.Note})" : "";
        return $"{column.Name}: {column.Role}, {Values(column)} values{missing}{note}";
    }

    private static string Values(ColumnDecision column) => column.Values > TableColumn.MostTexts
        ? string.Create(CultureInfo.InvariantCulture, $"over {TableColumn.MostTexts}")
        : column.Values.ToString(CultureInfo.InvariantCulture);
}
