using System.IO.Hashing;
using System.Text;
using CharRnn.Files;

namespace CharRnn.Gpu.Tests.Files;

public class SafetensorsFileTests
{
    private static readonly Dictionary<string, string> s_noMetadata = [];

    [Fact]
    public void Bytes_are_those_of_the_format()
    {
        using var stream = new MemoryStream();
        SafetensorsFile.Write(
            stream,
            new Dictionary<string, string> { ["b"] = "\"\n", ["a"] = "x" },
            [
                new SafetensorsTensor("z", [2, 1], [1.0f, -2.5f]),
                new SafetensorsTensor("n", [], [-2L]),
                new SafetensorsTensor("d", [1], [0.1]),
                new SafetensorsTensor("none", [0, 3], Array.Empty<float>()),
            ]);

        string header = """{"__metadata__":{"a":"x","b":"\u0022\n"},"z":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}"""
            + ""","n":{"dtype":"I64","shape":[],"data_offsets":[8,16]},"d":{"dtype":"F64","shape":[1],"data_offsets":[16,24]}"""
            + ""","none":{"dtype":"F32","shape":[0,3],"data_offsets":[24,24]}}""";
        header = header.PadRight((header.Length + 7) / 8 * 8);
        byte[] expected =
        [
            (byte)(header.Length & 0xFF), (byte)(header.Length >> 8), 0, 0, 0, 0, 0, 0,
            .. Encoding.ASCII.GetBytes(header),
            0x00, 0x00, 0x80, 0x3F, 0x00, 0x00, 0x20, 0xC0,
            0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F,
        ];
        Assert.Equal(expected, stream.ToArray());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_535)]
    [InlineData(65_537)]
    [InlineData(200_003)]
    public void Values_return_bit_for_bit(int count)
    {
        using var directory = new TemporaryDirectory();
        var random = new System.Random(count);
        float[] floats = [.. Enumerable.Range(0, count).Select(_ => BitConverter.Int32BitsToSingle(random.Next()))];
        double[] doubles = [.. Enumerable.Range(0, count).Select(_ => BitConverter.Int64BitsToDouble(random.NextInt64()))];
        long[] integers = [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(long.MinValue, long.MaxValue))];
        string path = directory.File("x.safetensors");
        SafetensorsFile.Write(
            path, s_noMetadata, [new("f", [count], floats), new("d", [1, count], doubles), new("i", [count, 1], integers)]);

        using var file = SafetensorsFile.Open(path);
        Assert.Equal(["f", "d", "i"], file.Tensors.Select(t => t.Name));
        Assert.Equal(floats.Select(BitConverter.SingleToInt32Bits), file.ReadFloats("f", count).Select(BitConverter.SingleToInt32Bits));
        Assert.Equal(
            doubles.Select(BitConverter.DoubleToInt64Bits),
            file.ReadDoubles("d", 1, count).Select(BitConverter.DoubleToInt64Bits));
        Assert.Equal(integers, file.ReadIntegers("i", count, 1));
        Assert.Empty(file.Metadata);
    }

    [Fact]
    public void Metadata_return_whatever_their_characters()
    {
        using var directory = new TemporaryDirectory();
        var metadata = new Dictionary<string, string> { ["é"] = "\0\u007F\u0085\u2028\uFEFF", [""] = "𝒳😀\uFFFF", ["</script>"] = "'&+\\/" };
        string path = directory.File("x.safetensors");
        SafetensorsFile.Write(path, metadata, []);

        using var file = SafetensorsFile.Open(path);
        Assert.Equal(metadata, file.Metadata);
        Assert.Empty(file.Tensors);
    }

    [Fact]
    public void Header_may_have_escapes_white_space_and_any_order()
    {
        using var directory = new TemporaryDirectory();
        string header = "{ \"\\u0062\" : {\"data_offsets\":[4,8], \"shape\":[1],\n\"dtype\":\"\\u004632\"},"
            + "\t\"a\":{\"shape\":[1],\"dtype\":\"F32\",\"data_offsets\":[0,4]}, \"__metadata__\":{} }  \n";
        using var file = SafetensorsFile.Open(directory.Write("x", RawSafetensors.File(header, RawSafetensors.Floats(1, 2))));

        Assert.Equal([1f], file.ReadFloats("a", 1));
        Assert.Equal([2f], file.ReadFloats("b", 1));
        Assert.Equal(["a", "b"], file.Tensors.Select(t => t.Name));
    }

    [Fact]
    public void Checksum_is_that_of_the_bytes_behind_the_header()
    {
        using var directory = new TemporaryDirectory();
        SafetensorsTensor[] tensors =
            [new("a", [70_000], Enumerable.Range(0, 70_000).Select(i => i * 0.5f).ToArray()), new("n", [1], [7L])];
        string path = directory.File("x");
        SafetensorsFile.Write(path, s_noMetadata, tensors);

        byte[] bytes = File.ReadAllBytes(path);
        string expected = Convert.ToHexStringLower(XxHash3.Hash(bytes.AsSpan(8 + BitConverter.ToInt32(bytes))));
        Assert.Equal(expected, SafetensorsTensor.Checksum(tensors));
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(expected, file.ReadChecksum(TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Tensors_beyond_two_gigabytes_are_reached()
    {
        // A sparse file: 2.4 GB of zeros that take no space on most file systems, with one value behind them.
        const long zeros = 600_000_000;
        using var directory = new TemporaryDirectory();
        string header = $"{{\"big\":{{\"dtype\":\"F32\",\"shape\":[{zeros}],\"data_offsets\":[0,{zeros * 4}]}},"
            + $"\"end\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[{zeros * 4},{(zeros * 4) + 4}]}}}}";
        string path = directory.Write("x", RawSafetensors.File(header));
        using (var stream = File.OpenWrite(path))
        {
            stream.SetLength(8 + header.Length + (zeros * 4));
            stream.Seek(0, SeekOrigin.End);
            stream.Write(RawSafetensors.Floats(42));
        }

        using var file = SafetensorsFile.Open(path);
        Assert.Equal([42f], file.ReadFloats("end", 1));
    }

    [Fact]
    public void Nothing_large_is_allocated_for_a_claim_the_file_does_not_cover()
    {
        using var directory = new TemporaryDirectory();
        const string header = """{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}""";
        string path = directory.Write("x", RawSafetensors.File(header, 0, 0, 0, 0));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Errors.Expect(path, "cut off", () => SafetensorsFile.Open(path));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Access_checks_name_dtype_and_shape()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("x");
        SafetensorsFile.Write(path, s_noMetadata, [new("a", [2, 3], new float[6])]);
        using var file = SafetensorsFile.Open(path);

        Errors.Expect(path, "tensor b is missing", () => file.ReadFloats("b", 2, 3));
        Errors.Expect(path, "tensor a is F32, not F64", () => file.ReadDoubles("a", 2, 3));
        Errors.Expect(path, "tensor a is F32, not I64", () => file.ReadIntegers("a", 2, 3));
        Errors.Expect(path, "tensor a has shape [2, 3], not [3, 2]", () => file.ReadFloats("a", 3, 2));
        Errors.Expect(path, "tensor a has shape [2, 3], not [6]", () => file.ReadFloats("a", 6));
        Errors.Expect(path, "tensor a has shape [2, 3], not []", () => file.ReadFloats("a"));
    }

    [Fact]
    public void A_file_cut_while_it_is_read_is_an_error()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("x");
        SafetensorsFile.Write(path, s_noMetadata, [new("a", [100_000], new float[100_000])]);
        using var file = SafetensorsFile.Open(path);
        using (var other = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            other.SetLength(100_000);

        Errors.Expect(path, "became shorter", () => file.ReadFloats("a", 100_000));
        Errors.Expect(path, "became shorter", () => file.ReadChecksum(TestContext.Current.CancellationToken));
    }

    [Fact(Skip = "Windows may refuse to replace an open file", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void An_open_file_keeps_its_content_when_another_takes_its_name()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("x");
        SafetensorsFile.Write(path, s_noMetadata, [new("a", [1], [1f])]);
        using var file = SafetensorsFile.Open(path);
        SafetensorsFile.Write(path, s_noMetadata, [new("a", [1], [2f])]);
        Assert.Equal([1f], file.ReadFloats("a", 1));
    }

    [Fact]
    public void Writer_refuses_what_is_no_file()
    {
        using var stream = new MemoryStream();
        SafetensorsTensor a = new("a", [1], [1f]), metadata = new("__metadata__", [1], [1f]);
        Assert.Throws<ArgumentException>(() => SafetensorsFile.Write(stream, s_noMetadata, [a, a]));
        Assert.Throws<ArgumentException>(() => SafetensorsFile.Write(stream, s_noMetadata, [metadata]));
        Assert.Throws<ArgumentException>(() => new SafetensorsTensor("a", [2, 2], [1f]));
        Assert.Equal(0, stream.Length);
    }

    [Fact]
    public void Bytes_are_reversed_per_value()
    {
        float[] floats = [1f, -2.5f];
        LittleEndian.Reverse(floats.AsSpan());
        Assert.Equal([0x0000803F, 0x000020C0], floats.Select(BitConverter.SingleToInt32Bits));
        long[] integers = [1, -2];
        LittleEndian.Reverse(integers.AsSpan());
        Assert.Equal([0x0100000000000000, unchecked((long)0xFEFFFFFFFFFFFFFF)], integers);
    }
}
