using System.CommandLine;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Plots;
using CharRnn.Reports;
using CharRnn.Runs;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn report</c>: makes a page that shows one or several runs.</summary>
internal static class ReportCommand
{
    private const string DefaultName = "report.html";

    private static readonly Argument<string[]> Runs = new("RUN")
    {
        Description = "Run directories; the runs may still be training.",
        Arity = ArgumentArity.OneOrMore,
    };
    private static readonly Option<string> Out = new("--out")
    {
        Description = $"The page [default: RUN/{DefaultName}, for several runs {DefaultName}].",
        HelpName = "FILE",
    };

    private static readonly Option<string> Png = new("--png") { Description = "Also write a picture of the losses.", HelpName = "FILE" };

    public static Command Create()
    {
        var command = new Command("report", """
            Makes a page that shows what a run did, or several runs in one plot.
            It has losses, speed, learning rate, samples and options in one file, which any browser opens without a network.
            Training keeps such a page of its own run up to date.

            Example: charrnn report runs/first runs/second --out both.html
            """)
        {
            Runs, Out, Png, SharedOptions.Quiet(), SharedOptions.Verbose(),
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult options)
    {
        RunRecord[] runs = [.. options.GetRequiredValue(Runs).Select(run => RunRecord.Read(run))];
        string path = options.GetValue(Out) is { } given ? SharedOptions.NewFile(Out, given)
            : runs.Length == 1 ? RunSearch.PathsOf(runs[0].Name).ReportPath
            : DefaultName;
        string? picture = options.GetValue(Png) is { } png ? SharedOptions.NewFile(Png, png, path) : null;
        ReportPage.Write(path, runs);
        if (!Output.IsQuiet)
            Output.Line(path);
        if (picture is not null)
        {
            LossPlot.Write(picture, runs);
            if (!LossPlot.HasFont)
                Output.Warning($"{picture} has no words: no font is installed here (on Debian, fonts-dejavu-core is one)");
            if (!Output.IsQuiet)
                Output.Line(picture);
        }

        return 0;
    }
}
