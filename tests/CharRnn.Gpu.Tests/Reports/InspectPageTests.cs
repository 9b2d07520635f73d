using System.Text;
using System.Text.Json;
using CharRnn.Reports;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Reports;

public sealed class InspectPageTests
{
    [Fact]
    public void Its_data_are_what_the_network_did()
    {
        const string hostile = "</script> {{script}} 1 < 2";
        var inspection = new Inspection(
            hostile, "2 gru layers of 3 units", new Vocabulary(TextEncoding.Utf8, ['a', 'é']), [1, 0],
            [new("h1", "the lower", [-1, 0, 1, 0.5f, -0.25f, 1.5f]), new("h2", "the higher", [0, 0, 0, 0.1f, 0.2f, 0.3f])],
            [0, 1, 1, 0], [0.75f, 0.25f, 1, 0], [0, 0.69314718f]);
        JsonElement data = PageData.Of(Encoding.UTF8.GetString(InspectPage.Build(inspection)));
        Assert.Equal(
            (hostile, "2 gru layers of 3 units", 3, 2, 0.69314718f),
            (data.GetProperty("name").GetString(), data.GetProperty("layers").GetString(), data.GetProperty("units").GetInt32(),
                data.GetProperty("best").GetInt32(), data.GetProperty("mean").GetSingle()));
        Assert.Equal(["a", "é"], data.GetProperty("characters").EnumerateArray().Select(c => c.GetString()));
        Assert.Equal([1, 0], data.GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32()));
        Assert.Equal([0, 1, 1, 0], data.GetProperty("bestTokens").EnumerateArray().Select(token => token.GetInt32()));
        Assert.Equal([75, 25, 100, 0], data.GetProperty("bestPercent").EnumerateArray().Select(percent => percent.GetInt32()));

        JsonElement[] states = [.. data.GetProperty("states").EnumerateArray()];
        Assert.Equal(
            [("h1", "the lower"), ("h2", "the higher")],
            states.Select(state => (state.GetProperty("symbol").GetString(), state.GetProperty("name").GetString())));
        Assert.Equal([-127, 0, 127, 64, -32, 127], Values(states[0])); // 127 is 1, and there is nothing beyond
        Assert.Equal([0, 0, 0, 13, 25, 38], Values(states[1]));
    }

    private static IEnumerable<int> Values(JsonElement state) =>
        state.GetProperty("values").GetBytesFromBase64().Select(value => (int)(sbyte)value);
}
