using System.Globalization;
using System.Text;
using System.Text.Json;
using CharRnn.Files;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Storage;

public class LogTests
{
    private static readonly TrainingReport s_line = new(
        Iteration: 1000,
        Epoch: 2,
        Characters: 25_000,
        Loss: 2.5,
        SmoothLoss: 0.1 + 0.2,
        SmoothLossPerCharacter: 1e-7,
        ValidationLoss: double.NaN,
        CharactersPerSecond: 12345.678,
        Seconds: -0.0625,
        LearningRate: 0.1);

    [Fact]
    public void A_line_has_every_key_in_one_order_under_any_culture()
    {
        using var directory = new TemporaryDirectory();
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        culture.NumberFormat = new NumberFormatInfo
        {
            NumberDecimalSeparator = ",",
            NegativeSign = "~",
            NumberGroupSeparator = ".",
            NaNSymbol = "?",
        };
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = culture;
            using var log = new MetricsLog(directory.File("metrics.jsonl"));
            log.Append(s_line);
            using var samples = new SamplesLog(directory.File("samples.txt"));
            samples.Append(-1000, []);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        const string expected = """{"iteration":1000,"epoch":2,"characters":25000,"loss":2.5,"smooth_loss":0.30000000000000004"""
            + ""","smooth_loss_per_char":1E-07,"bits_per_character":3.6067376022224087,"val_loss":null"""
            + ""","characters_per_second":12345.678,"seconds":-0.0625,"learning_rate":0.1}""";
        Assert.Equal(expected + "\n", File.ReadAllText(directory.File("metrics.jsonl")));
        Assert.Equal("=== iteration -1000 ===\n\n\n", File.ReadAllText(directory.File("samples.txt")));
    }

    [Fact]
    public void A_log_reads_back_while_it_grows()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("metrics.jsonl");
        Assert.Empty(MetricsLog.Read(path));
        TrainingReport[] reports = [s_line, s_line with { Iteration = 1001, ValidationLoss = 1.5, Loss = double.NaN }];
        using (var log = new MetricsLog(path))
        {
            Array.ForEach(reports, log.Append);
            Assert.Equal(reports, MetricsLog.Read(path));
        }

        File.WriteAllText(directory.File("torn"), File.ReadAllText(path) + "{\"iteration\": 1002");
        Assert.Equal(reports, MetricsLog.Read(directory.File("torn")));
        File.WriteAllText(directory.File("old"), File.ReadAllText(path).Replace(",\"learning_rate\":0.1", "", StringComparison.Ordinal));
        Assert.All(MetricsLog.Read(directory.File("old")), report => Assert.True(double.IsNaN(report.LearningRate)));
        foreach (string bad in (string[])["{}", "[]", "no json", "{\"iteration\": \"x\"}"])
        {
            File.WriteAllText(directory.File("bad"), $"{Encoding.UTF8.GetString(MetricsLog.Line(s_line))}{bad}\n");
            Errors.Expect(directory.File("bad"), "line 2 is not a report", () => _ = MetricsLog.Read(directory.File("bad")).Count());
        }
    }

    [Fact]
    public void A_log_of_any_length_is_read_in_little_memory()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("metrics.jsonl"), samples = directory.File("samples.txt");
        const int lines = 20_000;
        byte[] line = MetricsLog.Line(s_line);
        using (FileStream stream = File.Create(path))
            for (int i = 0; i < lines; i++)
                stream.Write(line);
        Assert.Equal(lines, MetricsLog.Read(path).Count(report => report == s_line));
        File.AppendAllText(path, new string(' ', 65_536) + "\n");
        Errors.Expect(path, $"line {lines + 1} is not a report", () => _ = MetricsLog.Read(path).Count());
        File.AppendAllText(directory.File("endless"), new string(' ', 65_537));
        Errors.Expect(
            directory.File("endless"), "line 1 is longer than 65536 bytes",
            () => _ = MetricsLog.Read(directory.File("endless")).Count());

        // Of samples the end, from a heading on: neither a text's rest nor what looks like one in the middle of a line.
        string last = "=== iteration 5 ===\nlast\n\n", filling = new('é', ((4 << 20) - 25 - last.Length) / 2);
        File.WriteAllText(samples, $"=== iteration 3 ===\nfirst\n\n=== iteration 4 ===\nx=== iteration 9 ===\n{filling}\n\n{last}");
        Assert.Equal([new Sample(5, "last")], SamplesLog.Read(samples));
    }

    [Fact]
    public void Samples_read_back_whatever_they_hold()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("samples.txt");
        Assert.Empty(SamplesLog.Read(path));
        Sample[] samples = [new(100, "a\n\n=== no heading ===\nb"), new(200, ""), new(300, "\r\n漢</script>\n=== iteration ٣ ===\n")];
        using (var log = new SamplesLog(path))
            foreach (Sample sample in samples)
                log.Append(sample.Iteration, Encoding.UTF8.GetBytes(sample.Text));
        Assert.Equal(samples, SamplesLog.Read(path));
        File.AppendAllText(path, "=== iteration 400 ===\nhalf");
        Assert.Equal([.. samples, new Sample(400, "half")], SamplesLog.Read(path));
    }

    [Fact]
    public void Lines_are_readable_at_once_and_the_length_is_known()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("metrics.jsonl");
        using (var log = new MetricsLog(path))
        {
            Assert.Equal(0, log.Length);
            log.Append(s_line);
            using (var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite)))
                Assert.EndsWith("}\n", reader.ReadToEnd(), StringComparison.Ordinal);
            Assert.Equal(new FileInfo(path).Length, log.Length);
            log.FlushToDisk();
        }

        using (var log = new MetricsLog(path))
        {
            Assert.Equal(new FileInfo(path).Length, log.Length);
            log.Append(s_line with { Iteration = 2000, ValidationLoss = 1.5, Loss = double.PositiveInfinity });
        }

        JsonElement[] lines = [.. File.ReadLines(path).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal([1000, 2000], lines.Select(line => line.GetProperty("iteration").GetInt32()));
        Assert.Equal(0.1 + 0.2, lines[0].GetProperty("smooth_loss").GetDouble());
        Assert.Equal(1.5, lines[1].GetProperty("val_loss").GetDouble());
        Assert.Equal(JsonValueKind.Null, lines[1].GetProperty("loss").ValueKind);
    }

    [Fact]
    public void Samples_stand_under_their_iteration_whatever_their_bytes()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("samples.txt");
        using var log = new SamplesLog(path);
        log.Append(1000, "To be\n"u8);
        log.Append(2000, [0xFF, 0x00]);
        Assert.Equal(log.Length, new FileInfo(path).Length);
        log.FlushToDisk();
        log.Dispose();
        Assert.Equal(
            [.. "=== iteration 1000 ===\nTo be\n\n\n=== iteration 2000 ===\n"u8, 0xFF, 0x00, .. "\n\n"u8],
            File.ReadAllBytes(path));
    }

    [Fact]
    public void A_log_that_cannot_be_written_is_an_error()
    {
        using var directory = new TemporaryDirectory();
        Errors.Expect(
            directory.File("no/metrics.jsonl"), "its directory does not exist",
            () => _ = new MetricsLog(directory.File("no/metrics.jsonl")));
        Errors.Expect(directory.Root, "is a directory", () => _ = new SamplesLog(directory.Root));
    }

    [Fact(Skip = "needs Linux's /dev/full", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void A_full_disk_is_named()
    {
        using var directory = new TemporaryDirectory();
        using var disk = new SmallDisk(directory.File("disk"), "100k");
        string path = Path.Combine(disk.Root, "metrics.jsonl");
        using var log = new MetricsLog(path);
        disk.Fill();
        Errors.Expect(path, "the disk is full", () => log.Append(s_line));
        Assert.Equal(0, log.Length);
    }

    [Fact(Skip = "links need a right there", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_log_is_neither_written_nor_cut_through_a_link()
    {
        using var directory = new TemporaryDirectory();
        string target = directory.Write("target", "one\ntwo\n"), path = directory.File("metrics.jsonl");
        File.CreateSymbolicLink(path, target);
        Errors.Expect(path, "is a symbolic link", () => AppendOnlyFile.CutBack(path, 4));
        Errors.Expect(path, "is a symbolic link", () => _ = new MetricsLog(path));
        Assert.Equal("one\ntwo\n", File.ReadAllText(target));

        File.Delete(target);
        Errors.Expect(path, "is a symbolic link", () => AppendOnlyFile.CutBack(path, 4));
        Errors.Expect(path, "is a symbolic link", () => _ = new SamplesLog(path));
        Assert.False(File.Exists(target));
    }
}
