using System.Text;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Runs;

namespace CharRnn.Gpu.Tests.Runs;

public class RunConfigurationTests
{
    [Fact]
    public void Values_return_in_their_order()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("config.json");
        var written = new RunConfiguration();
        written.Set("hidden-size", 100);
        written.Set("learning-rate", 0.1);
        written.Set("corpus", ["/tmp/é <&'\".txt", "😀"]);
        written.Set("device", "cpu");
        written.Set("seed", long.MaxValue);
        written.Set("hidden-size", 128);
        written.Write(path);

        string expected = """
            {
              "hidden-size": 128,
              "learning-rate": 0.1,
              "corpus": [
                "/tmp/é <&'\".txt",
                "\uD83D\uDE00"
              ],
              "device": "cpu",
              "seed": 9223372036854775807
            }

            """.ReplaceLineEndings("\n");
        Assert.Equal(expected, File.ReadAllText(path));

        RunConfiguration read = RunConfiguration.Read(path);
        Assert.Equal(["hidden-size", "learning-rate", "corpus", "device", "seed"], read.Names);
        Assert.Equal(["/tmp/é <&'\".txt", "😀"], read.GetTexts("corpus"));
        Assert.Equal(["cpu"], read.GetTexts("device"));
        Assert.Equal("cpu", read.GetText("device"));
        Assert.Equal("128", read.GetOptionText("hidden-size"));
        Assert.Equal("0.1", read.GetOptionText("learning-rate"));
        Assert.Equal("cpu", read.GetOptionText("device"));

        read.Write(directory.File("again.json"));
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(directory.File("again.json")));
    }

    [Theory]
    [InlineData("", "is not valid JSON (line 1, byte 1)")]
    [InlineData("{\"a\": 1,\n\"b\": x}", "is not valid JSON (line 2, byte 6)")]
    [InlineData("{\"a\": 1,}", "is not valid JSON")]
    [InlineData("{\"a\": 1} {}", "is not valid JSON")]
    [InlineData("{\"a\": [[[[[[[[[[[]]]]]]]]]]]}", "is not valid JSON")]
    [InlineData("[]", "is not a JSON object")]
    [InlineData("null", "is not a JSON object")]
    [InlineData("{\"a\": 1, \"b\": 2, \"\\u0061\": 3}", "has \"a\" twice")]
    [InlineData("{\"a\": null}", "\"a\" is null, not a string")]
    [InlineData("{\"a\": {}}", "\"a\" is an object, not a string")]
    [InlineData("{\"a\": [true]}", "\"a\" is a list, not a string")]
    [InlineData("{\"a\": [1, \"b\"]}", "\"a\" is a list, not a string")]
    [InlineData("{\"a\": [[]]}", "\"a\" is a list, not a string")]
    [InlineData("{\"a\": \"\\ud800\"}", "invalid Unicode")]
    [InlineData("{\"\\ud800\": 1}", "invalid Unicode")]
    [InlineData("{\"a\": [\"\\ud800\"]}", "invalid Unicode")]
    public void A_malformed_file_is_refused(string json, string found)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write("config.json", json);
        Errors.Expect(path, found, () => RunConfiguration.Read(path));
    }

    [Fact]
    public void A_value_of_another_kind_is_named()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write(
            "config.json", """{"text": "big\n", "half": 0.5, "huge": 1e400, "beyond": 9223372036854775808, "flag": true, "list": []}""");
        RunConfiguration read = RunConfiguration.Read(path);

        Errors.Expect(path, "\"half\" is 0.5, not a string", () => read.GetText("half"));
        Errors.Expect(path, "\"half\" is 0.5, not a list of strings", () => read.GetTexts("half"));
        Errors.Expect(path, "\"list\" is a list, not a single value", () => read.GetOptionText("list"));
        Errors.Expect(path, "has no value for \"none\"", () => read.GetText("none"));
        Assert.Equal("1e400", read.GetOptionText("huge"));
        Assert.False(read.Has("none"));
    }

    [Fact]
    public void A_list_of_numbers_is_an_option_of_several_numbers()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write("config.json", """{"layers": [16, 8], "label": ["a", "b"]}""");
        RunConfiguration read = RunConfiguration.Read(path);
        Assert.Equal("16,8", read.GetOptionText("layers"));
        Assert.Equal("16, 8", read.GetDisplayText("layers"));
        Errors.Expect(path, "\"layers\" is a list of numbers, not a list of strings", () => read.GetTexts("layers"));
        Errors.Expect(path, "\"label\" is a list, not a single value", () => read.GetOptionText("label"));
    }

    [Fact]
    public void A_byte_order_mark_is_skipped_and_other_encodings_are_refused()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write("config.json", [0xEF, 0xBB, 0xBF, .. "{\"a\": 1}"u8]);
        Assert.Equal("1", RunConfiguration.Read(path).GetOptionText("a"));
        directory.Write("config.json", Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes("{}")).ToArray());
        Errors.Expect(path, "is not valid UTF-8", () => RunConfiguration.Read(path));
        directory.Write("config.json", [(byte)'{', (byte)'"', 0xC3, (byte)'"', .. ":1}"u8]);
        Errors.Expect(path, "is not valid UTF-8", () => RunConfiguration.Read(path));
    }

    [Fact]
    public void What_is_no_configuration_is_refused()
    {
        using var directory = new TemporaryDirectory();
        Errors.Expect(directory.File("none"), "does not exist", () => RunConfiguration.Read(directory.File("none")));
        Errors.Expect(directory.Root, "is a directory", () => RunConfiguration.Read(directory.Root));
        string path = directory.Write("big", new byte[(16 << 20) + 1]);
        Errors.Expect(path, "is longer than a configuration's 16777216 bytes", () => RunConfiguration.Read(path));
    }
}
