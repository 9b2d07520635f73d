using System.Text.Json.Nodes;
using CharRnn.Files;
using CharRnn.Text;

namespace CharRnn.Reports;

/// <summary>What a network sees in a text, character by character.</summary>
/// <param name="Name">The model, as it was given.</param>
/// <param name="Layers">The layers of the model in words.</param>
/// <param name="Vocabulary">The characters of the model.</param>
/// <param name="Tokens">The text, N of them.</param>
/// <param name="States">The states of the model, at least one.</param>
/// <param name="BestTokens">The likeliest characters to follow each, <c>[N, K]</c>.</param>
/// <param name="BestProbabilities">The probabilities of these tokens.</param>
/// <param name="Surprisal">Nats, <c>[N]</c>.</param>
public sealed record Inspection(
    string Name, string Layers, Vocabulary Vocabulary, int[] Tokens, IReadOnlyList<InspectedState> States, int[] BestTokens,
    float[] BestProbabilities, float[] Surprisal);

/// <summary>A state of a model after each of N characters.</summary>
/// <param name="Symbol">Its symbol, which is short.</param>
/// <param name="Name">Its name.</param>
/// <param name="Values">The values of H units, <c>[N, H]</c>, each within -1 and 1.</param>
public sealed record InspectedState(string Symbol, string Name, float[] Values);

/// <summary>A page that colours a text by what a network makes of it.</summary>
public static class InspectPage
{
    /// <summary>Writes the page, atomically.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public static void Write(string path, Inspection inspection) => AtomicFile.Write(path, stream => stream.Write(Build(inspection)));

    internal static byte[] Build(Inspection inspection)
    {
        string[] characters = [.. Enumerable.Range(0, inspection.Vocabulary.Size).Select(token => Character(inspection.Vocabulary, token))];
        var data = new JsonObject
        {
            ["name"] = inspection.Name,
            ["layers"] = inspection.Layers,
            ["units"] = inspection.States[0].Values.Length / Math.Max(1, inspection.Tokens.Length),
            ["best"] = inspection.BestTokens.Length / Math.Max(1, inspection.Tokens.Length),
            ["characters"] = new JsonArray([.. characters.Select(c => (JsonNode)c)]),
            ["tokens"] = new JsonArray([.. inspection.Tokens.Select(t => (JsonNode)t)]),
            ["states"] = new JsonArray([.. inspection.States.Select(state => new JsonObject
            {
                ["symbol"] = state.Symbol,
                ["name"] = state.Name,
                ["values"] = Convert.ToBase64String(Hundredths(state.Values)),
            })]),
            ["bestTokens"] = new JsonArray([.. inspection.BestTokens.Select(t => (JsonNode)t)]),
            ["bestPercent"] = new JsonArray([.. inspection.BestProbabilities.Select(p => (JsonNode)(int)Math.Round(100 * p))]),
            ["mean"] = inspection.Surprisal.Skip(1).Select(s => (double)s).DefaultIfEmpty().Average(),
            ["surprisal"] = Page.Numbers(inspection.Surprisal.Select(s => (double)s), 3),
        };
        return Page.Build($"{inspection.Name}: what it sees", ["inspect.html"], ["inspect.js"], data.ToJsonString());
    }

    /// <summary>Values within -1 and 1 as signed bytes, 127 of which are 1: a hundredth is more than a colour shows.</summary>
    private static byte[] Hundredths(float[] values) =>
        Array.ConvertAll(values, value => (byte)(sbyte)Math.Round(127 * Math.Clamp(value, -1, 1)));

    /// <summary>A character as text; a byte above 127 as its number.</summary>
    private static string Character(Vocabulary vocabulary, int token)
    {
        int c = vocabulary.CodePoints[token];
        return vocabulary.Encoding == TextEncoding.Bytes && c > 0x7E ? $"\\x{c:X2}" : char.ConvertFromUtf32(c);
    }
}
