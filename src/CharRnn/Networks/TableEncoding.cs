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
    // A column with more values than these is a name or a text, of which nothing is learned.
    private const int MostCategories = 1000;

    // Whole numbers of so few values are classes: 0 and 1, or digits.
    private const int MostNumberClasses = 20;

    /// <summary>Numbers in a row.</summary>
    public int Width => Inputs.Sum(column => column.Width);

    /// <summary>Learns from some rows.</summary>
    /// <param name="table">The table.</param>
    /// <param name="rows">The rows to learn means, deviations and categories from.</param>
    /// <param name="label">The label's column.</param>
    /// <param name="isRegression">Whether the label is a quantity; null to find out.</param>
    /// <exception cref="CharRnnException">A cell is empty, or a column is of no use.</exception>
    public static TableEncoding Learn(Table table, IReadOnlyList<int> rows, string label, bool? isRegression)
    {
        int answer = table.ColumnOf(label);
        if (table.Columns.Count < 2)
            throw new CharRnnException(table.Name, "has the label's column alone", "give a table with a column to learn from");
        RequireWhole(table);
        ColumnEncoding[] inputs = [.. Enumerable.Range(0, table.Columns.Count).Where(c => c != answer).Select(c => Column(table, rows, c, IsNumeric(table, rows, c)))];

        bool numeric = IsNumeric(table, rows, answer);
        if (isRegression == true && !numeric)
            throw NotANumber(table, answer, "give --loss auto, or another --label");
        bool quantity = isRegression ?? (numeric && !IsFewWholeNumbers(table, rows, answer));
        int classes = rows.Select(r => table.Rows[r][answer]).Distinct().Count();
        if (classes == 1)
            throw new CharRnnException(table.Name, $"column '{label}' is '{table.Rows[rows[0]][answer]}' in every row", "give another --label");
        if (!quantity && classes > Math.Max(MostNumberClasses, rows.Count / 2))
            throw new CharRnnException(
                table.Name, $"column '{label}' has {classes} different values in {rows.Count} rows",
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
        bool isWhole = encoding.Inputs is { Count: > 0 } && encoding.Label is not null
            && encoding.Inputs.Append(encoding.Label).All(column => column is { Name: not null } && (column.Categories is null ? column.Deviation > 0 && double.IsFinite(column.Mean) : column.Categories is { Count: > 0 }));
        return isWhole ? encoding : throw new JsonException("a part is missing");
    }

    private static ColumnEncoding Column(Table table, IReadOnlyList<int> rows, int column, bool numeric)
    {
        string name = table.Columns[column];
        if (!numeric)
        {
            string[] categories = [.. rows.Select(r => table.Rows[r][column]).Distinct().Order(StringComparer.Ordinal)];
            if (categories.All(IsNumber))
                categories = [.. categories.OrderBy(text => double.Parse(text, CultureInfo.InvariantCulture))];
            return categories.Length <= MostCategories
                ? new ColumnEncoding(name, categories, 0, 1)
                : throw new CharRnnException(table.Name, $"column '{name}' has {categories.Length} different texts", $"leave it out, or bring it to at most {MostCategories}");
        }

        double[] values = [.. rows.Select(r => double.Parse(table.Rows[r][column], NumberStyles.Float, CultureInfo.InvariantCulture))];
        double mean = values.Average(), deviation = Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
        return new ColumnEncoding(name, null, mean, deviation > 1e-12 * Math.Abs(mean) ? deviation : 1); // a constant says nothing
    }

    private static void RequireWhole(Table table)
    {
        for (int r = 0; r < table.Rows.Count; r++)
            for (int c = 0; c < table.Columns.Count; c++)
                if (table.Rows[r][c].Length == 0)
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

    private static bool IsNumeric(Table table, IReadOnlyList<int> rows, int column) => rows.All(r => IsNumber(table.Rows[r][column]));

    private static bool IsFewWholeNumbers(Table table, IReadOnlyList<int> rows, int column)
    {
        HashSet<double> values = [.. rows.Select(r => double.Parse(table.Rows[r][column], NumberStyles.Float, CultureInfo.InvariantCulture))];
        return values.Count <= MostNumberClasses && values.All(value => value == Math.Round(value));
    }

    private static float Number(Table table, int row, int column, ColumnEncoding how)
    {
        string text = table.Rows[row][column];
        if (text.Length == 0)
            throw Missing(table, row, how.Name);
        if (!IsNumber(text))
            throw table.Wrong(row, how.Name, $"'{text}' is no number", "the column was learned as one of numbers: correct the value");
        return (float)((double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture) - how.Mean) / how.Deviation);
    }

    private static int Category(Table table, int row, int column, ColumnEncoding how)
    {
        string text = table.Rows[row][column];
        if (text.Length == 0)
            throw Missing(table, row, how.Name);
        for (int i = 0; i < how.Categories!.Count; i++)
            if (how.Categories[i] == text)
                return i;
        string known = how.Categories.Count <= 10 ? string.Join(", ", how.Categories) : $"{string.Join(", ", how.Categories.Take(10))}, ...";
        throw table.Wrong(row, how.Name, $"'{text}' is no value that was learned", $"the column was learned with {known}");
    }
}
