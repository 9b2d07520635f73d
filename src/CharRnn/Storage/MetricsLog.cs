using System.Text.Json;
using CharRnn.Files;
using CharRnn.Training;

namespace CharRnn.Storage;

/// <summary>
/// metrics.jsonl: one JSON object per line. Every line has every key, in the same order, with null where there is no value.
/// Numbers have the shortest form that reads back as the same double, under any locale.
/// </summary>
public sealed class MetricsLog : IDisposable
{
    // The lines that this program writes have about 300 bytes.
    private const int LongestLine = 1 << 16;

    private readonly AppendOnlyFile _file;

    /// <summary>Opens or creates the log to append to it.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public MetricsLog(string path) => _file = new AppendOnlyFile(path);

    /// <summary>The number of bytes in the file, for the checkpoint to record.</summary>
    public long Length => _file.Length;

    /// <summary>Appends a line and hands it to the operating system, so that it is kept if the program is killed.</summary>
    /// <exception cref="CharRnnException">The file system refuses; no part of the line stays in the file.</exception>
    public void Append(TrainingReport report) => _file.Append(Line(report));

    /// <summary>A report as a line of the log, with its line end.</summary>
    public static byte[] Line(TrainingReport line)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteNumber("iteration", line.Iteration);
            json.WriteNumber("epoch", line.Epoch);
            json.WriteNumber("characters", line.Characters);
            WriteNumberOrNull(json, "loss", line.Loss);
            WriteNumberOrNull(json, "smooth_loss", line.SmoothLoss);
            WriteNumberOrNull(json, "smooth_loss_per_char", line.SmoothLossPerCharacter);
            bool isOfText = !double.IsNaN(line.SmoothLoss);
            WriteNumberOrNull(json, "bits_per_character", isOfText ? Loss.BitsPerCharacter(line.Loss) : double.NaN);
            WriteNumberOrNull(json, "val_loss", line.ValidationLoss);
            WriteNumberOrNull(json, "characters_per_second", line.CharactersPerSecond);
            WriteNumberOrNull(json, "seconds", line.Seconds);
            json.WriteNumber("learning_rate", line.LearningRate);
            json.WriteEndObject();
        }

        bytes.WriteByte((byte)'\n');
        return bytes.ToArray();
    }

    /// <summary>
    /// The reports of a log that may still be growing, each read when it is asked for, so that a log of any length costs
    /// no memory. An incomplete last line is left out.
    /// </summary>
    /// <exception cref="CharRnnException">It cannot be read, or a line is not a report; thrown where that line is asked for.</exception>
    public static IEnumerable<TrainingReport> Read(string path)
    {
        long line = 0;
        foreach (ReadOnlyMemory<byte> text in AppendOnlyFile.ReadLines(path, LongestLine))
            yield return Parse(path, ++line, text.Span);
    }

    /// <summary>Waits until all lines are on the disk; call it before a checkpoint records <see cref="Length"/>.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void FlushToDisk() => _file.FlushToDisk();

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private static TrainingReport Parse(string path, long line, ReadOnlySpan<byte> text)
    {
        try
        {
            var json = JsonElement.Parse(text);
            return new TrainingReport(
                json.GetProperty("iteration").GetInt64(), json.GetProperty("epoch").GetInt64(), json.GetProperty("characters").GetInt64(),
                NumberOrNaN(json, "loss"), NumberOrNaN(json, "smooth_loss"), NumberOrNaN(json, "smooth_loss_per_char"),
                NumberOrNaN(json, "val_loss"), NumberOrNaN(json, "characters_per_second"), NumberOrNaN(json, "seconds"),
                NumberOrNaN(json, "learning_rate"));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw FileErrors.Damaged(path, $"line {line} is not a report", e);
        }
    }

    private static double NumberOrNaN(JsonElement json, string key) =>
        json.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value.GetDouble() : double.NaN;

    // JSON has neither NaN nor infinity.
    private static void WriteNumberOrNull(Utf8JsonWriter json, string key, double value)
    {
        if (double.IsFinite(value))
            json.WriteNumber(key, value);
        else
            json.WriteNull(key);
    }
}
