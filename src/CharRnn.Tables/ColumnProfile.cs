using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>What the cells of a column are, by their texts.</summary>
internal sealed class ColumnProfile
{
    // A column of numbers may have so many different words for a value that is missing, and must have more different numbers than that.
    private const int MostWords = 3, LeastNumbers = 20;

    /// <param name="column">The column.</param>
    /// <param name="delimiter">What separates the fields of the table.</param>
    public ColumnProfile(TableColumn column, string delimiter)
    {
        Column = column;
        Rows = column.Count;
        if (column.Texts is not { } texts)
        {
            ProfileWide(column);
            return;
        }

        int[] counts = new int[texts.Count];
        Func<int, int> code = column.Codes();
        for (int row = 0; row < Rows; row++)
            counts[code(row)]++;
        (string Text, int Count)[] present = [.. texts.Zip(counts).Where(pair => !Cell.IsMissing(pair.First) && pair.Second > 0)];
        Missing = Rows - present.Sum(pair => pair.Count);
        Values = present.Length;
        string[] values = [.. present.Select(pair => pair.Text)];
        (Notation, _) = BestNotation(values, delimiter);
        (Dates, int dates) = BestOrder(values);
        (string Text, int Count)[] others = [.. present.Where(pair => !NumberText.TryParse(pair.Text, Notation, out _))];
        Others = [.. others.Select(pair => pair.Text).Order(StringComparer.Ordinal)];
        int numbers = present.Length - others.Length, words = others.Sum(pair => pair.Count);
        IsNumeric = numbers > 0 && (others.Length == 0
            || (others.Length <= MostWords && numbers > LeastNumbers && words <= (Rows - Missing) / 2 && Others.All(Cell.IsWord)));
        IsDates = Values > 0 && dates == Values;
        HasTimes = IsDates && values.Any(text => DateText.TryParse(text, Dates, out _, out bool hasTime) && hasTime);
        IsCodes = others.Length == 0 && Notation != NumberText.Clock && values.Any(Cell.IsCode);
        Texts = values;
    }

    /// <summary>The column.</summary>
    public TableColumn Column { get; }

    /// <summary>The number of rows, and of those without a value.</summary>
    public int Rows { get; private set; }

    /// <inheritdoc cref="Rows"/>
    public int Missing { get; private set; }

    /// <summary>The number of different values.</summary>
    public int Values { get; private set; }

    /// <summary>The different values; none if they are too many.</summary>
    public IReadOnlyList<string> Texts { get; } = [];

    /// <summary>Whether the column is one of numbers, maybe with some words for a value that is missing.</summary>
    public bool IsNumeric { get; private set; }

    /// <summary>Whether there are as many different texts as are kept, or more.</summary>
    public bool IsWide => Column.Texts is null;

    /// <summary>How its numbers are written.</summary>
    public NumberNotation Notation { get; private set; } = NumberNotation.Plain;

    /// <summary>The values that are not numbers, in order.</summary>
    public IReadOnlyList<string> Others { get; private set; } = [];

    /// <summary>Whether every value is a date.</summary>
    public bool IsDates { get; private set; }

    /// <summary>Whether one of them has a time.</summary>
    public bool HasTimes { get; private set; }

    /// <summary>The order of the dates' parts.</summary>
    public DateOrder Dates { get; private set; }

    /// <summary>Whether numbers have zeros before them: such numbers are names.</summary>
    public bool IsCodes { get; }

    /// <summary>Whether the values are numbers, and whole.</summary>
    public bool IsWhole => IsNumeric && !IsWide
        && Texts.All(text => NumberText.TryParse(text, Notation, out double value) && value == Math.Round(value));

    /// <summary>Whether each row's number is that of the row before and one, as those of a row are.</summary>
    public bool IsRunning
    {
        get
        {
            if (!IsNumeric || Missing > 0 || Others.Count > 0)
                return false;
            Func<int, double> number = Column.Reader(
                text => NumberText.TryParse(text, Notation, out double value) ? value : double.NaN, value => value);
            return Enumerable.Range(1, Rows - 1).All(row => number(row) == number(row - 1) + 1);
        }
    }

    /// <summary>The same, if its numbers can be read with decimal commas and points between thousands; otherwise as it is.</summary>
    public ColumnProfile WithDecimalCommas()
    {
        var commas = new NumberNotation(',', '.');
        if (IsNumeric && !IsWide && Notation == NumberNotation.Plain
            && Texts.All(text => Others.Contains(text) || NumberText.TryParse(text, commas, out _)))
            Notation = commas;
        return this;
    }

    /// <summary>The notation in which most texts are numbers, and how many these are.</summary>
    public static (NumberNotation Notation, int Count) BestNotation(IReadOnlyList<string> texts, string delimiter)
    {
        (NumberNotation Notation, int Count) best = (NumberNotation.Plain, -1);
        foreach (NumberNotation notation in NumberText.Notations(delimiter))
        {
            int count = texts.Count(text => NumberText.TryParse(text, notation, out _));
            if (count > best.Count)
                best = (notation, count);
            if (count == texts.Count)
                break;
        }

        return best;
    }

    /// <summary>The order in which most texts are dates, and how many these are.</summary>
    public static (DateOrder Order, int Count) BestOrder(IReadOnlyList<string> texts) =>
        Enum.GetValues<DateOrder>()
            .Select(order => (order, texts.Count(text => DateText.TryParse(text, order, out _, out _))))
            .MaxBy(pair => pair.Item2);

    private void ProfileWide(TableColumn column)
    {
        (Values, Notation) = (TableColumn.MostTexts + 1, column.WideNotation ?? NumberNotation.Plain);
        if (column.IsForgotten)
            return;
        var others = new HashSet<string>(StringComparer.Ordinal);
        int words = 0;
        Func<int, string?> otherAt = column.Reader<string?>(text => text, _ => null);
        for (int row = 0; row < Rows; row++)
        {
            if (otherAt(row) is not { } other)
                continue;
            if (Cell.IsMissing(other))
                Missing++;
            else
            {
                words++;
                others.Add(other);
            }
        }

        Others = [.. others.Order(StringComparer.Ordinal)];
        bool isWhole = others.Count == 0 || (others.Count <= MostWords && words <= (Rows - Missing) / 2 && others.All(Cell.IsWord));
        IsNumeric = isWhole && column.WideNotation is not null;
        IsDates = isWhole && column.WideDates is not null;
        (Dates, HasTimes) = (column.WideDates ?? default, IsDates && column.HasTimes);
    }
}
