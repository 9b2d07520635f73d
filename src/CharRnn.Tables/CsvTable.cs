using System.Globalization;
using System.Text;
using CharRnn.Files;
using CsvHelper;
using CsvHelper.Configuration;

namespace CharRnn.Tables;

/// <summary>Tables in CSV (RFC 4180): a header, quoted fields, UTF-8.</summary>
public static class CsvTable
{
    // Other delimiters that a table may have, for the advice.
    private static readonly string[] s_others = [";", "\t", "|", ","];

    /// <summary>Reads a whole table.</summary>
    /// <param name="path">The file; <c>-</c> for standard input.</param>
    /// <param name="delimiter">The text between fields.</param>
    /// <exception cref="CharRnnException">
    /// It cannot be read, has no header or no rows, or a row is damaged or of another length; names the line.
    /// </exception>
    public static Table Read(string path, string delimiter = ",")
    {
        string name = StandardStreams.NameOf(path);
        try
        {
            var utf8 = new UTF8Encoding(false, throwOnInvalidBytes: true);
            using var reader = new StreamReader(StandardStreams.OpenToRead(path), utf8);
            return Read(name, reader, delimiter);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException
            or ArgumentException and not DecoderFallbackException)
        {
            string problem = Directory.Exists(path) ? "is a directory where a table was expected"
                : StandardStreams.IsInput(path) || File.Exists(path) ? $"could not be read ({e.Message.TrimEnd('.')})"
                : "does not exist";
            throw new CharRnnException(path.Length == 0 ? "DATA" : name, problem, "give a CSV file", e);
        }
        catch (DecoderFallbackException e)
        {
            throw new CharRnnException(name, "is not UTF-8 text", "save the table as CSV in UTF-8", e);
        }
    }

    /// <summary>Writes rows as CSV.</summary>
    /// <param name="writer">What the table is written to.</param>
    /// <param name="rows">The header, then the rows.</param>
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

    private static Table Read(string table, StreamReader reader, string delimiter)
    {
        using var parser = new CsvParser(reader, new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = delimiter,
            TrimOptions = TrimOptions.Trim,
            BadDataFound = bad => throw Damaged(table, bad.Context.Parser!.RawRow, bad.RawRecord),
        });
        string[]? columns = null;
        var (rows, lines) = (new List<string[]>(), new List<int>());
        while (parser.Read())
        {
            string[] record = parser.Record!;
            if (columns is null)
            {
                columns = Header(table, record, delimiter);
                continue;
            }

            if (record.Length != columns.Length)
                throw new CharRnnException(
                    table,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"line {parser.RawRow} has {record.Length} fields, the header has {columns.Length}"),
                    "give each row a field for every column; a field with a comma is put in quotes");
            rows.Add(record);
            lines.Add(parser.RawRow - parser.RawRecord.TrimEnd('\r', '\n').Count(c => c == '\n'));
        }

        if (rows.Count == 0)
            throw new CharRnnException(
                table, columns is null ? "is empty" : "has a header and no rows", "give a CSV file of a header and rows");
        return new Table(table, columns!, rows, lines);
    }

    private static string[] Header(string table, string[] columns, string delimiter)
    {
        if (columns.Length == 1
            && Array.Find(s_others, other => other != delimiter && columns[0].Contains(other, StringComparison.Ordinal)) is { } other)
            throw new CharRnnException(
                table, $"has one column, '{columns[0]}'",
                $"give --delimiter {(other == "\t" ? "tab" : $"'{other}'")} if that is what separates its fields");
        if (Array.FindIndex(columns, name => name.Length == 0) is >= 0 and var empty)
            throw new CharRnnException(
                table, string.Create(CultureInfo.InvariantCulture, $"column {empty + 1} has no name"),
                "give each column one in the first line");
        if (columns.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new CharRnnException(table, $"has several columns '{twice.Key}'", "give each column a name of its own");
        return columns;
    }

    private static CharRnnException Damaged(string table, int line, string record)
    {
        int ends = record.Count(c => c == '\n'), begin = ends > 1 ? line - ends : line; // one that is open goes to the file's end
        return new(
            table, string.Create(CultureInfo.InvariantCulture, $"line {begin} has a quote where none belongs, or one that is not closed"),
            "put fields with quotes in quotes, and double those inside");
    }
}
