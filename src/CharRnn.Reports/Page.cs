using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace CharRnn.Reports;

/// <summary>A page in one file: its style, its script and its data are part of it, and it asks no network for anything.</summary>
internal static partial class Page
{
    /// <summary>The page's bytes.</summary>
    /// <param name="title">Stands in the browser's tab.</param>
    /// <param name="body">The files in <c>Pages/</c> with the content of the page.</param>
    /// <param name="scripts">The files in <c>Pages/</c> with the scripts of the page, in this order.</param>
    /// <param name="data">
    /// JSON with <c>&lt;</c> escaped, as System.Text.Json does it, so that no text ends the script that holds it.
    /// </param>
    public static byte[] Build(string title, IEnumerable<string> body, IEnumerable<string> scripts, string data)
    {
        var parts = new Dictionary<string, string>
        {
            ["title"] = title.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal),
            ["style"] = Read("style.css"),
            ["body"] = string.Concat(body.Select(Read)),
            ["data"] = data,
            ["script"] = string.Concat(scripts.Prepend("page.js").Select(Read)),
        };

        // In one pass: a part may hold any of these marks.
        return Encoding.UTF8.GetBytes(Mark().Replace(Read("page.html"), mark => parts[mark.Groups[1].Value]));
    }

    /// <summary>Numbers with as many digits as can be seen; null for a value that is not finite.</summary>
    public static JsonArray Numbers(IEnumerable<double> values, int digits) =>
        new([.. values.Select(value => double.IsFinite(value) ? JsonValue.Create(Rounded(value, digits)) : null)]);

    private static double Rounded(double value, int digits)
    {
        double rounded = double.Parse(value.ToString($"G{digits}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return double.IsFinite(rounded) ? rounded : value; // the largest of all round to more than there is
    }

    [GeneratedRegex(@"\{\{(\w+)\}\}")]
    private static partial Regex Mark();

    private static string Read(string resource)
    {
        using Stream stream = typeof(Page).Assembly.GetManifestResourceStream(resource)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
