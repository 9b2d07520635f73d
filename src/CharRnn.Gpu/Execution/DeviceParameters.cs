using System.IO.Hashing;
using System.Runtime.InteropServices;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Model;
using ILGPU;

namespace CharRnn.Gpu.Execution;

/// <summary>An arena on a device: one value per parameter, all in one buffer.</summary>
/// <param name="device">The device.</param>
/// <param name="layout">The places of the tensors in the arena.</param>
/// <param name="behind">The number of other values behind the arena, which <see cref="Buffer"/> has.</param>
/// <exception cref="CharRnnException">The device has no room for it.</exception>
internal sealed class DeviceParameters(ComputeDevice device, ParameterLayout layout, int behind = 0) : IDisposable
{
    private const int PieceLength = 1 << 20;

    /// <summary>The arena, and what lies behind it.</summary>
    public AlignedBuffer<float> Buffer { get; } = new(device, layout.Length + behind);

    /// <summary>The whole arena.</summary>
    public ArrayView<float> View => Buffer.View.SubView(0, layout.Length);

    /// <summary>The tensors of a character model.</summary>
    public ParameterViews Views(ModelShape shape) => new(View, Tensor(shape.Why), Tensor(shape.By));

    public void Write(ParameterSet<float> values)
    {
        foreach ((ParameterTensor<float> tensor, ParameterLayout.Place place) in values.Tensors.Zip(layout.Places))
            Buffer.Write(place.ToDevice(tensor.Values), place.Offset);
    }

    public ParameterSet<float> Read()
    {
        var values = new ParameterSet<float>(layout.Shape);
        foreach ((ParameterTensor<float> tensor, ParameterLayout.Place place) in values.Tensors.Zip(layout.Places))
            place.ToHost(Buffer.Read(place.Offset, (int)place.Length)).CopyTo(tensor.Values, 0);
        return values;
    }

    /// <summary>XxHash3 of the arena's bytes.</summary>
    public ulong Hash()
    {
        var hash = new XxHash3();
        var piece = new float[Math.Min(layout.Length, PieceLength)];
        for (long begin = 0; begin < layout.Length; begin += piece.Length)
        {
            Span<float> values = piece.AsSpan(0, (int)Math.Min(piece.Length, layout.Length - begin));
            Buffer.Read(begin, values);
            hash.Append(MemoryMarshal.AsBytes(values));
        }

        return hash.GetCurrentHashAsUInt64();
    }

    public void Dispose() => Buffer.Dispose();

    private ArrayView<float> Tensor(int index) => View.SubView(layout.Places[index].Offset, layout.Places[index].Length);
}
