using System.Globalization;
using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>Rows of a table as numbers, and what could not be read.</summary>
/// <param name="Data">The rows that were read.</param>
/// <param name="Rows">Their numbers in the table.</param>
/// <param name="Refused">The other rows, and why.</param>
/// <param name="Notes">What was filled in where training had no such cells, by column, for people.</param>
public sealed record EncodedRows(
    LabelledData Data, IReadOnlyList<int> Rows, IReadOnlyList<(int Row, string Reason)> Refused, IReadOnlyList<UnusualCells> Notes);

/// <summary>Cells of a column that are not like those of the training.</summary>
/// <param name="Column">The name of the column.</param>
/// <param name="AreMissing">Whether they have no value; otherwise they have categories that were not learned.</param>
/// <param name="Count">How many there are.</param>
/// <param name="Texts">The different categories, as many as are worth a message.</param>
public sealed record UnusualCells(string Column, bool AreMissing, int Count, IReadOnlyList<string> Texts);

/// <summary>Turns rows of a table into the numbers that a network reads.</summary>
public static class TableEncodings
{
    // What a cell is that has no category.
    private const int NoValue = -1, NotLearned = -2;

    private const int MostNamed = 5;

    extension(TableEncoding encoding)
    {
        /// <summary>
        /// The rows that can be trained on or measured: those that have a label, and where rows with missing values are left out, all
        /// other columns as well.
        /// </summary>
        /// <param name="table">The table.</param>
        /// <param name="cancellation">Checked before each column.</param>
        /// <exception cref="CharRnnException">A value is missing, and that is an error.</exception>
        /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
        public IReadOnlyList<int> UsableRows(Table table, CancellationToken cancellation = default)
        {
            IEnumerable<ColumnEncoding> needed = encoding.Missing == MissingValues.Fill
                ? [encoding.Label]
                : [.. encoding.Inputs, encoding.Label];
            bool[] isUsable = new bool[table.Count];
            Array.Fill(isUsable, true);
            foreach (ColumnEncoding column in needed)
            {
                cancellation.ThrowIfCancellationRequested();
                Func<int, bool> isMissing = MissingReader(table.Readable(column.Name), column);
                for (int row = 0; row < table.Count; row++)
                    if (isMissing(row))
                        isUsable[row] = encoding.Missing == MissingValues.Error ? throw Missing(table, row, column.Name) : false;
            }

            return [.. Enumerable.Range(0, table.Count).Where(row => isUsable[row])];
        }

        /// <summary>The rows that have a label.</summary>
        public IReadOnlyList<int> LabelledRows(Table table)
        {
            Func<int, bool> isMissing = MissingReader(table.Readable(encoding.Label.Name), encoding.Label);
            return [.. Enumerable.Range(0, table.Count).Where(row => !isMissing(row))];
        }

        /// <summary>The class of each row; null for a quantity.</summary>
        /// <param name="table">The table.</param>
        /// <param name="rows">Rows that have a class.</param>
        public IReadOnlyList<int>? ClassesOf(Table table, IReadOnlyList<int> rows)
        {
            if (encoding.Label.Categories is null)
                return null;
            TableColumn from = table.Readable(encoding.Label.Name);
            var selected = new RowSelection(rows);
            Func<int, int> classOf = from.ReaderOf(selected, CategoryReader(from, encoding.Label, encoding.IsInterleaved));
            return [.. Enumerable.Range(0, rows.Count).Select(classOf)];
        }

        /// <summary>Adds what depends on the training rows: means, deviations, and the most frequent categories.</summary>
        /// <param name="table">The table.</param>
        /// <param name="rows">The training rows.</param>
        /// <param name="cancellation">Checked before each column.</param>
        /// <exception cref="CharRnnException">Numbers are too large for a mean.</exception>
        /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
        public TableEncoding Fitted(Table table, IReadOnlyList<int> rows, CancellationToken cancellation = default)
        {
            var selected = new RowSelection(rows);
            return encoding with
            {
                Inputs = [.. encoding.Inputs.Select(column => Fit(column, table, selected, cancellation))],
                Label = Fit(encoding.Label, table, selected, cancellation),
            };
        }

        /// <summary>Rows as numbers.</summary>
        /// <param name="table">The table; its columns may stand in another order, and others beside them.</param>
        /// <param name="rows">The rows.</param>
        /// <param name="loss">What the answers are for.</param>
        /// <param name="withAnswers">Whether the label's column is read.</param>
        /// <param name="refusesUnknown">
        /// Whether a row with a category that was not learned is refused; otherwise all inputs of the column are 0 for it.
        /// </param>
        /// <param name="cancellation">Checked before each column.</param>
        /// <exception cref="CharRnnException">The table has not got a column.</exception>
        /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
        public EncodedRows Encode(
            Table table, IReadOnlyList<int> rows, NetworkLoss loss, bool withAnswers, bool refusesUnknown = false,
            CancellationToken cancellation = default)
        {
            var reading = new Reading(table, rows, encoding, refusesUnknown);
            InputColumns columns = encoding.Columns;

            // They are also copied to a device.
            if ((long)rows.Count * (columns.Numbers + columns.Values.Count) is var count
                && (count > Array.MaxLength || 2 * sizeof(float) * count > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes))
                throw new CharRnnException(
                    table.Name,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"has {rows.Count} rows that become {count / rows.Count} numbers each, too many for this machine"),
                    "leave out columns with --ignore, or give fewer rows");
            float[] x = new float[rows.Count * columns.Numbers];
            int[] codes = new int[rows.Count * columns.Values.Count];
            Array.Fill(codes, InputRows.NoInput);
            int coded = 0;
            foreach ((ColumnEncoding column, int numbers, int categories) in encoding.Places())
            {
                cancellation.ThrowIfCancellationRequested();
                if (column.Categories is null)
                    reading.Numbers(column, x, columns.Numbers, numbers);
                else if (encoding.IsInterleaved)
                    reading.Categories(
                        column, x, columns.Numbers, numbers, (i, place) => x[(i * columns.Numbers) + categories + place] = 1);
                else
                {
                    int at = coded++;
                    reading.Categories(
                        column, x, columns.Numbers, numbers, (i, place) => codes[(i * columns.Values.Count) + at] = categories + place);
                }
            }

            float[] quantities = [];
            int[] classes = [];
            if (withAnswers && encoding.Label.Categories is null)
                reading.Answers(encoding.Label, quantities = new float[rows.Count]);
            else if (withAnswers)
                reading.Classes(encoding.Label, classes = new int[rows.Count]);
            if (withAnswers && loss != NetworkLoss.CrossEntropy && classes.Length > 0)
                (quantities, classes) = ([.. classes.Select(y => (float)y)], []);

            var inputs = new InputRows(columns, x, codes);
            LabelledData data = !withAnswers ? new LabelledData(inputs)
                : classes.Length > 0 ? new LabelledData(inputs, classes)
                : new LabelledData(inputs, 1, quantities);
            if (reading.Refused.Count == 0)
                return new(data, rows, [], reading.Unusual);
            int[] read = [.. Enumerable.Range(0, rows.Count).Where(i => !reading.IsRefused(i))];
            return new(data.Select(read), [.. read.Select(i => rows[i])], reading.Refused, reading.Unusual);
        }

        /// <summary>Rows as numbers, all of which must be readable.</summary>
        /// <inheritdoc cref="Encode"/>
        /// <exception cref="CharRnnException">A row is not readable; names the line and the column.</exception>
        public LabelledData EncodeAll(Table table, IReadOnlyList<int> rows, NetworkLoss loss, CancellationToken cancellation = default)
        {
            EncodedRows encoded = encoding.Encode(table, rows, loss, withAnswers: true, cancellation: cancellation);
            return encoded.Refused is [var (_, reason), ..]
                ? throw new CharRnnException(table.Name, reason, "correct the value, or leave the row out")
                : encoded.Data;
        }
    }

    /// <summary>The number of rows that have no value in a column.</summary>
    internal static int MissingIn(TableColumn from, ColumnEncoding column)
    {
        Func<int, bool> isMissing = MissingReader(from, column);
        return Enumerable.Range(0, from.Count).Count(isMissing);
    }

    private static Func<int, bool> MissingReader(TableColumn from, ColumnEncoding column)
    {
        if (!column.OthersAreMissing)
            return from.Reader(text => IsMissing(column, text), _ => false);
        Func<int, double> number = NumberReader(from, column);
        return row => double.IsNaN(number(row));
    }

    /// <summary>Whether a text stands for a missing value; one that was learned as a category does not.</summary>
    private static bool IsMissing(ColumnEncoding column, string text) => (Cell.IsMissing(text) || column.MissingTexts.Contains(text))
        && column.Categories?.Contains(text, StringComparer.Ordinal) != true;

    private static CharRnnException Missing(Table table, int row, string column) => table.Wrong(
        row, column, "the value is missing", "give --missing fill or drop, or leave out the row or the column");

    /// <summary>Reads numbers: NaN where none is, and else what <see cref="Other"/> says.</summary>
    private static Func<int, double> NumberReader(TableColumn from, ColumnEncoding column) => from.Reader(
        text => IsMissing(column, text) ? double.NaN
            : NumberText.TryParse(text, column.Notation, out double value) ? value
            : column.OthersAreMissing ? double.NaN
            : Other(text),
        value => from.WideDates is null ? value : double.PositiveInfinity);

    /// <summary>Reads dates as their ticks: NaN where none is, and else what <see cref="Other"/> says.</summary>
    private static Func<int, double> DateReader(TableColumn from, ColumnEncoding column) => from.Reader(
        text => IsMissing(column, text) ? double.NaN
            : DateText.TryParse(text, column.Dates!.Value, out DateTime date, out _) ? date.Ticks
            : Other(text),
        ticks => from.WideDates is null ? double.PositiveInfinity : ticks);

    /// <summary>What stands for a text that is neither a number or date nor a missing value: negative infinity for a word.</summary>
    private static double Other(string text) => Cell.IsWord(text) ? double.NegativeInfinity : double.PositiveInfinity;

    /// <summary>Reads categories as their places.</summary>
    /// <param name="from">The column of the table.</param>
    /// <param name="column">What was learned.</param>
    /// <param name="byValue">Whether numbers are one category in any spelling, as earlier programs had it.</param>
    private static Func<int, int> CategoryReader(TableColumn from, ColumnEncoding column, bool byValue = false)
    {
        var places = column.Categories!.Index().ToDictionary(one => one.Item, one => one.Index, StringComparer.Ordinal);

        // A text that was not learned may be another spelling of one that was.
        Dictionary<string, int> spellings = new(StringComparer.Ordinal);
        foreach ((int place, string category) in column.Categories!.Index())
            spellings.TryAdd(Spelling(category), place);
        return from.Reader(Place, number => Place(number.ToString("R", CultureInfo.InvariantCulture)));

        int Place(string text) => places.TryGetValue(text, out int place) || spellings.TryGetValue(Spelling(text), out place) ? place
            : IsMissing(column, text) ? NoValue
            : NotLearned;

        string Spelling(string text) => byValue && NumberText.TryParse(text, NumberNotation.Plain, out double number)
            ? number.ToString("R", CultureInfo.InvariantCulture)
            : Cell.WithoutZeroDecimals(text);
    }

    private static ColumnEncoding Fit(ColumnEncoding column, Table table, RowSelection rows, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        TableColumn from = table.Column(column.Name);
        if (column.Categories is { } categories)
        {
            int[] counts = new int[categories.Count];
            Func<int, int> category = from.ReaderOf(rows, CategoryReader(from, column));
            for (int i = 0; i < rows.Count; i++)
                if (category(i) is >= 0 and var place)
                    counts[place]++;
            return column with { Usual = Array.IndexOf(counts, counts.Max()) };
        }

        Func<int, double> number = from.ReaderOf(rows, column.Dates is null ? NumberReader(from, column) : DateReader(from, column));
        double[] values = [.. Enumerable.Range(0, rows.Count).Select(number).Where(double.IsFinite)];
        if (column.Dates is not null)
        {
            int parts = column.DateParts.Count;
            double[][] dates = [.. values.Select(ticks => DateText.Parts(ticks, parts))];
            return column with
            {
                DateParts = [.. Enumerable.Range(0, parts).Select(part => StandardOf([.. dates.Select(date => date[part])]))],
            };
        }

        Standard standard = StandardOf(values);
        return double.IsFinite(standard.Mean) && double.IsFinite(standard.Deviation)
            ? column with { Mean = standard.Mean, Deviation = standard.Deviation }
            : throw new CharRnnException(
                table.Name, $"column '{Table.Short(column.Name)}' has numbers that are too large for a mean",
                "scale them, or leave the column out");
    }

    private static Standard StandardOf(double[] values)
    {
        if (values.Length == 0)
            return Standard.None;
        double mean = values.Average(), deviation = Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
        return new(mean, deviation > 1e-12 * Math.Abs(mean) || !double.IsFinite(deviation) ? deviation : 1); // a constant says nothing
    }

    /// <summary>Reads columns of some rows, one after the other, and remembers what could not be read.</summary>
    private sealed class Reading(Table table, IReadOnlyList<int> rows, TableEncoding encoding, bool refusesUnknown)
    {
        private readonly RowSelection _rows = new(rows);

        private readonly SortedDictionary<int, string> _refused = new(
            rows.Index().Where(row => table.Damaged.ContainsKey(row.Item)).ToDictionary(row => row.Index, row => table.Damaged[row.Item]));

        private readonly List<UnusualCells> _unusual = [];

        public IReadOnlyList<(int Row, string Reason)> Refused => [.. _refused.Select(one => (rows[one.Key], one.Value))];

        public IReadOnlyList<UnusualCells> Unusual => _unusual;

        public bool IsRefused(int i) => _refused.ContainsKey(i);

        public void Numbers(ColumnEncoding column, float[] x, int width, int place)
        {
            TableColumn from = table.Readable(column.Name);
            Func<int, double> number = from.ReaderOf(
                _rows, column.Dates is null ? NumberReader(from, column) : DateReader(from, column));
            int parts = column.Dates is null ? 1 : column.DateParts.Count, absent = 0;
            var unknown = new Unknown();
            for (int i = 0; i < rows.Count; i++)
            {
                double value = number(i);
                int at = (i * width) + place;
                if (double.IsNegativeInfinity(value) && encoding.Missing == MissingValues.Fill && !refusesUnknown)
                {
                    // As training would have read it, had it seen the word.
                    unknown.Add(from, rows[i]);
                    if (column.HasIndicator)
                        x[at + parts] = 1;
                }
                else if (double.IsNaN(value))
                {
                    if (Accepts(i, column, ref absent) && column.HasIndicator)
                        x[at + parts] = 1;
                }
                else if (double.IsInfinity(value))
                    Refuse(i, column, $"is not a {(column.Dates is null ? "number" : "date")}, as the column had in training");
                else if (column.Dates is null)
                {
                    x[at] = (float)((value - column.Mean) / column.Deviation);
                    if (!float.IsFinite(x[at]))
                        Refuse(i, column, "is too large beside the numbers that were learned");
                }
                else
                {
                    double[] date = DateText.Parts(value, parts);
                    for (int p = 0; p < parts; p++)
                        x[at + p] = (float)((date[p] - column.DateParts[p].Mean) / column.DateParts[p].Deviation);
                }
            }

            Note(column, absent, unknown);
        }

        public void Categories(ColumnEncoding column, float[] x, int width, int numbers, Action<int, int> setCategory)
        {
            TableColumn from = table.Readable(column.Name);
            Func<int, int> category = from.ReaderOf(_rows, CategoryReader(from, column, encoding.IsInterleaved));
            var unknown = new Unknown();
            int absent = 0;
            for (int i = 0; i < rows.Count; i++)
            {
                int place = category(i);
                if (place == NoValue && Accepts(i, column, ref absent))
                {
                    place = column.Usual;
                    if (column.HasIndicator)
                        x[(i * width) + numbers] = 1;
                }

                if (place == NotLearned && refusesUnknown)
                    Refuse(i, column, $"is not a value that was learned; the column was learned with {Table.Listed(column.Categories!)}");
                else if (place == NotLearned)
                    unknown.Add(from, rows[i]);
                else if (place >= 0)
                    setCategory(i, place);
            }

            Note(column, absent, unknown);
        }

        public void Answers(ColumnEncoding label, float[] y)
        {
            TableColumn from = table.Readable(label.Name);
            Func<int, double> number = from.ReaderOf(_rows, NumberReader(from, label));
            for (int i = 0; i < rows.Count; i++)
            {
                double value = number(i);
                y[i] = (float)((value - label.Mean) / label.Deviation);
                if (double.IsNaN(value))
                    _refused.TryAdd(i, table.Place(rows[i], label.Name, "the value is missing"));
                else if (!float.IsFinite(y[i]))
                    Refuse(i, label, double.IsFinite(value) ? "is too large beside the numbers that were learned" : "is not a number");
            }
        }

        public void Classes(ColumnEncoding label, int[] y)
        {
            TableColumn from = table.Readable(label.Name);
            Func<int, int> category = from.ReaderOf(_rows, CategoryReader(from, label, encoding.IsInterleaved));
            for (int i = 0; i < rows.Count; i++)
            {
                int place = category(i);
                y[i] = Math.Max(0, place);
                if (place == NoValue)
                    _refused.TryAdd(i, table.Place(rows[i], label.Name, "the value is missing"));
                else if (place == NotLearned)
                    Refuse(i, label, $"is not a value that was learned; the column was learned with {Table.Listed(label.Categories!)}");
            }
        }

        private bool Accepts(int i, ColumnEncoding column, ref int absent)
        {
            if (encoding.Missing == MissingValues.Fill && IsRefused(i))
                return true; // of a damaged row no cell is left
            if (encoding.Missing == MissingValues.Fill)
                absent++;
            else
                _refused.TryAdd(i, table.Place(rows[i], column.Name, "the value is missing"));
            return encoding.Missing == MissingValues.Fill;
        }

        private void Refuse(int i, ColumnEncoding column, string found) => _refused.TryAdd(
            i, table.Place(rows[i], column.Name, $"'{Table.Short(table.Column(column.Name).Text(rows[i]))}' {found}"));

        private void Note(ColumnEncoding column, int absent, Unknown unknown)
        {
            if (absent > 0 && !column.HasIndicator)
                _unusual.Add(new(column.Name, true, absent, []));
            if (unknown.Count > 0)
                _unusual.Add(new(column.Name, false, unknown.Count, unknown.Texts));
        }

        /// <summary>Values of a column that were not learned.</summary>
        private sealed class Unknown
        {
            private readonly HashSet<string> _texts = new(StringComparer.Ordinal);

            public int Count { get; private set; }

            public IReadOnlyList<string> Texts => [.. _texts];

            public void Add(TableColumn from, int row)
            {
                Count++;
                if (_texts.Count <= MostNamed)
                    _texts.Add(Table.Short(from.Text(row)));
            }
        }
    }
}
