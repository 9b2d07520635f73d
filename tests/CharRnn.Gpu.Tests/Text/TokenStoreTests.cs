using CharRnn.Files;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Text;

public sealed class TokenStoreTests : IDisposable
{
    private readonly TextFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Ids rise from 0, so the chunks get wider as they come: 1, 2 and 4 bytes per token.
    private static readonly int[] Rising = [.. Enumerable.Range(0, 70_000).Select(i => i % 3 == 0 ? i : i / 2)];

    private static TokenStore Store(int[] ids, int[] tokenOfId, CorpusOptions options)
    {
        using var builder = new TokenStoreBuilder(options);
        foreach (int[] part in ids.Chunk(777))
            builder.Append(part);
        return builder.Build(tokenOfId);
    }

    [Fact]
    public void Chunks_are_as_narrow_as_their_tokens()
    {
        var options = new CorpusOptions { ChunkTokens = 256 };
        using TokenStore one = Store([.. Enumerable.Range(0, 256)], [], options);
        using TokenStore two = Store([.. Enumerable.Range(1, 256)], [], options);
        using TokenStore twoAtMost = Store([65_535], [], options);
        using TokenStore four = Store([65_536], [], options);
        Assert.Equal((256, 512, 2, 4), (one.MemoryBytes, two.MemoryBytes, twoAtMost.MemoryBytes, four.MemoryBytes));

        // 256 tokens below 256, then up to 65,536 in two bytes, the rest in four.
        using TokenStore mixed = Store([.. Enumerable.Range(0, 65_536 + 256)], [], options);
        Assert.Equal(256 + (65_280 * 2) + (256 * 4), mixed.MemoryBytes);
        Assert.Equal(Enumerable.Range(0, 65_536 + 256), TextFolder.Tokens(mixed));
    }

    [Theory]
    [InlineData(1, long.MaxValue)]
    [InlineData(1000, long.MaxValue)]
    [InlineData(1 << 20, long.MaxValue)]
    [InlineData(1000, 0)]
    [InlineData(1000, 20_000)]
    [InlineData(40_000, 0)]
    [InlineData(1 << 20, 0)]
    public void Tokens_are_what_was_put_in_remapped(int chunkTokens, long memoryLimit)
    {
        int[] tokenOfId = [.. Enumerable.Range(0, 70_000).Reverse()];
        var options = new CorpusOptions { ChunkTokens = chunkTokens, MemoryLimit = memoryLimit, SpillDirectory = _folder.Root };
        using TokenStore store = Store(Rising, tokenOfId, options);

        int[] expected = [.. Rising.Select(id => tokenOfId[id])];
        Assert.Equal(expected, TextFolder.Tokens(store));
        Assert.True(store.MemoryBytes <= memoryLimit);

        // Any part, over any chunk edge, by many threads at once.
        Parallel.For(0, 500, i =>
        {
            var random = new Random(i);
            int offset = random.Next(expected.Length);
            int[] part = new int[random.Next(Math.Min(5000, expected.Length - offset))];
            store.Read(offset, part);
            Assert.True(part.AsSpan().SequenceEqual(expected.AsSpan(offset, part.Length)));
        });
    }

    [Fact]
    public void A_corpus_reads_the_same_from_memory_and_from_disk()
    {
        // Characters met in descending order, so that every id is remapped.
        string text = string.Concat(Enumerable.Range(0, 3000).Select(i => (char)(4000 - i))) + "and some text after it";
        string path = _folder.Write("a.txt", text);
        using Corpus inMemory = TextFolder.Read(path, new CorpusOptions { ChunkTokens = 100 });
        string spill = Directory.CreateDirectory(_folder["spill"]).FullName;
        using (Corpus onDisk = TextFolder.Read(path, new CorpusOptions { ChunkTokens = 100, MemoryLimit = 1000, SpillDirectory = spill }))
        {
            Assert.Equal(TextFolder.Tokens(inMemory.Tokens), TextFolder.Tokens(onDisk.Tokens));
            Assert.Equal(text, TextFolder.Text(onDisk));
            Assert.Equal(inMemory.Hash, onDisk.Hash);
            if (!OperatingSystem.IsWindows())
                Assert.Empty(Directory.GetFiles(spill));
        }

        Assert.Empty(Directory.GetFiles(spill));
    }

    [Fact]
    public void A_failed_reading_leaves_no_file()
    {
        byte[] text = [.. "some text"u8, 0xFF];
        var options = new CorpusOptions { ChunkTokens = 2, MemoryLimit = 0, SpillDirectory = _folder.Root };
        TextFolder.Error(() => TextFolder.Read(text, options));
        Assert.Empty(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void A_spill_directory_that_cannot_be_written_is_named()
    {
        string none = _folder["none"];
        var options = new CorpusOptions { ChunkTokens = 2, MemoryLimit = 0, SpillDirectory = none };
        string message = TextFolder.Error(() => TextFolder.Read("some text"u8.ToArray(), options));
        Assert.StartsWith($"{none}: cannot hold the part of the corpus that exceeds memory (", message);
        Assert.Contains("; free space there or set T", message);
    }

    [Fact(Skip = "needs a file system with sparse files by default", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_spill_file_is_read_beyond_two_gigabytes()
    {
        // Sparse: nothing is written below the offset.
        Assert.SkipWhen(OperatingSystem.IsMacOS(), "needs a file system with sparse files by default");
        using var file = PackedFile.CreateTemporary(_folder.Root, "corpus", start: 5_000_000_000);
        long offset = file.Append("tokens"u8);
        Assert.Equal(5_000_000_000, offset);
        using var store = new TokenStore([new PackedChunk(null, offset, 1)], 6, 6, [], file);
        Assert.Equal([.. "tokens".Select(c => (int)c)], TextFolder.Tokens(store));
    }

    [Fact]
    public void Offsets_go_beyond_int()
    {
        // 5,000 chunks of a million tokens, all one and the same array.
        byte[] memory = [.. Enumerable.Range(0, 1_000_000).Select(i => (byte)(i % 251))];
        PackedChunk[] chunks = [.. Enumerable.Repeat(new PackedChunk(memory, 0, 1), 5000)];
        using var store = new TokenStore(chunks, 1_000_000, 5_000_000_000, [], null);

        int[] tokens = new int[2000];
        foreach (long offset in (long[])[0, int.MaxValue - 1000L, 4_000_999_000, 4_999_998_000])
        {
            store.Read(offset, tokens);
            Assert.Equal(Enumerable.Range(0, 2000).Select(i => (int)((offset + i) % 1_000_000 % 251)), tokens);
        }

        ITokenSource slice = store.Slice(3_000_000_000, 2_000_000_000).Slice(1_500_000_123, 1000);
        Assert.Equal(1000, slice.Length);
        Assert.Equal(123, TextFolder.Tokens(slice)[0]);

        TextSplit split = TextSplit.Of(store, 0.1);
        Assert.Equal((4_500_000_000, 500_000_000), (split.Training.Length, split.Validation.Length));
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Read(4_999_998_001, tokens));
    }

    [Fact]
    public void Slices_are_parts_and_keep_their_bounds()
    {
        using TokenStore store = Store([.. Enumerable.Range(0, 100)], [], new CorpusOptions { ChunkTokens = 7 });
        ITokenSource slice = store.Slice(10, 50);
        Assert.Equal(Enumerable.Range(10, 50), TextFolder.Tokens(slice));
        Assert.Equal(Enumerable.Range(15, 20), TextFolder.Tokens(slice.Slice(5, 20)));
        Assert.Equal(0, store.Slice(100, 0).Length);
        store.Slice(100, 0).Read(0, []);

        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Read(49, new int[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Read(-1, new int[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Slice(40, 11));
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.Slice(0, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Slice(99, long.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Slice(long.MaxValue, 1));
    }
}
