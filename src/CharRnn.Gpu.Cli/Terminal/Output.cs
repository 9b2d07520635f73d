using System.Diagnostics;
using System.Globalization;
using System.Text;
using CharRnn.Files;
using Microsoft.Win32.SafeHandles;
using Spectre.Console;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>stdout carries results, stderr everything else; a reader who leaves ends the program quietly.</summary>
internal static class Output
{
    // EPIPE and, of a terminal that is gone, EIO of Linux and macOS; ERROR_BROKEN_PIPE and ERROR_NO_DATA of Windows.
    private static readonly int[] BrokenPipe = [32, 5, unchecked((int)0x8007006D), unchecked((int)0x800700E8)];

    private static readonly Lazy<Stream> Stdout = new(Open);

    private static volatile LiveRegion? s_region;
    private static bool s_saidNoRoom;

    // Keeps the first bytes of a character until the others come with the next piece.
    private static readonly Decoder ModelDecoder = Encoding.UTF8.GetDecoder();

    /// <summary>Whether a person reads stdout.</summary>
    public static bool IsTerminal => !Console.IsOutputRedirected;

    /// <summary>Whether <c>--verbose</c> was given.</summary>
    public static bool IsVerbose { get; set; }

    /// <summary>Whether <c>--quiet</c> was given.</summary>
    public static bool IsQuiet { get; set; }

    /// <summary>Whether nothing is written: another process speaks for this one.</summary>
    public static bool IsSilent { get; set; }

    /// <summary>How long a silent process leaves it to the other one to say what is wrong with both.</summary>
    public static TimeSpan ForAnother { get; } = TimeSpan.FromSeconds(2);

    /// <summary>Prepares the streams. Call it before anything is written.</summary>
    public static void Prepare()
    {
        if (OperatingSystem.IsWindows())
            Console.OutputEncoding = Encoding.UTF8;
        if (!StandardStreams.IsOpen(StandardStreams.Error))
            Console.SetError(TextWriter.Null);
    }

    /// <summary>Writes help, which is left out if it cannot be written.</summary>
    public static void Help(string text)
    {
        try
        {
            Raw(Encoding.UTF8.GetBytes(text));
        }
        catch (CharRnnException)
        {
            // There is no room for it.
        }
    }

    /// <summary>A line of results: names in it may come from files, so a terminal gets control characters made visible.</summary>
    public static void Line(string text)
    {
        ModelDecoder.Reset();
        Raw(Encoding.UTF8.GetBytes((IsTerminal ? TerminalText.Escape(text) : text) + "\n"));
    }

    /// <summary>Bytes of results as they are; with no stdout at all, as a daemon has it, they go nowhere.</summary>
    /// <exception cref="OutputClosedException">The reader has closed the stream.</exception>
    /// <exception cref="CharRnnException">There is no room for them.</exception>
    public static void Raw(ReadOnlySpan<byte> bytes)
    {
        if (IsSilent)
            return;
        try
        {
            Stdout.Value.Write(bytes);
            Stdout.Value.Flush();
        }
        catch (IOException e) when (BrokenPipe.Contains(e.HResult))
        {
            throw new OutputClosedException();
        }
        catch (Exception e) when (IsRefusal(e))
        {
            string reason = e is ArgumentOutOfRangeException ? "File too large" : e.Message.TrimEnd('.');
            throw new CharRnnException("stdout", $"could not be written ({reason})", "free space where it goes, or send it elsewhere", e);
        }
    }

    /// <summary>
    /// Text that a model wrote or a file holds: as it is for a pipe, with control characters made visible for a terminal.
    /// </summary>
    public static void ModelText(ReadOnlySpan<byte> bytes)
    {
        if (!IsTerminal)
        {
            Raw(bytes);
            return;
        }

        char[] text = new char[Encoding.UTF8.GetMaxCharCount(bytes.Length)];
        int length = ModelDecoder.GetChars(bytes, text, flush: false);
        Raw(Encoding.UTF8.GetBytes(TerminalText.Escape(new string(text, 0, length))));
    }

    /// <summary>A terminal on which lines can be drawn over; null where a stream goes elsewhere, or a terminal cannot.</summary>
    /// <param name="isError">stderr, not stdout.</param>
    public static IAnsiConsole? LiveConsole(bool isError)
    {
        if ((isError ? Console.IsErrorRedirected : Console.IsOutputRedirected)
            || Environment.GetEnvironmentVariable("CI") is { Length: > 0 })
            return null;
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(isError ? Console.Error : Console.Out),
            Interactive = InteractionSupport.Yes, // nothing is asked, and by itself it says no where another stream is redirected
        });
        return console.Profile.Capabilities.Ansi ? console : null;
    }

    /// <summary>Lines to draw in place on a terminal, with notes above them, until they are disposed.</summary>
    public static LiveRegion Draw(IAnsiConsole console)
    {
        Interrupts.WatchCursor();
        return s_region = new LiveRegion(console, ended: () => s_region = null);
    }

    /// <summary>Restores the cursor and the wrapping of lines. Call it before the program ends in the middle of a drawing.</summary>
    public static void ShowCursor()
    {
        // A terminal that takes nothing more holds the one who draws, with its lock; that must not hold the end.
        if (s_region is { } region)
            Task.Run(region.Restore).Wait(200);
    }

    /// <summary>Writes something worth knowing that is not a result. It is left out if it cannot be written.</summary>
    public static void Note(string text)
    {
        if (IsSilent)
            return;
        string line = TerminalText.Escape(text.ReplaceLineEndings("\n"));
        try
        {
            if (s_region is { } region && !Console.IsErrorRedirected)
                region.WriteAbove(line);
            else
                Console.Error.WriteLine(line);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            // Nobody is there to read it, or there is no room for it.
        }
    }

    /// <summary>A line about something that went wrong and was coped with.</summary>
    public static void Warning(string text) => Note($"warning: {TerminalText.OneLine(text)}");

    /// <summary>What went wrong, on one line.</summary>
    public static void Error(string text)
    {
        if (IsSilent)
            Thread.Sleep(ForAnother); // a launcher may end the one that speaks as soon as this one has ended
        Note($"error: {TerminalText.OneLine(text)}");
    }

    /// <summary>
    /// Writes results that come along while something is made that must not be lost for them: where nobody reads them any more, the
    /// work is asked to stop and save itself; where they find no room, that is said once.
    /// </summary>
    public static void AlongTheWay(Action write)
    {
        try
        {
            write();
        }
        catch (OutputClosedException)
        {
            Interrupts.Stop();
        }
        catch (CharRnnException e)
        {
            if (!s_saidNoRoom)
                Warning($"{e.Message}; the work goes on");
            s_saidNoRoom = true;
        }
    }

    /// <summary>Does some work that may take a while, and says so to a person who waits for it.</summary>
    /// <param name="work">A description of the work.</param>
    /// <param name="run">The work.</param>
    /// <param name="detail">Says how far the work is; null if that is unknown.</param>
    public static T Waited<T>(string work, Func<T> run, Func<string>? detail = null) => Timed(work, () => Waiting.For(work, detail, run));

    /// <summary>Does some work; with <c>--verbose</c>, notes how long it took.</summary>
    public static T Timed<T>(string work, Func<T> run)
    {
        long started = Stopwatch.GetTimestamp();
        T result = run();
        if (IsVerbose)
            Note(string.Create(CultureInfo.InvariantCulture, $"time: {work}, {Stopwatch.GetElapsedTime(started).TotalSeconds:F3} s"));
        return result;
    }

    // The last is .NET's word for a file that would grow beyond `ulimit -f`.
    private static bool IsRefusal(Exception e) =>
        e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" };

    // .NET's console stream keeps silent about a pipe that nobody reads any more; a file stream on it tells. Only for a
    // pipe: in a file, a file stream would not see what others write there, stderr with 2>&1.
    private static Stream Open()
    {
        if (!StandardStreams.IsOpen(StandardStreams.Output))
            return Stream.Null;
        if (!OperatingSystem.IsWindows() && !IsTerminal)
        {
            var pipe = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            if (!pipe.CanSeek)
                return pipe;
        }

        return Console.OpenStandardOutput();
    }
}

/// <summary>stdout was closed by its reader (<c>| head</c>).</summary>
internal sealed class OutputClosedException : Exception;
