using System.Globalization;
using System.Text;

namespace CharRnn.Files;

/// <summary>
/// samples.txt: the texts sampled along the way, each under a line <c>=== iteration 1000 ===</c> and followed by an empty one.
/// </summary>
public sealed class SamplesLog : IDisposable
{
    private readonly AppendOnlyFile _file;

    /// <summary>Opens or creates the log to append to it.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public SamplesLog(string path) => _file = new AppendOnlyFile(path);

    /// <summary>Bytes in the file, for the checkpoint to record.</summary>
    public long Length => _file.Length;

    /// <summary>Appends a sample and hands it to the operating system, where a kill cannot reach it.</summary>
    /// <param name="iteration">Completed steps when it was drawn.</param>
    /// <param name="text">The sample's bytes, as the vocabulary decodes them: with the bytes encoding they need be no UTF-8.</param>
    /// <exception cref="CharRnnException">The file system refuses; no part of the sample stays.</exception>
    public void Append(long iteration, ReadOnlySpan<byte> text)
    {
        string header = string.Create(CultureInfo.InvariantCulture, $"=== iteration {iteration} ===\n");
        _file.Append([.. Encoding.ASCII.GetBytes(header), .. text, (byte)'\n', (byte)'\n']);
    }

    /// <summary>Waits until all samples are on the disk; call it before a checkpoint records <see cref="Length"/>.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void FlushToDisk() => _file.FlushToDisk();

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();
}
