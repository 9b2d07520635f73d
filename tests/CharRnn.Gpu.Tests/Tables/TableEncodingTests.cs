using System.Globalization;
using CharRnn.Networks;
using CharRnn.Tables;

namespace CharRnn.Gpu.Tests.Tables;

public class TableEncodingTests
{
    [Fact]
    public void Numbers_are_standardised_and_other_values_are_inputs_of_their_own()
    {
        Table table = Table("size,colour,kind", "1,red,b", "3,blue,a", "5,red,b", "7,green,c");
        var encoding = TableEncoding.Learn(table, [0, 1, 2, 3], "kind", null);
        Assert.Equal(4, encoding.Width);
        Assert.Equal(("size", 4.0, Math.Sqrt(5)), (encoding.Inputs[0].Name, encoding.Inputs[0].Mean, encoding.Inputs[0].Deviation));
        Assert.Equal(["blue", "green", "red"], encoding.Inputs[1].Categories);
        Assert.Equal(["a", "b", "c"], encoding.Label.Categories);

        LabelledData data = encoding.Encode(table, [0, 3], NetworkLoss.CrossEntropy, withAnswers: true);
        float unit = (float)(3 / Math.Sqrt(5));
        Assert.Equal([-unit, 0, 0, 1, unit, 0, 1, 0], data.X);
        Assert.Equal([1, 2], data.Classes);
    }

    [Fact]
    public void Means_are_of_the_training_rows_alone()
    {
        Table table = Table("x,y", "1,a", "3,b", "1000,a");
        Assert.Equal(2, TableEncoding.Learn(table, [0, 1], "y", null).Inputs[0].Mean);
        // A constant is encoded as 0, without a division by its deviation.
        Assert.Equal(1, TableEncoding.Learn(Table("x,y", "5,a", "5,b"), [0, 1], "y", null).Inputs[0].Deviation);
    }

    [Theory]
    [InlineData(null, "0,1,1,0,1,0", new[] { "0", "1" })] // few whole numbers are classes
    [InlineData(null, "10,9,10,9,10,9", new[] { "9", "10" })] // in the order of numbers
    [InlineData(null, "yes,no,yes,no,yes,no", new[] { "no", "yes" })]
    [InlineData(null, "0.5,1,2,3,4,5", null)]
    [InlineData(true, "0,1,1,0,1,0", null)]
    [InlineData(false, "0.5,1,1,0.5,1,1", new[] { "0.5", "1" })]
    public void A_label_is_a_class_or_a_quantity(bool? isRegression, string values, string[]? classes)
    {
        Table table = Table("x,y", [.. values.Split(',').Select((y, i) => $"{i},{y}")]);
        Assert.Equal(classes, TableEncoding.Learn(table, [.. Enumerable.Range(0, 6)], "y", isRegression).Label.Categories);
    }

    [Fact]
    public void Columns_may_stand_in_another_order_and_others_beside_them()
    {
        Table table = Table("x,colour,y", "1,red,a", "3,blue,b");
        var encoding = TableEncoding.FromJson(TableEncoding.Learn(table, [0, 1], "y", null).ToJson());
        Table other = Table("new,colour,x", "?,blue,3");
        Assert.Equal(
            encoding.Encode(table, [1], NetworkLoss.CrossEntropy, withAnswers: true).X,
            encoding.Encode(other, [0], NetworkLoss.CrossEntropy, withAnswers: false).X);
    }

    [Fact]
    public void What_cannot_be_learned_is_refused_with_line_and_column()
    {
        int[] all = [0, 1, 2];
        Fails(
            "table: line 3, column 'x': the value is missing; fill it in, or leave out the row or the column",
            () => TableEncoding.Learn(Table("x,y", "1,a", ",b", "2,a"), all, "y", null));
        Fails(
            "table: has no column 'z'; its columns are x, y",
            () => TableEncoding.Learn(Table("x,y", "1,a", "2,b", "3,a"), all, "z", null));
        Fails(
            "table: has only the label's column; give a table with a column to learn from",
            () => TableEncoding.Learn(Table("y", "a", "b", "a"), all, "y", null));
        Fails(
            "table: column 'y' is 'a' in every row; give another --label",
            () => TableEncoding.Learn(Table("x,y", "1,a", "2,a", "3,a"), all, "y", null));
        Fails(
            "table: line 2, column 'y': 'a' is not a number; give --loss auto, or another --label",
            () => TableEncoding.Learn(Table("x,y", "1,a", "2,2", "3,b"), all, "y", true));
        foreach (string missing in (string[])["NA", "NaN", "?", "null"])
            Fails(
                "table: line 3, column 'x': the value is missing; fill it in, or leave out the row or the column",
                () => TableEncoding.Learn(Table("x,y", "1,a", $"{missing},b", "2,a"), all, "y", null));
        Fails(
            "table: line 3, column 'x': 'much' is not a number; "
                + "most of the column are numbers: correct the value, or leave the row or the column out",
            () => TableEncoding.Learn(Table("x,y", "1,a", "much,b", "2,a"), all, "y", null));
        Fails(
            "table: column 'x' has numbers that are too large for a mean; scale them, or leave the column out",
            () => TableEncoding.Learn(Table("x,y", "1e200,a", "-1e200,b", "2,a"), all, "y", null));
        string[] many = [.. Enumerable.Range(0, 2500).Select(i => string.Create(CultureInfo.InvariantCulture, $"name{i},{i % 2}"))];
        Fails(
            "table: column 'x' has 2500 different texts; leave it out, or reduce it to at most 1000",
            () => TableEncoding.Learn(Table("x,y", many), [.. Enumerable.Range(0, 2500)], "y", null));
        string[] reversed = [.. many.Select(row => string.Join(',', row.Split(',').Reverse()))];
        Fails(
            "table: column 'x' has 2500 different values in 2500 rows; "
                + "give another --label: values that hardly occur twice cannot be learned",
            () => TableEncoding.Learn(Table("y,x", reversed), [.. Enumerable.Range(0, 2500)], "x", null));
    }

    [Fact]
    public void Categories_are_of_the_whole_table_and_numbers_among_them_are_compared_by_value()
    {
        Table table = Table("b,y", "common,0", "rare,1.0", "common,1", "common,0.0");
        var encoding = TableEncoding.Learn(table, [0, 2], "y", false);
        Assert.Equal(["common", "rare"], encoding.Inputs[0].Categories);
        Assert.Equal(["0", "1"], encoding.Label.Categories);
        Assert.Equal([0, 1, 1, 0], encoding.Encode(table, [0, 1, 2, 3], NetworkLoss.CrossEntropy, withAnswers: true).Classes);
    }

    [Fact]
    public void What_was_not_learned_is_refused_with_line_and_column()
    {
        var encoding = TableEncoding.Learn(Table("x,colour,y", "1,red,a", "3,blue,b"), [0, 1], "y", null);
        void Encode(Table table, bool withAnswers = false) => encoding.Encode(table, [0], NetworkLoss.CrossEntropy, withAnswers);
        Fails("table: has no column 'colour'; its columns are x", () => Encode(Table("x", "1")));
        Fails(
            "table: line 2, column 'colour': 'pink' is not a value that was learned; the column was learned with blue, red",
            () => Encode(Table("x,colour", "1,pink")));
        Fails(
            "table: line 2, column 'x': 'much' is not a number; the column had only numbers in training: correct the value",
            () => Encode(Table("x,colour", "much,red")));
        Fails(
            "table: line 2, column 'x': 1e300 is too large; give a number like those that were learned",
            () => Encode(Table("x,colour", "1e300,red")));
        Fails(
            "table: line 2, column 'x': the value is missing; fill it in, or leave out the row or the column",
            () => Encode(Table("x,colour", ",red")));
        Fails(
            "table: line 2, column 'y': 'c' is not a value that was learned; the column was learned with a, b",
            () => Encode(Table("x,colour,y", "1,red,c"), withAnswers: true));
    }

    private static void Fails(string message, Action action) => Assert.Equal(message, Assert.Throws<CharRnnException>(action).Message);

    private static Table Table(string header, params string[] rows) =>
        new("table", header.Split(','), [.. rows.Select(row => row.Split(','))], [.. Enumerable.Range(2, rows.Length)]);
}
