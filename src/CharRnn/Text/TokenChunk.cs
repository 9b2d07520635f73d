using System.Runtime.InteropServices;

namespace CharRnn.Text;

/// <summary>A run of tokens stored in 1, 2 or 4 bytes each, whichever its largest needs.</summary>
/// <param name="Memory">The tokens, or null if they lie in the spill file.</param>
/// <param name="FileOffset">Where they lie in the spill file, bytes.</param>
/// <param name="Width">Bytes per token: 1, 2 or 4, in the machine's byte order.</param>
internal readonly record struct TokenChunk(byte[]? Memory, long FileOffset, int Width)
{
    /// <summary>Bytes that each of these ids needs.</summary>
    public static int WidthOf(ReadOnlySpan<int> ids)
    {
        int all = 0;
        foreach (int id in ids)
            all |= id;
        return all <= byte.MaxValue ? 1 : all <= ushort.MaxValue ? 2 : 4;
    }

    /// <summary>Writes ids in <paramref name="width"/> bytes each.</summary>
    public static void Pack(ReadOnlySpan<int> ids, int width, Span<byte> packed)
    {
        switch (width)
        {
            case 1:
                packed = packed[..ids.Length];
                for (int i = 0; i < packed.Length; i++)
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
    public static void Unpack(ReadOnlySpan<byte> packed, int width, ReadOnlySpan<int> tokens, Span<int> destination)
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

        if (!tokens.IsEmpty)
            foreach (ref int token in destination)
                token = tokens[token];
    }
}
