using CharRnn.Files;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Gpu.Tests.Text;
using CharRnn.Tables;

namespace CharRnn.Gpu.Tests.Tables;

/// <summary>A cache changes how long a start takes, and never what is read.</summary>
public sealed class TableCacheTests : IDisposable
{
    private const string Csv = "a,b\n1,x\n2,y\n\n3,x\n";

    private readonly TemporaryDirectory _directory = new();

    private string CacheDirectory => _directory.File("cache");

    private TableStorage Storage => new()
    {
        Cache = new TableCache(CacheDirectory),
        MemoryLimit = 10,
        ChunkRows = 2,
        SpillDirectory = _directory.File("none"),
    };

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_second_start_takes_what_the_first_one_kept()
    {
        string path = _directory.Write("data.csv", LargeTable.Csv);
        TableStorage storage = Storage with { ChunkRows = 1 << 10 };
        using Table without = Read(path, new());
        using (Table first = Read(path, storage))
        {
            Assert.Equal([$"{Entry()}: keeps the columns of this table for the next start"], first.Notes);
            LargeTable.RequireSame(without, first);
        }

        byte[] kept = File.ReadAllBytes(Entry());
        File.SetLastWriteTimeUtc(Entry(), DateTime.UtcNow.AddDays(-3));
        using Table second = Read(path, storage with { ChunkRows = 1 << 12 });
        Assert.Equal([$"{Entry()}: has the columns of this table"], second.Notes);
        Assert.Equal(0, second.MemoryBytes);
        LargeTable.RequireSame(without, second);
        LargeTable.RequireSameNumbers(without, second);
        Assert.Equal(kept, File.ReadAllBytes(Entry()));
        Assert.True(File.GetLastWriteTimeUtc(Entry()) > DateTime.UtcNow.AddDays(-1));
    }

    [Fact]
    public void Other_bytes_and_delimiters_have_their_own()
    {
        string path = _directory.Write("data.csv", Csv);
        Assert.Contains("keeps", Note(path, Storage), StringComparison.Ordinal);
        Assert.Contains("keeps", Note(path, Storage, ";"), StringComparison.Ordinal);
        _directory.Write("data.csv", Csv.Replace('y', 'z'));
        Assert.Contains("keeps", Note(path, Storage), StringComparison.Ordinal);
        Assert.Contains("has", Note(path, Storage), StringComparison.Ordinal);
        Assert.Equal(3, Directory.GetFiles(CacheDirectory).Length);
    }

    [Fact]
    public void What_fits_in_memory_is_not_kept()
    {
        using Table table = Read(_directory.Write("data.csv", Csv), Storage with { MemoryLimit = 100 });
        Assert.Empty(table.Notes);
        Assert.False(Directory.Exists(CacheDirectory));
    }

    [Fact]
    public void Any_damage_is_noticed_and_mended()
    {
        string path = _directory.Write("data.csv", Csv);
        Note(path, Storage);
        string entry = Entry();
        byte[] good = File.ReadAllBytes(entry);
        using Table without = Read(path, new());
        for (int place = CacheEntry.HeaderBytes; place < good.Length; place++)
        {
            byte[] bad = [.. good];
            bad[place] ^= (byte)(1 << (place % 8));
            File.WriteAllBytes(entry, place % 2 == 0 ? bad : good[..place]);
            using (Table table = Read(path, Storage))
            {
                Assert.Equal(
                    [$"{entry}: cannot be used and is made again", $"{entry}: keeps the columns of this table for the next start"],
                    table.Notes);
                LargeTable.RequireSame(without, table);
            }

            Assert.Equal(good, File.ReadAllBytes(entry)); // on Windows nobody else may read it before
        }
    }

    [Fact]
    public void A_place_that_cannot_be_written_only_means_no_cache()
    {
        string path = _directory.Write("data.csv", Csv), file = _directory.Write("file", "");
        TableStorage storage = Storage with { SpillDirectory = null };
        foreach (string place in (string[])[file, Path.Combine(file, "below"), "", "a\0b"])
            Assert.StartsWith(
                $"{place}: the columns of this table are not kept for the next start (",
                Note(path, storage with { Cache = new TableCache(place) }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_that_is_refused_is_not_kept()
    {
        foreach (string bad in (string[])["a,b\n1,x\n2\n", "a,b\n         \n"])
        {
            string path = _directory.Write("data.csv", bad);
            Assert.Throws<CharRnnException>(() => Read(path, Storage with { MemoryLimit = 5 }));
            Assert.Empty(Directory.GetFiles(CacheDirectory));
        }
    }

    [Fact]
    public void Cancellation_is_heard_while_a_table_is_read_hashed_and_checked()
    {
        string path = _directory.Write("data.csv", LargeTable.Csv);
        TableStorage storage = Storage with { ChunkRows = 1 << 10, SpillDirectory = null };
        RequireHeard(storage with { Cache = null }, 1_000_000); // while it is parsed
        RequireHeard(storage, 1_000_000);
        Assert.Empty(Directory.GetFiles(CacheDirectory));
        Note(path, storage);
        byte[] kept = File.ReadAllBytes(Entry());
        RequireHeard(storage, 1_000_000); // while it is hashed
        RequireHeard(storage, new FileInfo(path).Length); // before it is checked
        Assert.Equal(kept, File.ReadAllBytes(Entry()));
        Assert.Single(Directory.GetFiles(CacheDirectory));

        void RequireHeard(TableStorage where, long at)
        {
            using var stop = new CancellationTokenSource();
            long read = 0;
            var progress = new Callback(bytes =>
            {
                read = bytes;
                if (bytes >= at)
                    stop.Cancel();
            });
            Assert.ThrowsAny<OperationCanceledException>(() => CsvTable.Read(path, null, where with { Progress = progress }, stop.Token));
            Assert.InRange(read, at, at + (1 << 18));
        }
    }

    private static Table Read(string path, TableStorage storage, string? delimiter = null) =>
        CsvTable.Read(path, delimiter, storage, TestContext.Current.CancellationToken);

    private static string Note(string path, TableStorage storage, string? delimiter = null)
    {
        using Table table = Read(path, storage, delimiter);
        return Assert.Single(table.Notes);
    }

    private string Entry() => Assert.Single(Directory.GetFiles(CacheDirectory, "charrnn-*-????????????????????????????????.v1.columns"));
}
