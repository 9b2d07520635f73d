using System.Globalization;

namespace CharRnn.Tables;

/// <summary>A table of texts as in a file, or some rows of it in their order.</summary>
public sealed class Table
{
    private readonly Dictionary<string, int> _columnOf;
    private readonly List<int> _lines;

    internal Table(string name, string delimiter, IReadOnlyList<TableColumn> columns, List<int> lines, string hash)
    {
        (Name, Delimiter, Columns, _lines, Hash) = (name, delimiter, columns, lines, hash);
        _columnOf = columns.Index().ToDictionary(column => column.Item.Name, column => column.Index, StringComparer.Ordinal);
    }

    /// <summary>The name of the table in errors.</summary>
    public string Name { get; }

    /// <summary>What separates its fields.</summary>
    public string Delimiter { get; }

    /// <summary>The columns.</summary>
    public IReadOnlyList<TableColumn> Columns { get; }

    /// <summary>The number of rows.</summary>
    public int Count => _lines.Count;

    /// <summary>The line of the file on which each row begins.</summary>
    public IReadOnlyList<int> Lines => _lines;

    /// <summary>
    /// Tells tables apart: XxHash128 of the columns' names and the cells up to the last of these rows, each with its length.
    /// </summary>
    public string Hash { get; }

    /// <summary>The column of a name.</summary>
    /// <exception cref="CharRnnException">There is no such column.</exception>
    public TableColumn Column(string name) => _columnOf.TryGetValue(name, out int column)
        ? Columns[column]
        : throw new CharRnnException(Name, $"has no column '{Short(name)}'", $"its columns are {Listed(Columns.Select(one => one.Name))}");

    /// <summary>Whether there is a column of a name.</summary>
    public bool Has(string name) => _columnOf.ContainsKey(name);

    internal CharRnnException Wrong(int row, string column, string found, string remedy) => new(Name, Place(row, column, found), remedy);

    /// <summary>What is found in a cell, with its place.</summary>
    internal string Place(int row, string column, string found) =>
        string.Create(CultureInfo.InvariantCulture, $"line {Lines[row]}, column '{Short(column)}': {found}");

    /// <summary>A text of a cell, for a message of one line.</summary>
    internal static string Short(string text)
    {
        const int most = 60;
        string line = text.ReplaceLineEndings(" ");
        return line.Length <= most ? line : $"{line[..most]}...";
    }

    /// <summary>Some of many names, for a message.</summary>
    internal static string Listed(IEnumerable<string> names)
    {
        const int most = 10;
        string[] some = [.. names.Take(most + 1).Select(Short)];
        return string.Join(", ", some.Take(most)) + (some.Length > most ? ", ..." : "");
    }
}
