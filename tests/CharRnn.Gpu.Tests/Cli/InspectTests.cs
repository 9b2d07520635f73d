using System.Text.Json;

namespace CharRnn.Gpu.Tests.Cli;

public sealed class InspectTests(TinyRun run) : IClassFixture<TinyRun>
{
    private readonly Shell _shell = run.Shell;

    [Fact]
    public void A_text_a_file_and_the_models_own_words_can_be_looked_at()
    {
        CommandResult text = _shell.Succeeds("inspect", "run", "ab é", "--device", "cpu");
        Assert.Equal("page: inspect.html", text.Lines[^1]);
        Assert.Contains("model: 16 hidden units, 7 characters, 503 parameters", text.Lines);
        Assert.Contains(@"characters: \n\x0D abé😀", text.Lines);
        Assert.Equal(5, text.Lines.Count(line => line.Contains(" norm ", StringComparison.Ordinal)));
        JsonElement data = Data("inspect.html");
        IEnumerable<int> tokens = data.GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32());
        Assert.Equal("ab é", string.Concat(tokens.Select(token => data.GetProperty("characters")[token].GetString())));
        Assert.Equal(4 * 16, data.GetProperty("activations").GetBytesFromBase64().Length);
        Assert.Equal(4 * 5, data.GetProperty("bestTokens").GetArrayLength());

        // The loss of eval is the mean surprisal.
        string eval = _shell.Succeeds("eval", "run", "lines.txt", "--device", "cpu").Text;
        CommandResult file = _shell.Succeeds("inspect", "run", "lines.txt", "--out", "page.html", "--device", "cpu");
        Assert.Contains($"mean surprisal {eval.Split(' ')[0]} nats", file.Text, StringComparison.Ordinal);

        CommandResult piped = _shell.Run(
            [File.ReadAllBytes(_shell["lines.txt"])], ["inspect", "run", "-", "--out", "page.html", "--device", "cpu"]);
        Assert.Equal(file.Text, piped.Text);

        _shell.Succeeds("inspect", "run", "--out", "own.html", "--device", "cpu", "--quiet");
        Assert.Equal(1001, Data("own.html").GetProperty("tokens").GetArrayLength());
    }

    [Fact]
    public void What_cannot_be_looked_at_is_refused()
    {
        _shell.Fails(1, "chapter.txt", "does not exist", "inspect", "run", "chapter.txt");
        _shell.Fails(1, "TEXT", "characters that the model's vocabulary does not", "inspect", "run", "xyz", "--device", "cpu");
        _shell.Fails(1, "a", "has fewer than 2 characters that the model knows", "inspect", "run", "a", "--device", "cpu");
        _shell.Fails(1, "none", "does not exist", "inspect", "none", "ab");
        _shell.Fails(1, "TEXT", "has fewer than 2 characters", "inspect", "run", "", "--device", "cpu");
        byte[] metrics = File.ReadAllBytes(_shell["run/metrics.jsonl"]);
        _shell.Fails(
            1, "run/metrics.jsonl", "is a run's own file; give another --out",
            "inspect", "run", "ab", "--out", "run/metrics.jsonl", "--device", "cpu");
        _shell.Fails(
            1, "run/model.safetensors", "is also read or written by this command",
            "export", "run/model.safetensors", "--out", "run/model.safetensors");
        if (!OperatingSystem.IsLinux())
            _shell.Fails(
                1, "run/MODEL.safetensors", "is also read or written by this command",
                "export", "run/model.safetensors", "--out", "run/MODEL.safetensors");
        _shell.Fails(1, "run/model.safetensors", "is a run's own file", "export", "run", "--out", "run/model.safetensors");
        _shell.Fails(1, "run/checkpoint-1.safetensors", "is a run's own file", "report", "run", "--out", "run/checkpoint-1.safetensors");
        Assert.Equal(metrics, File.ReadAllBytes(_shell["run/metrics.jsonl"]));
    }

    private JsonElement Data(string page)
    {
        const string begin = """<script type="application/json" id="data">""";
        string text = File.ReadAllText(_shell[page]);
        int from = text.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        return JsonElement.Parse(text[from..text.IndexOf("</script>", from, StringComparison.Ordinal)]);
    }
}
