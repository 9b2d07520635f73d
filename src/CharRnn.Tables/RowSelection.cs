namespace CharRnn.Tables;

/// <summary>Some rows of a table, in any order.</summary>
/// <param name="rows">The rows.</param>
internal sealed class RowSelection(IReadOnlyList<int> rows)
{
    private readonly int[] _rows = rows as int[] ?? [.. rows];
    private int[]? _ascending;

    /// <summary>The number of rows.</summary>
    public int Count => _rows.Length;

    /// <summary>The row at a place.</summary>
    public int this[int place] => _rows[place];

    /// <summary>Whether the rows are in the order of the table.</summary>
    public bool IsAscending { get; } = IsSorted(rows);

    /// <summary>The places, by ascending rows: the order in which a file is read fast.</summary>
    public IReadOnlyList<int> Ascending
    {
        get
        {
            if (_ascending is null)
            {
                int[] keys = [.. _rows];
                _ascending = [.. Enumerable.Range(0, keys.Length)];
                Array.Sort(keys, _ascending);
            }

            return _ascending;
        }
    }

    private static bool IsSorted(IReadOnlyList<int> rows)
    {
        for (int place = 1; place < rows.Count; place++)
            if (rows[place] < rows[place - 1])
                return false;
        return true;
    }
}
