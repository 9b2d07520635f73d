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

    // The legend's lines end with a whole dash of each pattern, and what stands at the end of the x axis has room.
    private const float LegendWidth = 54, RightRoom = 50;

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
            using Plot plot = Draw(runs);
            png = plot.GetImageBytes(Width, Height, ImageFormat.Png);
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException)
        {
            throw new CharRnnException(
                "--png", $"cannot draw here ({(e.InnerException ?? e).Message.TrimEnd('.')})",
                "leave it out, or draw on another machine", e);
        }

        AtomicFile.Write(path, stream => stream.Write(png));
    }

    internal static Plot Draw(IReadOnlyList<RunRecord> runs)
    {
        var plot = new Plot();
        bool several = runs.Count > 1; // whose steps may be of different sizes: they are compared by what they read
        Func<TrainingReport, double> over = several ? report => report.Characters : report => report.Iteration;
        string Named(RunRecord run, string what) => several ? $"{run.Name} {what}" : what;
        for (int i = 0; i < runs.Count; i++)
        {
            RunRecord run = runs[i];
            Color colour = ColourOf(i);
            Add(plot, Named(run, "training"), run, over, report => report.Loss, several ? colour.WithOpacity(0.5) : colour, 1.5f);
            if (!several && run.HasSmoothLoss)
                Add(plot, "smoothed", run, over, report => report.SmoothLossPerCharacter, Colors.Gray.WithOpacity(0.45), 1);
            Add(plot, Named(run, "validation"), run, over, report => report.ValidationLoss, several ? colour : s_colours[1], 3);
        }

        // A baseline that runs share is drawn once: grey if all of them do, else in the colour of the first.
        var baselines = runs.Index().SelectMany(run => run.Item.Baselines.Index(), (run, at) => (Run: run.Index, Place: at.Index, at.Item));
        foreach (var same in baselines.GroupBy(baseline => baseline.Item))
        {
            ((int first, int place, Baseline baseline), bool isOfAll) = (same.First(), same.Count() == runs.Count);
            Color colour = !several ? s_colours[2 + place] : isOfAll ? Colors.Gray : ColourOf(first);
            HorizontalLine line = plot.Add.HorizontalLine(Limited(baseline.Nats), 1.5f, colour, s_patterns[place]);
            line.LegendText = baseline.Name + (isOfAll ? "" : $" of {string.Join(", ", same.Select(one => runs[one.Run].Name))}");
        }

        int tables = runs.Count(run => run.Configuration.Kind == RunKind.Table);
        plot.XLabel(!several ? "iterations" : tables == 0 ? "characters" : tables == runs.Count ? "rows" : "characters or rows");
        plot.YLabel(tables == 0 ? "nats per character" : "loss");
        plot.Axes.Margins(horizontal: 0.01);
        plot.Axes.Right.MinimumSize = RightRoom;
        plot.ShowLegend(Alignment.UpperRight);
        plot.Legend.SymbolWidth = LegendWidth;
        return plot;
    }

    private static Color ColourOf(int run) => s_colours[run % s_colours.Length];

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
        if (reports.Length == 1)
            line.MarkerSize = 3 * width; // a line of one point is not seen
    }

    private static double Limited(double value) => Math.Clamp(value, -Largest, Largest);
}
