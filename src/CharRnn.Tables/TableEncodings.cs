using System.Globalization;
using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>Rows of a table as numbers, and what could not be read.</summary>
/// <param name="Data">The rows that were read.</param>
/// <param name="Rows">Their numbers in the table.</param>
/// <param name="Refused">The other rows, and why.</param>
/// <param name="Notes">What was filled in where training had no such cells, by column, for people.</param>
public sealed record EncodedRows(
    LabelledData Data, IReadOnlyList<int> Rows, IReadOnlyList<(int Row, string Reason)> Refused, IReadOnlyList<UnusualCells> Notes)
{
    /// <summary>The rows, none of which may have been refused.</summary>
    /// <param name="table">The name of the table.</param>
    /// <exception cref="CharRnnException">One was; names the line and the column.</exception>
    public LabelledData RequireAll(string table) => Refused is [var (_, reason), ..]
        ? throw new CharRnnException(table, reason, "correct the value, or leave the row out")
        : Data;
}

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
    internal const int NoValue = -1, NotLearned = -2;

    internal const int MostNamed = 5;

    // What becomes numbers at once of rows that do so when they are read.
    private const int RowsAtOnce = 1 << 12;

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
            // They are also copied to a device.
            InputColumns columns = encoding.Columns;
            if ((long)rows.Count * (columns.Numbers + columns.Values.Count) is var count
                && (count > Array.MaxLength || 2 * sizeof(float) * count > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes))
                throw new CharRnnException(
                    table.Name,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"has {rows.Count} rows that become {count / rows.Count} numbers each, too many for this machine"),
                    "leave out columns with --ignore, give fewer rows, or where a network is trained, give a --batch-size above 0");
            return new RowEncoder(table, encoding, refusesUnknown).Encode(rows, withAnswers ? loss : null, cancellation);
        }

        /// <summary>Rows that become numbers each time that they are read: of all of them only the answers are in memory.</summary>
        /// <param name="table">The table, which is read as long as the rows are; see <see cref="Encode"/>.</param>
        /// <param name="rows">The rows, in the order of the table: in another one, each may be a read of its own.</param>
        /// <param name="loss">What the answers are for.</param>
        /// <param name="refusesUnknown">See <see cref="Encode"/>.</param>
        /// <param name="cancellation">Checked while all rows are read once, to find those that cannot be.</param>
        /// <exception cref="CharRnnException">The table has not got a column.</exception>
        /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
        public EncodedRows EncodeLater(
            Table table, int[] rows, NetworkLoss loss, bool refusesUnknown = false, CancellationToken cancellation = default)
        {
            var encoder = new RowEncoder(table, encoding, refusesUnknown);
            bool hasClasses = encoding.Label.Categories is not null && loss == NetworkLoss.CrossEntropy;
            int[] read = new int[rows.Length], classes = new int[hasClasses ? rows.Length : 0];
            float[] targets = new float[hasClasses ? 0 : rows.Length];
            var (refused, notes, count) = (new List<(int, string)>(), new List<UnusualCells>(), 0);
            for (int first = 0; first < rows.Length; first += RowsAtOnce)
            {
                var some = new ArraySegment<int>(rows, first, Math.Min(RowsAtOnce, rows.Length - first));
                EncodedRows encoded = encoder.Encode(some, loss, cancellation);
                encoded.Data.Classes.CopyTo(classes.AsSpan(Math.Min(count, classes.Length)));
                encoded.Data.Targets.CopyTo(targets.AsSpan(Math.Min(count, targets.Length)));
                foreach (int row in encoded.Rows)
                    read[count++] = row;
                refused.AddRange(encoded.Refused);
                notes.AddRange(encoded.Notes);
            }

            Array.Resize(ref read, count);
            IInputRows later = encoder.Later(read);
            return new(
                hasClasses ? new LabelledData(later, classes[..count]) : new LabelledData(later, 1, targets[..count]), read, refused,
                [
                    .. notes.GroupBy(note => (note.Column, note.AreMissing)).Select(same => new UnusualCells(
                        same.Key.Column, same.Key.AreMissing, same.Sum(note => note.Count),
                        [.. same.SelectMany(note => note.Texts).Distinct().Take(MostNamed + 1)])),
                ]);
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
    internal static Func<int, double> NumberReader(TableColumn from, ColumnEncoding column) => from.Reader(
        text => IsMissing(column, text) ? double.NaN
            : NumberText.TryParse(text, column.Notation, out double value) ? value
            : column.OthersAreMissing ? double.NaN
            : Other(text),
        value => from.WideDates is null ? value : double.PositiveInfinity);

    /// <summary>Reads dates as their ticks: NaN where none is, and else what <see cref="Other"/> says.</summary>
    internal static Func<int, double> DateReader(TableColumn from, ColumnEncoding column) => from.Reader(
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
    internal static Func<int, int> CategoryReader(TableColumn from, ColumnEncoding column, bool byValue = false)
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
}
