using System.Text;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Text;

public sealed class VocabularyTests : IDisposable
{
    private static readonly Vocabulary Letters = new(TextEncoding.Utf8, [' ', 'a', 'b', 'c', 'é', 0x1F600]);

    private readonly TextFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Unknown(string text) =>
        Assert.Throws<CharRnnException>(() => Letters.Encode(text, UnknownCharacters.Error, "--prime")).Message;

    private static Corpus ReadWith(byte[] text, UnknownCharacters unknown, Vocabulary? vocabulary = null) =>
        Corpus.ReadWith(
            vocabulary ?? Letters, new MemoryStream(text), "text", unknown, new CorpusOptions { ReadBytes = 2, ChunkTokens = 3 },
            TestContext.Current.CancellationToken);

    [Fact]
    public void Encodes_and_decodes()
    {
        int[] tokens = Letters.Encode("cab é😀", UnknownCharacters.Error, "--prime");
        Assert.Equal([3, 1, 2, 0, 4, 5], tokens);
        Assert.Equal("cab é😀", Encoding.UTF8.GetString(Letters.Decode(tokens)));
        Assert.Empty(Letters.Encode("", UnknownCharacters.Error, "--prime"));
    }

    [Fact]
    public void Encodes_the_bytes_of_a_text()
    {
        var bytes = new Vocabulary(TextEncoding.Bytes, [0x61, 0xA9, 0xC3]);
        Assert.Equal([0, 2, 1], bytes.Encode("aé", UnknownCharacters.Error, "--prime"));
        var error = Assert.Throws<CharRnnException>(() => bytes.Encode([0x61, 0, 0xFF], UnknownCharacters.Error, "file"));
        Assert.Equal(
            "file: has characters that the model's vocabulary does not: 0x00, 0xFF; leave them out, as --unknown skip does",
            error.Message);
    }

    [Fact]
    public void Unknown_characters_are_named_once_each_and_printably()
    {
        Assert.Equal(
            "--prime: has characters that the model's vocabulary does not: 'x' (U+0078); leave them out, as --unknown skip does",
            Unknown("axbxc"));
        Assert.Contains(
            @"'\n' (U+000A), '\t' (U+0009), '\u{1B}' (U+001B), '\u{301}' (U+0301), '\u{202E}' (U+202E), '漢' (U+6F22), '👍' (U+1F44D);",
            Unknown("\n\t\u001b\u0301\u202e漢👍"));
    }

    [Fact]
    public void Ten_unknown_characters_are_named_and_the_rest_counted()
    {
        Assert.EndsWith("'m' (U+006D); leave them out, as --unknown skip does", Unknown("defghijklm"));
        Assert.EndsWith("'m' (U+006D) and 3 more; leave them out, as --unknown skip does", Unknown("defghijklmnop"));
    }

    [Fact]
    public void Unknown_characters_can_be_skipped() =>
        Assert.Equal([1, 2], Letters.Encode("xaxbx", UnknownCharacters.Skip, "--prime"));

    [Fact]
    public void Half_a_surrogate_pair_is_no_text() =>
        Assert.Equal(
            "--prime: is not valid Unicode text, with half a surrogate pair at index 1; give whole characters",
            Unknown("a\ud83d"));

    [Fact]
    public void Bytes_that_are_no_utf8_are_refused()
    {
        var error = Assert.Throws<CharRnnException>(() => Letters.Encode([0x61, 0xC3], UnknownCharacters.Skip, "prime.txt"));
        Assert.Equal(
            "prime.txt: invalid byte 0xC3 at offset 1 in UTF-8 text; "
                + "convert it to UTF-8 if it is text (iconv -f ITS-ENCODING -t UTF-8), or give UTF-8 text, as the model was trained on",
            error.Message);
        error = Assert.Throws<CharRnnException>(() => Letters.Encode([0x61, 0], UnknownCharacters.Skip, "prime.txt"));
        Assert.StartsWith("prime.txt: looks binary, with a NUL byte at offset 1;", error.Message);
    }

    [Fact]
    public void A_file_is_read_with_a_vocabulary()
    {
        string path = _folder.Write("a.txt", "\uFEFFcab é😀");
        using Corpus corpus = Corpus.ReadWith(
            Letters, [path], UnknownCharacters.Error, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal([3, 1, 2, 0, 4, 5], TextFolder.Tokens(corpus.Tokens));
        Assert.Same(Letters, corpus.Vocabulary);
        Assert.Equal(0, corpus.SkippedCharacters);
        Assert.Single(corpus.Notes);
    }

    [Fact]
    public void One_known_character_over_and_over_can_be_read()
    {
        using Corpus corpus = ReadWith("aaaaaaa"u8.ToArray(), UnknownCharacters.Error);
        Assert.Equal([1, 1, 1, 1, 1, 1, 1], TextFolder.Tokens(corpus.Tokens));
    }

    [Fact]
    public void A_files_unknown_characters_are_named_or_skipped()
    {
        byte[] text = "xaybzx"u8.ToArray();
        Assert.Equal(
            "text: has characters that the model's vocabulary does not: 'x' (U+0078), 'y' (U+0079), 'z' (U+007A); "
                + "leave them out, as --unknown skip does",
            TextFolder.Error(() => ReadWith(text, UnknownCharacters.Error)));

        using Corpus corpus = ReadWith(text, UnknownCharacters.Skip);
        Assert.Equal([1, 2], TextFolder.Tokens(corpus.Tokens));
        Assert.Equal(4, corpus.SkippedCharacters);
        Assert.Equal("text: 4 characters left out that the vocabulary does not have", Assert.Single(corpus.Notes));
    }

    [Fact]
    public void A_file_of_nothing_known_is_refused()
    {
        Assert.Equal(
            "text: has no character of the model's vocabulary; give text like that which the model was trained on",
            TextFolder.Error(() => ReadWith("xyz"u8.ToArray(), UnknownCharacters.Skip)));
        Assert.Contains("is empty", TextFolder.Error(() => ReadWith([], UnknownCharacters.Skip)));
    }

    [Fact]
    public void The_models_encoding_decides()
    {
        var bytes = new Vocabulary(TextEncoding.Bytes, [0, 0xFF]);
        using Corpus corpus = ReadWith([0xFF, 0], UnknownCharacters.Error, bytes);
        Assert.Equal([1, 0], TextFolder.Tokens(corpus.Tokens));

        Assert.EndsWith(
            ", or give UTF-8 text, as the model was trained on",
            TextFolder.Error(() => ReadWith([0xC3], UnknownCharacters.Error)));
    }

    [Fact]
    public void A_vocabulary_may_have_nul()
    {
        var withNul = new Vocabulary(TextEncoding.Utf8, [0, 'a']);
        using Corpus corpus = ReadWith([0x61, 0], UnknownCharacters.Error, withNul);
        Assert.Equal([1, 0], TextFolder.Tokens(corpus.Tokens));
    }

    [Fact]
    public void Characters_stand_once_and_are_characters()
    {
        Assert.Throws<ArgumentException>(() => new Vocabulary(TextEncoding.Utf8, ['a', 'b', 'a']));
        Assert.Throws<ArgumentException>(() => new Vocabulary(TextEncoding.Utf8, [0xD800]));
        Assert.Throws<ArgumentException>(() => new Vocabulary(TextEncoding.Utf8, [0x110000]));
        Assert.Throws<ArgumentException>(() => new Vocabulary(TextEncoding.Bytes, [256]));
    }

    [Fact]
    public void Text_starts_after_a_newline_if_there_is_one()
    {
        Assert.Equal(0, Letters.StartToken);
        Assert.Equal(1, new Vocabulary(TextEncoding.Utf8, ['\t', '\n', 'a']).StartToken);
    }
}
