using CharRnn.Files;
using CharRnn.Networks;
using CharRnn.Tables;

namespace CharRnn.Gpu.Tests.Tables;

/// <summary>Small tables.</summary>
internal static class TestTables
{
    private const int ChunkBits = 16;

    /// <summary>A table of a header and rows, in both of which bars separate fields.</summary>
    public static Table Of(string header, params string[] rows) => With("|", header, rows);

    /// <inheritdoc cref="Of"/>
    public static Table With(string delimiter, string header, params string[] rows)
    {
        var space = new PackedSpace(long.MaxValue, () => throw new InvalidOperationException());
        TableColumn[] columns =
        [
            .. header.Split('|').Select((name, c) => name.Length > 0
                ? new TableColumn(name, isUnnamed: false, delimiter, space, ChunkBits)
                : new TableColumn($"column {c + 1}", isUnnamed: true, delimiter, space, ChunkBits)),
        ];
        foreach (string row in rows)
            foreach ((TableColumn column, string text) in columns.Zip(row.Split('|')))
                column.Add(text);
        var lines = new CellStore(space, ChunkBits);
        foreach (string _ in rows)
            lines.Add(2);
        lines.Finish();
        Array.ForEach(columns, column => column.Finish());
        return new Table("table", delimiter, columns, lines, space, "");
    }

    /// <summary>Rows as numbers, with answers; all of them must be readable.</summary>
    public static LabelledData EncodeAll(
        this TableEncoding encoding, Table table, int[] rows, NetworkLoss loss, CancellationToken cancellation) =>
        encoding.Encode(table, rows, loss, withAnswers: true, cancellation: cancellation).RequireAll(table.Name);

    /// <summary>The numbers of all rows.</summary>
    public static int[] All(this Table table) => [.. Enumerable.Range(0, table.Count)];
}
