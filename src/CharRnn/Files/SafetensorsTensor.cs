using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace CharRnn.Files;

/// <summary>A tensor to be written: a name, a shape and the values, row-major.</summary>
public sealed class SafetensorsTensor
{
    /// <summary>A tensor of type F32. The array is not copied.</summary>
    /// <exception cref="ArgumentException">The shape's product is not the number of values.</exception>
    public SafetensorsTensor(string name, IReadOnlyList<long> shape, float[] values)
        : this(name, SafetensorsDtype.F32, shape, values)
    {
    }

    /// <summary>A tensor of type F64. The array is not copied.</summary>
    /// <exception cref="ArgumentException">The shape's product is not the number of values.</exception>
    public SafetensorsTensor(string name, IReadOnlyList<long> shape, double[] values)
        : this(name, SafetensorsDtype.F64, shape, values)
    {
    }

    /// <summary>A tensor of type I64. The array is not copied.</summary>
    /// <exception cref="ArgumentException">The shape's product is not the number of values.</exception>
    public SafetensorsTensor(string name, IReadOnlyList<long> shape, long[] values)
        : this(name, SafetensorsDtype.I64, shape, values)
    {
    }

    /// <summary>A tensor of type U8. The array is not copied.</summary>
    /// <exception cref="ArgumentException">The shape's product is not the number of values.</exception>
    public SafetensorsTensor(string name, IReadOnlyList<long> shape, byte[] values)
        : this(name, SafetensorsDtype.U8, shape, values)
    {
    }

    private SafetensorsTensor(string name, SafetensorsDtype dtype, IReadOnlyList<long> shape, Array values)
    {
        if (shape.Aggregate(1L, (product, size) => checked(product * size)) != values.LongLength)
            throw new ArgumentException($"{name} has {values.LongLength} values, not {SafetensorsEntry.ShapeText(shape)}", nameof(values));
        (Name, Dtype, Shape, Values) = (name, dtype, shape, values);
    }

    /// <summary>The tensor's name.</summary>
    public string Name { get; }

    /// <summary>The type of its elements.</summary>
    public SafetensorsDtype Dtype { get; }

    /// <summary>The sizes of the tensor, outermost first; none for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The values, row-major, as they were given.</summary>
    internal Array Values { get; }

    /// <summary>Bytes in the payload.</summary>
    public long ByteLength => Values.LongLength * Dtype.Size();

    /// <summary>The checksum of a payload of these tensors: XxHash3 (64 bits) in 16 lowercase hexadecimal digits.</summary>
    public static string Checksum(IEnumerable<SafetensorsTensor> tensors)
    {
        var hash = new XxHash3();
        foreach (SafetensorsTensor tensor in tensors)
            tensor.CopyTo(hash.Append);
        return ChecksumText(hash);
    }

    /// <summary>A finished hash as files hold it.</summary>
    internal static string ChecksumText(XxHash3 hash) => hash.GetCurrentHashAsUInt64().ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>Hands on the payload's bytes in order, in pieces: a tensor may be longer than the longest span of bytes.</summary>
    internal void CopyTo(Action<ReadOnlySpan<byte>> write)
    {
        switch (Values)
        {
            case float[] floats:
                CopyPieces(floats, write);
                break;
            case double[] doubles:
                CopyPieces(doubles, write);
                break;
            case byte[] bytes:
                CopyPieces(bytes, write);
                break;
            default:
                CopyPieces((long[])Values, write);
                break;
        }
    }

    private static void CopyPieces<T>(T[] values, Action<ReadOnlySpan<byte>> write)
        where T : unmanaged
    {
        // Swapped in a copy: the values belong to the caller.
        var piece = new T[Math.Min(values.Length, LittleEndian.ChunkLength)];
        for (int done = 0; done < values.Length; done += piece.Length)
        {
            Span<T> part = piece.AsSpan(0, Math.Min(piece.Length, values.Length - done));
            values.AsSpan(done, part.Length).CopyTo(part);
            LittleEndian.Swap(part);
            write(MemoryMarshal.AsBytes(part));
        }
    }
}
