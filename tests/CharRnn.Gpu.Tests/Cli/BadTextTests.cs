using System.Text;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>Texts that cannot be trained on, 1–12 of the catalogue.</summary>
public sealed class BadTextTests : IDisposable
{
    private readonly Shell _shell = new();

    public void Dispose()
    {
        Assert.False(Directory.Exists(_shell["run"]), "a bad text left a run's directory behind");
        _shell.Dispose();
    }

    private void Refused(string input, string found) =>
        _shell.Fails(
            1, input, found,
            "train", input, "--out", "run", "--preset", "classic", "--hidden-size", "16", "--seq-length", "8", "--batch-size", "3",
            "--device", "cpu");

    [Fact]
    public void What_is_no_text()
    {
        Refused("none.txt", "no such file or directory; check the path");
        Refused("*.md", "matches no file");
        Directory.CreateDirectory(_shell["directory"]);
        Refused("directory", "a directory with no text in it");
        Refused(_shell.Write("empty.txt", ""), "is empty");
        Refused(
            _shell.Write("utf16.txt", Encoding.Unicode.GetPreamble().Concat("text"u8.ToArray()).ToArray()),
            "is UTF-16LE, by its byte order mark");
        Refused(_shell.Write("binary.txt", "text\0"), "looks binary, with a NUL byte at offset 4; use --encoding bytes");
        Refused(
            _shell.Write("latin1.txt", Encoding.Latin1.GetBytes("12345678901234567é and on")),
            "invalid byte 0xE9 at offset 17 in UTF-8 text, which looks like Windows-1252 text; "
                + "run iconv -f WINDOWS-1252 -t UTF-8 < latin1.txt > latin1.txt.txt and give that in its place, or use --encoding bytes");
    }

    [Fact]
    public void Text_of_more_characters_than_a_small_model_can_tell_apart()
    {
        string text = string.Concat(Enumerable.Range(0x10000, 65_537).Select(c => new Rune(c).ToString()));

        // (2·V·H + H² + H + V) parameters of H = 16, each with its gradient and its Adagrad memory, of four bytes.
        Refused(
            _shell.Write("many.txt", text),
            "has 65,537 distinct characters, more than the 65,536 allowed, for which a model of 16 hidden units would need 26 MB; "
                + "use --encoding bytes");
    }

    [Fact]
    public void Text_that_teaches_nothing()
    {
        Refused(
            _shell.Write("short.txt", "0123456789012345678901234567890\n"),
            "needs at least 30 characters (batch size 3 x (sequence length 8 + 2)), "
                + "has 29 to train on besides the 3 for validation");
        Refused(_shell.Write("same.txt", new string('a', 100)), "has one distinct character only, 'a' (U+0061)");
        Refused(
            _shell.Write("all.txt", string.Concat(Enumerable.Range(0x10000, 65_537).Select(char.ConvertFromUtf32))),
            "has 65,537 distinct characters, more than the 65,536 allowed, "
                + "for which a model of 16 hidden units would need 26 MB");
    }

    [Fact(Skip = "Windows has permissions of its own", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void What_must_not_be_read()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "permissions bind no administrator");
        _shell.Write("secret.txt", "text");
        if (OperatingSystem.IsWindows())
            Assert.Skip("Windows has permissions of its own");
        else
            File.SetUnixFileMode(_shell["secret.txt"], UnixFileMode.None);
        Refused("secret.txt", "cannot be read");
    }

    [Fact]
    public void A_name_that_would_act_on_the_terminal_is_shown_harmless() =>
        _shell.Fails(1, @"a\x1B[2J", "no such file or directory", "train", "a\u001B[2J");
}
