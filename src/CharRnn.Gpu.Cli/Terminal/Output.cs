using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Spectre.Console;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>stdout carries results, stderr everything else; a reader who leaves ends the program quietly.</summary>
internal static class Output
{
    // EPIPE and, of a terminal that is gone, EIO of Linux and macOS; ERROR_BROKEN_PIPE and ERROR_NO_DATA of Windows.
    private static readonly int[] BrokenPipe = [32, 5, unchecked((int)0x8007006D), unchecked((int)0x800700E8)];

    private static readonly Lazy<Stream> Stdout = new(Open);

    // What is being drawn on, and where notes then go: stderr may be another place than the terminal.
    private static volatile IAnsiConsole? s_drawn, s_notes;

    // Keeps the begin of a character until its end comes with the next piece.
    private static readonly Decoder ModelDecoder = Encoding.UTF8.GetDecoder();

    /// <summary>Whether a person reads stdout.</summary>
    public static bool IsTerminal => !Console.IsOutputRedirected;

    /// <summary>Whether <c>--verbose</c> was given.</summary>
    public static bool IsVerbose { get; set; }

    /// <summary>Whether <c>--quiet</c> was given.</summary>
    public static bool IsQuiet { get; set; }

    /// <summary>A line of results.</summary>
    public static void Line(string text)
    {
        ModelDecoder.Reset();
        Raw(Encoding.UTF8.GetBytes(text + "\n"));
    }

    /// <summary>Bytes of results as they are.</summary>
    /// <exception cref="OutputClosedException">Nobody reads any more.</exception>
    public static void Raw(ReadOnlySpan<byte> bytes)
    {
        try
        {
            Stdout.Value.Write(bytes);
            Stdout.Value.Flush();
        }
        catch (IOException e) when (BrokenPipe.Contains(e.HResult))
        {
            throw new OutputClosedException();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CharRnnException("stdout", $"could not be written ({e.Message.TrimEnd('.')})", "free space where it goes, or send it elsewhere", e);
        }
    }

    /// <summary>Text that a model wrote: as it is for a pipe, with control characters made visible for a terminal.</summary>
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
        if ((isError ? Console.IsErrorRedirected : Console.IsOutputRedirected) || Environment.GetEnvironmentVariable("CI") is { Length: > 0 })
            return null;
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(isError ? Console.Error : Console.Out),
            Interactive = InteractionSupport.Yes, // nothing is asked, and by itself it says no where another stream is redirected
        });
        return console.Profile.Capabilities.Ansi ? console : null;
    }

    /// <summary>While something is drawn in place on a terminal, notes go above it; until what is returned is disposed.</summary>
    public static IDisposable Above(IAnsiConsole console)
    {
        Interrupts.WatchCursor();
        s_notes = Console.IsErrorRedirected ? null : console;
        s_drawn = console;

        // Terminals and Spectre.Console differ about the width of some characters: a row may be cut, but never wrap.
        Send(console, "\e[?7l");
        return new Reset();
    }

    /// <summary>To be called before the program ends in the middle of a drawing: the cursor and the wrapping of lines come back.</summary>
    public static void ShowCursor()
    {
        // A terminal that takes nothing more holds the one who draws, with its lock; that must not hold the end.
        if (s_drawn is { } console)
            Task.Run(() => Send(console, "\e[?7h\e[?25h")).Wait(200);
    }

    private static void Send(IAnsiConsole console, string control)
    {
        try
        {
            console.Profile.Out.Writer.Write(control);
            console.Profile.Out.Writer.Flush();
        }
        catch (IOException)
        {
            // The terminal is gone.
        }
    }

    /// <summary>Something worth knowing that is no result.</summary>
    public static void Note(string text)
    {
        string line = TerminalText.Escape(text.ReplaceLineEndings("\n"));
        try
        {
            if (s_notes is { } console)
                console.WriteLine(line);
            else
                Console.Error.WriteLine(line);
        }
        catch (IOException)
        {
            // Nobody is there to read it.
        }
    }

    /// <summary>A line about something that went wrong and was coped with.</summary>
    public static void Warning(string text) => Note($"warning: {text}");

    /// <summary>What went wrong, on one line.</summary>
    public static void Error(string text) => Console.Error.WriteLine($"error: {TerminalText.Escape(text.ReplaceLineEndings(" "))}");

    /// <summary>Does some work that may take a while, and says so to a person who waits for it.</summary>
    /// <param name="work">What it is.</param>
    /// <param name="run">The work.</param>
    /// <param name="detail">How far it is; null if that cannot be told.</param>
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

    // .NET's console stream keeps silent about a pipe that nobody reads any more; a file stream on it tells. Only for a
    // pipe: in a file, a file stream would not see what others write there, stderr with 2>&1.
    private static Stream Open()
    {
        if (!OperatingSystem.IsWindows() && !IsTerminal)
        {
            var pipe = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            if (!pipe.CanSeek)
                return pipe;
        }

        return Console.OpenStandardOutput();
    }

    private sealed class Reset : IDisposable
    {
        public void Dispose()
        {
            if (s_drawn is { } console)
                Send(console, "\e[?7h");
            s_drawn = s_notes = null;
        }
    }
}

/// <summary>stdout was closed by its reader (<c>| head</c>).</summary>
internal sealed class OutputClosedException : Exception;
