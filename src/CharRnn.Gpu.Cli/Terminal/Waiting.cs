using System.Diagnostics;
using Spectre.Console;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>Tells a person what is being waited for, once that takes long enough to wonder.</summary>
internal static class Waiting
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(0.5), Pause = TimeSpan.FromSeconds(0.2);

    /// <summary>Does some work on this thread; another shows a line on stderr meanwhile, if that is a terminal.</summary>
    /// <param name="what">A description of the work.</param>
    /// <param name="detail">Says how far the work is; null if that is unknown.</param>
    /// <param name="work">The work.</param>
    public static T For<T>(string what, Func<string>? detail, Func<T> work)
    {
        if (Output.IsQuiet || Output.LiveConsole(isError: true) is not { } console)
            return work();

        using var done = new ManualResetEventSlim();
        Task shown = Task.Run(() =>
        {
            if (!done.Wait(Patience))
                Show(console, () => detail is null ? what : $"{what}: {detail()}", done);
        });
        try
        {
            return work();
        }
        finally
        {
            done.Set();
            Task.WhenAny(shown).Wait(); // a line that cannot be shown is not a failure of the work
        }
    }

    private static void Show(IAnsiConsole console, Func<string> text, ManualResetEventSlim done)
    {
        Spinner spinner = console.Profile.Capabilities.Unicode ? Spinner.Known.Dots : Spinner.Known.Line;
        long started = Stopwatch.GetTimestamp();
        using LiveRegion region = Output.Draw(console);
        do
        {
            string frame = spinner.Frames[(int)(Stopwatch.GetElapsedTime(started) / spinner.Interval) % spinner.Frames.Count];
            string line = $"{frame} {text()}";
            region.Draw([new Paragraph(line[..Math.Clamp(console.Profile.Width - 1, 0, line.Length)])]);
        }
        while (!done.Wait(Pause));
        region.Draw([]);
    }
}
