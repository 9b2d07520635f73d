using System.Globalization;

namespace CharRnn.Tables;

/// <summary>A table of texts as in a file.</summary>
/// <param name="Name">The name of the table in errors.</param>
/// <param name="Columns">The columns' names.</param>
/// <param name="Rows">The rows, each with a cell for every column.</param>
/// <param name="Lines">The line of the file on which each row begins.</param>
public sealed record Table(string Name, IReadOnlyList<string> Columns, IReadOnlyList<string[]> Rows, IReadOnlyList<int> Lines)
{
    /// <summary>The column of a name.</summary>
    /// <exception cref="CharRnnException">There is no such column.</exception>
    public int ColumnOf(string name)
    {
        for (int i = 0; i < Columns.Count; i++)
            if (Columns[i] == name)
                return i;
        throw new CharRnnException(Name, $"has no column '{name}'", $"its columns are {string.Join(", ", Columns)}");
    }

    internal CharRnnException Wrong(int row, string column, string found, string remedy) =>
        new(Name, string.Create(CultureInfo.InvariantCulture, $"line {Lines[row]}, column '{column}': {found}"), remedy);
}
