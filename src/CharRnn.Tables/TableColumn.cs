using System.Globalization;
using System.Runtime.InteropServices;
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
    private List<int> _codes = [];
    private List<double>? _values;
    private Dictionary<int, string>? _others;

    internal TableColumn(string name, bool isUnnamed, string delimiter) => (Name, IsUnnamed, _delimiter) = (name, isUnnamed, delimiter);

    /// <summary>The name of the column.</summary>
    public string Name { get; }

    /// <summary>Whether the table has no name for it, and it got its own from its place.</summary>
    public bool IsUnnamed { get; }

    /// <summary>The number of rows.</summary>
    internal int Count => _values?.Count ?? _codes.Count;

    /// <summary>The different texts; null if there are too many.</summary>
    internal IReadOnlyList<string>? Texts => _values is null && !IsForgotten ? _texts : null;

    /// <summary>Whether the texts were too many, and neither numbers nor dates.</summary>
    internal bool IsForgotten { get; private set; }

    /// <summary>How the numbers of a column with too many different texts are written; null if they are dates.</summary>
    internal NumberNotation? WideNotation { get; private set; }

    /// <summary>The order of the dates of a column with too many different texts; null if they are numbers.</summary>
    internal DateOrder? WideDates { get; private set; }

    /// <summary>Adds the cell of the next row.</summary>
    internal void Add(string text)
    {
        if (IsForgotten)
            _codes.Add(0);
        else if (_values is not null)
            AddWide(text);
        else
        {
            ref int code = ref CollectionsMarshal.GetValueRefOrAddDefault(_codeOf, text, out bool isKnown);
            if (!isKnown)
            {
                code = _texts.Count;
                _texts.Add(text);
            }

            _codes.Add(code);
            if (_texts.Count > MostTexts)
                Widen();
        }
    }

    /// <summary>The text of a cell; a number in its shortest form where there are too many different texts.</summary>
    public string Text(int row) => _values is null ? _texts[_codes[row]]
        : double.IsNaN(_values[row]) ? Other(row)
        : WideDates is null ? _values[row].ToString("R", CultureInfo.InvariantCulture)
        : DateText.OfTicks(_values[row]).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>Makes a reader of the column's cells, which looks at each different text once.</summary>
    /// <param name="ofText">What a text is read as.</param>
    /// <param name="ofNumber">What a number is read as; a date is its ticks.</param>
    internal Func<int, T> Reader<T>(Func<string, T> ofText, Func<double, T> ofNumber)
    {
        if (_values is { } values)
            return row => double.IsNaN(values[row]) ? ofText(Other(row)) : ofNumber(values[row]);
        T[] read = [.. _texts.Select(ofText)];
        return row => read[_codes[row]];
    }

    /// <summary>The place of a cell's text in <see cref="Texts"/>.</summary>
    internal int CodeOf(int row) => _codes[row];

    /// <summary>The text of a cell that is neither a number nor a date; null of another. The column has too many different texts.</summary>
    internal string? OtherAt(int row) => double.IsNaN(_values![row]) ? Other(row) : null;

    /// <summary>Whether a date has a time, where there are too many different texts.</summary>
    internal bool HasTimes => _values!.Exists(ticks => !double.IsNaN(ticks) && DateText.OfTicks(ticks).TimeOfDay > TimeSpan.Zero);

    private string Other(int row) => _others!.GetValueOrDefault(row, "");

    private void AddWide(string text)
    {
        double value = Parse(text);
        if (double.IsNaN(value) && !Cell.IsMissing(text))
            _others![_values!.Count] = text;
        _values!.Add(value);
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
        _others = [];
        _values = new List<double>(2 * _codes.Count);
        for (int row = 0; row < _codes.Count; row++)
        {
            _values.Add(values[_codes[row]]);
            if (double.IsNaN(values[_codes[row]]) && !Cell.IsMissing(_texts[_codes[row]]))
                _others[row] = _texts[_codes[row]];
        }

        _codes = [];
        Clear();
    }

    private void Forget()
    {
        int count = Count;
        (IsForgotten, _values, _others, WideNotation, WideDates) = (true, null, null, null, null);
        CollectionsMarshal.SetCount(_codes, count);
        Clear();
        _texts.Add("");
        CollectionsMarshal.AsSpan(_codes).Clear();
    }

    private void Clear()
    {
        _texts.Clear();
        _codeOf.Clear();
        _texts.TrimExcess();
        _codeOf.TrimExcess();
    }
}
