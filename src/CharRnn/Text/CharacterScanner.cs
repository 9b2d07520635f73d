using System.Buffers;
using System.Text;

namespace CharRnn.Text;

/// <summary>Turns bytes into characters' ids.</summary>
internal sealed class CharacterScanner(CharacterTable table, TokenStoreBuilder tokens)
{
    // Few enough to stay in the nearest cache until they are packed.
    private readonly int[] _ids = new int[4096];

    /// <summary>Why a scan ended.</summary>
    public enum Stop
    {
        /// <summary>All bytes were read, except up to three of a character that continues after them.</summary>
        End,

        /// <summary>The next byte does not begin a UTF-8 character.</summary>
        InvalidByte,

        /// <summary>The next byte is a NUL, which no text has.</summary>
        Nul,
    }

    /// <summary>Reads the characters that lie whole in <paramref name="bytes"/>.</summary>
    /// <param name="bytes">Some of the text.</param>
    /// <param name="consumed">Bytes of the characters read; the index of the offending byte where there is one.</param>
    public Stop Scan(ReadOnlySpan<byte> bytes, out int consumed)
    {
        var stop = Stop.End;
        int at = 0;
        int count = 0;
        while (at < bytes.Length)
        {
            CopyKnownBytes(bytes, ref at, _ids, ref count);
            if (table.Encoding == TextEncoding.Utf8)
                CopyKnownWide(bytes, ref at, _ids, ref count);

            if (count == _ids.Length)
            {
                tokens.Append(_ids);
                count = 0;
            }
            else if (at < bytes.Length)
            {
                stop = Decode(bytes[at..], out int character, out int length);
                if (length == 0)
                    break;
                if (table.TryGetId(character, out int id))
                    _ids[count++] = id;
                at += length;
            }
        }

        tokens.Append(_ids.AsSpan(0, count));
        consumed = at;
        return stop;
    }

    // Most characters go this way: a byte that is a character by itself and already has its id.
    private void CopyKnownBytes(ReadOnlySpan<byte> bytes, ref int at, Span<int> ids, ref int count)
    {
        ReadOnlySpan<int> idOfByte = table.IdOfByte;
        int run = Math.Min(bytes.Length - at, ids.Length - count);
        bytes = bytes.Slice(at, run);
        ids = ids.Slice(count, run);

        int i = 0;
        for (; i < bytes.Length; i++)
        {
            int id = idOfByte[bytes[i]];
            if (id < 0)
                break;
            ids[i] = id;
        }

        at += i;
        count += i;
    }

    // The same for two or three bytes, which is every other living script. Whatever is unusual is left to Decode:
    // surrogates, too, since none has an id.
    private void CopyKnownWide(ReadOnlySpan<byte> bytes, ref int at, Span<int> ids, ref int count)
    {
        ReadOnlySpan<int> entries = table.Entries;
        while (at + 2 < bytes.Length && count < ids.Length)
        {
            // A continuation byte, 0x80-0xBF, less its mark is below 0x40.
            int first = bytes[at];
            int second = bytes[at + 1] ^ 0x80;
            int third = bytes[at + 2] ^ 0x80;

            int length;
            int character;
            if (first is >= 0xC2 and < 0xE0 && second < 0x40)
                (length, character) = (2, ((first & 0x1F) << 6) | second);
            else if (first is >= 0xE0 and < 0xF0 && (second | third) < 0x40)
                (length, character) = (3, ((first & 0x0F) << 12) | (second << 6) | third);
            else
                return;

            int entry = entries[character];
            if (entry <= 0 || (length == 3 && character < 0x800))
                return;
            ids[count++] = entry - 1;
            at += length;
        }
    }

    // Decodes one character of any kind; the length is 0 if there is none.
    private Stop Decode(ReadOnlySpan<byte> bytes, out int character, out int length)
    {
        character = bytes[0];
        length = 1;
        if (table.Encoding == TextEncoding.Bytes)
            return Stop.End;

        if (character >= 0x80)
        {
            OperationStatus status = Rune.DecodeFromUtf8(bytes, out Rune rune, out int consumed);
            character = rune.Value;
            length = status == OperationStatus.Done ? consumed : 0;
            return status == OperationStatus.InvalidData ? Stop.InvalidByte : Stop.End;
        }

        // A NUL is checked only here, which most characters do not reach: it has no id, unless a vocabulary gives it one.
        if (character == 0)
            length = 0;
        return character == 0 ? Stop.Nul : Stop.End;
    }
}
