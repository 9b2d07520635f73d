using System.Globalization;
using System.Text.Json;

namespace CharRnn.Networks;

/// <summary>A table of text as a file has it.</summary>
/// <param name="Name">What it is called in errors.</param>
/// <param name="Columns">The columns' names.</param>
/// <param name="Rows">The rows, each with a cell for every column.</param>
/// <param name="Lines">The line of the file on which each row begins.</param>
public sealed record Table(string Name, IReadOnlyList<string> Columns, IReadOnlyList<string[]> Rows, IReadOnlyList<int> Lines)
{
    /// <summary>The column of a name.</summary>
    /// <exception cref="CharRnnException">There is none.</exception>
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

/// <summary>How a column's cells become numbers.</summary>
/// <param name="Name">The column.</param>
/// <param name="Categories">Its values, each of which is a number of its own, 1 or 0; null for a column of numbers.</param>
/// <param name="Mean">Of a column of numbers, what is taken away,</param>
/// <param name="Deviation">and what it is then divided by.</param>
public sealed record ColumnEncoding(string Name, IReadOnlyList<string>? Categories, double Mean, double Deviation)
{
    /// <summary>Numbers that a cell becomes.</summary>
    public int Width => Categories?.Count ?? 1;
}

/// <summary>How rows of a table become rows of numbers, and the label an answer: learned from the training part, kept with the model.</summary>
/// <param name="Inputs">The columns that a network reads, in its order.</param>
/// <param name="Label">The column that it answers; numbers of a regression are standardised, too.</param>
public sealed record TableEncoding(IReadOnlyList<ColumnEncoding> Inputs, ColumnEncoding Label)
{
    // What stands for a value that is not there.
    private static readonly string[] s_missing = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "?"];

    // A column with more values than these is a name or a text, of which nothing is learned.
    private const int MostCategories = 1000;

    // Whole numbers of so few values are classes: 0 and 1, or digits.
    private const int MostNumberClasses = 20;

    /// <summary>Numbers in a row.</summary>
    public int Width => Inputs.Sum(column => column.Width);

    /// <summary>Learns what the columns are from the whole table, and what numbers are usual from some rows.</summary>
    /// <param name="table">The table.</param>
    /// <param name="rows">The rows to learn means and deviations from.</param>
    /// <param name="label">The label's column.</param>
    /// <param name="isRegression">Whether the label is a quantity; null to find out.</param>
    /// <exception cref="CharRnnException">A cell is empty, or a column is of no use.</exception>
    public static TableEncoding Learn(Table table, IReadOnlyList<int> rows, string label, bool? isRegression)
    {
        int answer = table.ColumnOf(label);
        if (table.Columns.Count < 2)
            throw new CharRnnException(table.Name, "has the label's column alone", "give a table with a column to learn from");
        RequireWhole(table);
        ColumnEncoding[] inputs = [.. Enumerable.Range(0, table.Columns.Count).Where(c => c != answer).Select(c => Column(table, rows, c, IsNumeric(table, c)))];

        bool numeric = IsNumeric(table, answer);
        if (isRegression == true && !numeric)
            throw NotANumber(table, answer, "give --loss auto, or another --label");
        bool quantity = isRegression ?? (numeric && !IsFewWholeNumbers(table, answer));
        int classes = Categories(table, answer).Length;
        if (classes == 1)
            throw new CharRnnException(table.Name, $"column '{label}' is '{table.Rows[0][answer]}' in every row", "give another --label");
        if (!quantity && classes > Math.Max(MostNumberClasses, table.Rows.Count / 2))
            throw new CharRnnException(
                table.Name, $"column '{label}' has {classes} different values in {table.Rows.Count} rows",
                numeric ? "give --loss squared-error, which takes a quantity" : "give another --label: nothing is learned of what hardly comes twice");
        ColumnEncoding answers = Column(table, rows, answer, quantity);
        return new TableEncoding(inputs, answers);
    }

    /// <summary>Rows as numbers.</summary>
    /// <param name="table">The table; its columns may stand in another order.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="loss">What the answers are for.</param>
    /// <param name="withAnswers">Whether the label's column is read.</param>
    /// <exception cref="CharRnnException">A column is missing, or a cell is empty, no number, or of a category that was not learned.</exception>
    public LabelledData Encode(Table table, IReadOnlyList<int> rows, NetworkLoss loss, bool withAnswers)
    {
        int[] columns = [.. Inputs.Select(column => table.ColumnOf(column.Name))];
        float[] x = new float[rows.Count * Width];
        for (int i = 0; i < rows.Count; i++)
            for (int c = 0, place = i * Width; c < Inputs.Count; place += Inputs[c++].Width)
                if (Inputs[c].Categories is null)
                    x[place] = Number(table, rows[i], columns[c], Inputs[c]);
                else
                    x[place + Category(table, rows[i], columns[c], Inputs[c])] = 1;

        if (!withAnswers)
            return new LabelledData(Width, x);
        int label = table.ColumnOf(Label.Name);
        if (Label.Categories is null)
            return new LabelledData(Width, x, 1, [.. rows.Select(r => Number(table, r, label, Label))]);
        int[] classes = [.. rows.Select(r => Category(table, r, label, Label))];
        return loss == NetworkLoss.CrossEntropy
            ? new LabelledData(Width, x, classes)
            : new LabelledData(Width, x, 1, [.. classes.Select(y => (float)y)]);
    }

    /// <summary>As text, to be kept with a model.</summary>
    public string ToJson() => JsonSerializer.Serialize(this);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="JsonException">It is something else.</exception>
    public static TableEncoding FromJson(string json)
    {
        TableEncoding encoding = JsonSerializer.Deserialize<TableEncoding>(json) ?? throw new JsonException("it is null");
        if (encoding.Inputs is not { Count: > 0 } || encoding.Label is null)
            throw new JsonException("it has no inputs or no label");
        foreach (ColumnEncoding column in encoding.Inputs)
            RequireWhole(column, leastCategories: 1);
        RequireWhole(encoding.Label, leastCategories: 2);
        return encoding.Inputs.DistinctBy(column => column.Name).Count() == encoding.Inputs.Count ? encoding : throw new JsonException("it has a column twice");
    }

    private static void RequireWhole(ColumnEncoding? column, int leastCategories)
    {
        if (column?.Name is null)
            throw new JsonException("a column has no name");
        if (column.Categories is not { } categories)
        {
            if (!(column.Deviation > 0 && double.IsFinite(column.Deviation) && double.IsFinite(column.Mean)))
                throw new JsonException($"column '{column.Name}' has no mean and deviation");
        }
        else if (categories.Count < leastCategories || categories.Count > MostCategories)
            throw new JsonException(string.Create(CultureInfo.InvariantCulture, $"column '{column.Name}' has {categories.Count} categories, not {leastCategories} to {MostCategories}"));
        else if (categories.Contains(null!) || categories.Distinct().Count() < categories.Count)
            throw new JsonException($"column '{column.Name}' has a category twice, or one that is null");
    }

    private static ColumnEncoding Column(Table table, IReadOnlyList<int> rows, int column, bool numeric)
    {
        string name = table.Columns[column];
        if (!numeric)
        {
            string[] categories = Categories(table, column);
            return categories.Length <= MostCategories
                ? new ColumnEncoding(name, categories, 0, 1)
                : throw new CharRnnException(table.Name, $"column '{name}' has {categories.Length} different texts", $"leave it out, or bring it to at most {MostCategories}");
        }

        double[] values = [.. rows.Select(r => Parse(table.Rows[r][column]))];
        double mean = values.Average(), deviation = Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
        if (!double.IsFinite(mean) || !double.IsFinite(deviation))
            throw new CharRnnException(table.Name, $"column '{name}' has numbers too large to take a mean of", "scale them, or leave the column out");
        return new ColumnEncoding(name, null, mean, deviation > 1e-12 * Math.Abs(mean) ? deviation : 1); // a constant says nothing
    }

    /// <summary>The values of a column; of one of numbers, numbers in their order: 1 and 1.0 are the same.</summary>
    private static string[] Categories(Table table, int column)
    {
        string[] texts = [.. table.Rows.Select(row => row[column]).Distinct()];
        return texts.All(IsNumber)
            ? [.. texts.Select(Parse).Distinct().Order().Select(value => value.ToString("R", CultureInfo.InvariantCulture))]
            : [.. texts.Order(StringComparer.Ordinal)];
    }

    private static double Parse(string text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);

    private static void RequireWhole(Table table)
    {
        for (int r = 0; r < table.Rows.Count; r++)
            for (int c = 0; c < table.Columns.Count; c++)
                if (s_missing.Contains(table.Rows[r][c]))
                    throw Missing(table, r, table.Columns[c]);
    }

    private static CharRnnException Missing(Table table, int row, string column) =>
        table.Wrong(row, column, "the value is missing", "fill it in, or leave out the row or the column");

    private static CharRnnException NotANumber(Table table, int column, string remedy)
    {
        int row = Enumerable.Range(0, table.Rows.Count).First(r => !IsNumber(table.Rows[r][column]));
        return table.Wrong(row, table.Columns[column], $"'{table.Rows[row][column]}' is no number", remedy);
    }

    private static bool IsNumber(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value);

    /// <summary>Whether a column is one of numbers.</summary>
    /// <exception cref="CharRnnException">Most of its cells are, and one is not.</exception>
    private static bool IsNumeric(Table table, int column)
    {
        int numbers = table.Rows.Count(row => IsNumber(row[column]));
        if (numbers < table.Rows.Count && numbers > table.Rows.Count / 2)
            throw NotANumber(table, column, "most of the column are numbers: correct the value, or leave the row or the column out");
        return numbers == table.Rows.Count;
    }

    private static bool IsFewWholeNumbers(Table table, int column)
    {
        HashSet<double> values = [.. table.Rows.Select(row => Parse(row[column]))];
        return values.Count <= MostNumberClasses && values.All(value => value == Math.Round(value));
    }

    private static float Number(Table table, int row, int column, ColumnEncoding how)
    {
        string text = table.Rows[row][column];
        if (s_missing.Contains(text))
            throw Missing(table, row, how.Name);
        if (!IsNumber(text))
            throw table.Wrong(row, how.Name, $"'{text}' is no number", "the column was learned as one of numbers: correct the value");
        float value = (float)((Parse(text) - how.Mean) / how.Deviation);
        return float.IsFinite(value) ? value : throw table.Wrong(row, how.Name, $"{text} is too large", "give a number like those that were learned");
    }

    private static int Category(Table table, int row, int column, ColumnEncoding how)
    {
        string text = table.Rows[row][column];
        string other = IsNumber(text) ? Parse(text).ToString("R", CultureInfo.InvariantCulture) : text;
        for (int i = 0; i < how.Categories!.Count; i++)
            if (how.Categories[i] == text || how.Categories[i] == other)
                return i;
        if (s_missing.Contains(text))
            throw Missing(table, row, how.Name);
        string known = how.Categories.Count <= 10 ? string.Join(", ", how.Categories) : $"{string.Join(", ", how.Categories.Take(10))}, ...";
        throw table.Wrong(row, how.Name, $"'{text}' is no value that was learned", $"the column was learned with {known}");
    }
}
