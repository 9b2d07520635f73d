using System.Runtime.InteropServices;
using CharRnn.Files;

namespace CharRnn.Tables;

/// <summary>
/// The cells of a column, in chunks of equally many rows: codes in 1, 2 or 4 bytes each, as the largest of a chunk needs, or numbers in 8.
/// A chunk lies in memory or in a file.
/// </summary>
/// <param name="space">Where the chunks lie.</param>
/// <param name="chunkBits">A chunk has as many rows as numbers have so many bits; the last may have fewer.</param>
internal sealed class CellStore(PackedSpace space, int chunkBits)
{
    /// <summary>The number of different codes where it is not known.</summary>
    public const long AnyCode = 1L << 32;

    // A reader of a file reads so many rows at once, as numbers have bits: who wants only some rows of a chunk does not wait for all.
    private const int MostReadBits = 12;

    private readonly List<PackedChunk> _chunks = [];

    // The chunk that is being filled: of one of both kinds.
    private readonly List<int> _codes = [];
    private readonly List<double> _numbers = [];

    private long _mostCodes = AnyCode;

    /// <summary>Cells that are packed.</summary>
    /// <param name="space">Where the chunks lie.</param>
    /// <param name="chunkBits">See the other one.</param>
    /// <param name="chunks">The chunks.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="codes">The number of different codes.</param>
    public CellStore(PackedSpace space, int chunkBits, IEnumerable<PackedChunk> chunks, int count, long codes)
        : this(space, chunkBits)
    {
        _chunks.AddRange(chunks);
        (Count, _mostCodes) = (count, codes);
    }

    /// <summary>The number of rows.</summary>
    public int Count { get; private set; }

    /// <summary>The packed chunks.</summary>
    public IReadOnlyList<PackedChunk> Chunks => _chunks;

    /// <summary>Whether a part lies in a file: it is read fast only in the order of the rows.</summary>
    public bool IsInFile => _chunks.Exists(chunk => chunk.Memory is null);

    /// <summary>The number of bits that number a chunk's rows.</summary>
    public int ChunkBits => chunkBits;

    private int ChunkRows => 1 << chunkBits;

    /// <summary>Adds the code of the next row.</summary>
    /// <exception cref="CharRnnException">The disk that takes what exceeds memory is full or fails.</exception>
    public void Add(int code)
    {
        _codes.Add(code);
        if (++Count % ChunkRows == 0)
            Pack();
    }

    /// <summary>Adds the number of the next row.</summary>
    /// <exception cref="CharRnnException">The disk that takes what exceeds memory is full or fails.</exception>
    public void Add(double number)
    {
        _numbers.Add(number);
        if (++Count % ChunkRows == 0)
            Pack();
    }

    /// <summary>Packs the last chunk: no more is added, and all can be read.</summary>
    /// <param name="codes">The number of different codes; a larger one that is read shows that the file was changed.</param>
    public void Finish(long codes = AnyCode)
    {
        _mostCodes = codes;
        if (_codes.Count + _numbers.Count > 0)
            Pack();
        _codes.TrimExcess();
        _numbers.TrimExcess();
    }

    /// <summary>Gives back the memory; nothing is read any more.</summary>
    public void Remove() => _chunks.ForEach(space.Remove);

    /// <summary>The code of a row; in a file, each is a read of its own.</summary>
    /// <exception cref="CharRnnException">The file cannot be read, or holds what was never written to it.</exception>
    public int CodeAt(int row)
    {
        PackedChunk chunk = _chunks[row >> chunkBits];
        int place = row & (ChunkRows - 1);
        return chunk.Memory is byte[] memory
            ? Code(memory, chunk.Width, place)
            : Code(Checked(chunk, Read(chunk, place, new byte[chunk.Width])), chunk.Width, 0);
    }

    /// <summary>The number of a row; in a file, each is a read of its own.</summary>
    /// <exception cref="CharRnnException">The file cannot be read.</exception>
    public double NumberAt(int row)
    {
        PackedChunk chunk = _chunks[row >> chunkBits];
        int place = row & (ChunkRows - 1);
        return chunk.Memory is byte[] memory
            ? Number(memory, place)
            : Number(Read(chunk, place, new byte[chunk.Width]), 0);
    }

    /// <summary>Makes a reader of the rows' codes, which reads of a file many rows at once that follow each other.</summary>
    /// <exception cref="CharRnnException">The reader: see <see cref="CodeAt"/>.</exception>
    public Func<int, int> Codes()
    {
        if (!IsInFile)
            return CodeAt;
        var last = new LastRead(this);
        return row => Code(last.Of(row, out int place), _chunks[row >> chunkBits].Width, place);
    }

    /// <summary>Makes a reader of the rows' numbers.</summary>
    /// <inheritdoc cref="Codes"/>
    public Func<int, double> Numbers()
    {
        if (!IsInFile)
            return NumberAt;
        var last = new LastRead(this);
        return row => Number(last.Of(row, out int place), place);
    }

    private static int Code(ReadOnlySpan<byte> packed, int width, int place) => width switch
    {
        1 => packed[place],
        2 => MemoryMarshal.Cast<byte, ushort>(packed)[place],
        _ => MemoryMarshal.Cast<byte, int>(packed)[place],
    };

    private static double Number(ReadOnlySpan<byte> packed, int place) => MemoryMarshal.Cast<byte, double>(packed)[place];

    private void Pack()
    {
        if (_numbers.Count > 0)
            _chunks.Add(space.Add(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_numbers)), sizeof(double)));
        else
        {
            ReadOnlySpan<int> codes = CollectionsMarshal.AsSpan(_codes);
            int width = PackedChunk.WidthOf(codes);
            byte[] packed = new byte[codes.Length * width];
            PackedChunk.Pack(codes, width, packed);
            _chunks.Add(space.Add(packed, width));
        }

        _codes.Clear();
        _numbers.Clear();
    }

    private byte[] Read(PackedChunk chunk, int first, byte[] packed)
    {
        space.Read(chunk, first, packed);
        return packed;
    }

    private byte[] Checked(PackedChunk chunk, byte[] packed)
    {
        for (int place = 0; chunk.Width < sizeof(double) && place < packed.Length / chunk.Width; place++)
            if ((uint)Code(packed, chunk.Width, place) >= _mostCodes)
                throw space.Damaged();
        return packed;
    }

    /// <summary>The part of a chunk of a file that was read last.</summary>
    private sealed class LastRead(CellStore cells)
    {
        private readonly int _bits = Math.Min(cells.ChunkBits, MostReadBits);
        private int _index = -1;
        private byte[] _packed = [];

        /// <summary>Packed rows with one of them, and its place there.</summary>
        public byte[] Of(int row, out int place)
        {
            PackedChunk chunk = cells._chunks[row >> cells.ChunkBits];
            place = row & (cells.ChunkRows - 1);
            if (chunk.Memory is byte[] memory)
                return memory;
            int index = row >> _bits, first = index << _bits;
            if (_index != index)
            {
                int rows = Math.Min(1 << _bits, cells.Count - first);
                _packed = cells.Checked(chunk, cells.Read(chunk, first & (cells.ChunkRows - 1), new byte[rows * chunk.Width]));
                _index = index;
            }

            place = row - first;
            return _packed;
        }
    }
}
