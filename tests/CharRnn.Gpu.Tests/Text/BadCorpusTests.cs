using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Text;

/// <summary>Every unusable text is refused in one line: its path, what was found, what to do.</summary>
public sealed class BadCorpusTests : IDisposable
{
    private readonly TextFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Error(string input, CorpusOptions? options = null)
    {
        string message = TextFolder.Error(() => TextFolder.Read(input, options));
        Assert.DoesNotContain('\n', message);
        return message;
    }

    [Fact]
    public void A_missing_file()
    {
        string path = _folder["none.txt"];
        Assert.Equal($"{path}: no such file or directory; check the path", Error(path));
        Assert.Equal("'': no such file or directory; check the path", Error(""));
        Assert.Contains("no such file", Error("a\0b"));
        Assert.Contains("no such file", Error(Path.Combine(_folder.Write("a.txt", "ab"), "below a file")));
    }

    [Fact]
    public void A_directory_with_no_text()
    {
        _folder.Write(".hidden", "text");
        _folder.Write(".git/config", "text");
        _folder.Write("empty/empty.txt", "");
        Assert.Equal(
            $"{_folder.Root}: a directory with no text in it; give one that holds files which are neither empty nor hidden",
            Error(_folder.Root));
    }

    [Fact(Skip = "Windows has permissions of its own", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_file_that_must_not_be_read()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "permissions bind no administrator");
        string path = _folder.Write("a.txt", "text");
        if (OperatingSystem.IsWindows())
            Assert.Skip("Windows has permissions of its own");
        else
            File.SetUnixFileMode(path, UnixFileMode.None);
        Assert.StartsWith($"{path}: cannot be read (", Error(path));
    }

    [Fact(Skip = "a file whose reading fails: Linux has one", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void A_file_that_cannot_be_read()
    {
        string message = Error("/proc/self/mem");
        Assert.StartsWith("/proc/self/mem: cannot be read (", message);
        Assert.EndsWith("; check its permissions and its disk", message);
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0xEF, 0xBB, 0xBF })]
    public void An_empty_file(byte[] content)
    {
        string path = _folder.Write("a.txt", content);
        Assert.Equal($"{path}: is empty; give a file with text in it", Error(path));
    }

    [Theory]
    [InlineData(
        4, 25, 0.0, 107,
        "needs at least 108 characters (batch size 4 x (sequence length 25 + 2)), has 107; "
            + "give more text or lower --batch-size or --seq-length")]
    [InlineData(
        4, 25, 0.1, 118,
        "needs at least 108 characters (batch size 4 x (sequence length 25 + 2)), has 107 to train on besides the 11 for validation; "
            + "give more text or lower --batch-size or --seq-length")]
    [InlineData(
        int.MaxValue, int.MaxValue, 0.0, 9,
        "needs at least 4611686018427387903 characters (batch size 2147483647 x (sequence length 2147483647 + 2)), has 9; "
            + "give more text or lower --batch-size or --seq-length")]
    public void A_text_too_short(int batchSize, int sequenceLength, double validation, int length, string expected)
    {
        using Corpus corpus = TextFolder.Read(_folder.Write("a.txt", new string('a', length - 1) + "b"));
        TextSplit split = TextSplit.Of(corpus.Tokens, validation);
        var error = Assert.Throws<CharRnnException>(() => split.CheckLength(corpus.Name, batchSize, sequenceLength));
        Assert.Equal($"{_folder["a.txt"]}: {expected}", error.Message);
    }

    [Fact]
    public void A_text_just_long_enough()
    {
        using Corpus corpus = TextFolder.Read(_folder.Write("a.txt", new string('a', 107) + "b"));
        TextSplit.Of(corpus.Tokens, 0).CheckLength(corpus.Name, 4, 25);
        Assert.Equal(108, TextSplit.RequiredLength(4, 25));
    }

    [Theory]
    [InlineData("continuation first", new byte[] { 0x80 }, 0x80)]
    [InlineData("overlong slash", new byte[] { 0xC0, 0xAF }, 0xC0)]
    [InlineData("overlong, three bytes", new byte[] { 0xE0, 0x80, 0xAF }, 0xE0)]
    [InlineData("surrogate", new byte[] { 0xED, 0xA0, 0x80 }, 0xED)]
    [InlineData("beyond U+10FFFF", new byte[] { 0xF4, 0x90, 0x80, 0x80 }, 0xF4)]
    [InlineData("five bytes", new byte[] { 0xF8, 0x88, 0x80, 0x80, 0x80 }, 0xF8)]
    [InlineData("cut off by ASCII", new byte[] { 0xC3, 0x28 }, 0xC3)]
    [InlineData("cut off after three of four", new byte[] { 0xF0, 0x9F, 0x98, 0x28 }, 0xF0)]
    [InlineData("cut off by the end, one of two", new byte[] { 0xC3 }, 0xC3)]
    [InlineData("cut off by the end, three of four", new byte[] { 0xF0, 0x9F, 0x98 }, 0xF0)]
    public void Invalid_utf8_with_its_place(string what, byte[] bytes, int culprit)
    {
        foreach (int padding in (int[])[0, 4, 17, 100])
        {
            bool atEnd = what.StartsWith("cut off by the end", StringComparison.Ordinal);
            byte[] text = [.. Encoding.ASCII.GetBytes(new string('x', padding)), .. bytes, .. atEnd ? [] : "tail"u8];
            string path = _folder.Write("a.txt", text);
            string expected = Error(path);
            Assert.StartsWith($"{path}: invalid byte 0x{culprit:X2} at offset {padding} in UTF-8 text", expected);
            Assert.EndsWith(", or use --encoding bytes", expected);
            for (int readBytes = 1; readBytes < 8; readBytes++)
                Assert.Equal(expected, Error(path, new CorpusOptions { ReadBytes = readBytes, ChunkTokens = 5 }));
        }
    }

    [Fact]
    public void Invalid_utf8_is_placed_behind_a_byte_order_mark_and_in_its_own_file()
    {
        _folder.Write("a.txt", "good");
        _folder.Write("b.txt", [0xEF, 0xBB, 0xBF, (byte)'b', 0xFF]);
        Assert.StartsWith($"{_folder["b.txt"]}: invalid byte 0xFF at offset 4 ", Error(_folder.Root));

        // The character begins in a file and is broken by the next, or by its mark, or by there being none.
        _folder.Write("a.txt", [(byte)'a', 0xE2, 0x82]);
        _folder.Write("b.txt", "b");
        Assert.StartsWith($"{_folder["a.txt"]}: invalid byte 0xE2 at offset 1 ", Error(_folder.Root));
        _folder.Write("b.txt", "\uFEFFb");
        Assert.StartsWith($"{_folder["a.txt"]}: invalid byte 0xE2 at offset 1 ", Error(_folder.Root));
        File.Delete(_folder["b.txt"]);
        Assert.StartsWith($"{_folder["a.txt"]}: invalid byte 0xE2 at offset 1 ", Error(_folder.Root));
    }

    [Theory]
    [InlineData(new byte[] { 0xFF, 0xFE, 0x61, 0 }, "UTF-16LE")]
    [InlineData(new byte[] { 0xFE, 0xFF, 0, 0x61 }, "UTF-16BE")]
    [InlineData(new byte[] { 0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0 }, "UTF-32LE")]
    [InlineData(new byte[] { 0, 0, 0xFE, 0xFF, 0, 0, 0, 0x61 }, "UTF-32BE")]
    [InlineData(new byte[] { 0xFF, 0xFE }, "UTF-16LE")]
    public void Another_unicode_encoding(byte[] content, string encoding)
    {
        string path = _folder.Write("a.txt", content);
        string expected = $"{path}: is {encoding}, by its byte order mark; "
            + $"run iconv -f {encoding} -t UTF-8 < {path} > {path}.txt and give that in its place";
        Assert.Equal(expected, Error(path));
        Assert.Equal(expected, Error(path, new CorpusOptions { ReadBytes = 1 }));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(100_000)] // long behind the first bytes, and behind a whole buffer
    public void Text_in_a_western_encoding(int offset)
    {
        string path = _folder.Write(
            "it's.txt",
            [.. Encoding.ASCII.GetBytes(new string('x', offset)), .. Encoding.Latin1.GetBytes("\u0093caf\u00E9\u0094 and more of it")]);
        string expected = $"{path}: invalid byte 0x93 at offset {offset} in UTF-8 text, which looks like Windows-1252 text; "
            + "run iconv -f WINDOWS-1252 -t UTF-8 < "
            + $"'{_folder["it"]}'\\''s.txt' > '{_folder["it"]}'\\''s.txt.txt' and give that in its place, or use --encoding bytes";
        Assert.Equal(expected, Error(path));
        Assert.Equal(expected, Error(path, new CorpusOptions { ReadBytes = 7 }));
    }

    [Theory]
    [InlineData("UTF-16LE")]
    [InlineData("UTF-16BE")]
    public void Utf16_without_a_mark(string encoding)
    {
        foreach (string text in (string[])
            ["Some text\nin English.\n", "Ещё немного текста\r\nна русском языке 😀\n", string.Concat(Enumerable.Repeat("ab\t", 500))])
        {
            string path = _folder.Write("a.txt", Encoding.GetEncoding(encoding).GetBytes(text));
            string expected = $"{path}: is {encoding} without a byte order mark; "
                + $"run iconv -f {encoding} -t UTF-8 < {path} > {path}.txt and give that in its place";
            Assert.Equal(expected, Error(path));
            Assert.Equal(expected, Error(path, new CorpusOptions { ReadBytes = 1 }));
        }
    }

    [Fact]
    public void A_packed_file_is_named_unless_its_bytes_are_wanted()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            gzip.Write("Some text, packed."u8);
        string path = _folder.Write("notes.txt", packed.ToArray());
        Assert.Equal($"{path}: is compressed with gzip; run gunzip -c < {path} > {path}.txt and give that in its place", Error(path));
        Assert.Equal(
            $"{path}: is compressed with gzip; run gunzip -c < {path} > {path}.txt and give that in its place",
            Error(_folder.Root));
        Assert.Equal(
            "text: is compressed with gzip; send it through gunzip -c first",
            TextFolder.Error(() => TextFolder.Read(packed.ToArray())));
        using Corpus bytes = TextFolder.Read(path, new CorpusOptions { Encoding = TextEncoding.Bytes });
        Assert.Equal(packed.ToArray(), TextFolder.Bytes(bytes));
    }

    [Fact]
    public void A_runs_directory_is_no_text_and_is_left_out_of_one()
    {
        _folder.Write("runs/first/config.json", "{\"kind\": \"text\"}");
        _folder.Write("runs/first/samples.txt", "what a model wrote");
        string run = _folder["runs/first"];
        foreach (TextEncoding encoding in Enum.GetValues<TextEncoding>())
            Assert.Equal(
                $"{run}: is a run's directory, not a text; give a text, or have one written with charrnn sample {run}",
                Error(run, new CorpusOptions { Encoding = encoding }));
        Assert.Equal(
            $"{_folder.Root}: holds runs of charrnn and no text; give a text, or a directory that holds some",
            Error(_folder.Root));

        _folder.Write("a.txt", "text");
        foreach (string input in (string[])[_folder.Root, _folder["**"], _folder["**/*.txt"]])
        {
            using Corpus corpus = TextFolder.Read(input);
            Assert.Equal("text", TextFolder.Text(corpus));
            Assert.Equal($"{run}: a run's directory, left out", Assert.Single(corpus.Notes));
        }
    }

    [Fact(Skip = "other systems have no such names", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void A_name_that_is_not_utf8()
    {
        _folder.Write("a.txt", "text");
        Shell("printf text > \"$1/$(printf 'caf\\351.txt')\"");
        try
        {
            string expected = $"{_folder["caf\uFFFD.txt"]}: has a name that is not valid UTF-8; "
                + "rename it, or send it to standard input: charrnn ... - < FILE";
            Assert.Equal(expected, Error(_folder.Root));
            Assert.Equal(expected, Error(_folder["*.txt"]));
            Assert.Equal(expected, Error(_folder["caf\uFFFD.txt"]));
        }
        finally
        {
            Shell("rm \"$1\"/caf*"); // .NET cannot
        }

        void Shell(string command)
        {
            using Process shell = Process.Start("sh", ["-c", command, "sh", _folder.Root]);
            shell.WaitForExit();
            Assert.Equal(0, shell.ExitCode);
        }
    }

    [Fact]
    public void A_binary_file()
    {
        string path = _folder.Write("a.bin", [.. "\u007fELF\u0002\u0001\u0001"u8, 0, 0]);
        Assert.Equal($"{path}: looks binary, with a NUL byte at offset 7; use --encoding bytes", Error(path));
        Assert.Equal(
            $"{path}: looks binary, with a NUL byte at offset 7; use --encoding bytes",
            Error(path, new CorpusOptions { ReadBytes = 1 }));
    }

    [Fact]
    public void One_distinct_character()
    {
        string path = _folder.Write("a.txt", "aaaa");
        Assert.Equal($"{path}: has one distinct character only, 'a' (U+0061), so there is nothing to learn; give other text", Error(path));

        path = _folder.Write("a.txt", "\n\n");
        Assert.Contains(@"'\n' (U+000A)", Error(path));
        Assert.Contains("0x0A", Error(path, new CorpusOptions { Encoding = TextEncoding.Bytes }));
    }

    [Fact]
    public void Too_large_a_vocabulary()
    {
        var text = new StringBuilder();
        for (int c = 0x10000; c <= 0x20000; c++)
            text.Append(new Rune(c).ToString());
        string path = _folder.Write("a.txt", text.ToString());

        Assert.Equal($"{path}: has 65,537 distinct characters, more than the 65,536 allowed; use --encoding bytes", Error(path));

        Assert.Equal(
            $"{path}: has 65,537 distinct characters, more than the 65,536 allowed, for which 65537 rows are needed; use --encoding bytes",
            Error(path, new CorpusOptions { DescribeNeed = size => $"{size} rows are needed" }));

        using Corpus allowed = TextFolder.Read(path, new CorpusOptions { VocabularyLimit = 65_537 });
        Assert.Equal(65_537, allowed.Vocabulary.Size);
    }

    [Theory]
    [InlineData(10, "(5000 bytes at the start, 5010 read, 5010 now)")]
    [InlineData(-10, "(5000 bytes at the start, 4990 read, 4990 now)")]
    public void A_file_that_changes_while_it_is_read(int change, string expected)
    {
        string path = _folder.Write("a.txt", new string('a', 4999) + "b");
        bool done = false;
        var grow = new Callback(_ =>
        {
            if (done)
                return;
            done = true;
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.SetLength(5000 + change);
        });

        string message = Error(path, new CorpusOptions { ReadBytes = 1000, Progress = grow, Encoding = TextEncoding.Bytes });
        Assert.Equal($"{path}: changed while it was read {expected}; wait until nothing writes to it, or give a copy", message);
    }

    [Fact]
    public void A_glob_without_a_match()
    {
        _folder.Write("a.md", "text");
        string pattern = _folder["*.txt"];
        Assert.Equal($"{pattern}: matches no file; check the pattern (*, ? and ** for any depth)", Error(pattern));
    }
}
