using System.Text.Json.Nodes;
using CharRnn.Files;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Reports;

/// <summary>report.html: what one run, or several side by side, did.</summary>
public static class ReportPage
{
    private const int MostSamples = 60;

    /// <summary>Writes the page, atomically.</summary>
    /// <param name="path">The path of the page.</param>
    /// <param name="runs">The runs, in the order in which they are shown.</param>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public static void Write(string path, IReadOnlyList<RunRecord> runs) => AtomicFile.Write(path, stream => stream.Write(Build(runs)));

    internal static byte[] Build(IReadOnlyList<RunRecord> runs) =>
        Page.Build(
            string.Join(", ", runs.Select(run => run.Name)), ["report.html"], ["chart.js", "report.js"],
            new JsonArray([.. runs.Select(Data)]).ToJsonString());

    /// <summary>The part of a run that the page shows.</summary>
    internal static JsonObject Data(RunRecord run)
    {
        IReadOnlyList<TrainingReport> reports = run.Reports;
        var samples = new Thinned<Sample>(MostSamples);
        foreach (Sample sample in run.Samples)
            samples.Add(sample);
        return new JsonObject
        {
            ["name"] = run.Name,
            ["configuration"] = new JsonObject(
                run.Configuration.Names.Select(name => KeyValuePair.Create(name, (JsonNode?)run.Configuration.GetDisplayText(name)))),
            ["baselines"] = new JsonArray(
                [.. run.Baselines.Select(baseline => new JsonObject { ["name"] = baseline.Name, ["nats"] = baseline.Nats })]),
            ["iteration"] = Page.Numbers(reports.Select(report => (double)report.Iteration), 15),
            ["characters"] = Page.Numbers(reports.Select(report => (double)report.Characters), 15),
            ["epoch"] = Page.Numbers(reports.Select(report => (double)report.Epoch), 15),
            ["seconds"] = Page.Numbers(reports.Select(report => report.Seconds), 5),
            ["loss"] = Page.Numbers(reports.Select(report => report.Loss), 5),
            ["smooth"] = Page.Numbers(run.HasSmoothLoss ? reports.Select(report => report.SmoothLossPerCharacter) : [], 5),
            ["validation"] = Page.Numbers(reports.Select(report => report.ValidationLoss), 6),
            ["speed"] = Page.Numbers(reports.Select(report => report.CharactersPerSecond), 4),
            ["rate"] = Page.Numbers(reports.Select(report => (double)report.LearningRate), 5),
            ["samples"] = new JsonArray(
                [.. samples.Items.Select(sample => new JsonObject { ["iteration"] = sample.Iteration, ["text"] = sample.Text })]),
        };
    }
}
