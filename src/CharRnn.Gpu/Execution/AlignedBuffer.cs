using System.Runtime.InteropServices;
using CharRnn.Gpu.Devices;
using ILGPU;
using ILGPU.Runtime;

namespace CharRnn.Gpu.Execution;

/// <summary>A device buffer that begins on a cache line, which is where the SIMD bodies are fastest.</summary>
internal sealed class AlignedBuffer<T> : IDisposable
    where T : unmanaged
{
    private const int Alignment = 64;

    // Where such a buffer has no room, it is not this model that is too large.
    private const int SmallSize = 1 << 20;

    private readonly MemoryBuffer1D<T, Stride1D.Dense> _buffer;

    /// <param name="device">The device.</param>
    /// <param name="length">The number of elements.</param>
    /// <param name="remedy">What the user can do if there is no room.</param>
    public AlignedBuffer(ComputeDevice device, long length, string remedy = "lower --hidden-size, --batch-size or --seq-length")
    {
        // Kernels index with 32 bits, and a group's last stride may reach past the end.
        if (length > int.MaxValue - 1024)
            throw new CharRnnException("device memory", $"a buffer of {length} elements is over the limit of {int.MaxValue}", remedy);
        try
        {
            _buffer = device.Accelerator.Allocate1D<T>(length + Alignment);
            View = _buffer.View.AsContiguous().AlignTo(Alignment).Main.SubView(0, length);
            Clear(); // OpenCL gives memory at its first use
        }
        catch (Exception e) when (e is AcceleratorException or OutOfMemoryException)
        {
            _buffer?.Dispose();
            string reason = e is AcceleratorException ? DriverErrors.Reason(e) : "out of memory";
            long bytes = length * Interop.SizeOf<T>();
            throw new CharRnnException(
                device.Name, $"has no room for a buffer of {MemoryNeed.Readable(bytes)} ({reason})",
                bytes < SmallSize ? "end what else uses its memory, or use another --device" : remedy, e);
        }
    }

    public ArrayView<T> View { get; }

    /// <summary>The memory itself, which the host has only on the CPU; the device must be done with it.</summary>
    public Span<T> Memory => MemoryMarshal.CreateSpan(ref View[0], View.IntLength);

    /// <summary>Zeroes the whole buffer: clearing a part of one misses its place on OpenCL (ILGPU 1.5.3 on PoCL 6.0).</summary>
    public void Clear() => _buffer.MemSetToZero();

    public void Write(ReadOnlySpan<T> values, long offset = 0) => View.SubView(offset, values.Length).CopyFromCPU(values);

    public T[] Read(long offset, int length)
    {
        var values = new T[length];
        Read(offset, values);
        return values;
    }

    public void Read(long offset, Span<T> values) => View.SubView(offset, values.Length).CopyToCPU(values);

    public void Dispose() => ComputeDevice.Quietly(_buffer);
}
