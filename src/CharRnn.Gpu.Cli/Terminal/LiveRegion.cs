using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>
/// Lines at the end of a terminal's text that are drawn over in place. Spectre.Console's own live display erases the screen, and all
/// that has scrolled off it, whenever the terminal becomes smaller; here at worst a cut line of an old drawing stays above.
/// </summary>
internal sealed class LiveRegion : IDisposable
{
    // Terminals and Spectre.Console differ about the width of some characters: a row may be cut, but never wrap.
    private const string Begin = "\e[?7l\e[?25l", End = "\e[?7h\e[?25h";

    private readonly IAnsiConsole _console;
    private readonly Action _ended;
    private readonly Lock _drawing = new();
    private IReadOnlyList<IRenderable> _lines = [];

    /// <param name="console">The terminal.</param>
    /// <param name="ended">Called when nothing is drawn any more.</param>
    public LiveRegion(IAnsiConsole console, Action ended)
    {
        (_console, _ended) = (console, ended);
        TrySend(Begin);
    }

    /// <summary>Draws lines, each narrower than the terminal and fewer than its rows, over those that were drawn before.</summary>
    /// <exception cref="IOException">The terminal is gone.</exception>
    public void Draw(IReadOnlyList<IRenderable> lines)
    {
        lock (_drawing)
        {
            Erase();
            Show(lines);
        }
    }

    /// <summary>Writes a line of text above the region, where it stays.</summary>
    /// <exception cref="IOException">The terminal is gone.</exception>
    public void WriteAbove(string line)
    {
        lock (_drawing)
        {
            Erase();
            _console.WriteLine(line);
            Show(_lines);
        }
    }

    /// <summary>Restores the terminal: it shows the cursor and wraps long lines. The last drawing stays.</summary>
    public void Restore() => TrySend(End);

    /// <summary>Ends the drawing.</summary>
    public void Dispose()
    {
        Restore();
        _ended();
    }

    private void Erase()
    {
        if (_lines.Count > 0)
            _console.Profile.Out.Writer.Write(string.Create(CultureInfo.InvariantCulture, $"\e[{_lines.Count}A\r\e[0J"));
    }

    private void Show(IReadOnlyList<IRenderable> lines)
    {
        _lines = lines;
        if (lines.Count > 0)
            _console.Write(new Rows(lines));
    }

    private void TrySend(string control)
    {
        try
        {
            _console.Profile.Out.Writer.Write(control);
            _console.Profile.Out.Writer.Flush();
        }
        catch (IOException)
        {
            // The terminal is gone.
        }
    }
}
