using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using CharRnn.Files;
using CharRnn.Training;

namespace CharRnn.Storage;

/// <summary>
/// A run's curves in the format of TensorBoard: a file of Event messages in TFRecord framing (the length and its checksum, the message
/// and its checksum; the checksums are masked CRC-32C). Each start of a run writes a file of its own, which tells TensorBoard to discard
/// what earlier files have from its first step on.
/// </summary>
public sealed class TensorBoardLog : IDisposable
{
    // A session status that makes TensorBoard discard what earlier files have at the event's step and after it.
    private const int SessionStart = 1;

    private readonly AppendOnlyFile _file;
    private readonly bool _smoothed;
    private readonly TimeProvider _time;

    /// <summary>Begins a file in a directory, which is created if it does not exist.</summary>
    /// <param name="directory">The directory for TensorBoard's <c>--logdir</c>; it must not be a symbolic link.</param>
    /// <param name="resumeFrom">The state from which training goes on; null at the start.</param>
    /// <param name="smoothed">Whether the log has a curve of the classic smoothed loss.</param>
    /// <param name="time">Gives the times of the events.</param>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public TensorBoardLog(string directory, TrainingSnapshot? resumeFrom, bool smoothed, TimeProvider time)
    {
        (_smoothed, _time) = (smoothed, time);
        try
        {
            if (new DirectoryInfo(directory).LinkTarget is not null)
                throw new NotSupportedException(); // the target of a link does not belong to the run
            Directory.CreateDirectory(directory);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Writing(directory, e);
        }

        // TensorBoard reads the files in the order of their names. The time has a fraction, so that two starts in the same second have
        // two files.
        string name = string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{Now:F6}.charrnn");
        _file = new AppendOnlyFile(Path.Combine(directory, name));
        Append(new ProtobufWriter().Double(1, Now).Text(3, "brain.Event:2"));

        // If events are due, the reports of this iteration are still to come, or replace those of an end that was taken back.
        long first = resumeFrom is null ? 0 : resumeFrom.EventsDue ? resumeFrom.Iteration : resumeFrom.Iteration + 1;
        Append(new ProtobufWriter().Double(1, Now).Integer(2, first).Message(7, new ProtobufWriter().Integer(1, SessionStart)));
    }

    private double Now => _time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;

    /// <summary>Appends a report.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void Append(TrainingReport report)
    {
        var summary = new ProtobufWriter();
        foreach ((string name, double value) in (ReadOnlySpan<(string, double)>)
        [
            ("loss/training", report.Loss), ("loss/smoothed", _smoothed ? report.SmoothLossPerCharacter : double.NaN),
            ("loss/validation", report.ValidationLoss), ("speed/characters_per_second", report.CharactersPerSecond),
            ("learning_rate", report.LearningRate),
        ])
            if (double.IsFinite(value))
                summary.Message(1, new ProtobufWriter().Text(1, name).Float(2, (float)value));
        Append(new ProtobufWriter().Double(1, Now).Integer(2, report.Iteration).Message(5, summary));
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private void Append(ProtobufWriter message)
    {
        byte[] bytes = message.ToArray(), record = new byte[sizeof(ulong) + sizeof(uint) + bytes.Length + sizeof(uint)];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)bytes.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), MaskedCrc(record.AsSpan(0, 8)));
        bytes.CopyTo(record, 12);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12 + bytes.Length), MaskedCrc(bytes));
        _file.Append(record);
    }

    /// <summary>The masked CRC-32C of TFRecord: rotated, and a constant added.</summary>
    internal static uint MaskedCrc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
            crc = BitOperations.Crc32C(crc, b);
        return BitOperations.RotateRight(~crc, 15) + 0xA282EAD8;
    }
}
