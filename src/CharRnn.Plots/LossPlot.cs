using CharRnn.Files;
using CharRnn.Reports;
using CharRnn.Runs;
using CharRnn.Training;
using ScottPlot;
using ScottPlot.Plottables;
using SkiaSharp;

namespace CharRnn.Plots;

/// <summary>A picture of the losses of one run, or of several, for a place where no page can be.</summary>
public static class LossPlot
{
    private const int Width = 1200, Height = 700;

    // Near the largest number there is, the difference of two would be none: what lies beyond is drawn at the edge, as on the pages.
    private const double Largest = 1e300;

    // The same as on the pages.
    private static readonly Color[] s_colours =
        [.. ((string[])["#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2"]).Select(Color.FromHex)];

    private static readonly LinePattern[] s_patterns =
        [LinePattern.Dotted, LinePattern.Dashed, LinePattern.DenselyDashed, LinePattern.Dashed];

    /// <summary>Whether there is a font to write with; without one a picture has no words.</summary>
    public static bool HasFont => SKTypeface.Default.GlyphCount > 0;

    /// <summary>
    /// Writes the picture as PNG, atomically: 1200 x 700 pixels; nats per character, or a table's loss, over iterations;
    /// of several runs, over what they read.
    /// </summary>
    /// <param name="path">The path of the picture.</param>
    /// <param name="runs">The runs.</param>
    /// <exception cref="CharRnnException">The file system refuses, or the library that draws does not load.</exception>
    public static void Write(string path, IReadOnlyList<RunRecord> runs)
    {
        byte[] png;
        try
        {
            png = Draw(runs);
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException)
        {
            throw new CharRnnException(
                "--png", $"cannot draw here ({(e.InnerException ?? e).Message.TrimEnd('.')})",
                "leave it out, or draw on another machine", e);
        }

        AtomicFile.Write(path, stream => stream.Write(png));
    }

    private static byte[] Draw(IReadOnlyList<RunRecord> runs)
    {
        using var plot = new Plot();
        bool several = runs.Count > 1; // whose steps may be of different sizes: they are compared by what they read
        Func<TrainingReport, double> over = several ? report => report.Characters : report => report.Iteration;
        string Named(RunRecord run, string what) => several ? $"{run.Name} {what}" : what;
        for (int i = 0; i < runs.Count; i++)
        {
            RunRecord run = runs[i];
            Color colour = s_colours[i % s_colours.Length];
            Add(plot, Named(run, "training"), run, over, report => report.Loss, several ? colour.WithOpacity(0.5) : colour, 1.5f);
            if (!several && run.HasSmoothLoss)
                Add(plot, "smoothed", run, over, report => report.SmoothLossPerCharacter, Colors.Gray.WithOpacity(0.45), 1);
            Add(plot, Named(run, "validation"), run, over, report => report.ValidationLoss, several ? colour : s_colours[1], 3);
        }

        // Runs on one text share its baselines.
        IGrouping<string, RunRecord>[] texts = [.. runs.GroupBy(run => string.Join(' ', run.Baselines))];
        foreach (IGrouping<string, RunRecord> text in texts)
            foreach ((int i, Baseline baseline) in text.First().Baselines.Index())
            {
                HorizontalLine line = plot.Add.HorizontalLine(
                    Limited(baseline.Nats), 1.5f, several ? Colors.Gray : s_colours[2 + i], s_patterns[i]);
                line.LegendText = baseline.Name + (texts.Length > 1 ? $" of {string.Join(", ", text.Select(run => run.Name))}" : "");
            }

        bool onlyTables = runs.All(run => run.Configuration.Kind == RunKind.Table);
        plot.XLabel(!several ? "iterations" : onlyTables ? "rows" : "characters");
        plot.YLabel(onlyTables ? "loss" : "nats per character");
        plot.Axes.Margins(horizontal: 0.01);
        plot.ShowLegend(Alignment.UpperRight);
        return plot.GetImageBytes(Width, Height, ImageFormat.Png);
    }

    private static void Add(
        Plot plot, string name, RunRecord run, Func<TrainingReport, double> over, Func<TrainingReport, double> loss,
        Color colour, float width)
    {
        TrainingReport[] reports = [.. run.Reports.Where(report => double.IsFinite(loss(report)))];
        if (reports.Length == 0)
            return;
        Scatter line = plot.Add.ScatterLine(
            reports.Select(over).ToArray(), reports.Select(report => Limited(loss(report))).ToArray(), colour);
        (line.LegendText, line.LineWidth) = (name, width);
    }

    private static double Limited(double value) => Math.Clamp(value, -Largest, Largest);
}
