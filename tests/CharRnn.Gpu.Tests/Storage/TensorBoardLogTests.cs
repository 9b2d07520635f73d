using System.Buffers.Binary;
using System.Text;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Storage;

public class TensorBoardLogTests
{
    [Fact]
    public void The_checksum_is_the_published_one()
    {
        // CRC-32C of "123456789" is 0xE3069283 (RFC 3720's polynomial); the mask is TFRecord's.
        uint masked = TensorBoardLog.MaskedCrc("123456789"u8) - 0xA282EAD8;
        Assert.Equal(0xE3069283, (masked << 15) | (masked >> 17));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Reports_are_records_of_events(bool smoothed)
    {
        using var directory = new TemporaryDirectory();
        TrainingSnapshot from = Snapshot(eventsDue: false);
        using (var log = new TensorBoardLog(directory.File("tb"), from, smoothed, new Clock()))
            log.Append(new TrainingReport(300, 1, 1, 2.5, 1, 0.5, double.NaN, 1e6, 1, 0.25f));

        string path = Assert.Single(Directory.GetFiles(directory.File("tb")));
        Assert.Equal("events.out.tfevents.1000000000.500000.charrnn", Path.GetFileName(path));
        List<byte[]> records = Records(File.ReadAllBytes(path));
        Assert.Equal(3, records.Count);

        // Field 1, wall_time, a double; field 3, file_version.
        byte[] time = [0x09, .. BitConverter.GetBytes(1_000_000_000.5)];
        Assert.Equal([.. time, 0x1A, 13, .. "brain.Event:2"u8], records[0]);
        Assert.Equal([.. time, 0x10, 6, 0x3A, 2, 0x08, 1], records[1]); // behind step 5; session_log { status: START }
        byte[] values =
        [
            .. Value("loss/training", 2.5f), .. smoothed ? Value("loss/smoothed", 0.5f) : [],
            .. Value("speed/characters_per_second", 1e6f), .. Value("learning_rate", 0.25f),
        ];
        Assert.Equal([.. time, 0x10, 0xAC, 0x02, 0x2A, (byte)values.Length, .. values], records[2]);
    }

    [Fact]
    public void A_start_takes_back_what_it_will_report_again()
    {
        // At the end of training, or where it was stopped, what is due at the last iteration is still to come.
        using var directory = new TemporaryDirectory();
        foreach ((TrainingSnapshot? from, byte first) in ((TrainingSnapshot?, byte)[])
            [(null, 0), (Snapshot(eventsDue: true), 5), (Snapshot(eventsDue: false), 6)])
        {
            new TensorBoardLog(directory.File($"tb{first}"), from, smoothed: false, new Clock()).Dispose();
            byte[] start = Records(File.ReadAllBytes(Assert.Single(Directory.GetFiles(directory.File($"tb{first}")))))[1];
            Assert.Equal([0x10, first, 0x3A, 2, 0x08, 1], start[9..]);
        }
    }

    private static TrainingSnapshot Snapshot(bool eventsDue) =>
        Samples.Snapshot(Samples.State() with { Iteration = 5 }) with { EventsDue = eventsDue };

    private static byte[] Value(string tag, float value) =>
        [0x0A, (byte)(tag.Length + 7), 0x0A, (byte)tag.Length, .. Encoding.ASCII.GetBytes(tag), 0x15, .. BitConverter.GetBytes(value)];

    private static List<byte[]> Records(byte[] file)
    {
        var records = new List<byte[]>();
        for (ReadOnlySpan<byte> rest = file; !rest.IsEmpty;)
        {
            int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(rest);
            Assert.Equal(TensorBoardLog.MaskedCrc(rest[..8]), BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]));
            Assert.Equal(TensorBoardLog.MaskedCrc(rest.Slice(12, length)), BinaryPrimitives.ReadUInt32LittleEndian(rest[(12 + length)..]));
            records.Add(rest.Slice(12, length).ToArray());
            rest = rest[(16 + length)..];
        }

        return records;
    }

    private sealed class Clock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(1_000_000_000_500);
    }
}
