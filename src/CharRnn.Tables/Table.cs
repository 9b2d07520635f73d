using System.Globalization;
using CharRnn.Files;

namespace CharRnn.Tables;

/// <summary>A table of texts as in a file, or some rows of it in their order.</summary>
public sealed class Table : IDisposable
{
    private readonly Dictionary<string, int> _columnOf;
    private readonly CellStore _lines;
    private readonly PackedSpace _space;

    /// <param name="name">The name of the table in errors.</param>
    /// <param name="delimiter">What separates its fields.</param>
    /// <param name="columns">The columns, to which nothing more is added.</param>
    /// <param name="lines">The line of each row, less the number of the row.</param>
    /// <param name="space">Where all of these lie; owned.</param>
    /// <param name="hash">See <see cref="Hash"/>.</param>
    /// <param name="damaged">See <see cref="Damaged"/>.</param>
    internal Table(
        string name, string delimiter, IReadOnlyList<TableColumn> columns, CellStore lines, PackedSpace space, string hash,
        IReadOnlyDictionary<int, string>? damaged = null)
    {
        (Name, Delimiter, Columns, _lines, _space, Hash) = (name, delimiter, columns, lines, space, hash);
        Damaged = damaged ?? new Dictionary<int, string>();
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

    /// <summary>The line of the file on which a row begins.</summary>
    public int LineOf(int row) => row + _lines.CodeAt(row);

    /// <summary>
    /// Tells tables apart: XxHash128 of the columns' names and the cells up to the last of these rows, each with its length.
    /// </summary>
    public string Hash { get; }

    /// <summary>Bytes that the cells take in memory; the rest lies in a file.</summary>
    internal long MemoryBytes => _space.MemoryBytes;

    /// <summary>The column of a name.</summary>
    /// <exception cref="CharRnnException">There is no such column.</exception>
    public TableColumn Column(string name) => _columnOf.TryGetValue(name, out int column)
        ? Columns[column]
        : throw new CharRnnException(Name, $"has no column '{Short(name)}'", $"its columns are {Listed(Columns.Select(one => one.Name))}");

    /// <summary>Rows that are no rows of the table, whose cells are empty here, and why.</summary>
    internal IReadOnlyDictionary<int, string> Damaged { get; }

    /// <summary>The line of each row, less the number of the row.</summary>
    internal CellStore LineCells => _lines;

    /// <summary>Notes about how it was read for the user, one line each.</summary>
    public IReadOnlyList<string> Notes { get; internal set; } = [];

    /// <summary>Deletes the temporary file, if there is one; the cells can be read no more.</summary>
    public void Dispose() => _space.Dispose();

    /// <summary>The columns of a list of names with commas between them; a name may have commas itself.</summary>
    /// <exception cref="CharRnnException">There is no such column.</exception>
    public IReadOnlyList<TableColumn> ColumnsOf(string list)
    {
        var columns = new List<TableColumn>();
        string[] parts = [.. list.Split(',').Where(part => part.Trim().Length > 0)];
        int most = 1 + Columns.Max(column => column.Name.Count(c => c == ','));
        for (int i = 0; i < parts.Length;)
        {
            string NameOf(int count) => string.Join(',', parts[i..(i + count)]).Trim();
            int count = Enumerable.Range(1, Math.Min(most, parts.Length - i)).Reverse()
                .FirstOrDefault(n => _columnOf.ContainsKey(NameOf(n)), 1);
            columns.Add(Column(NameOf(count)));
            i += count;
        }

        return [.. columns.Distinct()];
    }

    /// <summary>A column of which something is read.</summary>
    /// <exception cref="CharRnnException">There is no such column, or it has too many different texts to have any of them.</exception>
    internal TableColumn Readable(string name) => Column(name) is { IsForgotten: false } column
        ? column
        : throw new CharRnnException(
            Name,
            string.Create(
                CultureInfo.InvariantCulture,
                $"column '{Short(name)}' has more than {TableColumn.MostTexts} different texts, which are no numbers"),
            "give rows like those that were learned");

    internal CharRnnException Wrong(int row, string column, string found, string remedy) => new(Name, Place(row, column, found), remedy);

    /// <summary>What is found in a cell, with its place.</summary>
    internal string Place(int row, string column, string found) =>
        string.Create(CultureInfo.InvariantCulture, $"line {LineOf(row)}, column '{Short(column)}': {found}");

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
