using System.Text.Json;
using CharRnn.Files;
using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>Keeps the columns of large tables, so that the next start reads a table only to see that it is the same.</summary>
/// <param name="directory">The directory, which is created when it is first needed.</param>
public sealed class TableCache(string directory) : FileCache(directory, "columns", "the columns of this table")
{
    private const string Cells = "cells", Description = "description", Offsets = "offsets", Widths = "widths";

    /// <summary>A table, if the cache has it and it is intact.</summary>
    /// <param name="name">The name of the table in errors.</param>
    /// <param name="read">The bytes of the table, all of which were read.</param>
    /// <param name="notes">Takes a line about what was found.</param>
    /// <param name="cancellation">Ends the checking.</param>
    internal Table? Find(string name, TableStream read, List<string> notes, CancellationToken cancellation) =>
        Find(read.Bytes, read.Hash, file => Read(name, file), notes, cancellation);

    /// <summary>Keeps a table, which goes on reading from there.</summary>
    /// <param name="entry">What its cells were collected in.</param>
    /// <param name="table">The table.</param>
    /// <param name="read">The bytes of the table, all of which were read.</param>
    /// <param name="notes">Takes a line about where it is kept, or why not.</param>
    internal static void Keep(CacheEntry entry, Table table, TableStream read, List<string> notes)
    {
        CellStore[] stores = [.. table.Columns.Select(column => column.Cells), table.LineCells];
        PackedChunk[] chunks = [.. stores.SelectMany(store => store.Chunks)];
        byte[] description = JsonSerializer.SerializeToUtf8Bytes(new Described(
            table.Delimiter, table.Hash, table.Count, table.LineCells.ChunkBits, [.. table.Columns.Select(column => column.State)]));
        long[] offsets = [.. chunks.Select(chunk => chunk.FileOffset - CacheEntry.HeaderBytes)];
        long[] widths = [.. chunks.Select(chunk => (long)chunk.Width)];
        entry.Keep(
            read.Bytes, read.Hash, Cells,
            [
                new(Description, [description.Length], description), new(Offsets, [offsets.Length], offsets),
                new(Widths, [widths.Length], widths),
            ],
            notes);
    }

    private Table Read(string name, SafetensorsFile file)
    {
        Described kept;
        try
        {
            kept = JsonSerializer.Deserialize<Described>(file.ReadBytes(Description, file.Entry(Description).Count))
                ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw FileErrors.Damaged(file.Path, "its description is not valid", e);
        }

        long[] offsets = file.ReadIntegers(Offsets, file.Entry(Offsets).Count), widths = file.ReadIntegers(Widths, offsets.Length);
        SafetensorsEntry cells = file.Require(Cells, SafetensorsDtype.U8, file.Entry(Cells).Count);
        CharRnnException Damaged() => FileErrors.Damaged(file.Path, "its tensors do not agree with each other");
        if (kept is not { Rows: > 0, ChunkBits: >= 0 and < 31, Columns.Length: > 0, Delimiter: not null, Hash: not null }
            || Array.Exists(kept.Columns, column => column is not { Name: not null, Texts: not null }))
            throw Damaged();
        long rowsOfChunk = 1L << kept.ChunkBits, chunksOfStore = (kept.Rows + rowsOfChunk - 1) / rowsOfChunk;
        int taken = 0;
        var space = new PackedSpace(OpenChunks(file));
        try
        {
            CellStore Store(bool hasCells, bool areNumbers, long codes)
            {
                var chunks = new PackedChunk[hasCells ? chunksOfStore : 0];
                for (int i = 0; i < chunks.Length; i++, taken++)
                {
                    if (taken >= offsets.Length)
                        throw Damaged();
                    (long offset, long width) = (offsets[taken], widths[taken]);
                    long rows = Math.Min(rowsOfChunk, kept.Rows - (i * rowsOfChunk));
                    if ((areNumbers ? width != sizeof(double) : width is not (1 or 2 or 4))
                        || offset < 0 || offset > cells.Count - (width * rows))
                        throw Damaged();
                    chunks[i] = new PackedChunk(null, file.PayloadOffset + cells.Begin + offset, (int)width);
                }

                return new CellStore(space, kept.ChunkBits, chunks, kept.Rows, codes);
            }

            TableColumn[] columns =
            [
                .. kept.Columns.Select(state => new TableColumn(
                    state, kept.Delimiter, kept.Rows, space,
                    Store(!state.IsForgotten, state.Others is not null, Math.Max(1, state.Texts.Length)))),
            ];
            CellStore lines = Store(true, false, CellStore.AnyCode);
            return taken == offsets.Length ? new Table(name, kept.Delimiter, columns, lines, space, kept.Hash) : throw Damaged();
        }
        catch
        {
            space.Dispose();
            throw;
        }
    }

    private sealed record Described(string Delimiter, string Hash, int Rows, int ChunkBits, ColumnState[] Columns);
}

/// <summary>All of a column but its cells, as a cache keeps it; see <see cref="TableColumn"/>.</summary>
internal sealed record ColumnState(
    string Name, bool IsUnnamed, bool IsForgotten, string[] Texts, Dictionary<int, string>? Others, NumberNotation? WideNotation,
    DateOrder? WideDates);
