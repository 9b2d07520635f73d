using System.Text.Json;

namespace CharRnn.Gpu.Tests.Reports;

/// <summary>The data that a page shows.</summary>
internal static class PageData
{
    public static JsonElement Of(string page)
    {
        const string begin = """<script type="application/json" id="data">""";
        int from = page.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        return JsonElement.Parse(page.AsSpan(from, page.IndexOf("</script>", from, StringComparison.Ordinal) - from).ToString());
    }
}
