using System.Text;
using System.Text.Json;

namespace CharRnn.Gpu.Tests.Cli;

public sealed class SampleTests(TinyRun run) : IClassFixture<TinyRun>
{
    private readonly Shell _shell = run.Shell;

    private CommandResult Sample(params string[] args) => _shell.Succeeds(["sample", "run", "--device", "cpu", .. args]);

    [Fact]
    public void Greedy_goes_on_from_the_prime_in_raw_bytes()
    {
        // 20 new characters, whatever their bytes: nothing before, between or behind the text.
        byte[] expected = Encoding.UTF8.GetBytes("ab 😀 é\r\nab 😀 é\r\nab 😀");
        Assert.Equal(expected, Sample("--temperature", "0", "--prime", "ab", "--length", "18", "--quiet").Output);

        CommandResult checkpoint = _shell.Succeeds(
            "sample", "run/checkpoint.safetensors",
            "--temperature", "0", "--prime", "ab", "--length", "18", "--device", "cpu", "--seed", "9");
        Assert.Equal(expected, checkpoint.Output);
        Assert.Empty(checkpoint.Error);
    }

    [Fact]
    public void The_prime_can_come_from_a_file()
    {
        _shell.Write("prime.txt", [0xEF, 0xBB, 0xBF, .. "ab 😀"u8]);
        Assert.Equal(
            "ab 😀 é\r"u8,
            Sample("--best", "--temperature", "0", "--prime-file", "prime.txt", "--length", "3", "--seed", "1").Output);
        CommandResult piped = _shell.Run(
            [[.. "ab 😀"u8]],
            ["sample", "run", "--device", "cpu", "--best", "--temperature", "0", "--prime-file", "-", "--length", "3", "--seed", "1"]);
        Assert.Equal("ab 😀 é\r"u8, piped.Output);
        _shell.Fails(1, "none.txt", "no such file or directory", "sample", "run", "--prime-file", "none.txt");
        _shell.Fails(1, "run", "is a run's directory, not a text", "sample", "run", "--prime-file", "run");
    }

    [Fact]
    public void A_runs_path_may_be_longer_than_Windows_once_allowed()
    {
        string path = Path.Combine([.. Enumerable.Repeat(new string('d', 60), 6)]);
        _shell.Copy("run", path);
        Assert.Equal(5, _shell.Succeeds("sample", path, "--device", "cpu", "--length", "5", "--quiet").Text.EnumerateRunes().Count());
    }

    [Fact]
    public void A_seed_fixes_the_text_and_a_random_one_is_shown()
    {
        string[] wild = ["--temperature", "3", "--length", "60"];
        CommandResult random = Sample(wild);
        string seed = Assert.Single(random.ErrorLines)["seed ".Length..];
        CommandResult again = Sample([.. wild, "--seed", seed]);
        Assert.Equal(random.Output, again.Output);
        Assert.Empty(again.Error);
        Assert.Equal(60, again.Text.EnumerateRunes().Count());
        Assert.NotEqual(random.Output, Sample([.. wild, "--seed", "1"]).Output);
    }

    [Fact]
    public void Several_samples_are_numbered_and_json_holds_the_same()
    {
        string[] options =
        [
            "--count", "2", "--seed", "18446744073709551615", "--length", "9",
            "--temperature", "3", "--prime", "ab", "--top-k", "5", "--top-p", "0.9",
        ];
        JsonElement[] json = [.. Sample([.. options, "--json"]).Lines.Select(line => JsonElement.Parse(line))];
        Assert.All(json, sample => Assert.Equal(
            ["sample", "seed", "prime", "text", "end", "stop"], sample.EnumerateObject().Select(property => property.Name)));
        Assert.Equal([1, 2], json.Select(sample => sample.GetProperty("sample").GetInt32()));
        Assert.Equal([ulong.MaxValue, ulong.MaxValue], json.Select(sample => sample.GetProperty("seed").GetUInt64()));

        string[] texts = [.. json.Select(sample => sample.GetProperty("text").GetString()!)];
        Assert.NotEqual(texts[0], texts[1]);
        Assert.Equal($"=== sample 1 ===\nab{texts[0]}\n=== sample 2 ===\nab{texts[1]}\n", Sample(options).Text);
    }

    /// <summary>The model writes its line again and again: "ab 😀 é\r\n".</summary>
    [Theory]
    [InlineData(200, " ", "é", "é")]
    [InlineData(200, " é", "\r\nab", "\r\nab")]
    [InlineData(200, "", " ", " ")] // at the very begin: the prime does not count
    [InlineData(200, " ", "é", "é\r\n", "é")] // one begins the other
    [InlineData(200, "", " é", "\r\n", " é")] // the first to be written, not the first to be given
    [InlineData(9, " é\r\nab 😀 ", null, "😀😀", "é\r\r")] // never
    [InlineData(2, " é", null, "é\r")] // the length ends inside of one
    public void A_stop_text_ends_the_text_before_it(int length, string expected, string? by, params string[] stops)
    {
        string[] options =
        [
            "--temperature", "0", "--prime", "ab 😀", "--length", $"{length}", "--seed", "1",
            .. stops.SelectMany(stop => (string[])["--stop", stop]),
        ];
        Assert.Equal("ab 😀" + expected, Sample(options).Text);
        JsonElement json = JsonElement.Parse(Assert.Single(Sample([.. options, "--json"]).Lines));
        Assert.Equal((expected, by), (json.GetProperty("text").GetString(), json.GetProperty("stop").GetString()));
        Assert.Equal(by is null ? "length" : "stop", json.GetProperty("end").GetString());
    }

    [Fact]
    public void A_stop_text_may_be_written_in_two_launches_of_128_characters()
    {
        string[] options = ["--temperature", "3", "--length", "300", "--seed", "5"];
        string text = Sample(options).Text;
        Rune[] characters = [.. text.EnumerateRunes()];
        foreach (int first in (int[])[119, 120, 124, 127, 128, 256 - 8, 300 - 9])
        {
            string stop = string.Concat(characters.Skip(first).Take(9));
            Assert.Equal(text[..text.IndexOf(stop, StringComparison.Ordinal)], Sample([.. options, "--stop", stop]).Text);
        }
    }

    [Fact]
    public void Stop_texts_hold_for_each_of_several_samples_and_are_checked()
    {
        string[] options = ["--temperature", "0", "--prime", "ab", "--length", "50", "--seed", "1", "--count", "2"];
        Assert.Equal(
            "=== sample 1 ===\nab 😀 \n=== sample 2 ===\nab 😀 \n",
            Sample([.. options, "--stop", "never", "--stop", "é", "--unknown", "skip"]).Text);
        _shell.Fails(2, "--stop", "is empty; give a text", "sample", "run", "--stop", "a", "--stop", "");
        _shell.Fails(2, "--stop", "has no value; give TEXT behind it", "sample", "run", "--stop");
        _shell.Fails(
            1, "--stop", "'X' (U+0058); leave them out, as --unknown skip does",
            "sample", "run", "--device", "cpu", "--stop", "a", "--stop", "aXb");
    }

    [Fact]
    public void Unknown_characters_are_refused_or_skipped()
    {
        _shell.Fails(1, "--prime", "'X' (U+0058), '日' (U+65E5)", "sample", "run", "--prime", "aX日b");
        Assert.Equal("ab"u8, Sample("--prime", "aX日b", "--unknown", "skip", "--length", "0", "--seed", "1").Output);
    }
}
