using System.Text;
using CharRnn.Files;
using CharRnn.Text;
using CsCheck;

namespace CharRnn.Gpu.Tests.Text;

/// <summary>A cache changes how long a start takes, and never what is read.</summary>
public sealed class TokenCacheTests : IDisposable
{
    // Its chunks of 256 take one, one and two bytes a token; its characters come in descending order, so every id is remapped.
    private static readonly string s_text =
        new string('b', 300) + string.Concat(Enumerable.Range(0, 400).Select(i => (char)(1000 - i))) + "some text after it\n";

    private readonly TextFolder _folder = new();

    private string CacheDirectory => _folder["cache/of/charrnn"];

    private CorpusOptions Options => new()
    {
        Cache = new TokenCache(CacheDirectory),
        MemoryLimit = 100,
        ChunkTokens = 256,
        ReadBytes = 128,
        SpillDirectory = _folder.Root,
    };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_second_start_takes_what_the_first_one_kept()
    {
        _folder.Write("text/a.txt", "\uFEFF" + s_text[..350]);
        _folder.Write("text/b.txt", s_text[350..]);
        string[] first = ReadsAs(s_text, _folder["text"], Options);
        string entry = Entry();
        Assert.Equal(
            [$"{_folder["text/a.txt"]}: UTF-8 byte order mark skipped", $"{entry}: keeps the tokens of this text for the next start"],
            first);
        Assert.Equal(Path.GetFileName(entry), $"charrnn-{Encoding.UTF8.GetByteCount(s_text) + 3}-{HashOf(_folder["text"])}.v1.tokens");

        byte[] kept = File.ReadAllBytes(entry);
        File.SetLastWriteTimeUtc(entry, DateTime.UtcNow.AddDays(-3));
        Assert.Equal(
            [first[0], $"{entry}: has the tokens of this text"],
            ReadsAs(s_text, _folder["text"], Options with { ChunkTokens = 7 }));
        Assert.Equal(kept, File.ReadAllBytes(Entry()));
        Assert.True(File.GetLastWriteTimeUtc(entry) > DateTime.UtcNow.AddDays(-1));
    }

    [Fact]
    public void Other_texts_and_encodings_have_their_own()
    {
        string path = _folder.Write("a.txt", s_text);
        ReadsAs(s_text, path, Options);
        string other = s_text.Replace("some", "same", StringComparison.Ordinal);
        _folder.Write("a.txt", other);
        Assert.Contains("keeps the tokens", Assert.Single(ReadsAs(other, path, Options)));
        Assert.Contains("keeps the tokens", Assert.Single(ReadsAs(other, path, Options with { Encoding = TextEncoding.Bytes })));
        Assert.Contains("has the tokens", Assert.Single(ReadsAs(other, path, Options)));
        Assert.Contains("has the tokens", Assert.Single(ReadsAs(other, path, Options with { Encoding = TextEncoding.Bytes })));
        Assert.Equal(3, Directory.GetFiles(CacheDirectory).Length);

        // What the limits refuse is refused from here, too.
        Assert.Contains(
            "distinct characters, more than the 300 allowed",
            TextFolder.Error(() => TextFolder.Read(path, Options with { VocabularyLimit = 300 })));
    }

    [Fact]
    public void What_fits_in_memory_or_comes_through_a_stream_is_not_kept()
    {
        string path = _folder.Write("a.txt", s_text);
        Assert.Empty(ReadsAs(s_text, path, Options with { MemoryLimit = 10_000 }));
        using Corpus corpus = TextFolder.Read(Encoding.UTF8.GetBytes(s_text), Options);
        Assert.Equal(s_text, TextFolder.Text(corpus));
        Assert.False(Directory.Exists(CacheDirectory));
    }

    [Fact]
    public void Any_damage_is_noticed_and_mended()
    {
        string path = _folder.Write("a.txt", s_text);
        ReadsAs(s_text, path, Options);
        string entry = Entry();
        byte[] good = File.ReadAllBytes(entry);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Int[0, 7], Gen.Bool).Sample(
            (place, bit, cut) =>
            {
                byte[] bad = [.. good];
                bad[place] ^= (byte)(1 << bit);
                File.WriteAllBytes(entry, cut ? good[..place] : bad);
                string note = Assert.Single(ReadsAs(s_text, path, Options)[..^1].DefaultIfEmpty("harmless"));
                Assert.True(note == $"{entry}: cannot be used and is made again" || (note == "harmless" && !cut && place < 4096), note);
                Assert.Equal(note == "harmless" ? bad : good, File.ReadAllBytes(entry));
            },
            iter: 300,
            threads: 1);
    }

    [Fact]
    public void A_place_that_cannot_be_written_only_means_no_cache()
    {
        string path = _folder.Write("a.txt", s_text);
        string file = _folder.Write("file", "");
        foreach (string place in (string[])
            [file, Path.Combine(file, "below"), "", "a\0b", .. OperatingSystem.IsLinux() ? (string[])["/proc/none"] : []])
            Assert.StartsWith(
                $"{place}: the tokens of this text are not kept for the next start (",
                Assert.Single(ReadsAs(s_text, path, Options with { Cache = new TokenCache(place) })), StringComparison.Ordinal);
    }

    [Fact(Skip = "a small disk of its own: Linux mounts one", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void A_full_disk_only_means_no_cache()
    {
        using var disk = new SmallDisk(_folder["disk"], "100k");
        string text = new string('a', 40_000) + "b";
        string path = _folder.Write("a.txt", text);
        CorpusOptions options = Options with { Cache = new TokenCache(disk.Root), ReadBytes = 1000 };

        // It fills while the text is read; nothing is left of what was written.
        bool full = false;
        var fill = new Callback(bytes =>
        {
            if (bytes < 20_000 || full)
                return;
            full = true;
            disk.Fill();
        });
        Assert.Contains("not kept for the next start (", Assert.Single(ReadsAs(text, path, options with { Progress = fill })));
        Assert.True(full);
        Assert.Empty(disk.Names());

        // It is known to be too small before anything is written.
        disk.Fill();
        Assert.Contains("(needs up to 0.1 MB, 0.0 MB are free)", Assert.Single(ReadsAs(text, path, options)));
        disk.Free();
        Assert.Contains("keeps the tokens", Assert.Single(ReadsAs(text, path, options)));
    }

    [Fact]
    public void A_text_that_is_refused_leaves_nothing()
    {
        string path = _folder.Write("a.txt", [.. Encoding.UTF8.GetBytes(s_text), 0xFF]);
        Assert.Contains("invalid byte 0xFF", TextFolder.Error(() => TextFolder.Read(path, Options)));
        Assert.Empty(Directory.GetFiles(CacheDirectory));
    }

    [Fact]
    public void What_is_old_or_left_behind_is_removed_and_nothing_else()
    {
        Directory.CreateDirectory(CacheDirectory);
        string hash = new('a', 32);
        string[] gone = ["charrnn-abcdefgh.ijk.tokens-part", $"charrnn-1000-{hash}.v1.tokens", $"charrnn-1000-{hash}.v0.tokens"];
        string[] stays =
            ["charrnn-at0work0.now.tokens-part", $"charrnn-1001-{hash}.v1.tokens", "charrnn-notes.tokens", "old.tokens", "a.tokens-part"];
        foreach (string name in (string[])[.. gone, .. stays])
        {
            File.WriteAllText(Path.Combine(CacheDirectory, name), "");
            double days = name.Contains("1001", StringComparison.Ordinal) ? 29
                : name.Contains("at0work0", StringComparison.Ordinal) ? 0.9
                : 31;
            File.SetLastWriteTimeUtc(Path.Combine(CacheDirectory, name), DateTime.UtcNow.AddDays(-days));
        }

        ReadsAs(s_text, _folder.Write("a.txt", s_text), Options);
        IEnumerable<string> left = Directory.GetFiles(CacheDirectory)
            .Where(path => path != Entry()).Select(path => Path.GetFileName(path));
        Assert.Equal(stays.Order(StringComparer.Ordinal), left.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_changes_under_a_reader_is_an_error()
    {
        string path = _folder.Write("a.txt", s_text);
        ReadsAs(s_text, path, Options);
        string entry = Entry();
        using Corpus corpus = TextFolder.Read(path, Options);
        using (var other = new FileStream(entry, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
        {
            other.Seek(4096 + (2 * 256) + 20, SeekOrigin.Begin);
            other.Write([255, 255]); // an id in the third chunk that no character has
        }

        CharRnnException e = Assert.Throws<CharRnnException>(() => TextFolder.Tokens(corpus.Tokens));
        Assert.Equal(
            $"{entry}: the tokens that it keeps cannot be read (it was changed); delete it and go on with --resume: it is made again",
            e.Message);
        using (var other = new FileStream(entry, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            other.SetLength(4100);
        Assert.Contains(
            "(it was cut off)",
            Assert.Throws<CharRnnException>(() => TextFolder.Tokens(corpus.Tokens)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_lies_where_the_system_has_caches()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string caches = OperatingSystem.IsWindows() ? Environment.GetEnvironmentVariable("LOCALAPPDATA")!
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME")
                ?? Path.Combine(home, OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache");
        Assert.Equal(Path.Combine(caches, "charrnn"), TokenCache.DefaultDirectory);
    }

    [Fact]
    public async Task Two_may_begin_at_once()
    {
        string path = _folder.Write("a.txt", s_text);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => ReadsAs(s_text, path, Options))));
        Assert.Contains("has the tokens", Assert.Single(ReadsAs(s_text, path, Options)));
        Assert.Single(Directory.GetFiles(CacheDirectory));
    }

    [Fact(Skip = "a folder's rights are its files' there", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void Only_its_user_may_read_the_tokens_from_the_first_moment()
    {
        const UnixFileMode own = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        string open = Directory.CreateDirectory(_folder["open"]).FullName;
        UnixFileMode? partly = null;
        var look = new Callback(_ => partly ??= Directory.GetFiles(open, "*.tokens-part").Select(ModeOf).SingleOrDefault());
        ReadsAs(s_text, _folder.Write("a.txt", s_text), Options with { Cache = new TokenCache(open), Progress = look });
        Assert.Equal((own, own), (partly, ModeOf(Assert.Single(Directory.GetFiles(open)))));

        using (PackedFile.Create(_folder["file"], FileShare.None))
            Assert.Equal(own, ModeOf(_folder["file"]));
        File.CreateSymbolicLink(_folder["link"], _folder["nowhere"]);
        Assert.ThrowsAny<IOException>(() => PackedFile.Create(_folder["link"], FileShare.None));
        Assert.False(File.Exists(_folder["nowhere"]));
    }

    [Fact(Skip = "named pipes are no files on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_pipe_in_the_place_of_what_is_kept_holds_nobody_up()
    {
        string path = _folder.Write("a.txt", s_text);
        ReadsAs(s_text, path, Options);
        string entry = Entry();
        File.Delete(entry);
        NamedPipe.Make(entry);
        Assert.Contains($"{entry}: cannot be used and is made again", ReadsAs(s_text, path, Options));
        Assert.Contains("has the tokens", Assert.Single(ReadsAs(s_text, path, Options)));
    }

    [Fact(Skip = "links need a right there", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_link_to_a_text_is_the_text()
    {
        File.CreateSymbolicLink(_folder["link.txt"], _folder.Write("a.txt", s_text));
        Assert.Contains("keeps the tokens", Assert.Single(ReadsAs(s_text, _folder["link.txt"], Options)));
        Assert.Contains("has the tokens", Assert.Single(ReadsAs(s_text, _folder["a.txt"], Options)));
    }

    [Fact]
    public void A_text_that_is_refused_is_refused_though_its_bytes_are_kept()
    {
        // The same bytes and lengths; with the mark between the files it tears a character.
        _folder.Write("text/a", "\uFEFFab€"u8[..^1].ToArray());
        _folder.Write("text/b", [.. "€"u8[^1..], .. Encoding.UTF8.GetBytes(s_text)]);
        ReadsAs("ab€" + s_text, _folder["text"], Options);
        _folder.Write("text/a", "ab€"u8[..^1].ToArray());
        _folder.Write("text/b", [.. "\uFEFF"u8, .. "€"u8[^1..], .. Encoding.UTF8.GetBytes(s_text)]);
        Assert.Contains("invalid byte 0xE2", TextFolder.Error(() => TextFolder.Read(_folder["text"], Options)));
    }

    private static UnixFileMode? ModeOf(string path) => OperatingSystem.IsWindows() ? null : File.GetUnixFileMode(path);

    private string Entry() =>
        Directory.GetFiles(CacheDirectory, "charrnn-*-????????????????????????????????.v1.tokens").MaxBy(File.GetLastWriteTimeUtc)!;

    /// <summary>Checks a reading, and that it is what is read without a cache.</summary>
    /// <returns>Its notes.</returns>
    private static string[] ReadsAs(string text, string input, CorpusOptions options)
    {
        using Corpus corpus = TextFolder.Read(input, options);
        using Corpus without = TextFolder.Read(input, options with { Cache = null, Progress = null });
        Assert.Equal(text, TextFolder.Text(corpus));
        Assert.Equal(TextFolder.Tokens(without.Tokens), TextFolder.Tokens(corpus.Tokens));
        Assert.True(without.Vocabulary.Matches(corpus.Vocabulary));
        Assert.Equal((without.Hash, without.Bytes, without.Name), (corpus.Hash, corpus.Bytes, corpus.Name));
        return [.. corpus.Notes];
    }

    private static string HashOf(string input)
    {
        using Corpus corpus = TextFolder.Read(input);
        return corpus.Hash;
    }
}
