using System.Text;
using CharRnn.Sampling;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Sampling;

public class StopTextsTests
{
    private static readonly Vocabulary Letters = new(
        TextEncoding.Utf8, [.. "\nabcdé😀".EnumerateRunes().Select(rune => rune.Value).Order()]);

    [Theory]
    [InlineData("abcabd", new[] { "abd" }, "abc", "abd")]
    [InlineData("abcabd", new[] { "abcd" }, "abcabd", null)] // never
    [InlineData("abcabd", new[] { "abda" }, "abcabd", null)] // reached inside
    [InlineData("abcabd", new[] { "a" }, "", "a")]
    [InlineData("abcabd", new[] { "abcabd" }, "", "abcabd")]
    [InlineData("aabaab", new[] { "aab" }, "", "aab")]
    [InlineData("aaab", new[] { "aab" }, "a", "aab")] // overlaps itself
    [InlineData("abc", new[] { "abc", "ab" }, "", "ab")] // the shorter of two that begin at once
    [InlineData("dabc", new[] { "b", "abc" }, "d", "abc")] // which begins first, and ends last
    [InlineData("dabd", new[] { "b", "abc" }, "da", "b")] // until it is known that it does not
    [InlineData("dab", new[] { "b", "abc" }, "da", "b")]
    [InlineData("dabcab", new[] { "cab", "bcd", "c" }, "dab", "c")]
    [InlineData("a😀é\nb", new[] { "é\n", "é" }, "a😀", "é")]
    [InlineData("abc", new string[0], "abc", null)]
    [InlineData("", new[] { "a" }, "", null)]
    public void A_text_ends_before_the_first_place_where_a_stop_text_stands(string text, string[] stops, string expected, string? by)
    {
        int[] tokens = Letters.Encode(text, UnknownCharacters.Error, "text");
        foreach (int size in (int[])[1, 2, 3, 128])
        {
            string? found = null;
            int[] cut = [.. Stops(stops).Cut(tokens.Chunk(size), stop => found = stop).SelectMany(piece => piece)];
            Assert.Equal((expected, by), (Encoding.UTF8.GetString(Letters.Decode(cut)), found));
        }
    }

    [Fact]
    public void It_is_what_a_search_of_the_whole_text_finds()
    {
        var random = new Random(7);
        int stopped = 0;
        for (int i = 0; i < 3000; i++)
        {
            string text = Random(random.Next(40));
            string[] stops = [.. Enumerable.Range(0, random.Next(4)).Select(_ => Random(1 + random.Next(6)))];
            int end = stops.Select(stop => text.IndexOf(stop, StringComparison.Ordinal))
                .Where(at => at >= 0).DefaultIfEmpty(text.Length).Min();
            string? by = stops.Where(stop => text[end..].StartsWith(stop, StringComparison.Ordinal)).MinBy(stop => stop.Length);
            int size = 1 + random.Next(9);
            string? found = null;
            IEnumerable<int[]> pieces = Letters.Encode(text, UnknownCharacters.Error, "text").Chunk(size);
            byte[] cut = Letters.Decode([.. Stops(stops).Cut(pieces, stop => found = stop).SelectMany(piece => piece)]);
            Assert.Equal((text[..end], by), (Encoding.UTF8.GetString(cut), found));
            stopped += by is null ? 0 : 1;
        }

        Assert.InRange(stopped, 500, 2500);

        string Random(int length) => string.Concat(Enumerable.Range(0, length).Select(_ => "ab"[random.Next(10) / 7]));
    }

    [Fact]
    public void Only_what_may_still_become_a_stop_text_is_held_back_and_no_more_is_asked_for()
    {
        int given = 0;
        IEnumerable<int[]> Pieces()
        {
            foreach (string piece in (string[])["", "dda", "ba", "bc", "dd", "abcd", "d"])
            {
                given++;
                yield return Letters.Encode(piece, UnknownCharacters.Error, "text");
            }
        }

        string[] written =
            [.. Stops("abcd", "abab").Cut(Pieces()).Select(piece => $"{given} {Encoding.UTF8.GetString(Letters.Decode(piece))}")];
        Assert.Equal(["2 dd"], written); // abab is there with the fourth
        Assert.Equal(4, given);

        given = 0;
        written = [.. Stops("abcd").Cut(Pieces()).Select(piece => $"{given} {Encoding.UTF8.GetString(Letters.Decode(piece))}")];
        Assert.Equal(["2 dd", "3 ab"], written); // then abc is held, and ends the text with the fifth
        Assert.Equal(5, given);
    }

    [Fact]
    public void In_a_text_of_bytes_the_bytes_of_a_stop_text_count()
    {
        var bytes = new Vocabulary(TextEncoding.Bytes, Enumerable.Range(0, 256));
        byte[] text = [0xFF, .. "naïve 😀"u8];
        StopTexts stops = StopTexts.Of(bytes, ["😀", "ï"], UnknownCharacters.Error, "--stop");
        Assert.Equal([0xFF, .. "na"u8], bytes.Decode([.. stops.Cut(text.Select(b => (int[])[b])).SelectMany(piece => piece)]));
    }

    [Fact]
    public void A_stop_text_that_can_never_be_written_is_an_error_or_is_left_out_as_a_whole()
    {
        string message = Assert.Throws<CharRnnException>(() => Stops("a", "aXb")).Message;
        Assert.Equal(
            "--stop: has characters that the model's vocabulary does not: 'X' (U+0058); leave them out, as --unknown skip does", message);
        StopTexts left = StopTexts.Of(Letters, ["aXb", "c"], UnknownCharacters.Skip, "--stop");
        IEnumerable<int[]> rest = left.Cut([Letters.Encode("dabc", UnknownCharacters.Error, "text")]);
        Assert.Equal("dab", Encoding.UTF8.GetString(Letters.Decode([.. rest.SelectMany(piece => piece)])));
        Assert.Throws<ArgumentException>(() => Stops("a", ""));
        Assert.Throws<ArgumentNullException>(() => Stops("a").Cut(null!));
    }

    private static StopTexts Stops(params string[] texts) => StopTexts.Of(Letters, texts, UnknownCharacters.Error, "--stop");
}
