using System.Diagnostics;
using System.Globalization;
using System.Text;
using CharRnn.Training;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>Shows a training run on a terminal, in place: where it stands, how well it does, and its last sample.</summary>
/// <param name="console">The terminal.</param>
/// <param name="words">How reports read.</param>
/// <param name="resumedFrom">Where an earlier run stopped; null at the start.</param>
internal sealed class TrainingScreen(IAnsiConsole console, ReportWords words, TrainingSnapshot? resumedFrom) : ITrainingObserver
{
    // Often enough to look alive, and a drawing of some tenths of a millisecond is still nothing beside it.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    // Lines that do not belong to the sample: the figures, the bar, the sample's heading and the blank ones.
    private const int OtherLines = 9;

    private static readonly Style Dim = new(decoration: Decoration.Dim), Strong = new(decoration: Decoration.Bold), Done = new(Color.Green);

    private LiveRegion? _region;
    private long _drawnAt;
    private TrainingReport _now;
    private long _total;
    private double _validation = double.NaN;
    private (double Loss, long Iteration) _best = (resumedFrom?.BestValidationLoss ?? double.NaN, resumedFrom?.BestIteration ?? 0);
    private (long Iteration, string Text)? _sample;

    /// <summary>Trains while the screen shows it; what it showed last stays.</summary>
    public TrainingOutcome Run(Func<TrainingOutcome> train)
    {
        using LiveRegion region = Output.Draw(console);
        _region = region;
        TrainingOutcome outcome = train();
        Draw();
        return outcome;
    }

    /// <inheritdoc/>
    public void Progressed(TrainingReport now, long totalIterations)
    {
        (_now, _total) = (now, totalIterations);
        if (Stopwatch.GetElapsedTime(_drawnAt) > Pause)
            Draw();
    }

    /// <inheritdoc/>
    public void Reported(TrainingReport report)
    {
        _now = report;
        if (double.IsNaN(report.ValidationLoss))
            return;
        _validation = report.ValidationLoss;
        if (!(_validation >= _best.Loss))
            _best = (_validation, report.Iteration);
    }

    /// <inheritdoc/>
    public void Sampled(long iteration, ReadOnlyMemory<byte> text)
    {
        string shown = Encoding.UTF8.GetString(text.Span).Replace("\r\n", "\n", StringComparison.Ordinal);
        _sample = (iteration, TerminalText.Escape(shown.Replace("\t", "    ", StringComparison.Ordinal)));
    }

    private void Draw()
    {
        _drawnAt = Stopwatch.GetTimestamp();
        if (_total == 0)
            return;
        try
        {
            _region?.Draw(Render(console.Profile.Width, console.Profile.Height));
        }
        catch (IOException)
        {
            _region = null;
            Interrupts.Stop(); // nobody is there any more
        }
    }

    /// <summary>The lines of the screen as it is now.</summary>
    /// <param name="width">Columns of the terminal.</param>
    /// <param name="height">Rows of the terminal. More lines could not be drawn over, and the cursor stands below them.</param>
    internal IReadOnlyList<IRenderable> Render(int width, int height)
    {
        var rows = new List<IRenderable>
        {
            Line(
                width, (N($"epoch {_now.Epoch}  iteration {_now.Iteration:N0} of {_total:N0}"), Strong),
                (N($"  {Share:P0}  {TimeLeft()}"), Style.Plain)),
            Bar(width),
            Line(
                width, ("loss        ", Dim), (words.Loss(_now.Loss), Strong),
                (words.IsSmoothed ? N($"  smoothed {_now.SmoothLoss:F3}") : "", Dim),
                (double.IsNaN(_now.GradientNorm) ? "" : N($"  gradient {_now.GradientNorm:G4}"), Dim)),
        };
        if (!double.IsNaN(_validation))
        {
            string best = $"  best {words.ShortLoss(_best.Loss)}{(_best.Iteration > 0 ? N($" at {_best.Iteration:N0}") : "")}";
            rows.Add(Line(width, ("validation  ", Dim), (words.Loss(_validation), Strong), (best, Dim)));
        }

        string speed = double.IsNaN(_now.CharactersPerSecond) ? "" : N($"{_now.CharactersPerSecond:N0} {words.Examples}/s");
        rows.Add(Line(
            width, ("speed       ", Dim), (speed, Strong),
            (N($"  {_now.Characters:N0} {words.Examples}, {Clock(_now.Seconds)}"), Dim)));
        if (_sample is var (iteration, text) && height > OtherLines)
        {
            rows.Add(new Paragraph(" "));
            rows.Add(Line(width, (N($"sample at iteration {iteration:N0}"), Dim)));
            rows.AddRange(TerminalText.Wrap(text, width - 2).Take(height - OtherLines).Select(line => new Paragraph($"  {line}")));
        }

        return rows[..Math.Clamp(height - 1, 1, rows.Count)];
    }

    private double Share => _total > 0 ? Math.Min(1, (double)_now.Iteration / _total) : 0;

    private static string N(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>A line that ends where the terminal does.</summary>
    private static Paragraph Line(int width, params ReadOnlySpan<(string Text, Style Style)> parts)
    {
        var line = new Paragraph();
        foreach ((string text, Style style) in parts)
        {
            string part = text[..Math.Clamp(width - 1, 0, text.Length)];
            line.Append(part, style);
            width -= part.Length;
        }

        return line;
    }

    private Paragraph Bar(int width)
    {
        int length = Math.Clamp(width - 1, 1, 79), full = (int)(length * Share);
        (char done, char rest) = console.Profile.Capabilities.Unicode ? ('━', '─') : ('#', '-');
        return new Paragraph().Append(new string(done, full), Done).Append(new string(rest, length - full), Dim);
    }

    private string TimeLeft()
    {
        long done = _now.Iteration - (resumedFrom?.Iteration ?? 0);
        return done > 0 ? $"{Clock(_now.Seconds / done * (_total - _now.Iteration))} left" : "";
    }

    private static string Clock(double seconds)
    {
        var time = TimeSpan.FromSeconds(Math.Min(seconds, 1e9));
        return time.TotalDays >= 1 ? N($"{(int)time.TotalDays} d {time.Hours} h")
            : time.TotalHours >= 1 ? N($"{time.Hours}:{time.Minutes:D2}:{time.Seconds:D2}")
            : N($"{time.Minutes}:{time.Seconds:D2}");
    }
}
