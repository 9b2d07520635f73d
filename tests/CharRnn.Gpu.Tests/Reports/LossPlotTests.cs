using CharRnn.Plots;
using CharRnn.Reports;
using CharRnn.Runs;
using CharRnn.Training;
using ScottPlot;
using ScottPlot.Plottables;
using SkiaSharp;

namespace CharRnn.Gpu.Tests.Reports;

public sealed class LossPlotTests
{
    private static readonly TrainingReport s_report = new(10, 1, 1000, 2, 50, 2.5, 2.25, 123456, 1, 0.1f);

    [Fact]
    public void The_last_label_of_a_long_run_is_not_cut_off()
    {
        using Plot plot = LossPlot.Draw([Run("long", 2, [s_report, s_report with { Iteration = 10_000_000 }])]);
        using var picture = SKBitmap.Decode(plot.GetImageBytes(1200, 700, ImageFormat.Png));
        Assert.All(Enumerable.Range(0, picture.Height), y => Assert.Equal(SKColors.White, picture.GetPixel(picture.Width - 1, y)));
    }

    [Fact]
    public void The_legend_shows_each_pattern()
    {
        using Plot plot = LossPlot.Draw([Run("run", 2, [s_report])]);
        float[][] patterns = [.. plot.GetPlottables<HorizontalLine>().Select(line => line.LinePattern.Intervals)];
        Assert.Equal(2, patterns.Length);
        Assert.All(patterns, pattern => Assert.InRange(plot.Legend.SymbolWidth % pattern.Sum(), pattern[0], pattern.Sum()));
        Assert.All(patterns, pattern => Assert.True(plot.Legend.SymbolWidth >= 2 * pattern.Sum()));
    }

    [Fact]
    public void A_line_of_one_point_is_seen()
    {
        using Plot one = LossPlot.Draw([Run("run", 2, [s_report])]);
        Assert.All(one.GetPlottables<Scatter>(), line => Assert.True(line.MarkerSize > 0));
        using Plot two = LossPlot.Draw([Run("run", 2, [s_report, s_report with { Iteration = 20 }])]);
        Assert.All(two.GetPlottables<Scatter>(), line => Assert.Equal(0, line.MarkerSize));
    }

    [Fact]
    public void What_runs_share_is_drawn_once_and_the_rest_in_their_colours()
    {
        using Plot plot = LossPlot.Draw([Run("a", 2, [s_report]), Run("b", 3, [s_report]), Run("c", 3, [s_report])]);
        Color[] colours = [.. plot.GetPlottables<Scatter>().Where(line => line.LineWidth == 3).Select(line => line.Color)];
        Assert.Equal(
            [("any character", Colors.Gray), ("unigram entropy of a", colours[0]), ("unigram entropy of b, c", colours[1])],
            plot.GetPlottables<HorizontalLine>().Select(line => (line.LegendText, line.Color)));
    }

    [Fact]
    public void An_axis_is_named_after_what_all_of_its_runs_have()
    {
        RunRecord text = Run("text", 2, [s_report]), table = Run("table", 2, [s_report]);
        table.Configuration.Kind = RunKind.Table;
        Assert.Equal(("nats per character", "iterations"), Axes(text));
        Assert.Equal(("loss", "iterations"), Axes(table));
        Assert.Equal(("nats per character", "characters"), Axes(text, text));
        Assert.Equal(("loss", "rows"), Axes(table, table));
        Assert.Equal(("loss", "characters or rows"), Axes(text, table));
    }

    private static (string Loss, string Over) Axes(params RunRecord[] runs)
    {
        using Plot plot = LossPlot.Draw(runs);
        return (plot.Axes.Left.Label.Text, plot.Axes.Bottom.Label.Text);
    }

    private static RunRecord Run(string name, double entropy, TrainingReport[] reports)
    {
        var configuration = new RunConfiguration();
        configuration.Set("vocabulary-size", 65);
        configuration.Set("unigram-entropy", entropy);
        return new RunRecord(name, configuration, reports, []);
    }
}
