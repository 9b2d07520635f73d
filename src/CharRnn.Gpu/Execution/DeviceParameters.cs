using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels;
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

    public AlignedBuffer(ComputeDevice device, long length)
    {
        // Kernels index with 32 bits, and a group's last stride may reach past the end.
        if (length > int.MaxValue - 1024)
            throw new CharRnnException("device memory", $"a buffer of {length} elements is over the limit of {int.MaxValue}", "lower --hidden-size, --batch-size or --seq-length");
        try
        {
            _buffer = device.Accelerator.Allocate1D<T>(length + Alignment);
        }
        catch (Exception e) when (e is AcceleratorException or OutOfMemoryException)
        {
            throw new CharRnnException(device.Name, $"no room for a buffer of {length * Interop.SizeOf<T>() / 1e6:F0} MB", "lower --hidden-size, --batch-size or --seq-length", e);
        }

        View = _buffer.View.AsContiguous().AlignTo(Alignment).Main.SubView(0, length);
        Clear();
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

    public DeviceParameters(ComputeDevice device, ModelShape shape)
    {
        _shape = shape;
        (int v, int h) = (shape.VocabularySize, shape.HiddenSize);
        (long hRow, long vRow) = (RnnDims.PaddedRow(h), RnnDims.PaddedRow(v));
        _arena = new AlignedBuffer<float>(device, (v * hRow) + (h * hRow) + hRow + (h * vRow) + vRow);

        long offset = 0;
        ArrayView<float> Next(long rows, long row)
        {
            ArrayView<float> view = _arena.View.SubView(offset, rows * row);
            offset += rows * row;
            return view;
        }

        Views = new ParameterViews(Next(v, hRow), Next(h, hRow), Next(1, hRow), Next(h, vRow), Next(1, vRow));
    }

    public ParameterViews Views { get; }

    public void Write(ParameterSet<float> values)
    {
        foreach ((ParameterTensor<float> tensor, ArrayView<float> view) in values.Tensors.Zip(Ordered))
            view.CopyFromCPU(Padding.Add(tensor.Values, tensor.Rows, tensor.Columns));
    }

    public ParameterSet<float> Read()
    {
        var values = new ParameterSet<float>(_shape);
        foreach ((ParameterTensor<float> tensor, ArrayView<float> view) in values.Tensors.Zip(Ordered))
        {
            var padded = new float[view.Length];
            view.CopyToCPU(padded);
            Padding.Remove(padded, tensor.Rows, tensor.Columns).CopyTo(tensor.Values, 0);
        }

        return values;
    }

    private ArrayView<float>[] Ordered => [Views.Wxh, Views.Whh, Views.Bh, Views.Why, Views.By];

    public void Dispose() => _arena.Dispose();
}

/// <summary>Rows as the host has them, one after the other, and as devices have them, padded with zeros.</summary>
internal static class Padding
{
    public static float[] Add(ReadOnlySpan<float> values, int rows, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, rows * columns, nameof(values));
        int row = RnnDims.PaddedRow(columns);
        var padded = new float[rows * row];
        for (int r = 0; r < rows; r++)
            values.Slice(r * columns, columns).CopyTo(padded.AsSpan(r * row));
        return padded;
    }

    public static float[] Remove(ReadOnlySpan<float> padded, int rows, int columns)
    {
        int row = RnnDims.PaddedRow(columns);
        var values = new float[rows * columns];
        for (int r = 0; r < rows; r++)
            padded.Slice(r * row, columns).CopyTo(values.AsSpan(r * columns));
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
}
