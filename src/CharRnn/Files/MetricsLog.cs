using System.Text.Json;
using CharRnn.Training;

namespace CharRnn.Files;

/// <summary>
/// metrics.jsonl: one JSON object per line, every line with every key in one order, null where there is no value.
/// Numbers are in the shortest form that reads back to the same double, under any locale.
/// </summary>
public sealed class MetricsLog : IDisposable
{
    private readonly AppendOnlyFile _file;
    private readonly MemoryStream _line = new();

    /// <summary>Opens or creates the log to append to it.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public MetricsLog(string path) => _file = new AppendOnlyFile(path);

    /// <summary>Bytes in the file, for the checkpoint to record.</summary>
    public long Length => _file.Length;

    /// <summary>Appends a line and hands it to the operating system, where a kill cannot reach it.</summary>
    /// <exception cref="CharRnnException">The file system refuses; no part of the line stays.</exception>
    public void Append(TrainingReport line)
    {
        _line.SetLength(0);
        using (var json = new Utf8JsonWriter(_line))
        {
            json.WriteStartObject();
            json.WriteNumber("iteration", line.Iteration);
            json.WriteNumber("epoch", line.Epoch);
            json.WriteNumber("characters", line.Characters);
            WriteNumberOrNull(json, "loss", line.Loss);
            WriteNumberOrNull(json, "smooth_loss", line.SmoothLoss);
            WriteNumberOrNull(json, "smooth_loss_per_char", line.SmoothLossPerCharacter);
            WriteNumberOrNull(json, "bits_per_character", Loss.BitsPerCharacter(line.Loss));
            WriteNumberOrNull(json, "val_loss", line.ValidationLoss);
            WriteNumberOrNull(json, "characters_per_second", line.CharactersPerSecond);
            WriteNumberOrNull(json, "seconds", line.Seconds);
            json.WriteEndObject();
        }

        _line.WriteByte((byte)'\n');
        _file.Append(_line.GetBuffer().AsSpan(0, (int)_line.Length));
    }

    /// <summary>Waits until all lines are on the disk; call it before a checkpoint records <see cref="Length"/>.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void FlushToDisk() => _file.FlushToDisk();

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _file.Dispose();
        _line.Dispose();
    }

    // JSON has no infinity either.
    private static void WriteNumberOrNull(Utf8JsonWriter json, string key, double value)
    {
        if (double.IsFinite(value))
            json.WriteNumber(key, value);
        else
            json.WriteNull(key);
    }
}
