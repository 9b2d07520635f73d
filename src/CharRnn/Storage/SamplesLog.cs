using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using CharRnn.Files;

namespace CharRnn.Storage;

/// <summary>
/// samples.txt: the texts sampled during training, each under a line <c>=== iteration 1000 ===</c> and followed by an empty line.
/// </summary>
public sealed partial class SamplesLog : IDisposable
{
    // This has room for thousands of samples of the usual length.
    private const int MostToRead = 4 << 20;

    private readonly AppendOnlyFile _file;

    /// <summary>Opens or creates the log to append to it.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public SamplesLog(string path) => _file = new AppendOnlyFile(path);

    /// <summary>The number of bytes in the file, for the checkpoint to record.</summary>
    public long Length => _file.Length;

    /// <summary>Appends a sample and hands it to the operating system, so that it is kept if the program is killed.</summary>
    /// <param name="iteration">The number of completed steps when it was drawn.</param>
    /// <param name="text">The sample's bytes, as the vocabulary decodes them; with the bytes encoding they need not be UTF-8.</param>
    /// <exception cref="CharRnnException">The file system refuses; no part of the sample stays in the file.</exception>
    public void Append(long iteration, ReadOnlySpan<byte> text)
    {
        string header = string.Create(CultureInfo.InvariantCulture, $"=== iteration {iteration} ===\n");
        _file.Append([.. Encoding.ASCII.GetBytes(header), .. text, (byte)'\n', (byte)'\n']);
    }

    /// <summary>The samples of a log that may still be growing; of a log of more than 4 MiB, those that begin in its last 4 MiB.</summary>
    /// <exception cref="CharRnnException">It cannot be read.</exception>
    public static IReadOnlyList<Sample> Read(string path)
    {
        string text = Encoding.UTF8.GetString(AppendOnlyFile.ReadEnd(path, MostToRead));
        List<Match> headings = [.. Heading().Matches(text).Cast<Match>()];
        return
        [
            .. headings.Select((heading, i) =>
            {
                int begin = heading.Index + heading.Length, end = i + 1 < headings.Count ? headings[i + 1].Index : text.Length;
                string body = text[begin..end];
                return new Sample(
                    long.Parse(heading.Groups[1].ValueSpan, CultureInfo.InvariantCulture),
                    body.EndsWith("\n\n", StringComparison.Ordinal) ? body[..^2] : body);
            }),
        ];
    }

    /// <summary>Waits until all samples are on the disk; call it before a checkpoint records <see cref="Length"/>.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void FlushToDisk() => _file.FlushToDisk();

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    [GeneratedRegex(@"^=== iteration ([0-9]{1,18}) ===\n", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Heading();
}

/// <summary>A text that a model wrote during training.</summary>
/// <param name="Iteration">The number of completed steps when it was drawn.</param>
/// <param name="Text">The text, with U+FFFD in place of bytes that are not UTF-8.</param>
public readonly record struct Sample(long Iteration, string Text);
