using System.Globalization;
using System.Text;
using Spectre.Console;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>Text that is safe to show: a model may write anything, escape sequences too.</summary>
internal static class TerminalText
{
    /// <summary>
    /// Control characters but newline and tab become <c>\x1B</c> and the like; so do characters that break a line or turn it around.
    /// </summary>
    public static string Escape(string text)
    {
        var safe = new StringBuilder(text.Length);
        foreach (char c in text)
            if (c is '\n' or '\t' || !(char.IsControl(c) || IsDirection(c)))
                safe.Append(c);
            else
                safe.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:X2}");
        return safe.ToString();
    }

    /// <summary>A message on one line that can be read at a glance. A longer one is shortened to its start and its end.</summary>
    public static string OneLine(string text)
    {
        const int most = 500, begin = 200;
        text = text.ReplaceLineEndings(" ");
        return text.Length <= most ? text : $"{text[..begin].TrimEnd()} [...] {text[^(most - begin)..].TrimStart()}";
    }

    /// <summary>Splits a text into lines of at most this many columns, between characters.</summary>
    public static IEnumerable<string> Wrap(string text, int columns)
    {
        foreach (string line in text.Split('\n'))
        {
            var part = new StringBuilder();
            int used = 0;
            foreach (Rune rune in line.EnumerateRunes())
            {
                string character = rune.ToString();
                int width = character.GetCellWidth();
                if (used + width > columns && used > 0)
                {
                    yield return part.ToString();
                    part.Clear();
                    used = 0;
                }

                part.Append(character);
                used += width;
            }

            yield return part.ToString();
        }
    }

    private static bool IsDirection(char c) => c is '\u2028' or '\u2029' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');
}
