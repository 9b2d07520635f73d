using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;

namespace CharRnn.Tables;

/// <summary>Tables in CSV (RFC 4180) and what is like it: a header, then rows; quoted fields.</summary>
public static class CsvTable
{
    /// <summary>Reads a whole table.</summary>
    /// <param name="path">The file; <c>-</c> for standard input.</param>
    /// <param name="delimiter">The text between fields; null to find out.</param>
    /// <param name="storage">Where the cells are kept; null for the defaults.</param>
    /// <param name="cancellation">Checked between rows.</param>
    /// <exception cref="CharRnnException">
    /// It cannot be read, has no header or no rows, or a row is damaged or of another length; names the line.
    /// </exception>
    public static Table Read(
        string path, string? delimiter = null, TableStorage? storage = null, CancellationToken cancellation = default)
    {
        using var reader = new TableReader(path, delimiter, storage: storage);
        Table table = reader.Read(int.MaxValue, cancellation);
        if (table.Count > 0)
            return table;
        table.Dispose();
        throw new CharRnnException(table.Name, "has a header and no rows", "give a CSV file of a header and rows");
    }

    /// <summary>Writes rows as CSV.</summary>
    /// <param name="writer">What the table is written to.</param>
    /// <param name="rows">The rows; the first of a table is its header.</param>
    public static void Write(TextWriter writer, IEnumerable<IEnumerable<string>> rows)
    {
        using var csv = new CsvWriter(writer, new CsvConfiguration(CultureInfo.InvariantCulture) { NewLine = "\n" }, leaveOpen: true);
        foreach (IEnumerable<string> row in rows)
        {
            foreach (string field in row)
                csv.WriteField(field);
            csv.NextRecord();
        }
    }
}
