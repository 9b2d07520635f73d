using System.Globalization;
using CharRnn.Gpu.Tests.Networks;
using CharRnn.Networks;
using CharRnn.Tables;

namespace CharRnn.Gpu.Tests.Tables;

public class TablePlanTests
{
    [Theory]
    [InlineData("1|2.5|-3e2|0", "number", "")]
    [InlineData("1,5|2,25|3|1.000,5", "number", "decimal commas")]
    [InlineData("1,500|2,250,000|300|1,000.5", "number", "commas between thousands")]
    [InlineData("1 500|2 250 000|300|1 000.5", "number", "spaces between thousands")]
    [InlineData("1'500|2'250'000|300|1'000.5", "number", "apostrophes between thousands")]
    [InlineData("0,103|0,500|0,250|0,1", "number", "decimal commas")]
    [InlineData("9999-12-31 23:59:59.9999999|1999-12-01|2024-02-29|0001-01-01", "date", "as year, month, day, weekday, hour")]
    [InlineData("5 %|10%|7.5%|0 %", "number", "signs such as % or $ are left out")]
    [InlineData("$5|-$1,200|$7.50|€3", "number", "commas between thousands; signs such as % or $ are left out")]
    [InlineData("1|2||4", "number", "missing: the mean")]
    [InlineData("red|blue|red|blue", "category", "")]
    [InlineData("red|NA|red|blue", "category", "missing: the most frequent")]
    [InlineData("101|102|103B|101", "category", "")]
    [InlineData("007|012|007|012", "category", "numbers with zeros before them")]
    [InlineData("2024-01-31|1999-12-01|2024-02-29|2024-01-31", "date", "as year, month, day, weekday")]
    [InlineData("2024-01-31 10:30|1999-12-01T00:00:00Z|2024-02-29|2024-01-31", "date", "as year, month, day, weekday, hour")]
    [InlineData("1/31/2024|12/1/1999|2/29/2024|1/1/2024", "date", "as year, month, day, weekday; read as month/day/year")]
    [InlineData("31.1.2024|1.12.1999|29.2.2024|1.1.2024", "date", "as year, month, day, weekday; read as day/month/year")]
    [InlineData("1.2.2024|3.4.2024|5.6.2024|7.8.2024", "date", "as year, month, day, weekday; read as day/month/year")]
    [InlineData("1/31/24|12/1/99|2/29/24|1/1/24", "date", "as year, month, day, weekday; read as month/day/year")]
    [InlineData("31-OCT-2024|1-SEP-1999|29-FEB-2024|1-AUG-2024", "date", "as year, month, day, weekday; read as day/month/year")]
    [InlineData("1|(2.50)|#DIV/0!|4", "number", "missing: the mean")]
    [InlineData("31-Jan-2024|1-dec-1999|29-Feb-2024|1-Jan-2024", "date", "as year, month, day, weekday; read as day/month/year")]
    [InlineData("07:15|7:20:30.5|23:59|0:00", "number", "times, as hours")]
    [InlineData("07:15|08:00|07:15|08:00", "number", "times, as hours")]
    [InlineData("7:15 AM|12:00 am|7:15 PM|12:00pm", "number", "times, as hours")]
    [InlineData("0 days 00:01:30|-1 days +23:59:00|3 days|1 day, 2:03:04", "number", "times, as hours")]
    [InlineData("16:9|4:3|16:9|4:3", "category", "")]
    [InlineData("07:60|08:00|07:60|08:00", "category", "")]
    [InlineData("13:00 PM|1:00 PM|13:00 PM|1:00 PM", "category", "")]
    [InlineData("a|a|a|a", "left out", "'a' in every row")]
    [InlineData("||NA|?", "left out", "no values")]
    [InlineData("2024-02-30|x|2024-01-01|x", "category", "")] // no such day
    public void A_column_is_what_its_cells_are(string cells, string role, string note)
    {
        string[] values = cells.Split('|');
        Table table = TestTables.Of("other|x|y", [.. values.Select((value, i) => $"{i % 3}|{value}|{"abab"[i]}")]);
        ColumnDecision decision = Plan(table).Decisions[1];
        Assert.Equal(("x", role, note), (decision.Name, decision.Role, decision.Note));
    }

    [Fact]
    public void A_comma_is_a_decimal_comma_where_it_does_not_separate_fields()
    {
        Table semicolons = TestTables.With(";", "x|y", "1,250|a", "2,500|b", "3,125|a");
        Assert.Equal("decimal commas", Plan(semicolons).Decisions[0].Note);
        Table commas = TestTables.With(",", "x|y", "1,250|a", "2,500|b", "3,125|a");
        Assert.Equal("commas between thousands", Plan(commas).Decisions[0].Note);
    }

    [Fact]
    public void A_number_is_read_as_the_rest_of_the_table_is_written()
    {
        Table table = TestTables.With(";", "price|weight|y", "1.234|1,5|a", "999|2,25|b", "12.345|3|a");
        TablePlan plan = Plan(table);
        Assert.Equal("decimal commas", plan.Decisions[0].Note);
        TableEncoding fitted = plan.Encoding.Fitted(table, table.All(), TestContext.Current.CancellationToken);
        Assert.Equal((1234 + 999 + 12345) / 3.0, fitted.Inputs[0].Mean);
    }

    [Theory]
    [InlineData("07:15", 7.25)]
    [InlineData("7:15:30.5", 7 + (15 / 60.0) + (30.5 / 3600))]
    [InlineData("100:30", 100.5)]
    [InlineData("-0:30", -0.5)]
    [InlineData("12:00 AM", 0)]
    [InlineData("12:30 PM", 12.5)]
    [InlineData("1:30 pm", 13.5)]
    [InlineData("2 days", 48)]
    [InlineData("0 days 00:01:30", 90 / 3600.0)]
    [InlineData("-1 days +23:30:00", -0.5)]
    [InlineData("-1 day, 23:30:00", -0.5)]
    [InlineData("1 day, 0:30:00", 24.5)]
    public void A_time_is_its_hours(string text, double hours)
    {
        Table table = TestTables.Of("x|y", $"{text}|a", $"{text}|b", "00:00|a");
        double mean = Plan(table).Encoding.Fitted(table, [0, 1], TestContext.Current.CancellationToken).Inputs[0].Mean;
        Assert.Equal(hours, mean, 1e-12);
    }

    [Fact]
    public void Words_in_a_column_of_numbers_are_missing_values_and_texts_with_digits_make_it_categories()
    {
        string[] rows = [.. Enumerable.Range(0, 60).Select(i => $"{i / 2}.5|{i % 2}")];
        Table words = TestTables.Of("x|y", [.. rows, "none|1", "none|0", "-|1"]);
        Assert.Equal("'-', 'none' read as missing; missing: the mean", Plan(words).Decisions[0].Note);
        Assert.Equal(3, Plan(words).Decisions[0].Missing);
        Table codes = TestTables.Of("x|y", [.. rows, .. rows, "103B|1"]);
        Assert.Equal("category", Plan(codes).Decisions[0].Role);
    }

    [Fact]
    public void Row_numbers_row_names_and_texts_are_left_out()
    {
        string[] rows = [.. Enumerable.Range(0, 30).Select(i => $"{i + 1}|{i % 7}|some remark {i}|{i % 2}")];
        TablePlan plan = Plan(TestTables.Of("|x|remark|y", rows));
        Assert.Equal("row numbers without a name", plan.Decisions[0].Note);
        Assert.Equal("texts that hardly occur twice", plan.Decisions[2].Note);
        Assert.Equal(["x"], plan.Encoding.Inputs.Select(column => column.Name));
        plan = Plan(TestTables.Of("|x|y", [.. Enumerable.Range(0, 30).Select(i => $"car {i}|{i % 7}|{i % 2}")]));
        Assert.Equal("row names without a name", plan.Decisions[0].Note);
        plan = Plan(TestTables.Of("||x||y", [.. Enumerable.Range(0, 30).Select(i => $"{i}|{29 - i}|{i % 7}|{i}|{i % 2}")]));
        Assert.Equal(
            ["row numbers without a name", "row names without a name", ""], plan.Decisions.Take(3).Select(decision => decision.Note));
        Assert.Equal(["x", "column 4"], plan.Encoding.Inputs.Select(column => column.Name)); // behind a name it is a value
        plan = Plan(TestTables.Of("rownames|x|y", [.. Enumerable.Range(7, 30).Select(i => $"{i}|{i % 7}|{i % 2}")]));
        Assert.Equal("row numbers", plan.Decisions[0].Note);
        plan = Plan(TestTables.Of("n|x|y", [.. Enumerable.Range(0, 30).Select(i => $"{i}|{i % 7}|{i % 2}")]));
        Assert.Equal("number", plan.Decisions[0].Role); // what has a name may mean something
    }

    [Theory]
    [InlineData(null, "0|1|1|0|1|0", new[] { "0", "1" })] // two numbers are classes
    [InlineData(null, "10|9|10|9|10|9", new[] { "9", "10" })] // in the order of numbers
    [InlineData(null, "yes|no|yes|no|yes|no", new[] { "no", "yes" })]
    [InlineData(null, "7|07|7|07|7|07", new[] { "07", "7" })] // as they stand in the table
    [InlineData(null, "101|102|103B|101|102|103B", new[] { "101", "102", "103B" })]
    [InlineData(null, "101|102|103|104|105|106", null)] // each but once
    [InlineData(null, "1|2|3|1|2|3", null)] // too few of each
    [InlineData(null, "0.5|1|2|3|4|5", null)]
    [InlineData(true, "0|1|1|0|1|0", null)]
    [InlineData(false, "1|2|3|1|2|3", new[] { "1", "2", "3" })]
    [InlineData(false, "0.5|1|1|0.5|1|1", new[] { "0.5", "1" })]
    public void A_label_has_classes_or_is_a_quantity(bool? isQuantity, string values, string[]? classes)
    {
        Table table = TestTables.Of("x|y", [.. values.Split('|').Select((y, i) => $"{i}|{y}")]);
        Assert.Equal(classes, Plan(table, isQuantity).Encoding.Label.Categories);
    }

    [Fact]
    public void Whole_numbers_of_many_rows_each_are_classes()
    {
        Table table = TestTables.Of("x|y", [.. Enumerable.Range(0, 50).Select(i => $"{i}|{i % 10}")]);
        Assert.Equal(10, Plan(table).Encoding.Label.Categories!.Count);
        Assert.Equal("10 classes", Plan(table).Decisions[1].Note);
        table = TestTables.Of("x|y", [.. Enumerable.Range(0, 50).Select(i => $"{i}|{i % 11}")]);
        Assert.Equal("a quantity", Plan(table).Decisions[1].Note);
        table = TestTables.Of("x|y", [.. Enumerable.Range(0, 50).Select(i => $"{i}|{i}.5"), "1|unknown"]);
        Assert.Equal("a quantity; 'unknown' read as missing; rows without it are left out", Plan(table).Decisions[1].Note);
        Assert.Equal(1, Plan(table).Decisions[1].Missing);
        Assert.Equal(50, Plan(table).Encoding.UsableRows(table, TestContext.Current.CancellationToken).Count);
    }

    [Fact]
    public void Columns_have_the_roles_that_a_user_gives_them()
    {
        string[] rows = [.. Enumerable.Range(0, 12).Select(i => $"{i % 3}|n{i}|{i % 4}|{i % 2}")];
        Table table = TestTables.Of("a,b|remark|c|y", [.. rows, "x|n1|1|1"]);
        TablePlan plan = TablePlan.Of(
            table, new() { Label = "y", Ignored = "c", Numeric = "a,b", Categorical = "remark" },
            TestContext.Current.CancellationToken);
        Assert.Equal(["number", "category", "left out", "label"], plan.Decisions.Select(one => one.Role));
        Assert.Equal(1, plan.Decisions[0].Missing); // x is no number
        Fails(
            "table: has no column 'd'; its columns are a,b, remark, c, y",
            () => TablePlan.Of(table, new() { Label = "y", Ignored = "c,d" }));
        Fails(
            "table: column 'y' is the label, and said to be something else; give another --label, or --task classify or regress",
            () => TablePlan.Of(table, new() { Label = "y", Ignored = "y" }));
        Fails(
            "table: column 'c' is in more than one of --ignore, --numeric and --categorical; leave it in one of them",
            () => TablePlan.Of(table, new() { Label = "y", Numeric = "c", Categorical = "c" }));
        Fails(
            "table: column 'remark' has no numbers; leave it out of --numeric",
            () => TablePlan.Of(table, new() { Label = "y", Numeric = "remark" }));
    }

    [Fact]
    public void What_cannot_be_learned_is_refused()
    {
        Fails("table: has no column 'z'; its columns are x, y", () => TablePlan.Of(TestTables.Of("x|y", "1|a"), new() { Label = "z" }));
        Fails(
            "table: has only the label's column; give a table with a column to learn from",
            () => Plan(TestTables.Of("y", "a", "b", "a")));
        Fails(
            "table: has no column to learn from but the label's; the others are left out: x ('1' in every row)",
            () => Plan(TestTables.Of("x|y", "1|a", "1|b")));
        Fails("table: column 'y' is 'a' in every row; give another --label", () => Plan(TestTables.Of("x|y", "1|a", "2|a", "3|a")));
        Fails("table: column 'y' has no values; give another --label", () => Plan(TestTables.Of("x|y", "1|", "2|NA")));
        Fails(
            "table: line 2, column 'y': 'a' is not a number; give --task classify, or another --label",
            () => Plan(TestTables.Of("x|y", "1|a", "2|2", "3|b"), isQuantity: true));
        Fails(
            "table: column 'y' has 2500 different values in 2500 rows; "
                + "give another --label: values that hardly occur twice cannot be learned",
            () => Plan(TestTables.Of("x|y", Numbered("{0}|name{0}", 2500))));
        Fails(
            "table: column 'y' has 1500 different values in 4500 rows; "
                + "give another --label, or group them: at most 1000 classes can be learned",
            () => Plan(TestTables.Of("x|y", [.. Enumerable.Range(0, 4500).Select(i => $"{i}|name{i % 1500}")])));
        Fails(
            "table: column 'y' has 2500 different values in 2500 rows; give --task regress, which takes a quantity",
            () => Plan(TestTables.Of("x|y", Numbered("{0}|{0}", 2500)), isQuantity: false));
    }

    [Fact]
    public void A_column_of_very_many_different_texts_keeps_numbers_and_dates_and_forgets_words()
    {
        const int rows = TableColumn.MostTexts + 100;
        var day = new DateTime(1800, 1, 1);
        string[] cells =
        [
            .. Enumerable.Range(0, rows).Select(i => string.Create(
                CultureInfo.InvariantCulture,
                $"{(i == 7 ? "none" : $"{i}.25")}|{day.AddDays(i):dd/MM/yyyy}|word {i}|{(i == 9 ? "" : $"{i}")}|{i}|{i % 2}")),
        ];
        Table table = TestTables.Of("number|date|word|gap||y", cells);
        TablePlan plan = Plan(table);
        Assert.Equal(["number", "date", "left out", "number", "number", "label"], plan.Decisions.Select(one => one.Role));
        Assert.Equal([1, 0, 0, 1, 0, 0], plan.Decisions.Select(one => one.Missing));
        Assert.Equal("'none' read as missing; missing: the mean", plan.Decisions[0].Note);
        Assert.Equal("more than 1000 different texts", plan.Decisions[2].Note);
        int last = rows - 1;
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"{last}.25"), table.Column("number").Text(last));
        Assert.Equal("none", table.Column("number").Text(7));

        float[] x = TestNetworks.Inputs(
            plan.Encoding.Encode(table, [3, 9, last], NetworkLoss.BinaryCrossEntropy, withAnswers: false,
                cancellation: TestContext.Current.CancellationToken).Data.X);
        int width = plan.Encoding.Width;
        DateTime end = day.AddDays(last);
        Assert.Equal(
            [last + 0.25f, 0, end.Year, end.Month, end.Day, (int)end.DayOfWeek, last, 0, last],
            x[(2 * width)..]);
        Assert.Equal([0, 1], x[(width + 6)..(width + 8)]); // the gap
    }

    private static string[] Numbered(string row, int count) =>
        [.. Enumerable.Range(0, count).Select(i => string.Format(CultureInfo.InvariantCulture, row, i))];

    private static TablePlan Plan(Table table, bool? isQuantity = null) =>
        TablePlan.Of(table, new() { Label = "y", IsQuantity = isQuantity });

    private static void Fails(string message, Action action) => Assert.Equal(message, Assert.Throws<CharRnnException>(action).Message);
}
