using System.Globalization;
using System.IO.Compression;
using System.IO.Hashing;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using CharRnn.Files;
using CharRnn.Storage;
using CharRnn.Text;

namespace CharRnn.Exchange;

/// <summary>
/// An array of an npz archive, in any version of the npy format
/// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
/// </summary>
internal sealed partial class NpyArray
{
    // Deflate does not compress by a larger factor.
    private const int MostCompressed = 1032;

    private const string Remedy = "convert it with astype(np.float32), and save that among the arrays of np.savez";

    private readonly string _path, _name, _type;
    private readonly bool _isColumnMajor;
    private readonly byte[] _values;

    private NpyArray(string path, string name, string type, bool isColumnMajor, int[] shape, byte[] values) =>
        (_path, _name, _type, _isColumnMajor, Shape, _values) = (path, name, type, isColumnMajor, shape, values);

    /// <summary>The sizes of the array, outermost first; empty for a single value.</summary>
    public int[] Shape { get; }

    /// <summary>Reads an array.</summary>
    /// <param name="path">The archive, for errors.</param>
    /// <param name="name">The array, for errors.</param>
    /// <param name="entry">The entry of the archive.</param>
    /// <exception cref="CharRnnException">It is not a plain array.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static NpyArray Read(string path, string name, ZipArchiveEntry entry)
    {
        var checksum = new Crc32(); // which reading an archive does not compare by itself
        using Stream stream = entry.Open();
        byte[] start = new byte[12];
        ReadPart(start.AsSpan(0, 10));
        if (!start.AsSpan(0, 6).SequenceEqual((ReadOnlySpan<byte>)[0x93, .. "NUMPY"u8]) || start[6] is < 1 or > 3)
            throw new InvalidDataException();
        if (start[6] > 1)
            ReadPart(start.AsSpan(10));

        int headerLength = start[8] | (start[9] << 8) | (start[10] << 16) | (start[11] << 24);
        if (headerLength is < 0 or > 1 << 16)
            throw new InvalidDataException();
        byte[] headerBytes = new byte[headerLength];
        ReadPart(headerBytes);
        string header = Encoding.Latin1.GetString(headerBytes);
        Match typeKey = TypeKey().Match(header), orderKey = OrderKey().Match(header), shapeKey = ShapeKey().Match(header);
        if (!typeKey.Success || !orderKey.Success || !shapeKey.Success)
            throw new CharRnnException(path, $"array {name} is not a plain array of numbers or characters", Remedy);

        string type = typeKey.Groups[1].Value;
        int[] shape = [.. Sizes().Matches(shapeKey.Groups[1].Value).Select(size => int.Parse(size.Value, CultureInfo.InvariantCulture))];
        long length = shape.Aggregate((long)Width(type), (product, size) => checked(product * size));

        // Piece by piece, never more than was read: a hostile header claims what the file does not hold.
        if (length > (MostCompressed * entry.CompressedLength) + (1 << 20))
            throw new InvalidDataException();
        using var values = new MemoryStream();
        byte[] piece = new byte[1 << 16];
        for (int count; values.Length < length && (count = stream.Read(piece, 0, (int)Math.Min(piece.Length, length - values.Length))) > 0;)
        {
            values.Write(piece, 0, count);
            checksum.Append(piece.AsSpan(0, count));
        }

        // An array of an unknown type is refused when it is asked for its values.
        return values.Length == length && (length == 0 || checksum.GetCurrentHashAsUInt32() == entry.Crc32)
            ? new NpyArray(path, name, type, orderKey.Groups[1].Value == "True", shape, values.ToArray())
            : throw new InvalidDataException();

        void ReadPart(Span<byte> part)
        {
            stream.ReadExactly(part);
            checksum.Append(part);
        }
    }

    /// <summary>The values in row-major order, converted from any numeric type.</summary>
    /// <exception cref="CharRnnException">They are not numbers, or one is not finite.</exception>
    public float[] Floats()
    {
        float[] values = _type.TrimStart('<', '>', '|', '=') switch
        {
            "f2" => Convert<Half>(),
            "f4" => Convert<float>(),
            "f8" => Convert<double>(),
            "i1" => Convert<sbyte>(),
            "i2" => Convert<short>(),
            "i4" => Convert<int>(),
            "i8" => Convert<long>(),
            "u1" => Convert<byte>(),
            "u2" => Convert<ushort>(),
            "u4" => Convert<uint>(),
            "u8" => Convert<ulong>(),
            _ => throw new CharRnnException(
                _path, $"array {_name} is of type {FileErrors.Quote(_type)}, not of numbers of up to 8 bytes", Remedy),
        };
        if (_isColumnMajor && Shape is [var rows, var columns])
            values = WeightTensors.Transpose(values, columns, rows);
        if (_type.EndsWith("f8", StringComparison.Ordinal) && Array.Find(InOrder<double>(), IsTooLarge) is not 0 and double large)
            throw new CharRnnException(
                _path, string.Create(CultureInfo.InvariantCulture, $"array {_name} has the value {large:G3}, more than a weight can be"),
                ForeignModel.NotFiniteRemedy);
        WeightTensors.RequireFinite(_path, _name, [.. Shape.Select(size => (long)size)], values, ForeignModel.NotFiniteRemedy);
        return values;
    }

    /// <summary>The characters: of an array of strings of one character each, of one string, or of bytes.</summary>
    /// <exception cref="CharRnnException">They are not characters, or one occurs twice.</exception>
    public Vocabulary Characters()
    {
        string type = _type.TrimStart('<', '>', '|', '=');
        bool isUnicode = type.StartsWith('U'), isString = isUnicode || type.StartsWith('S');
        if (type != "u1" && !isString)
            throw NoCharacters(
                $"is of type {FileErrors.Quote(_type)}, not of strings or bytes", type is ['i' or 'u', ..] ? "chr(c)" : "str(c)");

        // Shorter strings are followed by zeros, so U+0000 is an empty string.
        int[] units = isUnicode ? InOrder<int>() : [.. _values.Select(value => (int)value)];
        int width = Width(_type) / (isUnicode ? sizeof(int) : 1);
        int[] characters = [.. units];
        if (Shape.Length == 0)
            characters = [.. units.AsSpan().TrimEnd(0)];
        else if (width > 1)
            characters = [.. units.Chunk(width).Select((text, i) => text.AsSpan(1).ContainsAnyExcept(0) ? throw Several(i) : text[0])];

        // A byte above 127 is a character by itself only in Python 2.
        bool isBytes = type == "u1" || (isString && !isUnicode && characters.Any(character => character > 0x7F));
        return ForeignModel.Characters(_path, isBytes ? TextEncoding.Bytes : TextEncoding.Utf8, characters);
    }

    private static bool IsTooLarge(double value) => double.IsFinite(value) && !float.IsFinite((float)value);

    private CharRnnException Several(int index) =>
        new(_path, $"array {_name} has a string of several characters at index {index}", "give a model of single characters");

    private CharRnnException NoCharacters(string found, string character) =>
        new(_path, $"array {_name} {found}", $"save it with {_name}=np.array([{character} for c in {_name}]) among the arrays of np.savez");

    /// <summary>The number of bytes of a value; 0 for a type that is not read here.</summary>
    private static int Width(string type) =>
        SimpleType().Match(type) is { Success: true } match
            && int.TryParse(match.Groups[2].Value, CultureInfo.InvariantCulture, out int size)
            ? checked(match.Groups[1].Value == "U" ? sizeof(int) * size : size)
            : 0;

    private float[] Convert<T>()
        where T : unmanaged, INumber<T> => [.. InOrder<T>().Select(float.CreateChecked)];

    /// <summary>The values in this machine's byte order.</summary>
    private T[] InOrder<T>()
        where T : unmanaged
    {
        byte[] bytes = _values;
        if (_type[0] == '>' == BitConverter.IsLittleEndian)
        {
            bytes = [.. bytes];
            for (int at = 0, width = Unsafe.SizeOf<T>(); at < bytes.Length; at += width)
                bytes.AsSpan(at, width).Reverse();
        }

        return MemoryMarshal.Cast<byte, T>(bytes).ToArray();
    }

    [GeneratedRegex(@"['""]descr['""]\s*:\s*[ub]?['""]([^'""]+)['""]")]
    private static partial Regex TypeKey();

    [GeneratedRegex(@"['""]fortran_order['""]\s*:\s*(True|False)")]
    private static partial Regex OrderKey();

    // Python 2 writes a long number as 3L.
    [GeneratedRegex(@"['""]shape['""]\s*:\s*\(([\d, L]*)\)")]
    private static partial Regex ShapeKey();

    [GeneratedRegex(@"\d+")]
    private static partial Regex Sizes();

    [GeneratedRegex(@"^[<>|=]?([fiuUS])(\d+)$")]
    private static partial Regex SimpleType();
}
