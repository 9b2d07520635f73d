using System.Text;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Training;
using Spectre.Console;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>What a person sees of a training run.</summary>
public class TrainingScreenTests
{
    [Fact]
    public void All_figures_of_a_run_are_on_a_screen_of_80_columns()
    {
        string[] lines = Lines(Screen("ab é\r\nb"), 80, 24);
        Assert.Equal("epoch 3  iteration 1,234,567 of 2,000,000  62 %  38:37 left", lines[0]);
        Assert.Equal(new string('━', 48) + new string('─', 31), lines[1]);
        Assert.Equal("loss        1.2500 nats, 1.8034 bits per character", lines[2]);
        Assert.Equal($"{lines[2]}  smoothed 40.500", Lines(Screen("ab", smoothed: true), 80, 24)[2]);
        Assert.Equal("validation  1.5000 nats  2.1640 bits per character  best 1.5000 at 1,234,000", lines[3]);
        Assert.Equal("speed       430,512 characters/s  9,876,543,210 characters, 1:02:18", lines[4]);
        Assert.Equal(["", "sample at iteration 1,234,567", "  ab é", "  b"], lines[5..].Select(line => line.TrimEnd()));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(20, 5)]
    [InlineData(40, 12)]
    [InlineData(80, 24)]
    [InlineData(300, 100)]
    public void It_stays_within_the_terminal_and_sends_nothing_but_characters(int width, int height)
    {
        string[] lines = Lines(Screen("\a\e[2J漢漢😀\u202E" + string.Concat(Enumerable.Repeat("a[漢😀\t\n", 50))), width, height);
        Assert.InRange(lines.Length, 1, Math.Max(height, 8));
        Assert.All(lines, line => Assert.InRange(line.GetCellWidth(), 0, Math.Max(width, 4))); // a wide character behind a margin of two
        Assert.DoesNotContain(string.Concat(lines), c => char.IsControl(c) || c == '\u202E');
        if (width >= 40)
            Assert.StartsWith("  \\x07\\x1B[2J", lines[7]);
    }

    [Fact]
    public void A_terminal_that_becomes_smaller_keeps_what_it_has()
    {
        var sent = new StringWriter();
        IAnsiConsole console = Console(sent, 80, AnsiSupport.Yes);
        bool hasEnded = false;
        using (var region = new LiveRegion(console, () => hasEnded = true))
        {
            region.Draw([.. Enumerable.Range(0, 9).Select(i => new Paragraph($"line {i}"))]);
            (console.Profile.Width, console.Profile.Height) = (40, 5);
            region.WriteAbove("a note");
            region.Draw([new Paragraph("last")]);
        }

        Assert.True(hasEnded);
        string text = sent.ToString();
        string withoutErasedBelow = text.Replace("\e[0J", "", StringComparison.Ordinal);
        Assert.DoesNotMatch(@"\e\[[123]?J", withoutErasedBelow); // only what stands below the cursor is erased
        Assert.Matches(@"line 8\r?\n\e\[9A\r\e\[0Ja note\r?\n(line \d\r?\n){9}\e\[9A\r\e\[0Jlast\r?\n\e\[\?7h\e\[\?25h$", text);
    }

    [Theory]
    [InlineData("", 5, new[] { "" })]
    [InlineData("abc\n\nde", 5, new[] { "abc", "", "de" })]
    [InlineData("abcdef", 5, new[] { "abcde", "f" })]
    [InlineData("漢漢漢", 5, new[] { "漢漢", "漢" })]
    [InlineData("漢漢", 1, new[] { "漢", "漢" })]
    public void Lines_are_cut_between_characters(string text, int columns, string[] expected) =>
        Assert.Equal(expected, TerminalText.Wrap(text, columns));

    private static TrainingScreen Screen(string sample, bool smoothed = false)
    {
        var screen = new TrainingScreen(Console(new StringWriter(), 80), ReportWords.OfText(smoothed ? 1 : 2), null);
        TrainingReport report = new(1_234_000, 3, 9_876_543_210, 1.25, 40.5, 1.62, 1.5, 430_512, 3738, 0.1f);
        screen.Reported(report);
        screen.Progressed(report with { Iteration = 1_234_567, ValidationLoss = double.NaN }, 2_000_000);
        screen.Sampled(1_234_567, Encoding.UTF8.GetBytes(sample));
        return screen;
    }

    private static string[] Lines(TrainingScreen screen, int width, int height)
    {
        var drawn = new StringWriter();
        Console(drawn, Math.Max(width, 4)).Write(new Rows(screen.Render(width, height)));
        return drawn.ToString().TrimEnd('\n').Split('\n');
    }

    private static IAnsiConsole Console(TextWriter writer, int width, AnsiSupport ansi = AnsiSupport.No)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = ansi,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(writer),
        });
        console.Profile.Width = width;
        console.Profile.Capabilities.Unicode = true;
        return console;
    }
}
