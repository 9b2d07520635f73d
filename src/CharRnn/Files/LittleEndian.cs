using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CharRnn.Files;

/// <summary>Tensor values to and from the byte order of files, whatever the machine's.</summary>
internal static class LittleEndian
{
    /// <summary>Values per piece: large enough for full disk speed, small enough for a span of bytes of any tensor.</summary>
    public const int ChunkLength = 1 << 16;

    /// <summary>Swaps in place between the machine's order and the file's: nothing to do on a little-endian machine.</summary>
    public static void Swap<T>(Span<T> values)
        where T : unmanaged
    {
        if (!BitConverter.IsLittleEndian)
            Reverse(values);
    }

    /// <summary>Reverses the bytes of each value of 1, 4 or 8 bytes.</summary>
    public static void Reverse<T>(Span<T> values)
        where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() == 1)
            return;
        if (Unsafe.SizeOf<T>() == sizeof(int))
        {
            Span<int> words = MemoryMarshal.Cast<T, int>(values);
            BinaryPrimitives.ReverseEndianness(words, words);
        }
        else
        {
            Span<long> words = MemoryMarshal.Cast<T, long>(values);
            BinaryPrimitives.ReverseEndianness(words, words);
        }
    }
}
