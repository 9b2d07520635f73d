using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using CharRnn.Gpu.Tests.Reports;

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
        Assert.Equal(
            ["layers.0.Wxh", "layers.0.Whh", "layers.0.bh", "Why", "by"],
            text.Lines.Where(line => line.Contains(" norm ", StringComparison.Ordinal)).Select(line => line.Split(' ')[0]));
        Assert.DoesNotContain(text.Lines, line => line.StartsWith("gate ", StringComparison.Ordinal));
        JsonElement data = Data("inspect.html");
        IEnumerable<int> tokens = data.GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32());
        Assert.Equal("ab é", string.Concat(tokens.Select(token => data.GetProperty("characters")[token].GetString())));
        Assert.Equal("16 hidden units", data.GetProperty("layers").GetString());
        Assert.Equal(("h", "hidden state", 4 * 16), Assert.Single(States("inspect.html").Select(s => (s.Symbol, s.Name, s.Values.Length))));
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

    [Fact]
    public void Every_state_of_every_layer_is_shown_and_every_gate_summed_up()
    {
        const string Norms = " norm # root mean square # largest #", Moves = ": # % of values beyond 0.97, # of 12 units hardly move";
        const string Gates = ": # % of values above 0.9, # % below 0.1";
        Train("lstm", 12, "--cell", "lstm", "--layers", "2");
        CommandResult lstm = _shell.Succeeds("inspect", "lstm", "lines.txt", "--out", "lstm.html", "--device", "cpu");
        RequireLines(
            [
                "model: 2 lstm layers of 12 units, 7 characters, 2,251 parameters", @"characters: \n\x0D abé😀",
                $"layers.0.Wxh{Norms}", $"layers.0.Whh{Norms}", $"layers.0.bh {Norms}",
                $"layers.1.Wxh{Norms}", $"layers.1.Whh{Norms}", $"layers.1.bh {Norms}", $"Why         {Norms}", $"by          {Norms}",
                $"hidden state, layer 1 of 2{Moves}", $"hidden state, layer 2 of 2{Moves}",
                $"tanh of the cell state, layer 1 of 2{Moves}", $"tanh of the cell state, layer 2 of 2{Moves}",
                $"gate i, layer 1 of 2{Gates}", $"gate f, layer 1 of 2{Gates}", $"gate o, layer 1 of 2{Gates}",
                $"gate i, layer 2 of 2{Gates}", $"gate f, layer 2 of 2{Gates}", $"gate o, layer 2 of 2{Gates}",
                "text: 480 characters, mean surprisal # nats, # bits per character", "page: lstm.html",
            ],
            lstm.Lines);
        Assert.Equal(
            [
                ("h1", "hidden state, layer 1 of 2", 480 * 12), ("h2", "hidden state, layer 2 of 2", 480 * 12),
                ("c1", "tanh of the cell state, layer 1 of 2", 480 * 12), ("c2", "tanh of the cell state, layer 2 of 2", 480 * 12),
            ],
            States("lstm.html").Select(state => (state.Symbol, state.Name, state.Values.Length)));
        Assert.Equal("2 lstm layers of 12 units", Data("lstm.html").GetProperty("layers").GetString());

        Train("gru", 12, "--cell", "gru");
        CommandResult gru = _shell.Succeeds("inspect", "gru", "lines.txt", "--out", "gru.html", "--device", "cpu");
        RequireLines([$"hidden state{Moves}", $"gate r{Gates}", $"gate z{Gates}"], gru.Lines[^5..^2]);
        Assert.Equal(["hidden state"], States("gru.html").Select(state => state.Name));
    }

    [Fact]
    public void The_saturation_is_that_of_the_page()
    {
        CommandResult said = _shell.Succeeds("inspect", "run", "lines.txt", "--out", "page.html", "--device", "cpu");
        sbyte[] values = Assert.Single(States("page.html")).Values;
        var pattern = new Regex(@"^hidden state: ([0-9.]+) % of values beyond 0\.97, (\d+) of 16 units hardly move$");
        Match line = Assert.Single(said.Lines.Select(line => pattern.Match(line)), match => match.Success);
        double share = double.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture) / 100;

        // On the page, 123 may be 0.97 or less; no unit of this model stands as still as two hundredths.
        Assert.InRange(share, Share(value => Math.Abs(value) > 123) - 0.0005, Share(value => Math.Abs(value) >= 123) + 0.0005);
        Assert.InRange(share, 0.01, 0.99);
        Assert.Equal("0", line.Groups[2].Value);
        Assert.All(
            Enumerable.Range(0, 16),
            unit => Assert.True(values.Where((_, i) => i % 16 == unit).Max() - values.Where((_, i) => i % 16 == unit).Min() > 2));

        double Share(Func<int, bool> isMeant) => values.Count(value => isMeant(value)) / (double)values.Length;
    }

    [Fact]
    public void The_states_share_the_room_of_a_page()
    {
        Train("deep", 64, "--layers", "20");
        _shell.Write("long.txt", string.Concat(Enumerable.Repeat(TinyRun.Line, 1800)));
        CommandResult result = _shell.Succeeds("inspect", "deep", "long.txt", "--out", "deep.html", "--device", "cpu");
        Assert.Contains("long.txt: the first 13,107 of its characters", result.Error, StringComparison.Ordinal); // 2^24 values / (20 * 64)
        Assert.Equal(20, States("deep.html").Length);
        Assert.All(States("deep.html"), state => Assert.Equal(13_107 * 64, state.Values.Length));
    }

    private void Train(string name, int units, params string[] more) => _shell.Succeeds(
        [
            "train", "lines.txt", "--out", name, "--preset", "classic", "--hidden-size", $"{units}", "--seq-length", "8",
            "--batch-size", "3", "--iterations", "20", "--sample-every", "0", "--device", "cpu", "--quiet", .. more,
        ]);

    /// <summary>Checks lines, of which # stands for a number that depends on the weights, and a space for one or several.</summary>
    private static void RequireLines(string[] expected, string[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        foreach ((string pattern, string line) in expected.Zip(actual))
            Assert.Matches($"^{Regex.Escape(pattern).Replace(@"\#", "[0-9.]+").Replace(@"\ ", " +")}$", line);
    }

    private (string? Symbol, string? Name, sbyte[] Values)[] States(string page) =>
    [
        .. Data(page).GetProperty("states").EnumerateArray().Select(state => (
            state.GetProperty("symbol").GetString(), state.GetProperty("name").GetString(),
            Array.ConvertAll(state.GetProperty("values").GetBytesFromBase64(), value => (sbyte)value))),
    ];

    private JsonElement Data(string page) => PageData.Of(File.ReadAllText(_shell[page]));
}
