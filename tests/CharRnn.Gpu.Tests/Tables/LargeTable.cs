using System.Globalization;
using System.Text;
using CharRnn.Networks;
using CharRnn.Tables;

namespace CharRnn.Gpu.Tests.Tables;

/// <summary>A table with a column of every kind, some of which have more different texts than a column keeps.</summary>
internal static class LargeTable
{
    public const int Rows = TableColumn.MostTexts + 5000;

    private static readonly DateTime s_day = new(1950, 3, 1, 4, 0, 0);

    /// <summary>The table as CSV. A text of row 20 has two lines.</summary>
    public static string Csv { get; } = Text();

    /// <summary>Checks that both tables are the same in all that a table offers.</summary>
    public static void RequireSame(Table expected, Table actual)
    {
        int[] rows = [.. Enumerable.Range(0, expected.Count)];
        Assert.Equal((expected.Delimiter, expected.Count, expected.Hash), (actual.Delimiter, actual.Count, actual.Hash));
        Assert.Equal(rows.Select(expected.LineOf), rows.Select(actual.LineOf));
        Assert.Equal(expected.Damaged, actual.Damaged);
        Assert.Equal(expected.Columns.Select(Facts), actual.Columns.Select(Facts));
        foreach ((TableColumn one, TableColumn other) in expected.Columns.Zip(actual.Columns))
        {
            Assert.Equal(one.WideNotation, other.WideNotation);
            Assert.Equal(one.Texts, other.Texts);
            Assert.Equal(rows.Select(one.Text), rows.Select(other.Text));
            Assert.Equal(rows.Select(Read(one)), rows.Select(Read(other)));
            if (one.Texts is not null)
                Assert.Equal(rows.Select(one.Codes()), rows.Select(other.Codes()));
            Assert.Same(other, actual.Column(one.Name));
        }
    }

    /// <summary>Checks that rows of both tables, in any order, are the same numbers with the same remarks.</summary>
    public static void RequireSameNumbers(Table expected, Table actual)
    {
        var random = new Random(5);
        int[] rows = [.. Enumerable.Range(0, expected.Count)];
        random.Shuffle(rows);
        TablePlan[] plans = [.. ((Table[])[expected, actual]).Select(table => TablePlan.Of(table, new() { Label = "many" }))];
        Assert.Equal(plans[0].Decisions, plans[1].Decisions);
        TableEncoding[] fitted = [plans[0].Encoding.Fitted(expected, rows[..50_000]), plans[1].Encoding.Fitted(actual, rows[..50_000])];
        Assert.Equal(fitted[0].ToJson(), fitted[1].ToJson());
        Assert.Equal(fitted[0].UsableRows(expected), fitted[0].UsableRows(actual));
        Assert.Equal(fitted[0].LabelledRows(expected), fitted[0].LabelledRows(actual));
        Assert.Equal(fitted[0].ClassesOf(expected, rows), fitted[0].ClassesOf(actual, rows));

        // A category that is not learned, and a word that is none of the numbers.
        TableEncoding narrow = fitted[0] with
        {
            Inputs = [.. fitted[0].Inputs.Select(column => column.Categories is { } all ? column with { Categories = [.. all.Skip(1)] }
                : column with { MissingTexts = [] })],
        };
        foreach (int[] some in (int[][])[rows, rows[10_000..10_100], [.. rows.Order()]])
            foreach (bool refuses in (bool[])[false, true])
            {
                EncodedRows one = narrow.Encode(expected, some, NetworkLoss.CrossEntropy, withAnswers: true, refuses,
                    cancellation: TestContext.Current.CancellationToken);
                RequireSameRows(one, narrow.Encode(actual, some, NetworkLoss.CrossEntropy, withAnswers: true, refuses,
                    cancellation: TestContext.Current.CancellationToken));
                EncodedRows later = narrow.EncodeLater(
                    actual, some, NetworkLoss.CrossEntropy, refuses, TestContext.Current.CancellationToken);
                Assert.Throws<InvalidOperationException>(() => later.Data.X);
                RequireSameRows(one, later with { Data = later.Data.Select([.. Enumerable.Range(0, later.Data.Count)]) });
                Assert.Equal(one.Data.Select([5, 3]).X.Codes, later.Data.Select([5, 3]).X.Codes);
            }
    }

    private static void RequireSameRows(EncodedRows expected, EncodedRows actual)
    {
        Assert.Equal(expected.Data.X.Numbers, actual.Data.X.Numbers);
        Assert.Equal(expected.Data.X.Codes, actual.Data.X.Codes);
        Assert.Equal(expected.Data.Classes, actual.Data.Classes);
        Assert.Equal(expected.Rows, actual.Rows);
        Assert.Equal(expected.Refused, actual.Refused);
        static IEnumerable<(string, bool, int, string)> Notes(EncodedRows rows) => rows.Notes
            .Select(note => (note.Column, note.AreMissing, note.Count, string.Join(',', note.Texts))).Order();
        Assert.Equal(Notes(expected), Notes(actual));
    }

    private static object Facts(TableColumn column) => (
        column.Name, column.IsUnnamed, column.Count, column.IsForgotten, column.WideDates, column.WideDates is not null && column.HasTimes);

    private static Func<int, (string?, double)> Read(TableColumn column) =>
        column.Reader<(string?, double)>(text => (text, 0), number => (null, number));

    private static string Text()
    {
        var text = new StringBuilder(",number,date,word,few,many,gap\n");
        for (int i = 0; i < Rows; i++)
        {
            string number = i == 7 ? "none" : i % 1000 == 9 ? "" : $"{(i * 37 % 100_003) - 50_000}.25";
            string date = i % 500 == 3 ? "?" : s_day.AddHours(i).ToString("dd/MM/yyyy HH:mm", CultureInfo.InvariantCulture);
            string few = i == 20 ? "\"two\nlines\"" : i % 7 == 0 ? "é" : i % 3 == 0 ? "\"red, \"\"dark\"\"\"" : "blue";
            string gap = i % 50 == 0 ? "NA" : $"{i}";
            text.Append(CultureInfo.InvariantCulture, $"{i + 1},{number},{date},word {i},{few},c{i % 300},{gap}\n");
        }

        return text.ToString();
    }
}
