using CharRnn.Tables;

namespace CharRnn.Gpu.Tests.Tables;

/// <summary>Small tables.</summary>
internal static class TestTables
{
    /// <summary>A table of a header and rows, in both of which bars separate fields.</summary>
    public static Table Of(string header, params string[] rows) => With("|", header, rows);

    /// <inheritdoc cref="Of"/>
    public static Table With(string delimiter, string header, params string[] rows)
    {
        TableColumn[] columns =
        [
            .. header.Split('|').Select((name, c) => name.Length > 0
                ? new TableColumn(name, isUnnamed: false, delimiter)
                : new TableColumn($"column {c + 1}", isUnnamed: true, delimiter)),
        ];
        foreach (string row in rows)
            foreach ((TableColumn column, string text) in columns.Zip(row.Split('|')))
                column.Add(text);
        return new Table("table", delimiter, columns, [.. Enumerable.Range(2, rows.Length)], "");
    }

    /// <summary>The numbers of all rows.</summary>
    public static int[] All(this Table table) => [.. Enumerable.Range(0, table.Count)];
}
