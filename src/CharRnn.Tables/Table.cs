using System.Globalization;
using System.IO.Hashing;
using System.Text;

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

    /// <summary>Tells tables apart: XxHash128 of the columns' names and the cells, each with its length.</summary>
    public string Hash
    {
        get
        {
            var hash = new XxHash128();
            foreach (string cell in Rows.SelectMany(row => row).Prepend(string.Join('\n', Columns)))
            {
                byte[] text = Encoding.UTF8.GetBytes(cell);
                hash.Append(text);
                hash.Append(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\n{text.Length}\n")));
            }

            return Convert.ToHexStringLower(hash.GetCurrentHash());
        }
    }

    internal CharRnnException Wrong(int row, string column, string found, string remedy) =>
        new(Name, string.Create(CultureInfo.InvariantCulture, $"line {Lines[row]}, column '{column}': {found}"), remedy);
}
