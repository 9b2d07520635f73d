using System.Numerics;
using System.Runtime.InteropServices;

namespace CharRnn.Files;

/// <summary>A run of tokens, or of a column's cells: ids in 1, 2 or 4 bytes each, whichever its largest needs, or numbers in 8.</summary>
/// <param name="Memory">What it holds, or null if that lies in the file.</param>
/// <param name="FileOffset">The offset in the file, in bytes.</param>
/// <param name="Width">Bytes per id or number: 1, 2, 4 or 8, in the machine's byte order.</param>
internal readonly record struct PackedChunk(byte[]? Memory, long FileOffset, int Width)
{
    /// <summary>Bytes that each of these ids needs.</summary>
    public static int WidthOf(ReadOnlySpan<int> ids)
    {
        ReadOnlySpan<Vector<int>> vectors = MemoryMarshal.Cast<int, Vector<int>>(ids);
        Vector<int> bits = Vector<int>.Zero;
        foreach (Vector<int> vector in vectors)
            bits |= vector;
        int all = 0;
        for (int i = 0; i < Vector<int>.Count; i++)
            all |= bits[i];
        foreach (int id in ids[(vectors.Length * Vector<int>.Count)..])
            all |= id;
        return (uint)all <= byte.MaxValue ? 1 : (uint)all <= ushort.MaxValue ? 2 : 4;
    }

    /// <summary>Writes ids in <paramref name="width"/> bytes each.</summary>
    public static void Pack(ReadOnlySpan<int> ids, int width, Span<byte> packed)
    {
        switch (width)
        {
            case 1:
                ReadOnlySpan<Vector<int>> wide = MemoryMarshal.Cast<int, Vector<int>>(ids);
                Span<Vector<sbyte>> narrow = MemoryMarshal.Cast<byte, Vector<sbyte>>(packed[..ids.Length]);
                for (int i = 0; i < narrow.Length; i++)
                    narrow[i] = Vector.Narrow(
                        Vector.Narrow(wide[4 * i], wide[(4 * i) + 1]), Vector.Narrow(wide[(4 * i) + 2], wide[(4 * i) + 3]));
                for (int i = narrow.Length * Vector<sbyte>.Count; i < ids.Length; i++)
                    packed[i] = (byte)ids[i];
                break;
            case 2:
                Span<ushort> words = MemoryMarshal.Cast<byte, ushort>(packed)[..ids.Length];
                for (int i = 0; i < words.Length; i++)
                    words[i] = (ushort)ids[i];
                break;
            default:
                MemoryMarshal.AsBytes(ids).CopyTo(packed);
                break;
        }
    }

    /// <summary>Reads ids back, each replaced by <c>tokens[id]</c>; an empty <paramref name="tokens"/> leaves them.</summary>
    /// <returns>False if there is an id that has no token.</returns>
    public static bool Unpack(ReadOnlySpan<byte> packed, int width, ReadOnlySpan<int> tokens, Span<int> destination)
    {
        switch (width)
        {
            case 1:
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = packed[i];
                break;
            case 2:
                ReadOnlySpan<ushort> words = MemoryMarshal.Cast<byte, ushort>(packed);
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = words[i];
                break;
            default:
                packed[..(destination.Length * sizeof(int))].CopyTo(MemoryMarshal.AsBytes(destination));
                break;
        }

        if (tokens.IsEmpty)
            return true;
        foreach (ref int token in destination)
        {
            if ((uint)token >= (uint)tokens.Length)
                return false;
            token = tokens[token];
        }

        return true;
    }
}
