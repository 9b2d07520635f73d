using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace CharRnn.Files;

/// <summary>
/// A file of named tensors in the safetensors format: 8 bytes of header length, a JSON header, the values
/// (https://huggingface.co/docs/safetensors). Opening reads and checks the header only; a tensor is read when asked
/// for, in pieces, so a file of any size opens at once and nothing is allocated that the file's own length does not cover.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly SafetensorsHeader _header;
    private readonly Dictionary<string, SafetensorsEntry> _byName;

    private SafetensorsFile(string path, SafeFileHandle handle, SafetensorsHeader header, long payloadOffset)
    {
        (Path, _handle, _header, PayloadOffset) = (path, handle, header, payloadOffset);
        _byName = header.Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
    }

    /// <summary>The path as it was given.</summary>
    public string Path { get; }

    /// <summary>The strings under <c>__metadata__</c>; empty if there are none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>The tensors in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsEntry> Tensors => _header.Tensors;

    /// <summary>The offset of the payload in the file.</summary>
    internal long PayloadOffset { get; }

    /// <summary>Opens a file and checks its whole header against its length.</summary>
    /// <exception cref="CharRnnException">The file cannot be read or breaks any rule of the format.</exception>
    public static SafetensorsFile Open(string path)
    {
        SafeFileHandle? handle = null;
        try
        {
            // Sharing everything: a training run may rename a new file over this one at any time.
            handle = RegularFile.OpenHandle(FileErrors.FullPath(path));
            byte[] header = ReadHeader(path, handle, out long payloadLength);
            var parsed = SafetensorsHeaderReader.Read(path, header, payloadLength);
            var file = new SafetensorsFile(path, handle, parsed, sizeof(ulong) + header.Length);
            handle = null;
            return file;
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Reading(path, e);
        }
        finally
        {
            handle?.Dispose();
        }
    }

    /// <summary>Writes a file atomically (<see cref="AtomicFile"/>).</summary>
    /// <inheritdoc cref="Write(Stream, IReadOnlyDictionary{string, string}, IReadOnlyList{SafetensorsTensor})"/>
    /// <param name="path">The file.</param>
    /// <param name="metadata">The strings of <c>__metadata__</c>.</param>
    /// <param name="tensors">The tensors, in the order in which they will lie.</param>
    /// <param name="replacing">See <see cref="AtomicFile.Write"/>.</param>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public static void Write(
        string path, IReadOnlyDictionary<string, string> metadata, IReadOnlyList<SafetensorsTensor> tensors, Action? replacing = null)
        => AtomicFile.Write(path, stream => Write(stream, metadata, tensors), replacing);

    /// <summary>Writes the same bytes for the same arguments, on any machine.</summary>
    /// <param name="stream">The stream to write to; it stays open.</param>
    /// <param name="metadata">The strings of <c>__metadata__</c>, written in ordinal order of their keys.</param>
    /// <param name="tensors">
    /// The tensors, in the order in which they will lie. A reader that maps the file wants 8-byte elements first.
    /// </param>
    /// <exception cref="ArgumentException">A tensor's name occurs twice or is <c>__metadata__</c>.</exception>
    public static void Write(Stream stream, IReadOnlyDictionary<string, string> metadata, IReadOnlyList<SafetensorsTensor> tensors)
    {
        byte[] header = SafetensorsHeader.Of(metadata, tensors).Build();
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (SafetensorsTensor tensor in tensors)
            tensor.CopyTo(stream.Write);
    }

    /// <summary>What the header says about a tensor.</summary>
    /// <exception cref="CharRnnException">The file has no tensor of this name.</exception>
    public SafetensorsEntry Entry(string name)
        => _byName.GetValueOrDefault(name) ?? throw new CharRnnException(Path, $"tensor {name} is missing", "give a file that has it");

    /// <summary>Whether the file has a tensor of this name.</summary>
    public bool Has(string name) => _byName.ContainsKey(name);

    /// <summary>The values of an F32 tensor, row-major.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="shape">The shape it must have.</param>
    /// <exception cref="CharRnnException">There is no such tensor, it has another dtype or shape, or it cannot be read.</exception>
    public float[] ReadFloats(string name, params ReadOnlySpan<long> shape) => ReadValues<float>(name, SafetensorsDtype.F32, shape);

    /// <summary>The values of an F64 tensor, row-major.</summary>
    /// <inheritdoc cref="ReadFloats"/>
    public double[] ReadDoubles(string name, params ReadOnlySpan<long> shape) => ReadValues<double>(name, SafetensorsDtype.F64, shape);

    /// <summary>The values of an I64 tensor, row-major.</summary>
    /// <inheritdoc cref="ReadFloats"/>
    public long[] ReadIntegers(string name, params ReadOnlySpan<long> shape) => ReadValues<long>(name, SafetensorsDtype.I64, shape);

    /// <summary>The values of a U8 tensor, row-major.</summary>
    /// <inheritdoc cref="ReadFloats"/>
    public byte[] ReadBytes(string name, params ReadOnlySpan<long> shape) => ReadValues<byte>(name, SafetensorsDtype.U8, shape);

    /// <summary>Checks a tensor's dtype and shape without reading its values.</summary>
    /// <inheritdoc cref="ReadFloats"/>
    public SafetensorsEntry Require(string name, SafetensorsDtype dtype, params ReadOnlySpan<long> shape)
    {
        SafetensorsEntry entry = Entry(name);
        if (entry.Dtype != dtype)
            throw new CharRnnException(Path, $"tensor {name} is {entry.Dtype}, not {dtype}", $"convert it to {dtype}");
        if (!shape.SequenceEqual([.. entry.Shape]))
        {
            string found = SafetensorsEntry.ShapeText(entry.Shape), expected = SafetensorsEntry.ShapeText(shape.ToArray());
            throw new CharRnnException(Path, $"tensor {name} has shape {found}, not {expected}", "give a file whose sizes agree");
        }

        return entry;
    }

    /// <summary>
    /// The checksum of the payload as it lies in the file (<see cref="SafetensorsTensor.Checksum"/>): reads all of it once.
    /// </summary>
    /// <param name="cancellation">Heard between two pieces.</param>
    /// <exception cref="CharRnnException">The file cannot be read.</exception>
    public string ReadChecksum(CancellationToken cancellation = default)
    {
        var hash = new XxHash3();
        byte[] piece = new byte[1 << 18];
        long length = Tensors.Count == 0 ? 0 : Tensors[^1].End;
        for (long done = 0; done < length; done += piece.Length)
        {
            Span<byte> part = piece.AsSpan(0, (int)Math.Min(piece.Length, length - done));
            cancellation.ThrowIfCancellationRequested();
            ReadExactly(Path, _handle, part, PayloadOffset + done);
            hash.Append(part);
        }

        return SafetensorsTensor.ChecksumText(hash);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _handle.Dispose();

    private static byte[] ReadHeader(string path, SafeFileHandle handle, out long payloadLength)
    {
        long fileLength = RandomAccess.GetLength(handle);
        if (FileKind.Of(handle) is { } kind && kind != FileKind.Safetensors)
            throw kind.InPlaceOfModel(path);
        if (fileLength < sizeof(ulong))
            throw FileErrors.Damaged(path, $"it is {fileLength} bytes long, too short for a safetensors file");

        Span<byte> lengthBytes = stackalloc byte[sizeof(ulong)];
        ReadExactly(path, handle, lengthBytes, 0);
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(lengthBytes);
        if (headerLength > SafetensorsHeader.MaxLength)
            throw FileErrors.Damaged(
                path,
                $"it is not a safetensors file: its header length is {headerLength} bytes, "
                    + $"over the format's limit of {SafetensorsHeader.MaxLength}");

        payloadLength = fileLength - sizeof(ulong) - (long)headerLength;
        if (payloadLength < 0)
            throw FileErrors.Damaged(path, $"its header length is {headerLength} bytes, but only {fileLength - sizeof(ulong)} follow");

        byte[] header = new byte[headerLength];
        ReadExactly(path, handle, header, sizeof(ulong));
        return header;
    }

    private T[] ReadValues<T>(string name, SafetensorsDtype dtype, ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        SafetensorsEntry entry = Require(name, dtype, shape);
        if (entry.Count > Array.MaxLength)
            throw new CharRnnException(
                Path, $"tensor {name} has {entry.Count} values, more than {Array.MaxLength}", "give a smaller model");

        T[] values = Allocate<T>(entry);
        for (int done = 0; done < values.Length; done += LittleEndian.ChunkLength)
        {
            Span<T> part = values.AsSpan(done, Math.Min(LittleEndian.ChunkLength, values.Length - done));
            ReadExactly(Path, _handle, MemoryMarshal.AsBytes(part), PayloadOffset + entry.Begin + ((long)done * dtype.Size()));
            LittleEndian.Swap(part);
        }

        return values;
    }

    private T[] Allocate<T>(SafetensorsEntry entry)
    {
        try
        {
            return GC.AllocateUninitializedArray<T>((int)entry.Count);
        }
        catch (OutOfMemoryException e)
        {
            // A sparse file can claim more than any machine has.
            throw new CharRnnException(
                Path, $"tensor {entry.Name} needs {entry.End - entry.Begin} bytes of memory, more than there are",
                "give a smaller model", e);
        }
    }

    private static void ReadExactly(string path, SafeFileHandle handle, Span<byte> destination, long offset)
    {
        try
        {
            while (!destination.IsEmpty)
            {
                int read = RandomAccess.Read(handle, destination, offset);
                if (read == 0)
                    throw FileErrors.Damaged(path, $"it became shorter while it was read, at byte {offset}");
                destination = destination[read..];
                offset += read;
            }
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Reading(path, e);
        }
    }
}
