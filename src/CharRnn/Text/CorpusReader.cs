using System.IO.Hashing;
using CharRnn.Files;

namespace CharRnn.Text;

/// <summary>
/// Reads text, one stream after the other, in one pass: bytes are hashed, scanned into characters and forgotten.
/// The streams are one text, as if they were joined: a character may begin in one and end in the next.
/// </summary>
internal sealed class CorpusReader : IDisposable
{
    // At most three bytes of a character are left at the end of a buffer.
    private const int CarriedBytes = 3;

    private readonly CorpusOptions _options;
    private readonly TextEncoding _encoding;
    private readonly TokenStoreBuilder? _tokens;
    private readonly CharacterScanner? _scanner;
    private readonly XxHash128 _hash = new();
    private readonly byte[] _buffer;
    private readonly string _remedy;
    private readonly List<string> _notes = [];
    private readonly bool _knowsNul;
    private readonly byte[] _head = new byte[FileKind.HeadBytes];

    // The part of the head that was read and not yet scanned.
    private ReadOnlyMemory<byte> _ahead;

    // The first bytes of a character whose rest is still to be read are at the start of the buffer; they came from here.
    private int _carried;
    private string _carriedFrom = "";
    private long _carriedOffset;

    /// <summary>A reader that makes tokens.</summary>
    /// <param name="table">The characters.</param>
    /// <param name="options">How to read.</param>
    /// <param name="remedy">What to do about bytes that are not text.</param>
    /// <param name="file">The file for the tokens, which is then owned; null for memory and a temporary file.</param>
    public CorpusReader(CharacterTable table, CorpusOptions options, string remedy, PackedFile? file = null)
        : this(table.Encoding, options, remedy)
    {
        _tokens = new TokenStoreBuilder(options, file);
        _scanner = new CharacterScanner(table, _tokens);
        _knowsNul = table.IdOfByte[0] >= 0;
    }

    /// <summary>A reader that only hashes.</summary>
    /// <inheritdoc cref="CorpusReader(CharacterTable, CorpusOptions, string, PackedFile?)"/>
    /// <param name="encoding">What a character is.</param>
    /// <param name="options">How to read.</param>
    /// <param name="remedy">What to do about bytes that are not text.</param>
    public CorpusReader(TextEncoding encoding, CorpusOptions options, string remedy)
    {
        _options = options;
        _encoding = encoding;
        _remedy = remedy;
        _buffer = GC.AllocateUninitializedArray<byte>(options.ReadBytes + CarriedBytes);

        // The same bytes are another text in another encoding.
        _hash.Append(encoding == TextEncoding.Utf8 ? "utf-8\n"u8 : "bytes\n"u8);
    }

    /// <summary>Bytes of text so far, without byte order marks.</summary>
    public long Bytes { get; private set; }

    /// <summary>Bytes that all streams together will have; 0 if not known.</summary>
    public long TotalBytes { get; set; }

    /// <summary>
    /// Whether a byte order mark was skipped between two files: where one is decides whether a text is valid, and the hash does not tell.
    /// </summary>
    public bool HasInnerMark { get; private set; }

    /// <summary>XxHash128 of the encoding and the text so far, in lower-case hexadecimal digits.</summary>
    public string Hash => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <summary>Notes about the text for the user.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Reads a file, a pipe or a device; the size of a file must not change meanwhile.</summary>
    public void ReadFile(InputFile file, CancellationToken cancellation)
    {
        try
        {
            using Stream stream = StandardStreams.OpenToRead(file.Path, cancellation);
            bool hasSize = stream.CanSeek && !file.IsStandardInput;
            long before = hasSize ? stream.Length : 0;
            long read = Read(stream, file.Name, before, cancellation);

            // A file without a size is not a plain file: it is a device, or a file of /proc.
            long after = hasSize ? stream.Length : 0;
            if ((read != before || after != before) && (before > 0 || after > 0))
                throw CorpusErrors.Changed(file.Name, before, read, after);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw CorpusErrors.Missing(file.Name);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw CorpusErrors.Unreadable(file.Name, e);
        }
    }

    /// <summary>Reads a stream to its end, or until it is longer than it was said to be.</summary>
    /// <param name="stream">The text.</param>
    /// <param name="name">The name of the stream in errors.</param>
    /// <param name="expected">The length of the stream in bytes; 0 if it is not known.</param>
    /// <param name="cancellation">Checked between two buffers, and while the reader waits for a pipe.</param>
    /// <returns>Bytes read.</returns>
    public long Read(Stream stream, string name, long expected, CancellationToken cancellation)
    {
        // The head shows what the file is, however slowly a pipe delivers it.
        _ahead = _head.AsMemory(0, FillWhole(stream, _head, cancellation));
        long read = SkipMark(name);
        while (Fill(stream, FreePart(), cancellation) is > 0 and int count)
        {
            Scan(stream, name, read, count, cancellation);
            read += count;
            _options.Progress?.Report(new ReadingProgress(Bytes, TotalBytes));

            // A file that grows as fast as it is read would never end.
            if (expected > 0 && read > expected)
                break;
        }

        return read;
    }

    /// <summary>Checks that the text does not end inside a character, nor before its first.</summary>
    /// <param name="name">The name of the whole text.</param>
    public void CheckEnd(string name)
    {
        if (_carried > 0)
            throw CarriedError();
        if (Bytes == 0)
            throw CorpusErrors.Empty(name);
    }

    /// <summary>The tokens, which the caller then owns.</summary>
    /// <param name="tokenOfId">The token of every id; empty if ids are tokens.</param>
    public TokenStore Build(int[] tokenOfId) => _tokens!.Build(tokenOfId);

    /// <inheritdoc/>
    public void Dispose() => _tokens?.Dispose();

    // The free part of the buffer, after the carried bytes.
    private Memory<byte> FreePart() => _buffer.AsMemory(_carried, _options.ReadBytes);

    private int Fill(Stream stream, Memory<byte> free, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (!_ahead.IsEmpty)
        {
            int count = Math.Min(free.Length, _ahead.Length);
            _ahead[..count].CopyTo(free);
            _ahead = _ahead[count..];
            return count;
        }

        return stream.CanSeek
            ? stream.Read(free.Span)
            : stream.ReadAsync(free, cancellation).AsTask().WaitAsync(cancellation).GetAwaiter().GetResult();
    }

    private int FillWhole(Stream stream, Memory<byte> free, CancellationToken cancellation)
    {
        int count = 0;
        while (count < free.Length && Fill(stream, free[count..], cancellation) is > 0 and int more)
            count += more;
        return count;
    }

    // The UTF-8 mark is not part of the text; a file of another kind cannot be read here.
    private int SkipMark(string name)
    {
        if (_encoding == TextEncoding.Bytes)
            return 0;
        if (!_knowsNul && FileKind.Of(_ahead.Span) is { IsText: false } kind) // a vocabulary with a NUL is for such data
            throw kind.InPlaceOfText(name);
        if (_ahead.Span is not [0xEF, 0xBB, 0xBF, ..])
            return 0;
        if (_carried > 0)
            throw CarriedError();
        _notes.Add($"{name}: UTF-8 byte order mark skipped");
        HasInnerMark |= Bytes > 0;
        _ahead = _ahead[3..];
        return 3;
    }

    // Scans the carried bytes and `count` new ones, the first of which has this offset in its file.
    private void Scan(Stream stream, string name, long offset, int count, CancellationToken cancellation)
    {
        Span<byte> bytes = _buffer.AsSpan(0, _carried + count);
        _hash.Append(bytes[_carried..]);
        Bytes += count;
        if (_scanner is null)
            return;

        CharacterScanner.Stop stop = _scanner.Scan(bytes, out int consumed);

        // The carried bytes are the start of one character, so only a scan that read nothing ends inside it.
        bool inCarried = consumed == 0 && _carried > 0;
        if (!inCarried)
        {
            _carriedFrom = name;
            _carriedOffset = offset + consumed - _carried;
        }

        if (stop == CharacterScanner.Stop.InvalidByte)
            throw CorpusErrors.InvalidByte(_carriedFrom, From(bytes[consumed..], stream, cancellation), _carriedOffset, _remedy);
        if (stop == CharacterScanner.Stop.Nul)
            throw CorpusErrors.Binary(_carriedFrom, _carriedOffset, _remedy);

        Span<byte> rest = bytes[consumed..];
        rest.CopyTo(_buffer);
        _carried = rest.Length;
    }

    // An invalid byte with what follows it, as much as shows what the text is.
    private ReadOnlySpan<byte> From(ReadOnlySpan<byte> rest, Stream stream, CancellationToken cancellation)
    {
        byte[] text = new byte[FileKind.HeadBytes];
        int count = Math.Min(rest.Length, text.Length);
        rest[..count].CopyTo(text);
        return text.AsSpan(0, count + FillWhole(stream, text.AsMemory(count), cancellation));
    }

    private CharRnnException CarriedError() => CorpusErrors.InvalidByte(_carriedFrom, _buffer.AsSpan(0, _carried), _carriedOffset, _remedy);
}
