using System.Text.Json.Nodes;
using CharRnn.Files;
using CharRnn.Text;

namespace CharRnn.Reports;

/// <summary>What a network sees in a text, character by character.</summary>
/// <param name="Name">The model, as it was given.</param>
/// <param name="Vocabulary">The characters of the model.</param>
/// <param name="Tokens">The text, N of them.</param>
/// <param name="Activations">Hidden states after each character, <c>[N, H]</c>.</param>
/// <param name="BestTokens">The likeliest characters to follow each, <c>[N, K]</c>.</param>
/// <param name="BestProbabilities">The probabilities of these tokens.</param>
/// <param name="Surprisal">Nats, <c>[N]</c>.</param>
public sealed record Inspection(
    string Name, Vocabulary Vocabulary, int[] Tokens, float[] Activations, int[] BestTokens, float[] BestProbabilities, float[] Surprisal);

/// <summary>A page that colours a text by what a network makes of it.</summary>
public static class InspectPage
{
    /// <summary>Writes the page, atomically.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public static void Write(string path, Inspection inspection) => AtomicFile.Write(path, stream => stream.Write(Build(inspection)));

    internal static byte[] Build(Inspection inspection)
    {
        // A hidden unit lies in [-1, 1]: a hundredth is more than a colour shows.
        byte[] activations = [.. inspection.Activations.Select(a => (byte)(sbyte)Math.Round(127 * Math.Clamp(a, -1, 1)))];
        string[] characters = [.. Enumerable.Range(0, inspection.Vocabulary.Size).Select(token => Character(inspection.Vocabulary, token))];
        var data = new JsonObject
        {
            ["name"] = inspection.Name,
            ["units"] = inspection.Activations.Length / Math.Max(1, inspection.Tokens.Length),
            ["best"] = inspection.BestTokens.Length / Math.Max(1, inspection.Tokens.Length),
            ["characters"] = new JsonArray([.. characters.Select(c => (JsonNode)c)]),
            ["tokens"] = new JsonArray([.. inspection.Tokens.Select(t => (JsonNode)t)]),
            ["activations"] = Convert.ToBase64String(activations),
            ["bestTokens"] = new JsonArray([.. inspection.BestTokens.Select(t => (JsonNode)t)]),
            ["bestPercent"] = new JsonArray([.. inspection.BestProbabilities.Select(p => (JsonNode)(int)Math.Round(100 * p))]),
            ["mean"] = inspection.Surprisal.Skip(1).Select(s => (double)s).DefaultIfEmpty().Average(),
            ["surprisal"] = Page.Numbers(inspection.Surprisal.Select(s => (double)s), 3),
        };
        return Page.Build($"{inspection.Name}: what it sees", ["inspect.html"], ["inspect.js"], data.ToJsonString());
    }

    /// <summary>A character as text; a byte above 127 as its number.</summary>
    private static string Character(Vocabulary vocabulary, int token)
    {
        int c = vocabulary.CodePoints[token];
        return vocabulary.Encoding == TextEncoding.Bytes && c > 0x7E ? $"\\x{c:X2}" : char.ConvertFromUtf32(c);
    }
}
