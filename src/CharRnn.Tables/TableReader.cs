using System.Buffers;
using System.Globalization;
using System.IO.Hashing;
using System.IO.Pipelines;
using System.Text;
using CharRnn.Files;
using CsvHelper;
using CsvHelper.Configuration;

namespace CharRnn.Tables;

/// <summary>Reads a table from its start to its end, some rows at a time.</summary>
public sealed class TableReader : IDisposable
{
    // Nobody learns from longer texts. A quote that is never closed makes one of the rest of the file.
    private const int MostCharacters = 1 << 20;

    private const string QuoteRemedy = "put fields with quotes in quotes, and double those inside";

    // What pandas calls a column that had no name in the file that it read.
    private const string PandasUnnamed = "Unnamed: ";

    private const int ReadBytes = 1 << 16, RowsBetweenChecks = 1000, RowsLookedAt = 20;

    private readonly string _path, _name, _delimiter;
    private readonly StreamReader _reader;
    private readonly CsvParser _parser;
    private readonly XxHash128 _hash = new();
    private readonly int _linesBefore;
    private readonly (string Name, bool IsUnnamed)[] _columns;
    private readonly Queue<(string[] Row, int Line, string? Damage)> _ahead = [];
    private readonly bool _isLenient;
    private readonly TableStorage _storage;
    private readonly PackedFile? _file;
    private byte[] _bytes = new byte[256];
    private string? _damage;

    /// <summary>Opens a table and reads its header.</summary>
    /// <param name="path">The file; <c>-</c> for standard input.</param>
    /// <param name="delimiter">The text between fields; null to find out.</param>
    /// <param name="isLenient">Whether a damaged row is kept, without its cells; otherwise it is an error.</param>
    /// <param name="storage">Where the cells are kept; null for the defaults.</param>
    /// <param name="cancellation">Heard before each read of the file, and while the reader waits for a pipe.</param>
    /// <exception cref="CharRnnException">It cannot be read, or has no header.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public TableReader(
        string path, string? delimiter = null, bool isLenient = false, TableStorage? storage = null,
        CancellationToken cancellation = default)
        : this(path, delimiter, isLenient, storage, null, cancellation)
    {
    }

    /// <summary>The same, with a file for all cells of the one part that is read; null for memory and a temporary file.</summary>
    internal TableReader(
        string path, string? delimiter, bool isLenient, TableStorage? storage, PackedFile? file, CancellationToken cancellation)
    {
        _file = file;
        (_path, _isLenient, _storage) = (path, isLenient, storage ?? new TableStorage());
        _name = path.Length == 0 ? "DATA" : StandardStreams.NameOf(path);
        Bytes = Guard(() => Open(path, delimiter, _storage, cancellation));
        (_reader, _delimiter, _linesBefore, bool escapesQuotes) = Guard(() => Open(Bytes, delimiter));
        try
        {
            TextReader text = escapesQuotes ? new EscapedQuoteReader(_reader) : _reader;
            _parser = Parser(_delimiter == " " ? new BlankReader(text) : text);
            _columns = Guard(ReadHeader);
            Append(string.Join('\n', _columns.Select(column => column.Name)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The bytes of the table, as far as they were read.</summary>
    internal TableStream Bytes { get; }

    /// <summary>Reads the next rows.</summary>
    /// <param name="most">The most rows to read.</param>
    /// <param name="cancellation">Checked between rows.</param>
    /// <returns>The rows; none if there are no more.</returns>
    /// <exception cref="CharRnnException">It cannot be read, or a row is damaged or of another length; names the line.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public Table Read(int most, CancellationToken cancellation = default)
    {
        PackedSpace space = _file is not null
            ? new PackedSpace(_file)
            : new PackedSpace(_storage.MemoryLimit, () => PackedFile.CreateTemporary(_storage.SpillDirectory, "table"));
        try
        {
            return Guard(() => Read(most, space, cancellation));
        }
        catch
        {
            space.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _parser?.Dispose();
        _reader.Dispose();
    }

    private Table Read(int most, PackedSpace space, CancellationToken cancellation)
    {
        int chunkBits = _storage.ChunkBits(_columns.Length);
        TableColumn[] columns =
            [.. _columns.Select(column => new TableColumn(column.Name, column.IsUnnamed, _delimiter, space, chunkBits))];
        var lines = new CellStore(space, chunkBits);
        var damaged = new Dictionary<int, string>();
        while (lines.Count < most && Next(out string[] row, out int line, out string? damage))
        {
            if (lines.Count % RowsBetweenChecks == 0)
                cancellation.ThrowIfCancellationRequested();
            (string Found, string Remedy)? wrong = damage is not null ? (damage, QuoteRemedy)
                : row.Length != columns.Length ? (
                    string.Create(CultureInfo.InvariantCulture, $"line {line} has {row.Length} fields, the header has {columns.Length}"),
                    "give each row a field for every column; a field with a comma is put in quotes")
                : Array.Exists(row, cell => cell.Contains('\0', StringComparison.Ordinal)) ? (
                    string.Create(CultureInfo.InvariantCulture, $"line {line} has a NUL character"),
                    "give a table that is text, in UTF-8 or UTF-16")
                : null;
            if (wrong is { } error)
            {
                damaged[lines.Count] = _isLenient ? error.Found : throw new CharRnnException(_name, error.Found, error.Remedy);
                row = [.. columns.Select(_ => "")];
            }

            for (int c = 0; c < columns.Length; c++)
            {
                columns[c].Add(row[c]);
                Append(row[c]);
            }

            lines.Add(line - lines.Count);
        }

        Array.ForEach(columns, column => column.Finish());
        lines.Finish();
        space.Flush();
        return new Table(_name, _delimiter, columns, lines, space, Convert.ToHexStringLower(_hash.GetCurrentHash()), damaged);
    }

    private bool Next(out string[] row, out int line, out string? damage)
    {
        if (_ahead.TryDequeue(out (string[], int, string?) read))
        {
            (row, line, damage) = read;
            return true;
        }

        _damage = null;
        bool isThere = _parser.Read();
        (row, line, damage) = isThere ? (_parser.Record!, LineOfRecord(), _damage) : ([], 0, null);
        return isThere;
    }

    private int LineOfRecord() =>
        _linesBefore + _parser.RawRow - (_parser.RawRecord.AsSpan().TrimEnd("\r\n").Count('\n'));

    /// <summary>
    /// Reads the header. R writes rows with names as a field more than its header has; and a delimiter at the end of the lines makes a
    /// column that has neither a name nor values.
    /// </summary>
    private (string Name, bool IsUnnamed)[] ReadHeader()
    {
        if (!_parser.Read())
            throw new CharRnnException(_name, "is empty", "give a CSV file of a header and rows");
        string[] names = _parser.Record!;
        if (_damage is not null)
            throw new CharRnnException(_name, _damage, QuoteRemedy);
        var first = new List<(string[] Row, int Line, string? Damage)>();
        while (first.Count < RowsLookedAt && Next(out string[] row, out int line, out string? damage))
            first.Add((row, line, damage));
        first.ForEach(_ahead.Enqueue);
        if (first.Count > 0 && first.TrueForAll(one => one.Row.Length == names.Length + 1))
            names = first.TrueForAll(one => one.Row[^1].Length == 0) ? [.. names, ""] : ["", .. names];
        if (names.Where(name => name.Length > 0).GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new CharRnnException(_name, $"has several columns '{Table.Short(twice.Key)}'", "give each column a name of its own");
        var taken = names.ToHashSet(StringComparer.Ordinal);
        return
        [
            .. names.Index().Select(column => column.Item.Length > 0
                ? (column.Item, column.Item.StartsWith(PandasUnnamed, StringComparison.Ordinal))
                : (Enumerable.Range(0, int.MaxValue)
                    .Select(n => string.Create(CultureInfo.InvariantCulture, $"column {column.Index + 1}{new string('\'', n)}"))
                    .First(name => !taken.Contains(name)), true)),
        ];
    }

    private CsvParser Parser(TextReader reader) => new(
        reader,
        new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = _delimiter == " " ? "\t" : _delimiter,
            TrimOptions = TrimOptions.Trim,
            MaxFieldSize = MostCharacters,
            BufferSize = ReadBytes,
            BadDataFound = bad => _damage ??= FoundAt(bad.Context.Parser!.RawRow, bad.RawRecord),
        },
        leaveOpen: true);

    private string FoundAt(int line, string record)
    {
        int ends = record.Count(c => c == '\n'), begin = ends > 1 ? line - ends : line; // one that is open goes to the file's end
        return string.Create(
            CultureInfo.InvariantCulture, $"line {_linesBefore + begin} has a quote where none belongs, or one that is not closed");
    }

    /// <summary>Opens a table to read its bytes.</summary>
    internal static TableStream Open(string path, string? delimiter, TableStorage storage, CancellationToken cancellation) =>
        new(StandardStreams.OpenToRead(path, cancellation), delimiter, storage.Progress, cancellation);

    private static (StreamReader Reader, string Delimiter, int Lines, bool EscapesQuotes) Open(TableStream stream, string? delimiter)
    {
        // The head of a pipe can be read only once: it stays in the buffer.
        var pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: ReadBytes));
        try
        {
            return Open(pipe, delimiter);
        }
        catch
        {
            pipe.Complete(); // which closes the file
            throw;
        }
    }

    private static (StreamReader Reader, string Delimiter, int Lines, bool EscapesQuotes) Open(PipeReader pipe, string? delimiter)
    {
        ReadResult head = pipe.ReadAtLeastAsync(ReadBytes).AsTask().GetAwaiter().GetResult();
        byte[] bytes = head.Buffer.Slice(0, Math.Min(head.Buffer.Length, ReadBytes)).ToArray();
        pipe.AdvanceTo(head.Buffer.Start, head.Buffer.End);

        Encoding encoding = TableHead.EncodingOf(bytes);
        var text = new TableHead(bytes, encoding);
        // A reader that finds the encoding itself would take one that puts up with invalid bytes.
        var reader = new StreamReader(pipe.AsStream(), encoding, detectEncodingFromByteOrderMarks: false, bufferSize: ReadBytes);
        if (reader.Peek() == '\uFEFF')
            reader.Read();
        for (int line = 0; line < text.LinesBefore; line++)
            reader.ReadLine();
        delimiter ??= text.SeparatorLine ?? text.Delimiter;
        return (reader, delimiter, text.LinesBefore, text.EscapesQuotes(delimiter));
    }

    private void Append(string cell)
    {
        // The length that follows the cell tells "a", "b" from "ab", "".
        int most = Encoding.UTF8.GetMaxByteCount(cell.Length) + 16;
        if (_bytes.Length < most)
            _bytes = new byte[2 * most];
        int length = Encoding.UTF8.GetBytes(cell, _bytes), end = length;
        _bytes[end++] = (byte)'\n';
        length.TryFormat(_bytes.AsSpan(end), out int digits, provider: CultureInfo.InvariantCulture);
        end += digits;
        _bytes[end++] = (byte)'\n';
        _hash.Append(_bytes.AsSpan(0, end));
    }

    private T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException
            or ArgumentException and not DecoderFallbackException)
        {
            string problem = Directory.Exists(_path) ? "is a directory where a table was expected"
                : StandardStreams.IsInput(_path) || File.Exists(_path) ? $"could not be read ({e.Message.TrimEnd('.')})"
                : "does not exist";
            throw new CharRnnException(_name, problem, "give a CSV file", e);
        }
        catch (DecoderFallbackException e)
        {
            throw new CharRnnException(_name, "is neither UTF-8 nor UTF-16 text", "save the table as CSV in UTF-8", e);
        }
        catch (MaxFieldSizeException e)
        {
            throw new CharRnnException(
                _name,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"line {_linesBefore + LastWholeLine() + 1} has a field of more than {MostCharacters} characters, "
                        + $"or a quote that is not closed"),
                "close the quote, or leave the column out of the table", e);
        }
    }

    // The parser's own count of lines goes on within the field.
    private int LastWholeLine() => _parser.RawRow - _parser.RawRecord.AsSpan().Count('\n') - 1;
}
