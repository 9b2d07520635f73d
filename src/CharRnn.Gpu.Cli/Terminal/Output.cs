using System.Text;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>stdout carries results, stderr everything else; a reader who leaves ends the program quietly.</summary>
internal static class Output
{
    private static readonly Lazy<Stream> Stdout = new(Console.OpenStandardOutput);

    /// <summary>Whether a person reads stdout.</summary>
    public static bool IsTerminal => !Console.IsOutputRedirected;

    /// <summary>A line of results.</summary>
    public static void Line(string text) => Raw(Encoding.UTF8.GetBytes(text + "\n"));

    /// <summary>Bytes of results as they are.</summary>
    /// <exception cref="OutputClosedException">Nobody reads any more.</exception>
    public static void Raw(ReadOnlySpan<byte> bytes)
    {
        try
        {
            Stdout.Value.Write(bytes);
            Stdout.Value.Flush();
        }
        catch (IOException)
        {
            throw new OutputClosedException();
        }
    }

    /// <summary>Text that a model wrote: as it is for a pipe, with control characters made visible for a terminal.</summary>
    public static void ModelText(ReadOnlySpan<byte> bytes)
    {
        if (IsTerminal)
            Raw(Encoding.UTF8.GetBytes(TerminalText.Escape(Encoding.UTF8.GetString(bytes))));
        else
            Raw(bytes);
    }

    /// <summary>Something worth knowing that is no result.</summary>
    public static void Note(string text) => Console.Error.WriteLine(text);

    /// <summary>What went wrong, on one line.</summary>
    public static void Error(string text) => Console.Error.WriteLine($"error: {text.ReplaceLineEndings(" ")}");
}

/// <summary>stdout was closed by its reader (<c>| head</c>).</summary>
internal sealed class OutputClosedException : Exception;
