using System.Globalization;
using CharRnn.Files;
using CsvHelper;
using CsvHelper.Configuration;

namespace CharRnn.Tables;

/// <summary>Tables in CSV (RFC 4180) and what is like it: a header, then rows; quoted fields.</summary>
public static class CsvTable
{
    /// <summary>Reads a whole table.</summary>
    /// <param name="path">The file; <c>-</c> for standard input.</param>
    /// <param name="delimiter">The text between fields; null to find out.</param>
    /// <param name="storage">Where the cells are kept; null for the defaults.</param>
    /// <param name="cancellation">Heard before each read, between rows, and while a cached table is checked.</param>
    /// <exception cref="CharRnnException">
    /// It cannot be read, has no header or no rows, or a row is damaged or of another length; names the line.
    /// </exception>
    public static Table Read(
        string path, string? delimiter = null, TableStorage? storage = null, CancellationToken cancellation = default)
    {
        storage ??= new TableStorage();
        long bytes = LengthOf(path);
        List<string> notes = [];

        // A table that fits in memory needs no cache; packed cells have this byte order.
        TableCache? cache = bytes > storage.MemoryLimit && BitConverter.IsLittleEndian ? storage.Cache : null;
        if (cache?.MayHold(bytes) == true && Find(cache, path, delimiter, storage, notes, cancellation) is { } found)
        {
            found.Notes = notes;
            return found;
        }

        // Numbers may take eight bytes where a row number took six.
        using CacheEntry? entry = cache?.Begin(2 * bytes, notes);
        try
        {
            return Read(path, delimiter, storage, entry, notes, cancellation);
        }
        catch (CacheException e)
        {
            notes.Add(cache!.NotKept(e));
            entry!.Dispose(); // what it has written may be what fills the disk
            return Read(path, delimiter, storage, null, notes, cancellation);
        }
    }

    private static Table? Find(
        TableCache cache, string path, string? delimiter, TableStorage storage, List<string> notes, CancellationToken cancellation)
    {
        try
        {
            using TableStream stream = TableReader.Open(path, delimiter, storage, cancellation);
            stream.ReadAll();
            return cache.Find(path, stream, notes, cancellation);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            return null; // whoever reads the table says why
        }
    }

    private static Table Read(
        string path, string? delimiter, TableStorage storage, CacheEntry? keep, List<string> notes, CancellationToken cancellation)
    {
        using var reader = new TableReader(path, delimiter, isLenient: false, storage, keep?.Destination, cancellation);
        Table table = reader.Read(int.MaxValue, cancellation);
        if (table.Count == 0)
        {
            table.Dispose();
            throw new CharRnnException(table.Name, "has a header and no rows", "give a CSV file of a header and rows");
        }

        if (keep is not null)
            TableCache.Keep(keep, table, reader.Bytes, notes);
        table.Notes = notes;
        return table;
    }

    /// <summary>The length of a file in bytes; 0 of what can be read only once, or not at all.</summary>
    private static long LengthOf(string path)
    {
        try
        {
            return !StandardStreams.IsInput(path) && new FileInfo(path) is { Exists: true } file
                ? ((FileInfo?)file.ResolveLinkTarget(returnFinalTarget: true) ?? file).Length
                : 0;
        }
        catch (Exception e) when (e is ArgumentException || FileErrors.IsFileFailure(e))
        {
            return 0; // whoever opens it says why
        }
    }

    /// <summary>Writes rows as CSV.</summary>
    /// <param name="writer">What the table is written to.</param>
    /// <param name="rows">The rows; the first of a table is its header.</param>
    public static void Write(TextWriter writer, IEnumerable<IEnumerable<string>> rows)
    {
        using var csv = new CsvWriter(writer, new CsvConfiguration(CultureInfo.InvariantCulture) { NewLine = "\n" }, leaveOpen: true);
        foreach (IEnumerable<string> row in rows)
        {
            foreach (string field in row)
                csv.WriteField(field);
            csv.NextRecord();
        }
    }
}
