using System.Text.Json.Nodes;
using CharRnn.Files;
using CharRnn.Training;

namespace CharRnn.Reports;

/// <summary>report.html: what one run, or several side by side, did.</summary>
public static class ReportPage
{
    // More points than pixels tell nothing, and a page should open at once.
    private const int MostReports = 20_000, MostSamples = 60;

    /// <summary>Writes the page, atomically.</summary>
    /// <param name="path">Where.</param>
    /// <param name="runs">The runs, in the order in which they are shown.</param>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public static void Write(string path, IReadOnlyList<RunRecord> runs) => AtomicFile.Write(path, stream => stream.Write(Build(runs)));

    internal static byte[] Build(IReadOnlyList<RunRecord> runs) =>
        Page.Build(string.Join(", ", runs.Select(run => run.Name)), ["report.html"], ["chart.js", "report.js"], new JsonArray([.. runs.Select(Data)]).ToJsonString());

    /// <summary>What the page shows of a run.</summary>
    internal static JsonObject Data(RunRecord run)
    {
        // A validation is rare, and costs more than a point.
        double[] allSeconds = Continuous([.. run.Reports.Select(report => report.Seconds)]);
        int[] kept = Thin(run.Reports.Count, MostReports, i => double.IsFinite(run.Reports[i].ValidationLoss));
        TrainingReport[] reports = [.. kept.Select(i => run.Reports[i])];
        double[] seconds = [.. kept.Select(i => allSeconds[i])];
        return new JsonObject
        {
            ["name"] = run.Name,
            ["configuration"] = new JsonObject(run.Configuration.Names.Select(name => KeyValuePair.Create(name, (JsonNode?)run.Configuration.GetDisplayText(name)))),
            ["baselines"] = new JsonArray([.. run.Baselines.Select(baseline => new JsonObject { ["name"] = baseline.Name, ["nats"] = baseline.Nats })]),
            ["iteration"] = Page.Numbers(reports.Select(report => (double)report.Iteration), 15),
            ["characters"] = Page.Numbers(reports.Select(report => (double)report.Characters), 15),
            ["epoch"] = Page.Numbers(reports.Select(report => (double)report.Epoch), 15),
            ["seconds"] = Page.Numbers(seconds, 5),
            ["loss"] = Page.Numbers(reports.Select(report => report.Loss), 5),
            ["smooth"] = Page.Numbers(reports.Select(report => report.SmoothLossPerCharacter), 5),
            ["validation"] = Page.Numbers(reports.Select(report => report.ValidationLoss), 6),
            ["speed"] = Page.Numbers(reports.Select(report => report.CharactersPerSecond), 4),
            ["rate"] = Page.Numbers(reports.Select(report => (double)report.LearningRate), 5),
            ["samples"] = new JsonArray([.. Thin(run.Samples.Count, MostSamples, _ => false).Select(i => run.Samples[i]).Select(sample => new JsonObject { ["iteration"] = sample.Iteration, ["text"] = sample.Text })]),
        };
    }

    /// <summary>The indices of every n-th, of the last, and of what must stay; all if they are few.</summary>
    private static int[] Thin(int count, int most, Func<int, bool> mustStay)
    {
        int step = Math.Max(1, (count + most - 1) / most);
        return [.. Enumerable.Range(0, count).Where(i => (count - 1 - i) % step == 0 || mustStay(i))];
    }

    /// <summary>Time at work: a resumed run counts from 0 again.</summary>
    private static double[] Continuous(double[] seconds)
    {
        double before = 0;
        double[] sum = new double[seconds.Length];
        for (int i = 0; i < seconds.Length; i++)
        {
            if (i > 0 && seconds[i] < seconds[i - 1])
                before = sum[i - 1];
            sum[i] = before + seconds[i];
        }

        return sum;
    }
}
