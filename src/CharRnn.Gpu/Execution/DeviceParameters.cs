using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Model;
using ILGPU;
using ILGPU.Runtime;

namespace CharRnn.Gpu.Execution;

/// <summary>A device buffer that begins on a cache line, as the SIMD bodies like it.</summary>
internal sealed class AlignedBuffer<T> : IDisposable
    where T : unmanaged
{
    private const int Alignment = 64;
    private readonly MemoryBuffer1D<T, Stride1D.Dense> _buffer;

    /// <param name="device">Where.</param>
    /// <param name="length">Elements.</param>
    /// <param name="remedy">What to do where there is no room.</param>
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
            throw new CharRnnException(
                device.Name, $"has no room for a buffer of {MemoryNeed.Readable(length * Interop.SizeOf<T>())} ({reason})",
                remedy, e);
        }
    }

    public ArrayView<T> View { get; }

    /// <summary>Zeroes the whole buffer: clearing a part of one misses its place on OpenCL (ILGPU 1.5.3 on PoCL 6.0).</summary>
    public void Clear() => _buffer.MemSetToZero();

    public void Write(ReadOnlySpan<T> values, long offset = 0) => View.SubView(offset, values.Length).CopyFromCPU(values);

    public T[] Read(long offset, int length)
    {
        var values = new T[length];
        View.SubView(offset, length).CopyToCPU(values);
        return values;
    }

    public void Dispose() => ComputeDevice.Quietly(_buffer);
}

/// <summary>One value per parameter on a device, all in one buffer, with padded rows.</summary>
internal sealed class DeviceParameters : IDisposable
{
    private readonly AlignedBuffer<float> _arena;
    private readonly ModelShape _shape;
    private readonly Layout[] _layouts;
    private readonly ArrayView<float>[] _views;

    public DeviceParameters(ComputeDevice device, ModelShape shape)
    {
        _shape = shape;
        (int v, int h) = (shape.VocabularySize, shape.HiddenSize);
        (int hRow, int vRow) = (RnnDims.PaddedRow(h), RnnDims.PaddedRow(v));
        _layouts = [Layout.Rows(hRow), Layout.Panels(h), Layout.Rows(hRow), Layout.Panels(h), Layout.Rows(vRow)];
        long[] lengths = [(long)v * hRow, PanelsLength(h, h), hRow, PanelsLength(h, v), vRow];
        _arena = new AlignedBuffer<float>(device, lengths.Sum());

        long offset = 0;
        _views = [.. lengths.Select(length => _arena.View.SubView((offset += length) - length, length))];
        Views = new ParameterViews(_views[0], _views[1], _views[2], _views[3], _views[4]);
    }

    /// <summary>Floats that a matrix takes in panels.</summary>
    public static long PanelsLength(int rows, int columns) => (long)Layout.PanelCount(columns) * rows * Layout.PanelWidth;

    public ParameterViews Views { get; }

    public void Write(ParameterSet<float> values)
    {
        for (int i = 0; i < _views.Length; i++)
        {
            ParameterTensor<float> tensor = values.Tensors[i];
            _views[i].CopyFromCPU(Padding.Add(tensor.Values, tensor.Rows, tensor.Columns, _layouts[i], _views[i].Length));
        }
    }

    public ParameterSet<float> Read()
    {
        var values = new ParameterSet<float>(_shape);
        for (int i = 0; i < _views.Length; i++)
        {
            ParameterTensor<float> tensor = values.Tensors[i];
            var padded = new float[_views[i].Length];
            _views[i].CopyToCPU(padded);
            Padding.Remove(padded, tensor.Rows, tensor.Columns, _layouts[i]).CopyTo(tensor.Values, 0);
        }

        return values;
    }

    public void Dispose() => _arena.Dispose();
}

/// <summary>Matrices as the host has them, row by row, and as devices have them, padded with zeros.</summary>
internal static class Padding
{
    /// <summary>In padded rows.</summary>
    public static float[] Add(ReadOnlySpan<float> values, int rows, int columns)
    {
        int row = RnnDims.PaddedRow(columns);
        return Add(values, rows, columns, Layout.Rows(row), (long)rows * row);
    }

    public static float[] Add(ReadOnlySpan<float> values, int rows, int columns, Layout layout, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, rows * columns, nameof(values));
        var padded = new float[length];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c += Layout.PanelWidth)
                Piece(values, r, columns, c).CopyTo(padded.AsSpan(layout.Offset(r, c)));
        return padded;
    }

    /// <summary>Out of padded rows.</summary>
    public static float[] Remove(ReadOnlySpan<float> padded, int rows, int columns) =>
        Remove(padded, rows, columns, Layout.Rows(RnnDims.PaddedRow(columns)));

    public static float[] Remove(ReadOnlySpan<float> padded, int rows, int columns, Layout layout)
    {
        var values = new float[rows * columns];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c += Layout.PanelWidth)
                padded.Slice(layout.Offset(r, c), Math.Min(Layout.PanelWidth, columns - c)).CopyTo(values.AsSpan((r * columns) + c));
        return values;
    }

    public static float[] Transpose(ReadOnlySpan<float> values, int rows, int columns)
    {
        var transposed = new float[values.Length];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                transposed[(c * rows) + r] = values[(r * columns) + c];
        return transposed;
    }

    private static ReadOnlySpan<float> Piece(ReadOnlySpan<float> values, int row, int columns, int first) =>
        values.Slice((row * columns) + first, Math.Min(Layout.PanelWidth, columns - first));
}
