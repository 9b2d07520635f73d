using CharRnn.Gpu.Tests.Networks;
using CharRnn.Networks;
using CharRnn.Tables;

namespace CharRnn.Gpu.Tests.Tables;

public class TableEncodingTests
{
    [Fact]
    public void Cancellation_is_heard_while_rows_become_numbers()
    {
        Table table = TestTables.Of("x|y", "1|a", "2|b", "3|a", "4|b");
        TableEncoding encoding = TablePlan.Of(table, new() { Label = "y" }, TestContext.Current.CancellationToken).Encoding;
        var stopped = new CancellationToken(canceled: true);
        Assert.Throws<OperationCanceledException>(() => TablePlan.Of(table, new() { Label = "y" }, stopped));
        Assert.Throws<OperationCanceledException>(() => encoding.UsableRows(table, stopped));
        Assert.Throws<OperationCanceledException>(() => encoding.Fitted(table, table.All(), stopped));
        Assert.Throws<OperationCanceledException>(
            () => encoding.EncodeAll(table, table.All(), NetworkLoss.BinaryCrossEntropy, stopped));
    }

    [Fact]
    public void Numbers_are_standardised_and_come_before_the_inputs_that_other_values_have_of_their_own()
    {
        Table table = TestTables.Of("colour|size|kind", "red|1|b", "blue|3|a", "red|5|b", "green|7|c");
        TableEncoding encoding = Learned(table, "kind");
        Assert.Equal(4, encoding.Width);
        Assert.Equal(("size", 4.0, Math.Sqrt(5)), (encoding.Inputs[1].Name, encoding.Inputs[1].Mean, encoding.Inputs[1].Deviation));
        Assert.Equal(["blue", "green", "red"], encoding.Inputs[0].Categories);
        Assert.Equal(["a", "b", "c"], encoding.Label.Categories);

        LabelledData data = encoding.EncodeAll(table, [0, 3], NetworkLoss.CrossEntropy,
            cancellation: TestContext.Current.CancellationToken);
        float unit = (float)(3 / Math.Sqrt(5));
        Assert.Equal([-unit, 0, 0, 1, unit, 0, 1, 0], TestNetworks.Inputs(data.X));
        Assert.Equal([1, 2], data.Classes);
    }

    [Fact]
    public void An_encoding_of_the_first_version_keeps_the_order_of_the_columns()
    {
        const string first =
            """
            {"Inputs":[{"Name":"colour","Categories":["blue","red"],"Mean":0,"Deviation":1,"Width":2},
            {"Name":"size","Categories":null,"Mean":2,"Deviation":4,"Width":1}],
            "Label":{"Name":"kind","Categories":["a","b"],"Mean":0,"Deviation":1,"Width":2},"Width":3}
            """;
        var encoding = TableEncoding.FromJson(first, isFirst: true);
        Table table = TestTables.Of("size|colour|kind", "4|red|b", "|blue|a");
        Assert.Equal([0, 1, 0.5f], TestNetworks.Inputs(encoding.EncodeAll(table, [0], NetworkLoss.CrossEntropy,
            cancellation: TestContext.Current.CancellationToken).X));
        Fails(
            "table: line 3, column 'size': the value is missing; give --missing fill or drop, or leave out the row or the column",
            () => encoding.UsableRows(table));
        Assert.Equal(encoding.ToJson(), TableEncoding.FromJson(encoding.ToJson()).ToJson());

        // Numbers were one category in any spelling, and these texts were no missing values.
        encoding = TableEncoding.FromJson(
            """
            {"Inputs":[{"Name":"x","Categories":["1","2"],"Mean":0,"Deviation":1}],
            "Label":{"Name":"y","Categories":["<NA>","a"],"Mean":0,"Deviation":1}}
            """,
            isFirst: true);
        table = TestTables.Of("x|y", "1.0|a", "02|<NA>");
        Assert.Equal([0, 1], encoding.UsableRows(table, TestContext.Current.CancellationToken));
        Assert.Equal([1, 0, 0, 1], TestNetworks.Inputs(encoding.EncodeAll(table, [0, 1], NetworkLoss.CrossEntropy,
            cancellation: TestContext.Current.CancellationToken).X));
    }

    [Fact]
    public void A_category_is_found_where_a_gap_in_its_column_made_it_a_number_with_decimals()
    {
        TableEncoding encoding = Learned(TestTables.Of("x|y", "red1|0", "blue|1", "red1|0"), "y");
        Table table = TestTables.Of("x|y", "blue|1.0", "red1|0.0", "red1|0.5");
        EncodedRows rows = encoding.Encode(table, table.All(), NetworkLoss.CrossEntropy, withAnswers: true,
            cancellation: TestContext.Current.CancellationToken);
        Assert.Equal([1, 0], rows.Data.Classes);
        Assert.Equal([0, 1], rows.Rows);
        encoding = Learned(TestTables.Of("x|y", "7|a", "07|b", "7|a", "07|b"), "y"); // these are two
        Assert.Equal(["07", "7"], encoding.Inputs[0].Categories);
    }

    [Fact]
    public void Means_are_of_the_training_rows_alone()
    {
        Table table = TestTables.Of("x|y", "1|a", "3|b", "1000|a");
        Assert.Equal(2, Learned(table, "y", rows: [0, 1]).Inputs[0].Mean);
        // A constant is encoded as 0, without a division by its deviation.
        Assert.Equal(1, Learned(TestTables.Of("x|y", "5|a", "5|b", "6|a"), "y", rows: [0, 1]).Inputs[0].Deviation);
    }

    [Fact]
    public void Missing_values_are_filled_and_said()
    {
        Table table = TestTables.Of("x|colour|y", "1|red|a", "|red|b", "5|NA|a", "3|blue|");
        TableEncoding encoding = Learned(table, "y", rows: [0, 1, 2]);
        // A row without a label cannot be trained on.
        Assert.Equal([0, 1, 2], encoding.UsableRows(table, TestContext.Current.CancellationToken));
        Assert.Equal(5, encoding.Width);
        // x, its indicator, the indicator of colour, blue, red; the mean of 1 and 5 is 3, and red is the most frequent.
        Assert.Equal(
            [-1, 0, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1],
            TestNetworks.Inputs(encoding.EncodeAll(table, [0, 1, 2], NetworkLoss.CrossEntropy,
                cancellation: TestContext.Current.CancellationToken).X));

        // Where training had all values, there is no indicator, and the caller is told.
        encoding = Learned(TestTables.Of("x|colour|y", "1|red|a", "3|blue|b", "5|red|b"), "y");
        EncodedRows rows = encoding.Encode(table, table.All(), NetworkLoss.CrossEntropy, withAnswers: false,
            cancellation: TestContext.Current.CancellationToken);
        Assert.Equal([("x", true, 1), ("colour", true, 1)], rows.Notes.Select(one => (one.Column, one.AreMissing, one.Count)));
        Assert.Equal(0, TestNetworks.Inputs(rows.Data.X)[3]);
        Assert.Empty(rows.Refused);
    }

    [Fact]
    public void Rows_with_missing_values_are_dropped_or_refused()
    {
        Table table = TestTables.Of("x|colour|y", "1|red|a", "|red|b", "5|NA|a", "3|blue|b", "2|red|");
        TableEncoding encoding = Learned(table, "y", MissingValues.Drop, rows: [0, 3]);
        Assert.Equal([0, 3], encoding.UsableRows(table, TestContext.Current.CancellationToken));
        EncodedRows rows = encoding.Encode(table, table.All(), NetworkLoss.CrossEntropy, withAnswers: false,
            cancellation: TestContext.Current.CancellationToken);
        Assert.Equal([0, 3, 4], rows.Rows);
        Assert.Equal(
            [(1, "line 3, column 'x': the value is missing"), (2, "line 4, column 'colour': the value is missing")], rows.Refused);
        Fails(
            "table: line 3, column 'x': the value is missing; give --missing fill or drop, or leave out the row or the column",
            () => TablePlan.Of(table, new() { Label = "y", Missing = MissingValues.Error }).Encoding.UsableRows(table));
    }

    [Fact]
    public void Dates_become_their_parts()
    {
        Table table = TestTables.Of("day|y", "2024-01-31|a", "2024-03-01 12:00|b");
        TableEncoding encoding = Learned(table, "y");
        Assert.Equal(5, encoding.Width);
        // The 31st was a Wednesday, the 1st a Friday; the year is a constant.
        Assert.Equal(
            [0, -1, 1, -1, -1, 0, 1, -1, 1, 1], TestNetworks.Inputs(encoding.EncodeAll(table, [0, 1], NetworkLoss.CrossEntropy,
                cancellation: TestContext.Current.CancellationToken).X));
    }

    [Fact]
    public void Columns_may_stand_in_another_order_and_others_beside_them()
    {
        Table table = TestTables.Of("x|colour|y", "1|red|a", "3|blue|b");
        var encoding = TableEncoding.FromJson(Learned(table, "y").ToJson());
        Table other = TestTables.Of("new|colour|x", "?|blue|3");
        Assert.Equal(
            TestNetworks.Inputs(encoding.EncodeAll(table, [1], NetworkLoss.CrossEntropy,
                cancellation: TestContext.Current.CancellationToken).X),
            TestNetworks.Inputs(encoding.Encode(other, [0], NetworkLoss.CrossEntropy, withAnswers: false,
                cancellation: TestContext.Current.CancellationToken).Data.X));
        Fails(
            "table: has no column 'colour'; its columns are x",
            () => encoding.Encode(TestTables.Of("x", "1"), [0], NetworkLoss.CrossEntropy, withAnswers: false,
                cancellation: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_category_that_was_not_learned_is_none_or_refuses_its_row()
    {
        TableEncoding encoding = Learned(TestTables.Of("colour|y", "red|a", "blue|b", "red|a"), "y");
        Table table = TestTables.Of("colour|y", "pink|a", "red|c", "green|b", "pink|b");
        EncodedRows rows = encoding.Encode(table, table.All(), NetworkLoss.CrossEntropy, withAnswers: false,
            cancellation: TestContext.Current.CancellationToken);
        Assert.Equal([0, 0, 0, 1, 0, 0, 0, 0], TestNetworks.Inputs(rows.Data.X));
        UnusualCells unknown = Assert.Single(rows.Notes);
        Assert.Equal(("colour", false, 3), (unknown.Column, unknown.AreMissing, unknown.Count));
        Assert.Equal(["green", "pink"], unknown.Texts.Order(StringComparer.Ordinal));

        rows = encoding.Encode(table, table.All(), NetworkLoss.CrossEntropy, withAnswers: true, refusesUnknown: true,
            cancellation: TestContext.Current.CancellationToken);
        Assert.Empty(rows.Rows);
        Assert.Equal(
            "line 2, column 'colour': 'pink' is not a value that was learned; the column was learned with blue, red",
            rows.Refused[0].Reason);
        Assert.Equal("line 3, column 'y': 'c' is not a value that was learned; the column was learned with a, b", rows.Refused[1].Reason);
    }

    [Fact]
    public void A_row_that_cannot_be_read_does_not_keep_the_others_from_being_read()
    {
        TableEncoding encoding = Learned(TestTables.Of("x|y", "1|0.5", "3|1.5", "4|2.5"), "y");
        Table table = TestTables.Of("x|y", "1x|1", "2|1", "1e300|1", "3|", "4|many");
        EncodedRows rows = encoding.Encode(table, table.All(), NetworkLoss.SquaredError, withAnswers: true,
            cancellation: TestContext.Current.CancellationToken);
        Assert.Equal([1], rows.Rows);
        Assert.Equal(1, rows.Data.Count);
        Assert.Equal(
            [
                "line 2, column 'x': '1x' is not a number, as the column had in training",
                "line 4, column 'x': '1e300' is too large beside the numbers that were learned",
                "line 5, column 'y': the value is missing",
                "line 6, column 'y': 'many' is not a number",
            ],
            rows.Refused.Select(one => one.Reason));
        Fails(
            "table: line 2, column 'x': '1x' is not a number, as the column had in training; correct the value, or leave the row out",
            () => encoding.EncodeAll(table, [0], NetworkLoss.SquaredError, cancellation: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_word_in_a_column_of_numbers_is_a_missing_value_that_is_said()
    {
        TableEncoding encoding = Learned(TestTables.Of("x|y", "1|0.5", "|1.5", "4|2.5"), "y");
        Table table = TestTables.Of("x", "rotary", "2.5");
        EncodedRows rows = encoding.Encode(table, table.All(), NetworkLoss.SquaredError, withAnswers: false,
            cancellation: TestContext.Current.CancellationToken);
        Assert.Equal([0, 1, 0, 0], TestNetworks.Inputs(rows.Data.X));
        UnusualCells unknown = Assert.Single(rows.Notes);
        Assert.Equal(("x", false, 1), (unknown.Column, unknown.AreMissing, unknown.Count));
        Assert.Equal(["rotary"], unknown.Texts);
        rows = encoding.Encode(table, table.All(), NetworkLoss.SquaredError, withAnswers: false, refusesUnknown: true,
            cancellation: TestContext.Current.CancellationToken);
        Assert.Equal("line 2, column 'x': 'rotary' is not a number, as the column had in training", Assert.Single(rows.Refused).Reason);
    }

    [Fact]
    public void Numbers_that_are_too_large_for_a_mean_are_refused() => Fails(
        "table: column 'x' has numbers that are too large for a mean; scale them, or leave the column out",
        () => Learned(TestTables.Of("x|y", "1e200|a", "-1e200|b", "2|a"), "y"));

    private static TableEncoding Learned(
        Table table, string label, MissingValues missing = MissingValues.Fill, IReadOnlyList<int>? rows = null) =>
        TablePlan.Of(table, new() { Label = label, Missing = missing }).Encoding.Fitted(table, rows ?? table.All());

    private static void Fails(string message, Action action) => Assert.Equal(message, Assert.Throws<CharRnnException>(action).Message);
}
