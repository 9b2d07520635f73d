using System.Globalization;
using System.Runtime.InteropServices;
using CharRnn.Files;
using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>
/// A column of a table. Its different texts are kept once, as long as they are at most <see cref="MostTexts"/>. If there are more, and most
/// are numbers or dates, the column keeps those as doubles; otherwise its texts are forgotten, because nothing can be learned from them.
/// </summary>
public sealed class TableColumn
{
    /// <summary>The most different texts that a column keeps.</summary>
    public const int MostTexts = 1 << 16;

    private readonly Dictionary<string, int> _codeOf = new(StringComparer.Ordinal);
    private readonly List<string> _texts = [];
    private readonly string _delimiter;
    private readonly PackedSpace _space;

    // The codes of the texts, or the numbers where those are too many; of a forgotten column nothing.
    private CellStore _cells;
    private Dictionary<int, string>? _others;

    /// <param name="name">The name of the column.</param>
    /// <param name="isUnnamed">See <see cref="IsUnnamed"/>.</param>
    /// <param name="delimiter">What separates the fields of the table.</param>
    /// <param name="space">Where the cells lie.</param>
    /// <param name="chunkBits">See <see cref="CellStore"/>.</param>
    internal TableColumn(string name, bool isUnnamed, string delimiter, PackedSpace space, int chunkBits)
    {
        (Name, IsUnnamed, _delimiter, _space) = (name, isUnnamed, delimiter, space);
        _cells = new CellStore(space, chunkBits);
    }

    /// <summary>A column that a cache has.</summary>
    /// <param name="state">All but its cells.</param>
    /// <param name="delimiter">What separates the fields of the table.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="space">Where the cells lie.</param>
    /// <param name="cells">The cells.</param>
    internal TableColumn(ColumnState state, string delimiter, int count, PackedSpace space, CellStore cells)
        : this(state.Name, state.IsUnnamed, delimiter, space, cells.ChunkBits)
    {
        (IsForgotten, _others, WideNotation, WideDates) = (state.IsForgotten, state.Others, state.WideNotation, state.WideDates);
        (Count, _cells) = (count, cells);
        _texts.AddRange(state.Texts);
    }

    /// <summary>All but the cells.</summary>
    internal ColumnState State => new(Name, IsUnnamed, IsForgotten, [.. _texts], _others, WideNotation, WideDates);

    /// <summary>The codes of the texts, or the numbers; none of a forgotten column.</summary>
    internal CellStore Cells => _cells;

    /// <summary>The name of the column.</summary>
    public string Name { get; }

    /// <summary>Whether the table has no name for it, and it got its own from its place.</summary>
    public bool IsUnnamed { get; }

    /// <summary>The number of rows.</summary>
    internal int Count { get; private set; }

    /// <summary>The different texts; null if there are too many.</summary>
    internal IReadOnlyList<string>? Texts => _others is null && !IsForgotten ? _texts : null;

    /// <summary>Whether the texts were too many, and neither numbers nor dates.</summary>
    internal bool IsForgotten { get; private set; }

    /// <summary>How the numbers of a column with too many different texts are written; null if they are dates.</summary>
    internal NumberNotation? WideNotation { get; private set; }

    /// <summary>The order of the dates of a column with too many different texts; null if they are numbers.</summary>
    internal DateOrder? WideDates { get; private set; }

    /// <summary>Adds the cell of the next row.</summary>
    /// <exception cref="CharRnnException">The disk that takes what exceeds memory is full or fails.</exception>
    internal void Add(string text)
    {
        if (_others is not null)
            AddWide(text);
        else if (!IsForgotten)
        {
            ref int code = ref CollectionsMarshal.GetValueRefOrAddDefault(_codeOf, text, out bool isKnown);
            if (!isKnown)
            {
                code = _texts.Count;
                _texts.Add(text);
            }

            _cells.Add(code);
            if (_texts.Count > MostTexts)
                Widen();
        }

        Count++;
    }

    /// <summary>Ends the adding; before, nothing is read.</summary>
    internal void Finish()
    {
        _cells.Finish(_texts.Count);
        _codeOf.Clear();
        _codeOf.TrimExcess();
    }

    /// <summary>The text of a cell; a number in its shortest form where there are too many different texts.</summary>
    public string Text(int row)
    {
        if (IsForgotten)
            return "";
        if (_others is null)
            return _texts[_cells.CodeAt(row)];
        double value = _cells.NumberAt(row);
        return double.IsNaN(value) ? Other(row)
            : WideDates is null ? value.ToString("R", CultureInfo.InvariantCulture)
            : DateText.OfTicks(value).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Makes a reader of the column's cells, which looks at each different text once. It is fast in the order of the rows; a column that
    /// lies in memory is so in any order.
    /// </summary>
    /// <param name="ofText">What a text is read as.</param>
    /// <param name="ofNumber">What a number is read as; a date is its ticks.</param>
    internal Func<int, T> Reader<T>(Func<string, T> ofText, Func<double, T> ofNumber)
    {
        if (IsForgotten)
        {
            T forgotten = ofText("");
            return _ => forgotten;
        }

        if (_others is not null)
        {
            Func<int, double> number = _cells.Numbers();
            return row => number(row) is var value && double.IsNaN(value) ? ofText(Other(row)) : ofNumber(value);
        }

        T[] read = [.. _texts.Select(ofText)];
        if (!_cells.IsInFile)
            return row => read[_cells.CodeAt(row)];
        Func<int, int> code = _cells.Codes();
        return row => read[code(row)];
    }

    /// <summary>Makes a reader of some rows out of one of all, which then reads them in an order that is fast.</summary>
    /// <param name="rows">The rows, which it takes by their places.</param>
    /// <param name="read">A reader of this column.</param>
    internal Func<int, T> ReaderOf<T>(RowSelection rows, Func<int, T> read)
    {
        if (!_cells.IsInFile || rows.IsAscending)
            return place => read(rows[place]);
        var cells = new T[rows.Count];
        foreach (int place in rows.Ascending)
            cells[place] = read(rows[place]);
        return place => cells[place];
    }

    /// <summary>Makes a reader of the places of the cells' texts in <see cref="Texts"/>, in the order of the rows.</summary>
    internal Func<int, int> Codes() => _cells.Codes();

    /// <summary>Whether a date has a time, where there are too many different texts.</summary>
    internal bool HasTimes
    {
        get
        {
            Func<int, double> ticks = _cells.Numbers();
            return Enumerable.Range(0, Count)
                .Any(row => !double.IsNaN(ticks(row)) && DateText.OfTicks(ticks(row)).TimeOfDay > TimeSpan.Zero);
        }
    }

    private string Other(int row) => _others!.GetValueOrDefault(row, "");

    private void AddWide(string text)
    {
        double value = Parse(text);
        if (double.IsNaN(value) && !Cell.IsMissing(text))
            _others![Count] = text;
        _cells.Add(value);
        if (_others!.Count > MostTexts)
            Forget();
    }

    private double Parse(string text) => WideDates is { } order
        ? DateText.TryParse(text, order, out DateTime date, out _) ? date.Ticks : double.NaN
        : NumberText.TryParse(text, WideNotation!, out double number) ? number : double.NaN;

    private void Widen()
    {
        (NumberNotation notation, int numbers) = ColumnProfile.BestNotation(_texts, _delimiter);
        (DateOrder order, int dates) = ColumnProfile.BestOrder(_texts);
        if (Math.Max(numbers, dates) <= _texts.Count / 2)
        {
            Forget();
            return;
        }

        if (numbers >= dates)
            WideNotation = notation;
        else
            WideDates = order;
        double[] values = [.. _texts.Select(Parse)];
        CellStore codes = _cells;
        codes.Finish();
        _cells = new CellStore(_space, codes.ChunkBits);
        _others = [];
        Func<int, int> code = codes.Codes();
        for (int row = 0; row < codes.Count; row++)
        {
            double value = values[code(row)];
            if (double.IsNaN(value) && !Cell.IsMissing(_texts[code(row)]))
                _others[row] = _texts[code(row)];
            _cells.Add(value);
        }

        codes.Remove();
        Clear();
    }

    private void Forget()
    {
        (IsForgotten, _others, WideNotation, WideDates) = (true, null, null, null);
        _cells.Remove();
        _cells = new CellStore(_space, _cells.ChunkBits);
        Clear();
    }

    private void Clear()
    {
        _texts.Clear();
        _codeOf.Clear();
        _texts.TrimExcess();
        _codeOf.TrimExcess();
    }
}
