using CharRnn.Gpu.Cli.Terminal;

namespace CharRnn.Gpu.Tests.Cli;

public sealed class TerminalTextTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("plain text, é, 日本, 😀\n\ttab", "plain text, é, 日本, 😀\n\ttab")]
    [InlineData("\u001B[2Jgone", @"\x1B[2Jgone")]
    [InlineData("over\rwrite \a\b\0\u007F", @"over\x0Dwrite \x07\x08\x00\x7F")]
    [InlineData("\u009B31m", @"\x9B31m")]
    [InlineData("a\u202Eb\u2066c\u2069", @"a\x202Eb\x2066c\x2069")]
    public void What_would_act_on_a_terminal_is_made_visible(string text, string expected) =>
        Assert.Equal(expected, TerminalText.Escape(text));

    [Fact]
    public void Nothing_that_acts_is_left_of_any_character()
    {
        string all = string.Concat(Enumerable.Range(0, 0x110000).Where(c => c is < 0xD800 or > 0xDFFF).Select(char.ConvertFromUtf32));
        Assert.DoesNotContain(TerminalText.Escape(all), c => char.IsControl(c) && c is not ('\n' or '\t'));
    }
}
