using System.Text.Json.Nodes;
using CharRnn.Files;

namespace CharRnn.Reports;

/// <summary>How well a network answers for the rows of a table, and which columns matter to it.</summary>
/// <param name="Name">The network, as it was given.</param>
/// <param name="Table">The table, as it was given.</param>
/// <param name="Label">The column that the network predicts.</param>
/// <param name="Rows">The number of rows that were measured.</param>
/// <param name="Figures">What was measured, in words, and its value.</param>
/// <param name="Loss">What is lost, or added, when a column is shuffled.</param>
/// <param name="Columns">The columns, the most important first, with the mean of that and its standard deviation.</param>
/// <param name="Classes">The classes; none of a quantity.</param>
/// <param name="Confusion">How many rows of each true class (the first index) were taken for each; empty of a quantity.</param>
/// <param name="Answers">Of a quantity all rows, each with what is true and what was answered; none of classes.</param>
public sealed record TableInspection(
    string Name, string Table, string Label, int Rows, IReadOnlyList<(string Name, string Value)> Figures, string Loss,
    IReadOnlyList<(string Name, double Mean, double Deviation)> Columns, IReadOnlyList<string> Classes,
    IReadOnlyList<IReadOnlyList<int>> Confusion, IReadOnlyList<(double Truth, double Answer)> Answers);

/// <summary>A page that shows which columns of a table matter to a network, and where its answers are wrong.</summary>
public static class TablePage
{
    /// <summary>The most columns, classes and answers that the page shows: nobody reads more.</summary>
    public const int MostColumns = 200, MostClasses = 50, MostAnswers = 2000;

    /// <summary>Writes the page, atomically.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public static void Write(string path, TableInspection inspection) => AtomicFile.Write(path, stream => stream.Write(Build(inspection)));

    internal static byte[] Build(TableInspection inspection)
    {
        var columns = inspection.Columns.Take(MostColumns).ToList();
        int each = (inspection.Answers.Count + MostAnswers - 1) / MostAnswers; // of a sorted table, too, all parts are seen
        (double Truth, double Answer)[] answers = [.. inspection.Answers.Where((_, row) => row % each == 0)];
        bool showsClasses = inspection.Classes.Count <= MostClasses;
        var data = new JsonObject
        {
            ["name"] = inspection.Name,
            ["table"] = inspection.Table,
            ["label"] = inspection.Label,
            ["rows"] = inspection.Rows,
            ["figures"] = new JsonArray([.. inspection.Figures.Select(one => Texts([one.Name, one.Value]))]),
            ["loss"] = inspection.Loss,
            ["columns"] = Texts(columns.Select(column => column.Name)),
            ["means"] = Page.Numbers(columns.Select(column => column.Mean), 4),
            ["deviations"] = Page.Numbers(columns.Select(column => column.Deviation), 3),
            ["moreColumns"] = inspection.Columns.Count - columns.Count,
            ["classCount"] = inspection.Classes.Count,
            ["classes"] = Texts(showsClasses ? inspection.Classes : []),
            ["confusion"] = new JsonArray(
                [.. (showsClasses ? inspection.Confusion : []).Select(row => new JsonArray([.. row.Select(count => (JsonNode)count)]))]),
            ["truths"] = Page.Numbers(answers.Select(one => one.Truth), 9),
            ["answers"] = Page.Numbers(answers.Select(one => one.Answer), 9),
        };
        return Page.Build($"{inspection.Name}: which columns matter", ["table.html"], ["table.js"], data.ToJsonString());
    }

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(text => (JsonNode)text)]);
}
