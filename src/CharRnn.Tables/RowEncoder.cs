using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>Turns rows of a table into the numbers that a network reads, any number of times; a column has one reader.</summary>
/// <param name="table">The table.</param>
/// <param name="encoding">How its rows become numbers.</param>
/// <param name="refusesUnknown">Whether a row with a category that was not learned is refused.</param>
internal sealed class RowEncoder(Table table, TableEncoding encoding, bool refusesUnknown)
{
    private readonly Table _table = table;
    private readonly TableEncoding _encoding = encoding;
    private readonly bool _refusesUnknown = refusesUnknown;
    private readonly Dictionary<ColumnEncoding, Func<int, double>> _numbers = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<ColumnEncoding, Func<int, int>> _categories = new(ReferenceEqualityComparer.Instance);

    /// <summary>Rows as numbers.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="loss">What the answers are for; null if the label's column is not read.</param>
    /// <param name="cancellation">Checked before each column.</param>
    /// <exception cref="CharRnnException">The table has not got a column.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public EncodedRows Encode(IReadOnlyList<int> rows, NetworkLoss? loss, CancellationToken cancellation)
    {
        var reading = new Reading(this, rows);
        InputColumns columns = _encoding.Columns;
        float[] x = new float[rows.Count * columns.Numbers];
        int[] codes = new int[rows.Count * columns.Values.Count];
        Array.Fill(codes, InputRows.NoInput);
        int coded = 0;
        foreach ((ColumnEncoding column, int numbers, int categories) in _encoding.Places())
        {
            cancellation.ThrowIfCancellationRequested();
            if (column.Categories is null)
                reading.Numbers(column, x, columns.Numbers, numbers);
            else if (_encoding.IsInterleaved)
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
        if (loss is not null && _encoding.Label.Categories is null)
            reading.Answers(_encoding.Label, quantities = new float[rows.Count]);
        else if (loss is not null)
            reading.Classes(_encoding.Label, classes = new int[rows.Count]);
        if (loss != NetworkLoss.CrossEntropy && classes.Length > 0)
            (quantities, classes) = ([.. classes.Select(y => (float)y)], []);

        var inputs = new InputRows(columns, x, codes);
        LabelledData data = loss is null ? new LabelledData(inputs)
            : classes.Length > 0 ? new LabelledData(inputs, classes)
            : new LabelledData(inputs, 1, quantities);
        if (reading.Refused.Count == 0)
            return new(data, rows, [], reading.Unusual);
        int[] read = [.. Enumerable.Range(0, rows.Count).Where(i => !reading.IsRefused(i))];
        return new(data.Select(read), [.. read.Select(i => rows[i])], reading.Refused, reading.Unusual);
    }

    /// <summary>Rows that become numbers when they are read.</summary>
    /// <param name="rows">The rows, none of which is refused.</param>
    public IInputRows Later(int[] rows) => new LaterRows(this, rows);

    private Func<int, double> NumberReader(TableColumn from, ColumnEncoding column, RowSelection rows)
    {
        if (!_numbers.TryGetValue(column, out Func<int, double>? read))
            _numbers[column] = read = column.Dates is null
                ? TableEncodings.NumberReader(from, column)
                : TableEncodings.DateReader(from, column);
        return from.ReaderOf(rows, read);
    }

    private Func<int, int> CategoryReader(TableColumn from, ColumnEncoding column, RowSelection rows)
    {
        if (!_categories.TryGetValue(column, out Func<int, int>? read))
            _categories[column] = read = TableEncodings.CategoryReader(from, column, _encoding.IsInterleaved);
        return from.ReaderOf(rows, read);
    }

    private sealed class LaterRows(RowEncoder encoder, int[] rows) : IInputRows
    {
        public InputColumns Columns { get; } = encoder._encoding.Columns;

        public int Count => rows.Length;

        public InputRows Read(IReadOnlyList<int> places) => encoder
            .Encode([.. places.Select(place => rows[place])], loss: null, CancellationToken.None)
            .RequireAll(encoder._table.Name).X;
    }

    /// <summary>Reads columns of some rows, one after the other, and remembers what could not be read.</summary>
    private sealed class Reading(RowEncoder encoder, IReadOnlyList<int> rows)
    {
        private readonly RowSelection _rows = new(rows);

        private readonly SortedDictionary<int, string> _refused = new(
            rows.Index().Where(row => encoder._table.Damaged.ContainsKey(row.Item))
                .ToDictionary(row => row.Index, row => encoder._table.Damaged[row.Item]));

        private readonly List<UnusualCells> _unusual = [];

        public IReadOnlyList<(int Row, string Reason)> Refused => [.. _refused.Select(one => (rows[one.Key], one.Value))];

        public IReadOnlyList<UnusualCells> Unusual => _unusual;

        public bool IsRefused(int i) => _refused.ContainsKey(i);

        public void Numbers(ColumnEncoding column, float[] x, int width, int place)
        {
            TableColumn from = encoder._table.Readable(column.Name);
            Func<int, double> number = encoder.NumberReader(from, column, _rows);
            int parts = column.Dates is null ? 1 : column.DateParts.Count, absent = 0;
            var unknown = new Unknown();
            for (int i = 0; i < rows.Count; i++)
            {
                double value = number(i);
                int at = (i * width) + place;
                if (double.IsNegativeInfinity(value) && encoder._encoding.Missing == MissingValues.Fill && !encoder._refusesUnknown)
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
            TableColumn from = encoder._table.Readable(column.Name);
            Func<int, int> category = encoder.CategoryReader(from, column, _rows);
            var unknown = new Unknown();
            int absent = 0;
            for (int i = 0; i < rows.Count; i++)
            {
                int place = category(i);
                if (place == TableEncodings.NoValue && Accepts(i, column, ref absent))
                {
                    place = column.Usual;
                    if (column.HasIndicator)
                        x[(i * width) + numbers] = 1;
                }

                if (place == TableEncodings.NotLearned && encoder._refusesUnknown)
                    Refuse(i, column, $"is not a value that was learned; the column was learned with {Table.Listed(column.Categories!)}");
                else if (place == TableEncodings.NotLearned)
                    unknown.Add(from, rows[i]);
                else if (place >= 0)
                    setCategory(i, place);
            }

            Note(column, absent, unknown);
        }

        public void Answers(ColumnEncoding label, float[] y)
        {
            TableColumn from = encoder._table.Readable(label.Name);
            Func<int, double> number = encoder.NumberReader(from, label, _rows);
            for (int i = 0; i < rows.Count; i++)
            {
                double value = number(i);
                y[i] = (float)((value - label.Mean) / label.Deviation);
                if (double.IsNaN(value))
                    _refused.TryAdd(i, encoder._table.Place(rows[i], label.Name, "the value is missing"));
                else if (!float.IsFinite(y[i]))
                    Refuse(i, label, double.IsFinite(value) ? "is too large beside the numbers that were learned" : "is not a number");
            }
        }

        public void Classes(ColumnEncoding label, int[] y)
        {
            TableColumn from = encoder._table.Readable(label.Name);
            Func<int, int> category = encoder.CategoryReader(from, label, _rows);
            for (int i = 0; i < rows.Count; i++)
            {
                int place = category(i);
                y[i] = Math.Max(0, place);
                if (place == TableEncodings.NoValue)
                    _refused.TryAdd(i, encoder._table.Place(rows[i], label.Name, "the value is missing"));
                else if (place == TableEncodings.NotLearned)
                    Refuse(i, label, $"is not a value that was learned; the column was learned with {Table.Listed(label.Categories!)}");
            }
        }

        private bool Accepts(int i, ColumnEncoding column, ref int absent)
        {
            if (encoder._encoding.Missing == MissingValues.Fill && IsRefused(i))
                return true; // of a damaged row no cell is left
            if (encoder._encoding.Missing == MissingValues.Fill)
                absent++;
            else
                _refused.TryAdd(i, encoder._table.Place(rows[i], column.Name, "the value is missing"));
            return encoder._encoding.Missing == MissingValues.Fill;
        }

        private void Refuse(int i, ColumnEncoding column, string found) => _refused.TryAdd(
            i, encoder._table.Place(rows[i], column.Name, $"'{Table.Short(encoder._table.Column(column.Name).Text(rows[i]))}' {found}"));

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
                if (_texts.Count <= TableEncodings.MostNamed)
                    _texts.Add(Table.Short(from.Text(row)));
            }
        }
    }
}
