using System.Text;
using System.Text.Json;
using CharRnn.Reports;

namespace CharRnn.Gpu.Tests.Reports;

public sealed class TablePageTests
{
    [Fact]
    public void Its_data_are_what_was_measured()
    {
        const string hostile = "</script> {{script}} 1 < 2";
        JsonElement data = Data(new TableInspection(
            hostile, "t.csv", "kind", 3, [("accuracy", "66.67 %")], "accuracy that is lost",
            [("a", 0.51239, 0.0123456), ("b", double.NaN, 0)],
            ["x", hostile], [[1, 0], [1, 1]], []));
        Assert.Equal(hostile, data.GetProperty("name").GetString());
        Assert.Equal(["accuracy", "66.67 %"], data.GetProperty("figures")[0].EnumerateArray().Select(text => text.GetString()));
        Assert.Equal(["a", "b"], data.GetProperty("columns").EnumerateArray().Select(text => text.GetString()));
        Assert.Equal("[0.5124,null]", data.GetProperty("means").GetRawText());
        Assert.Equal("[0.0123,0]", data.GetProperty("deviations").GetRawText());
        Assert.Equal(hostile, data.GetProperty("classes")[1].GetString());
        Assert.Equal("[[1,0],[1,1]]", data.GetProperty("confusion").GetRawText());
        Assert.Equal("[]", data.GetProperty("truths").GetRawText());
    }

    [Fact]
    public void It_shows_no_more_than_somebody_reads()
    {
        JsonElement data = Data(new TableInspection(
            "run", "t.csv", "y", 5000, [], "", [.. Enumerable.Range(0, 203).Select(i => ($"c{i}", 1.0, 0.0))],
            [.. Enumerable.Range(0, 51).Select(i => $"{i}")], [.. Enumerable.Repeat(new int[51], 51)],
            [.. Enumerable.Range(0, 5000).Select(i => ((double)i, 2.0 * i))]));
        Assert.Equal(
            (200, 3, 51, 0, 0, 1667), // a third of the rows
            (data.GetProperty("columns").GetArrayLength(), data.GetProperty("moreColumns").GetInt32(),
                data.GetProperty("classCount").GetInt32(), data.GetProperty("classes").GetArrayLength(),
                data.GetProperty("confusion").GetArrayLength(), data.GetProperty("answers").GetArrayLength()));
    }

    private static JsonElement Data(TableInspection inspection) => PageData.Of(Encoding.UTF8.GetString(TablePage.Build(inspection)));
}
