using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace CharRnn.Reports;

/// <summary>A page in one file: its style, its script and its data are part of it, and it asks no network for anything.</summary>
internal static class Page
{
    /// <summary>The page's bytes.</summary>
    /// <param name="title">Stands in the browser's tab.</param>
    /// <param name="body">Of <c>Pages/</c>: what the page consists of.</param>
    /// <param name="scripts">Of <c>Pages/</c>: what it does, in this order.</param>
    /// <param name="data">JSON with <c>&lt;</c> escaped, as System.Text.Json does it, so that no text ends the script that holds it.</param>
    public static byte[] Build(string title, IEnumerable<string> body, IEnumerable<string> scripts, string data)
    {
        var page = new StringBuilder(Read("page.html"));
        page.Replace("{{title}}", title.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal));
        page.Replace("{{body}}", string.Concat(body.Select(Read)));
        page.Replace("{{style}}", Read("style.css"));
        page.Replace("{{script}}", string.Concat(scripts.Prepend("page.js").Select(Read)));
        page.Replace("{{data}}", data); // last: a sample may hold any of these marks
        return Encoding.UTF8.GetBytes(page.ToString());
    }

    /// <summary>Numbers with as many digits as can be seen, null for what is none.</summary>
    public static JsonArray Numbers(IEnumerable<double> values, int digits) =>
        new([.. values.Select(value => double.IsFinite(value) ? JsonNode.Parse(value.ToString($"G{digits}", CultureInfo.InvariantCulture)) : null)]);

    private static string Read(string resource)
    {
        using Stream stream = typeof(Page).Assembly.GetManifestResourceStream(resource)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
