using System.IO.Hashing;
using System.Text;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Text;

public sealed class CorpusTests : IDisposable
{
    // One to four bytes per character; CR LF; e with a combining accent beside the composed one; a family joined by ZWJ.
    private const string Mixed = "Hello\r\nnaïve e\u0301 é Ωμέγα 漢字かな 😀👨‍👩‍👧 \u10ffff end\n";

    private readonly TextFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Any_text_comes_back_as_it_was()
    {
        using Corpus corpus = TextFolder.Read(_folder.Write("a.txt", Mixed));

        Assert.Equal(Mixed, TextFolder.Text(corpus));
        Assert.Equal(Mixed.EnumerateRunes().Count(), corpus.Tokens.Length);
        Assert.Equal(Encoding.UTF8.GetByteCount(Mixed), corpus.Bytes);
        Assert.Empty(corpus.Notes);
        Assert.Equal([_folder["a.txt"]], corpus.Files);
    }

    [Fact]
    public void Characters_are_scalar_values_in_ascending_order()
    {
        using Corpus corpus = TextFolder.Read(_folder.Write("a.txt", Mixed));

        Assert.Equal(Mixed.EnumerateRunes().Select(r => r.Value).Distinct().Order(), corpus.Vocabulary.CodePoints);
        Assert.True(corpus.Vocabulary.TryGetToken(0x301, out _));
        Assert.True(corpus.Vocabulary.TryGetToken('\r', out _));
    }

    [Fact]
    public void Astral_characters_come_after_all_others()
    {
        // In UTF-16 order U+1F600 (D83D DE00) would come before U+FF21.
        using Corpus corpus = TextFolder.Read("😀Ａb"u8.ToArray());
        Assert.Equal(['b', 0xFF21, 0x1F600], corpus.Vocabulary.CodePoints);
        Assert.Equal([2, 1, 0], TextFolder.Tokens(corpus.Tokens));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(7)]
    [InlineData(64)]
    public void Characters_may_be_cut_at_any_edge(int readBytes)
    {
        // Padding moves every character over every edge.
        for (int padding = 0; padding < 9; padding++)
        {
            string text = new string('x', padding) + Mixed;
            using Corpus corpus = TextFolder.Read(
                Encoding.UTF8.GetBytes(text), new CorpusOptions { ReadBytes = readBytes, ChunkTokens = 3 });
            Assert.Equal(text, TextFolder.Text(corpus));
        }
    }

    [Fact]
    public void Every_scalar_value_but_nul_is_a_character()
    {
        var text = new StringBuilder();
        for (int c = 1; c < 0x110000; c++)
            if (Rune.IsValid(c))
                text.Append(new Rune(c).ToString());

        using Corpus corpus = TextFolder.Read(
            Encoding.UTF8.GetBytes(text.ToString()), new CorpusOptions { VocabularyLimit = int.MaxValue, ReadBytes = 4099 });
        Assert.Equal(0x110000 - 2048 - 1, corpus.Vocabulary.Size);
        Assert.Equal(Enumerable.Range(0, corpus.Vocabulary.Size), TextFolder.Tokens(corpus.Tokens));
    }

    [Fact]
    public void Bytes_may_be_anything()
    {
        byte[] all = [.. Enumerable.Range(0, 256).Reverse().Select(b => (byte)b), 0xEF, 0xBB, 0xBF, 0xFF, 0xFE, 0, 0];
        using Corpus corpus = TextFolder.Read(
            _folder.Write("a.bin", all), new CorpusOptions { Encoding = TextEncoding.Bytes, ReadBytes = 5 });

        Assert.Equal(256, corpus.Vocabulary.Size);
        Assert.Equal(all.Select(b => (int)b), TextFolder.Tokens(corpus.Tokens));
        Assert.Equal(TextEncoding.Bytes, corpus.Vocabulary.Encoding);
    }

    [Fact]
    public void Bytes_keep_a_byte_order_mark()
    {
        byte[] text = [0xFF, 0xFE, (byte)'a', 0];
        using Corpus corpus = TextFolder.Read(text, new CorpusOptions { Encoding = TextEncoding.Bytes });
        Assert.Equal(text, TextFolder.Bytes(corpus));
        Assert.Empty(corpus.Notes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1 << 20)]
    public void A_byte_order_mark_is_skipped_and_noted(int readBytes)
    {
        string path = _folder.Write("a.txt", "\uFEFFabc");
        using Corpus corpus = TextFolder.Read(path, new CorpusOptions { ReadBytes = readBytes });

        Assert.Equal("abc", TextFolder.Text(corpus));
        Assert.Equal(3, corpus.Bytes);
        Assert.Equal($"{path}: UTF-8 byte order mark skipped", Assert.Single(corpus.Notes));
    }

    [Fact]
    public void A_mark_inside_a_text_is_a_character()
    {
        using Corpus corpus = TextFolder.Read("a\uFEFFb"u8.ToArray());
        Assert.Equal("a\uFEFFb", TextFolder.Text(corpus));
        Assert.Empty(corpus.Notes);
    }

    [Fact]
    public void Files_are_joined_with_nothing_between()
    {
        string b = _folder.Write("b.txt", "\uFEFFsecond");
        string a = _folder.Write("a.txt", "first");
        using Corpus corpus = Corpus.Read([b, a], cancellation: TestContext.Current.CancellationToken);

        Assert.Equal("firstsecond", TextFolder.Text(corpus));
        Assert.Equal([a, b], corpus.Files);
        Assert.Equal($"{a} and 1 more", corpus.Name);
        Assert.Equal($"{b}: UTF-8 byte order mark skipped", Assert.Single(corpus.Notes));
    }

    [Fact]
    public void A_character_may_begin_in_one_file_and_end_in_another()
    {
        byte[] emoji = "a😀b"u8.ToArray();
        for (int i = 0; i < emoji.Length; i++)
            _folder.Write($"piece{i}", [emoji[i]]);
        using Corpus corpus = TextFolder.Read(_folder.Root);
        Assert.Equal("a😀b", TextFolder.Text(corpus));
    }

    [Fact]
    public void The_hash_tells_texts_and_encodings_apart_and_nothing_else()
    {
        static string Hash(string text, CorpusOptions? options = null)
        {
            using Corpus corpus = TextFolder.Read(Encoding.UTF8.GetBytes(text), options);
            return corpus.Hash;
        }

        // Stands in run directories: it must never change.
        const string Pinned = "d6423c3f8bbc8822faef6cda69989ff2";
        Assert.Equal(Pinned, Convert.ToHexStringLower(XxHash128.Hash("utf-8\nhello, wörld\n"u8)));
        Assert.Equal(Pinned, Hash("hello, wörld\n"));
        Assert.Equal(Pinned, Hash("hello, wörld\n", new CorpusOptions { ReadBytes = 1, ChunkTokens = 2 }));
        Assert.Equal(Pinned, Hash("\uFEFFhello, wörld\n"));
        Assert.NotEqual(Pinned, Hash("hello, wörld\n\n"));
        Assert.NotEqual(Pinned, Hash("hello, wörld\n", new CorpusOptions { Encoding = TextEncoding.Bytes }));

        _folder.Write("1", "hello, ");
        _folder.Write("2", "wörld\n");
        using Corpus pieces = TextFolder.Read(_folder.Root);
        Assert.Equal(Pinned, pieces.Hash);
    }

    [Fact]
    public void Progress_counts_bytes_over_all_files()
    {
        var reports = new List<long>();
        _folder.Write("a", new string('a', 10));
        _folder.Write("b", new string('b', 10));
        using Corpus corpus = TextFolder.Read(_folder.Root, new CorpusOptions { ReadBytes = 4, Progress = new Callback(reports.Add) });
        Assert.Equal([4, 8, 10, 14, 18, 20], reports);
    }

    [Fact]
    public void Cancellation_ends_the_reading()
    {
        using var source = new CancellationTokenSource();
        var options = new CorpusOptions { ReadBytes = 4, Progress = new Callback(_ => source.Cancel()) };
        string path = _folder.Write("a", "some text");
        Assert.ThrowsAny<OperationCanceledException>(() => Corpus.Read([path], options, source.Token));
    }

    [Fact]
    public void A_disposed_corpus_has_no_tokens()
    {
        Corpus corpus = TextFolder.Read("abc"u8.ToArray());
        corpus.Dispose();
        corpus.Dispose();
        Assert.Throws<ObjectDisposedException>(() => corpus.Tokens.Read(0, new int[1]));
    }
}
