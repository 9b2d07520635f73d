using CharRnn.Files;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Tables;

namespace CharRnn.Gpu.Tests.Tables;

/// <summary>Where a table's cells lie changes nothing that is read.</summary>
public sealed class TableStorageTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(0, 1 << 16)]
    [InlineData(0, 1 << 9)]
    [InlineData(700_000, 1 << 10)] // some columns here and some there, and those that widen in both
    public void A_table_is_the_same_from_a_file(long memoryLimit, int chunkRows)
    {
        string path = _directory.Write("data.csv", LargeTable.Csv), spill = Directory.CreateDirectory(_directory.File("spill")).FullName;
        using Table inMemory = Read(path, new() { SpillDirectory = _directory.File("none") });
        var storage = new TableStorage { MemoryLimit = memoryLimit, ChunkRows = chunkRows, SpillDirectory = spill };
        using (Table inFile = Read(path, storage))
        {
            LargeTable.RequireSame(inMemory, inFile);
            LargeTable.RequireSameNumbers(inMemory, inFile);
            if (!OperatingSystem.IsWindows())
                Assert.Empty(Directory.GetFiles(spill));
        }

        Assert.Empty(Directory.GetFiles(spill));
    }

    [Fact]
    public void Cells_are_as_narrow_as_their_codes_and_numbers_take_eight_bytes()
    {
        string path = _directory.Write("data.csv", LargeTable.Csv);
        using Table table = Read(path, new());
        const int lines = 1, numbers = 4 * 8, words = 0, few = 1, many = 2;
        Assert.Equal((lines + numbers + words + few + many) * LargeTable.Rows, table.MemoryBytes);
    }

    [Fact]
    public void A_directory_that_cannot_take_the_file_is_named()
    {
        string path = _directory.Write("data.csv", "a,b\n1,2\n"), none = _directory.File("none");
        string message = Assert.Throws<CharRnnException>(() => Read(path, new() { MemoryLimit = 0, SpillDirectory = none })).Message;
        Assert.StartsWith($"{none}: cannot hold the part of the table that exceeds memory (", message, StringComparison.Ordinal);
        Assert.Contains("; free space there or set T", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reading_that_fails_leaves_no_file()
    {
        string path = _directory.Write("data.csv", "a,b\n1,2\n3,4\n5\n");
        string spill = Directory.CreateDirectory(_directory.File("spill")).FullName;
        var storage = new TableStorage { MemoryLimit = 0, ChunkRows = 1, SpillDirectory = spill };
        string message = Assert.Throws<CharRnnException>(() => Read(path, storage)).Message;
        Assert.Contains("line 4 has 1 fields", message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(spill));
    }

    [Fact]
    public void Codes_that_were_never_written_are_noticed()
    {
        using var file = new PackedSpace(PackedFile.CreateTemporary(_directory.Root, "table"));
        PackedChunk chunk = file.Add([0, 1, 2, 1], 1);
        var cells = new CellStore(file, 3, [chunk], 4, codes: 2);
        Assert.Equal(1, cells.CodeAt(3));
        Func<int>[] reads = [() => cells.CodeAt(2), () => cells.Codes()(0)];
        foreach (Func<int> read in reads)
            Assert.Contains("(it was changed)", Assert.Throws<CharRnnException>(() => read()).Message, StringComparison.Ordinal);
    }

    private static Table Read(string path, TableStorage storage) =>
        CsvTable.Read(path, null, storage, TestContext.Current.CancellationToken);
}
