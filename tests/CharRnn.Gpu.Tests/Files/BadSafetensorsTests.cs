using System.Diagnostics;
using System.Text;
using CharRnn.Files;

namespace CharRnn.Gpu.Tests.Files;

/// <summary>Files that break the format: each is refused with its reason, on one line, quickly.</summary>
public class BadSafetensorsTests
{
    private static readonly Dictionary<string, (byte[] Bytes, string Found)> s_cases = new()
    {
        ["empty file"] = ([], "is 0 bytes long"),
        ["seven bytes"] = (new byte[7], "is 7 bytes long"),
        ["header length 0"] = (new byte[8], "does not begin with {"),
        ["header length 2^64-1"] = (RawSafetensors.File(ulong.MaxValue, []), "18446744073709551615 bytes, over the format's limit"),
        ["header length 2^63"] = (RawSafetensors.File(1UL << 63, []), "9223372036854775808 bytes, over"),
        ["header length 100 MB + 1"] = (RawSafetensors.File(100_000_001, []), "100000001 bytes, over the format's limit of 100000000"),
        ["header length 100 MB in a small file"] =
            (RawSafetensors.File(100_000_000, "{}"u8.ToArray()), "100000000 bytes, but only 2 follow"),
        ["header one byte beyond the end"] = (RawSafetensors.File(3, "{}"u8.ToArray()), "3 bytes, but only 2 follow"),
        ["not JSON"] = (Header("{hello}"), "not valid JSON"),
        ["leading space"] = (Header(" {}"), "does not begin with {"),
        ["an array"] = (Header("[]"), "does not begin with {"),
        ["a text file"] = ("First Citizen: Before we proceed any further, hear me speak."u8.ToArray(), "is text"),
        ["unclosed"] = (Header("{\"a\":"), "not valid JSON"),
        ["trailing comma"] = (Header("{\"__metadata__\":{},}"), "not valid JSON"),
        ["comment"] = (Header("{/**/}"), "not valid JSON"),
        ["two roots"] = (Header("{}{}"), "not valid JSON"),
        ["trailing NUL"] = (Header("{}\0"), "not valid JSON"),
        ["bad UTF-8 in a key"] = (RawSafetensors.File(8, [.. "{\"\u0041"u8, 0xC3, 0x28, .. "\":1"u8, (byte)'}']), "not valid UTF-8"),
        ["UTF-8 surrogate"] = (RawSafetensors.File(9, [.. "{\""u8, 0xED, 0xA0, 0x80, .. "\":1}"u8]), "not valid UTF-8"),
        ["half a surrogate escaped in a name"] = (Header("""{"\ud800":{}}"""), "invalid Unicode"),
        ["half a surrogate escaped in metadata"] = (Header("""{"__metadata__":{"a":"\udc00"}}"""), "invalid Unicode"),
        ["depth bomb of arrays"] = (Header("{\"a\":" + new string('[', 1_000_000)), "is an array, not an object"),
        ["depth bomb in a shape"] = (Tensor(shape: new string('[', 1_000_000)), "holds an array"),
        ["depth bomb of objects"] = (Header(string.Concat(Enumerable.Repeat("{\"a\":", 100_000))), "unknown key \"a\""),
        ["duplicate tensor"] = (Header("{" + Entry("a") + "," + Entry("a") + "}"), "tensor \"a\" is described twice"),
        ["duplicate tensor, one escaped"] = (Header("{" + Entry("a") + "," + Entry("\\u0061") + "}"), "tensor \"a\" is described twice"),
        ["duplicate metadata"] = (Header("""{"__metadata__":{},"__metadata__":{}}"""), "__metadata__ twice"),
        ["duplicate metadata key"] = (Header("""{"__metadata__":{"k":"1","k":"2"}}"""), "metadata key \"k\" occurs twice"),
        ["duplicate dtype"] = (Header("""{"a":{"dtype":"F32","dtype":"F32"}}"""), "tensor \"a\" has dtype twice"),
        ["duplicate shape"] = (Header("""{"a":{"shape":[],"shape":[]}}"""), "tensor \"a\" has shape twice"),
        ["duplicate data_offsets"] =
            (Header("""{"a":{"data_offsets":[0,4],"data_offsets":[0,4]}}"""), "tensor \"a\" has data_offsets twice"),
        ["no dtype"] = (Header("""{"a":{"shape":[1],"data_offsets":[0,4]}}"""), "tensor \"a\" has no dtype"),
        ["no shape"] = (Header("""{"a":{"dtype":"F32","data_offsets":[0,4]}}"""), "tensor \"a\" has no shape"),
        ["no data_offsets"] = (Header("""{"a":{"dtype":"F32","shape":[1]}}"""), "tensor \"a\" has no data_offsets"),
        ["unknown key"] = (Header("""{"a":{"strides":[1]}}"""), "unknown key \"strides\""),
        ["tensor is null"] = (Header("""{"a":null}"""), "tensor \"a\" is null, not an object"),
        ["dtype BF16"] = (Tensor(dtype: "\"BF16\""), "tensor \"a\" has dtype \"BF16\", not F32, F64, I64 or U8"),
        ["dtype in lower case"] = (Tensor(dtype: "\"f32\""), "dtype \"f32\""),
        ["dtype is a number"] = (Tensor(dtype: "32"), "the dtype of tensor \"a\" is 32, not a string"),
        ["shape is a number"] = (Tensor(shape: "1"), "the shape of tensor \"a\" is 1, not an array"),
        ["shape -1"] = (Tensor(shape: "[-1]"), "holds -1, not a whole number"),
        ["shape 1.0"] = (Tensor(shape: "[1.0]"), "holds 1.0, not a whole number"),
        ["shape 1e0"] = (Tensor(shape: "[1e0]"), "holds 1e0, not a whole number"),
        ["shape 2^64"] = (Tensor(shape: "[18446744073709551616]"), "holds 18446744073709551616, not a whole number"),
        ["shape 2^63"] = (Tensor(shape: "[9223372036854775808]"), "holds 9223372036854775808"),
        ["shape of a string"] = (Tensor(shape: "[\"1\"]"), "holds a string"),
        ["shape of a thousand digits"] = (Tensor(shape: $"[{new string('9', 1000)}]"), $"holds {new string('9', 40)},"),
        ["shape of nine dimensions"] = (Tensor(shape: "[1,1,1,1,1,1,1,1,1]"), "more than 8 numbers"),
        ["shape product over 2^64"] = (Tensor(shape: "[4294967296,4294967296]"), "has a product over 2^63"),
        ["shape times dtype over 2^63"] = (Tensor(shape: "[4611686018427387904]"), "has a product over 2^63"),
        ["size too small"] = (Tensor(shape: "[2]"), "tensor \"a\" has 4 bytes, but F32 [2] needs 8"),
        ["size too large"] = (Tensor(shape: "[0]"), "tensor \"a\" has 4 bytes, but F32 [0] needs 0"),
        ["size of another dtype"] = (Tensor(dtype: "\"I64\""), "tensor \"a\" has 4 bytes, but I64 [1] needs 8"),
        ["one offset"] = (Tensor(offsets: "[4]"), "data_offsets of tensor \"a\" are [4]"),
        ["three offsets"] = (Tensor(offsets: "[0,4,4]"), "data_offsets of tensor \"a\" are [0, 4, 4]"),
        ["offsets reversed"] = (Tensor(offsets: "[4,0]"), "data_offsets of tensor \"a\" are [4, 0]"),
        ["offset -4"] = (Tensor(offsets: "[-4,0]"), "data_offsets of tensor \"a\" holds -4"),
        ["offset 0.5"] = (Tensor(offsets: "[0.5,4.5]"), "holds 0.5"),
        ["offset 2^64"] = (Tensor(offsets: "[0,18446744073709551616]"), "holds 18446744073709551616"),
        ["offsets at 2^63"] =
            (Tensor(offsets: "[9223372036854775803,9223372036854775807]"), "9223372036854775803 bytes before tensor \"a\""),
        ["overlap"] = (Header("{" + Entry("a") + "," + Entry("b", 0) + "}"), "tensors \"a\" and \"b\" overlap"),
        ["overlap by half"] = (Header("{" + Entry("a") + "," + Entry("b", 2) + "}"), "tensors \"a\" and \"b\" overlap"),
        ["empty tensor inside another"] = (
            Header("{" + Entry("a") + ",\"e\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[2,2]}}"),
            "tensors \"a\" and \"e\" overlap"),
        ["gap before the first"] = (Header("{" + Entry("a", 4) + "}", 8), "4 bytes before tensor \"a\" belong to no tensor"),
        ["gap between"] = (Header("{" + Entry("a") + "," + Entry("b", 8) + "}", 12), "4 bytes before tensor \"b\""),
        ["trailing byte"] = (Header("{" + Entry("a") + "}", 5), "1 bytes at its end belong to no tensor"),
        ["payload without tensors"] = (Header("{}", 4), "4 bytes at its end"),
        ["truncated payload"] = (Header("{" + Entry("a") + "}", 3), "cut off: its tensors need 4 bytes, 3 are there"),
        ["no payload"] = (Header("{" + Entry("a") + "}", 0), "cut off: its tensors need 4 bytes, 0 are there"),
        ["metadata is a list"] = (Header("""{"__metadata__":[]}"""), "__metadata__ is an array, not an object"),
        ["metadata is a string"] = (Header("""{"__metadata__":"x"}"""), "__metadata__ is a string, not an object"),
        ["metadata value is a number"] = (Header("""{"__metadata__":{"version":1}}"""), "metadata key \"version\" is 1, not a string"),
        ["metadata value is null"] = (Header("""{"__metadata__":{"version":null}}"""), "metadata key \"version\" is null, not a string"),
        ["metadata value is an object"] =
            (Header("""{"__metadata__":{"version":{}}}"""), "metadata key \"version\" is an object, not a string"),
        ["100,000 empty tensors"] = (
            Header("{" + Many(i => $"\"t{i}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}") + "}", 0),
            "more than 10000 tensors"),
        ["100,000 metadata keys"] =
            (Header("{\"__metadata__\":{" + Many(i => $"\"k{i}\":\"\"") + "}}", 0), "more than 10000 metadata keys"),
        ["a name that breaks lines and colours"] = (Header("{\"a\\n\\u001b[31m\\u202e\":1}"), "tensor \"a\\u000A\\u001B[31m\\u202E\" is 1"),
        ["a name of a megabyte"] = (Header("{\"" + new string('x', 1_000_000) + "\":1}"), "(1000000 characters)"),
    };

    public static TheoryData<string> Names => [.. s_cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Is_refused(string name)
    {
        using var directory = new TemporaryDirectory();
        (byte[] bytes, string found) = s_cases[name];
        string path = directory.Write("bad.safetensors", bytes);

        var watch = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Errors.Expect(path, found, () => SafetensorsFile.Open(path));
        // For a small file, the exception and the checks of it allocate the most.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (16L * bytes.Length) + 300_000);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 5);
        Assert.InRange(message.Length - path.Length, 1, 300);
    }

    [Fact]
    public void A_header_of_forty_megabytes_is_refused_quickly()
    {
        using var directory = new TemporaryDirectory();
        byte[] header = Encoding.ASCII.GetBytes(
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[0" + string.Concat(Enumerable.Repeat(",0", 20_000_000)) + "]}}");
        string path = directory.Write("bad.safetensors", RawSafetensors.File((ulong)header.Length, header));

        var watch = Stopwatch.StartNew();
        Errors.Expect(path, "more than 8 numbers", () => SafetensorsFile.Open(path));
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 5);
    }

    [Fact]
    public void What_is_no_file_is_refused()
    {
        using var directory = new TemporaryDirectory();
        Errors.Expect(directory.Root, "is a directory where a file was expected", () => SafetensorsFile.Open(directory.Root));
        Errors.Expect(directory.File("none"), "does not exist", () => SafetensorsFile.Open(directory.File("none")));
        Errors.Expect(directory.File("no/such"), "does not exist", () => SafetensorsFile.Open(directory.File("no/such")));
        Errors.Expect("\"\"", "is not a path", () => SafetensorsFile.Open(""));
        Errors.Expect("\"a\\u0000b\"", "is not a path", () => SafetensorsFile.Open("a\0b"));
        string file = directory.Write("file", "x");
        Errors.Expect(Path.Combine(file, "inner"), "", () => SafetensorsFile.Open(Path.Combine(file, "inner")));
    }

    private static byte[] Header(string header, int payload = 4) => RawSafetensors.File(header, new byte[payload]);

    private static string Entry(string name, int begin = 0) =>
        $"\"{name}\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[{begin},{begin + 4}]}}";

    private static string Many(Func<int, string> entry) => string.Join(",", Enumerable.Range(0, 100_000).Select(entry));

    private static byte[] Tensor(string dtype = "\"F32\"", string shape = "[1]", string offsets = "[0,4]")
        => Header($"{{\"a\":{{\"dtype\":{dtype},\"shape\":{shape},\"data_offsets\":{offsets}}}}}");
}
