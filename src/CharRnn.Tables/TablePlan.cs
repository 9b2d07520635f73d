using System.Globalization;
using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>What the columns of a table are for.</summary>
/// <param name="Encoding">
/// How they become numbers; <see cref="TableEncodings.Fitted"/> adds the means and what else depends on the training rows.
/// </param>
/// <param name="Decisions">What was decided about each column of the table, in its order.</param>
public sealed record TablePlan(TableEncoding Encoding, IReadOnlyList<ColumnDecision> Decisions)
{
    private const string LeftOut = "left out";

    // The names that a column of row numbers may have.
    private static readonly HashSet<string> s_rowNames =
        new(StringComparer.OrdinalIgnoreCase) { "id", "index", "no", "nr", "row", "rowid", "rownames", "row.names" };

    // Whole numbers of so few values are classes, if each has so many rows.
    private const int MostNumberClasses = 20, LeastRowsOfClass = 5;

    // A column with more different texts than this, and than half of its rows, has names or remarks.
    private const int FewTexts = 10;

    /// <summary>Decides what the columns of a table are for.</summary>
    /// <param name="table">The table.</param>
    /// <param name="options">What is said about its columns.</param>
    /// <param name="cancellation">Checked before each column.</param>
    /// <exception cref="CharRnnException">A column that is named is not there or cannot be what it is said to be.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static TablePlan Of(Table table, TableOptions options, CancellationToken cancellation = default)
    {
        TableColumn label = table.Column(options.Label);
        HashSet<TableColumn> ignored = [.. table.ColumnsOf(options.Ignored)], numeric = [.. table.ColumnsOf(options.Numeric)],
            categorical = [.. table.ColumnsOf(options.Categorical)];
        if (new[] { ignored, numeric, categorical }.Any(columns => columns.Contains(label)))
            throw new CharRnnException(
                table.Name, $"column '{Table.Short(label.Name)}' is the label, and said to be something else",
                "give another --label, or --task classify or regress");
        if (ignored.Concat(numeric).Concat(categorical).GroupBy(column => column).FirstOrDefault(said => said.Count() > 1) is { } twice)
            throw new CharRnnException(
                table.Name, $"column '{Table.Short(twice.Key.Name)}' is in more than one of --ignore, --numeric and --categorical",
                "leave it in one of them");

        // A number such as 1.234 is whole in a table that has decimal commas.
        ColumnProfile[] profiles =
        [
            .. table.Columns.Select(column =>
            {
                cancellation.ThrowIfCancellationRequested();
                return new ColumnProfile(column, table.Delimiter);
            }),
        ];
        if (Array.Exists(profiles, profile => profile.IsNumeric && profile.Notation.DecimalMark == ','))
            profiles = [.. profiles.Select(profile => profile.WithDecimalCommas())];

        var inputs = new List<ColumnEncoding>();
        var decisions = new List<ColumnDecision>();
        ColumnEncoding? answer = null;
        for (int c = 0; c < table.Columns.Count; c++)
        {
            cancellation.ThrowIfCancellationRequested();
            TableColumn column = table.Columns[c];
            ColumnProfile profile = profiles[c];
            (ColumnEncoding? encoding, string role, string note) = column == label
                ? LabelOf(table, profile, options)
                : ignored.Contains(column) ? (null, LeftOut, "as --ignore says")
                : numeric.Contains(column) ? Forced(table, profile)
                : categorical.Contains(column) ? CategoryOf(table, profile)
                : InputOf(profile, isFirst: c == 0, isBehindNamed: table.Columns.Take(c).Any(before => !before.IsUnnamed));
            int missing = encoding is null ? profile.Missing : TableEncodings.MissingIn(column, encoding);
            if (column == label && missing > 0)
                note = Joined(note, "rows without it are left out");
            if (encoding is not null && column != label)
            {
                if (missing > 0)
                    note = Joined(note, options.Missing == MissingValues.Fill
                        ? encoding.Categories is null ? "missing: the mean" : "missing: the most frequent"
                        : options.Missing == MissingValues.Drop ? "rows without it are left out" : "");
                encoding = encoding with { HasIndicator = missing > 0 && options.Missing == MissingValues.Fill };
                decisions.Add(new(column.Name, role, profile.Values, missing, note));
                inputs.Add(encoding);
            }
            else
                decisions.Add(new(column.Name, role, profile.Values, missing, note));
            answer = column == label ? encoding : answer;
        }

        if (table.Columns.Count == 1)
            throw new CharRnnException(table.Name, "has only the label's column", "give a table with a column to learn from");
        IEnumerable<string> others = decisions.Where(one => one.Role == LeftOut).Select(one => $"{one.Name} ({one.Note})");
        if (inputs.Count == 0)
            throw new CharRnnException(
                table.Name, "has no column to learn from but the label's", $"the others are left out: {Table.Listed(others)}");
        return new(new TableEncoding(inputs, answer!) { Missing = options.Missing }, decisions);
    }

    private static (ColumnEncoding? Encoding, string Role, string Note) InputOf(ColumnProfile profile, bool isFirst, bool isBehindNamed)
    {
        TableColumn column = profile.Column;
        int present = profile.Rows - profile.Missing;
        if (profile.Values == 0)
            return (null, LeftOut, "no values");

        // pandas adds such a column each time that a table is written, read and written again.
        if (!isBehindNamed && column.IsUnnamed && profile.Missing == 0
            && (profile.IsRunning || profile.IsWide || profile.Values == profile.Rows))
            return (null, LeftOut, profile.IsRunning ? "row numbers without a name" : "row names without a name");
        if (isFirst && s_rowNames.Contains(column.Name) && profile.Rows > 1 && profile.IsRunning)
            return (null, LeftOut, "row numbers");
        if (profile.Values == 1 && profile.Missing == 0)
            return (null, LeftOut, $"'{Table.Short(profile.Texts[0])}' in every row");
        bool isFew = !profile.IsWide && profile.Values <= ColumnEncoding.MostCategories
            && (profile.Values <= FewTexts || profile.Values <= present / 2);
        if (profile.IsNumeric && !(profile.IsCodes && isFew))
            return Numbers(profile);
        if (profile.IsDates)
            return (
                new ColumnEncoding(column.Name, null, 0, 1)
                {
                    Dates = profile.Dates,
                    DateParts = [.. Enumerable.Repeat(Standard.None, profile.HasTimes ? 5 : 4)],
                },
                "date", $"as year, month, day, weekday{(profile.HasTimes ? ", hour" : "")}{OrderNote(profile)}");
        if (isFew)
            return Category(profile);
        return (null, LeftOut, profile.IsWide || profile.Values > ColumnEncoding.MostCategories
            ? $"more than {ColumnEncoding.MostCategories} different texts"
            : "texts that hardly occur twice");
    }

    private static (ColumnEncoding? Encoding, string Role, string Note) Numbers(ColumnProfile profile)
    {
        string note = profile.Notation switch
        {
            { DecimalMark: ',', GroupMark: '.' } => "decimal commas",
            { DecimalMark: ',' } => "decimal commas, spaces between thousands",
            { DecimalMark: ':' } => "times, as hours",
            { GroupMark: '\0' } => "",
            { GroupMark: var group } => $"{(group == ',' ? "commas" : group == ' ' ? "spaces" : "apostrophes")} between thousands",
        };
        // Plain numbers that another notation reads as well have no comma or sign to speak of.
        if (profile.Texts.Any(NumberText.HasUnit))
            note = Joined(note, "signs such as % or $ are left out");
        if (profile.Others.Count > 0)
            note = Joined(note, $"{Quoted(profile.Others)} read as missing");
        return (
            new ColumnEncoding(profile.Column.Name, null, 0, 1) { Notation = profile.Notation, MissingTexts = [.. profile.Others] },
            "number", note);
    }

    private static (ColumnEncoding? Encoding, string Role, string Note) Category(ColumnProfile profile) => (
        new ColumnEncoding(profile.Column.Name, Ordered(profile), 0, 1), "category",
        profile.IsCodes ? "numbers with zeros before them" : "");

    private static (ColumnEncoding? Encoding, string Role, string Note) Forced(Table table, ColumnProfile profile)
    {
        if (!profile.IsWide && profile.Others.Count == profile.Values)
            throw new CharRnnException(
                table.Name, $"column '{Table.Short(profile.Column.Name)}' has no numbers", "leave it out of --numeric");
        if (profile.IsWide && profile.Column.WideNotation is null)
            throw TooMany(table, profile.Column.Name, "leave it out of --numeric");
        (ColumnEncoding? encoding, string role, string note) = Numbers(profile);
        return (encoding! with { MissingTexts = [], OthersAreMissing = true }, role, note);
    }

    private static (ColumnEncoding? Encoding, string Role, string Note) CategoryOf(Table table, ColumnProfile profile)
    {
        if (profile.IsWide || profile.Values > ColumnEncoding.MostCategories)
            throw TooMany(table, profile.Column.Name, "leave it out of --categorical");
        return profile.Values > 0
            ? Category(profile)
            : throw new CharRnnException(
                table.Name, $"column '{Table.Short(profile.Column.Name)}' has no values", "leave it out of --categorical");
    }

    private static (ColumnEncoding? Encoding, string Role, string Note) LabelOf(Table table, ColumnProfile profile, TableOptions options)
    {
        string name = Table.Short(profile.Column.Name);
        int present = profile.Rows - profile.Missing;
        if (present == 0)
            throw new CharRnnException(table.Name, $"column '{name}' has no values", "give another --label");
        bool isNumeric = profile.IsNumeric;
        if (profile.Column.IsForgotten)
            throw new CharRnnException(
                table.Name,
                string.Create(CultureInfo.InvariantCulture, $"column '{name}' has more than {TableColumn.MostTexts} different texts"),
                "give another --label: values that hardly occur twice cannot be learned");
        if (options.IsQuantity == true && !isNumeric)
        {
            Func<int, bool> isNumber = profile.Column.Reader(
                text => Cell.IsMissing(text) || NumberText.TryParse(text, profile.Notation, out _), _ => true);
            int row = Enumerable.Range(0, profile.Rows).FirstOrDefault(r => !isNumber(r));
            throw table.Wrong(
                row, profile.Column.Name, $"'{Table.Short(profile.Column.Text(row))}' is not a number",
                "give --task classify, or another --label");
        }

        if (profile.Values == 1)
            throw new CharRnnException(
                table.Name, $"column '{name}' is '{Table.Short(profile.Texts[0])}' in every row", "give another --label");
        bool isFew = !profile.IsWide && profile.Values <= MostNumberClasses
            && (profile.Values == 2 || present >= LeastRowsOfClass * profile.Values) && profile.Others.Count == 0 && profile.IsWhole;
        bool isQuantity = options.IsQuantity ?? (isNumeric && !isFew && !(profile.IsCodes && profile.Values <= present / 2));
        if (isQuantity)
        {
            (ColumnEncoding? encoding, _, string note) = Numbers(profile);
            return (encoding, "label", Joined("a quantity", note));
        }

        if (profile.IsWide || profile.Values > ColumnEncoding.MostCategories
            || profile.Values > Math.Max(MostNumberClasses, present / 2))
            throw new CharRnnException(
                table.Name,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"column '{name}' has {(profile.IsWide ? "more than " : "")}{Math.Min(profile.Values, TableColumn.MostTexts)} "
                    + $"different values in {present} rows"),
                isNumeric ? "give --task regress, which takes a quantity"
                : profile.Values > present / 2 ? "give another --label: values that hardly occur twice cannot be learned"
                : $"give another --label, or group them: at most {ColumnEncoding.MostCategories} classes can be learned");
        return (
            new ColumnEncoding(profile.Column.Name, Ordered(profile), 0, 1), "label",
            string.Create(CultureInfo.InvariantCulture, $"{profile.Values} classes"));
    }

    /// <summary>The values of a column in order: numbers by their value, and the same numbers by their text.</summary>
    private static string[] Ordered(ColumnProfile profile) => profile.IsNumeric && profile.Others.Count == 0
        ? [.. profile.Texts.OrderBy(text => NumberText.TryParse(text, profile.Notation, out double value) ? value : 0)
            .ThenBy(text => text, StringComparer.Ordinal)]
        : [.. profile.Texts.Order(StringComparer.Ordinal)];

    private static string OrderNote(ColumnProfile profile) => profile.Dates switch
    {
        DateOrder.MonthDayYear => "; read as month/day/year",
        DateOrder.DayMonthYear => "; read as day/month/year",
        _ => "",
    };

    private static string Quoted(IReadOnlyList<string> texts) => Table.Listed(texts.Select(text => $"'{Table.Short(text)}'"));

    private static string Joined(string one, string other) => one.Length == 0 ? other : other.Length == 0 ? one : $"{one}; {other}";

    private static CharRnnException TooMany(Table table, string column, string remedy) => new(
        table.Name,
        string.Create(
            CultureInfo.InvariantCulture,
            $"column '{Table.Short(column)}' has more than {ColumnEncoding.MostCategories} different texts"),
        remedy);
}
