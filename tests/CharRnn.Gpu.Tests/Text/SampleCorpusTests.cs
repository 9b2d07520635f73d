using System.Text;
using CharRnn.Gpu.Cli.Commands;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Text;

public sealed class SampleCorpusTests
{
    [Fact]
    public void Holds_the_sources_in_ordinal_order()
    {
        Assert.Contains("src/CharRnn/CharRnnException.cs", SampleCorpus.Files);
        Assert.Equal(SampleCorpus.Files.Order(StringComparer.Ordinal), SampleCorpus.Files);
        Assert.DoesNotContain(
            SampleCorpus.Files,
            f => f.Contains('\\') || f.Contains("/obj/", StringComparison.Ordinal) || f.Contains("/bin/", StringComparison.Ordinal));
        Assert.All(SampleCorpus.Files, f => Assert.True(f.EndsWith(".cs", StringComparison.Ordinal) || f == "README.md", f));
    }

    [Fact]
    public void Can_be_trained_on()
    {
        using Stream stream = SampleCorpus.Open();
        using Corpus corpus = Corpus.Read(stream, SampleCorpus.Name, null, TestContext.Current.CancellationToken);
        Assert.Empty(corpus.Notes);
        Assert.False(corpus.Vocabulary.TryGetToken('\r', out _));
        Assert.True(corpus.Tokens.Length > 10_000);
        Assert.Contains("namespace CharRnn;", TextFolder.Text(corpus));
    }

    [Theory]
    [InlineData("a\nb\n", "a\nb\n")]
    [InlineData("\uFEFFa\r\nb\r\n", "a\nb\n")]
    [InlineData("\r\n\r\n\ra\r", "\n\n\ra\r")]
    [InlineData("", "")]
    public void Is_the_same_whatever_the_checkout_did_to_line_ends(string file, string expected)
    {
        var text = new MemoryStream();
        SampleCorpus.Append(Encoding.UTF8.GetBytes(file), text);
        Assert.Equal(expected, Encoding.UTF8.GetString(text.ToArray()));
    }
}
