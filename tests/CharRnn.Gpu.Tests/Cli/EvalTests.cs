using System.Text;
using System.Text.Json;
using CharRnn.Reference;

namespace CharRnn.Gpu.Tests.Cli;

public sealed class EvalTests(TinyRun run) : IClassFixture<TinyRun>
{
    private const string Text = "ab ab 😀 é\r\né\r\nab b";

    private readonly Shell _shell = run.Shell;

    [Fact]
    public void Json_has_four_keys_that_agree_with_the_reference()
    {
        _shell.Write("text.txt", Text);
        JsonElement result = JsonElement.Parse(_shell.Succeeds("eval", "run", "text.txt", "--device", "cpu", "--json").Text);
        Assert.Equal(
            ["loss", "bits_per_character", "perplexity", "characters"],
            result.EnumerateObject().Select(property => property.Name));

        int[] tokens = run.Model.Vocabulary.Encode(Text, default, "text");
        double[][] state = ReferenceRnn.ZeroState(run.Model.Shape);
        double expected = ReferenceRnn.Evaluate(run.Model.Weights.Convert(value => (double)value), tokens, ref state) / (tokens.Length - 1);
        Agreement.Within(1e-5, expected, result.GetProperty("loss").GetDouble(), "loss");
        Agreement.Within(1e-5, expected / Math.Log(2), result.GetProperty("bits_per_character").GetDouble(), "bits");
        Agreement.Within(1e-4, Math.Exp(expected), result.GetProperty("perplexity").GetDouble(), "perplexity");
        Assert.Equal(tokens.Length, result.GetProperty("characters").GetInt32());
    }

    [Fact]
    public void Stdin_is_a_text_unknown_characters_can_be_skipped_and_numbers_are_invariant()
    {
        string[] args = ["eval", "run/model.safetensors", "-", "--device", "cpu", "--unknown", "skip"];
        CommandResult result = _shell.Run(
            [Encoding.UTF8.GetBytes("aXb"), "Y"u8.ToArray()], args, new() { ["LC_ALL"] = "de_DE.UTF-8", ["LANG"] = "de_DE.UTF-8" });
        Assert.Equal(0, result.ExitCode);
        Assert.Matches(
            @"^\d\.\d{4} nats per character, \d\.\d{4} bits per character, perplexity \d+\.\d{3}, over 2 characters\n$",
            result.Text);
        Assert.Equal(["standard input: 2 characters left out that the vocabulary does not have"], result.ErrorLines);
    }

    [Fact]
    public void A_text_that_cannot_be_measured()
    {
        _shell.Write("one.txt", "a");
        _shell.Fails(1, "one.txt", "has a single character", "eval", "run", "one.txt");
        _shell.Write("other.txt", "abc");
        _shell.Fails(1, "other.txt", "'c' (U+0063)", "eval", "run", "other.txt");
        _shell.Write("xyz.txt", "xyz");
        _shell.Fails(1, "xyz.txt", "has no character of the model's vocabulary", "eval", "run", "xyz.txt", "--unknown", "skip");
    }
}
