using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>Learns from a table how its columns become numbers.</summary>
public static class TableLearning
{
    // Whole numbers of so few values are classes: 0 and 1, or digits.
    private const int MostNumberClasses = 20;

    extension(TableEncoding)
    {
        /// <summary>Learns what the columns are from the whole table, and what numbers are usual from some rows.</summary>
        /// <param name="table">The table.</param>
        /// <param name="rows">The rows to learn means and deviations from.</param>
        /// <param name="label">The label's column.</param>
        /// <param name="isRegression">Whether the label is a quantity; null to find out.</param>
        /// <exception cref="CharRnnException">A cell is empty, or a column cannot be used.</exception>
        public static TableEncoding Learn(Table table, IReadOnlyList<int> rows, string label, bool? isRegression)
        {
            int answer = table.ColumnOf(label);
            if (table.Columns.Count < 2)
                throw new CharRnnException(table.Name, "has only the label's column", "give a table with a column to learn from");
            RequireWhole(table);
            ColumnEncoding[] inputs =
            [
                .. Enumerable.Range(0, table.Columns.Count)
                    .Where(c => c != answer)
                    .Select(c => Column(table, rows, c, IsNumeric(table, c))),
            ];

            bool numeric = IsNumeric(table, answer);
            if (isRegression == true && !numeric)
                throw NotANumber(table, answer, "give --loss auto, or another --label");
            bool quantity = isRegression ?? (numeric && !IsFewWholeNumbers(table, answer));
            int classes = Categories(table, answer).Length;
            if (classes == 1)
                throw new CharRnnException(
                    table.Name, $"column '{label}' is '{table.Rows[0][answer]}' in every row", "give another --label");
            if (!quantity && classes > Math.Max(MostNumberClasses, table.Rows.Count / 2))
                throw new CharRnnException(
                    table.Name, $"column '{label}' has {classes} different values in {table.Rows.Count} rows",
                    numeric
                        ? "give --loss squared-error, which takes a quantity"
                        : "give another --label: values that hardly occur twice cannot be learned");
            ColumnEncoding answers = Column(table, rows, answer, quantity);
            return new TableEncoding(inputs, answers);
        }
    }

    private static ColumnEncoding Column(Table table, IReadOnlyList<int> rows, int column, bool numeric)
    {
        string name = table.Columns[column];
        if (!numeric)
        {
            string[] categories = Categories(table, column);
            return categories.Length <= ColumnEncoding.MostCategories
                ? new ColumnEncoding(name, categories, 0, 1)
                : throw new CharRnnException(
                    table.Name, $"column '{name}' has {categories.Length} different texts",
                    $"leave it out, or reduce it to at most {ColumnEncoding.MostCategories}");
        }

        double[] values = [.. rows.Select(r => Cell.Parse(table.Rows[r][column]))];
        double mean = values.Average(), deviation = Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
        if (!double.IsFinite(mean) || !double.IsFinite(deviation))
            throw new CharRnnException(
                table.Name, $"column '{name}' has numbers that are too large for a mean", "scale them, or leave the column out");
        return new ColumnEncoding(name, null, mean, deviation > 1e-12 * Math.Abs(mean) ? deviation : 1); // a constant says nothing
    }

    /// <summary>The values of a column in order; in a column of numbers, 1 and 1.0 are the same value.</summary>
    private static string[] Categories(Table table, int column)
    {
        string[] texts = [.. table.Rows.Select(row => row[column]).Distinct()];
        return texts.All(Cell.IsNumber)
            ? [.. texts.Select(Cell.Parse).Distinct().Order().Select(Cell.Text)]
            : [.. texts.Order(StringComparer.Ordinal)];
    }

    private static void RequireWhole(Table table)
    {
        for (int r = 0; r < table.Rows.Count; r++)
            for (int c = 0; c < table.Columns.Count; c++)
                if (Cell.IsMissing(table.Rows[r][c]))
                    throw Cell.Missing(table, r, table.Columns[c]);
    }

    private static CharRnnException NotANumber(Table table, int column, string remedy)
    {
        int row = Enumerable.Range(0, table.Rows.Count).First(r => !Cell.IsNumber(table.Rows[r][column]));
        return table.Wrong(row, table.Columns[column], $"'{table.Rows[row][column]}' is not a number", remedy);
    }

    /// <summary>Whether a column is one of numbers.</summary>
    /// <exception cref="CharRnnException">Most of its cells are, and one is not.</exception>
    private static bool IsNumeric(Table table, int column)
    {
        int numbers = table.Rows.Count(row => Cell.IsNumber(row[column]));
        if (numbers < table.Rows.Count && numbers > table.Rows.Count / 2)
            throw NotANumber(table, column, "most of the column are numbers: correct the value, or leave the row or the column out");
        return numbers == table.Rows.Count;
    }

    private static bool IsFewWholeNumbers(Table table, int column)
    {
        HashSet<double> values = [.. table.Rows.Select(row => Cell.Parse(row[column]))];
        return values.Count <= MostNumberClasses && values.All(value => value == Math.Round(value));
    }
}
