using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Model;
using ILGPU;

namespace CharRnn.Gpu.Execution;

/// <summary>An arena on a device: one value per parameter, all in one buffer.</summary>
/// <param name="device">The device.</param>
/// <param name="layout">The places of the tensors in the arena.</param>
/// <exception cref="CharRnnException">The device has no room for it.</exception>
internal sealed class DeviceParameters(ComputeDevice device, ParameterLayout layout) : IDisposable
{
    private readonly AlignedBuffer<float> _arena = new(device, layout.Length);

    /// <summary>The whole arena.</summary>
    public ArrayView<float> View => _arena.View;

    /// <summary>The tensors of a character model.</summary>
    public ParameterViews Views(ModelShape shape) => new(View, Tensor(shape.Why), Tensor(shape.By));

    public void Write(ParameterSet<float> values)
    {
        foreach ((ParameterTensor<float> tensor, ParameterLayout.Place place) in values.Tensors.Zip(layout.Places))
            _arena.Write(place.ToDevice(tensor.Values), place.Offset);
    }

    public ParameterSet<float> Read()
    {
        var values = new ParameterSet<float>(layout.Shape);
        foreach ((ParameterTensor<float> tensor, ParameterLayout.Place place) in values.Tensors.Zip(layout.Places))
            place.ToHost(_arena.Read(place.Offset, (int)place.Length)).CopyTo(tensor.Values, 0);
        return values;
    }

    public void Dispose() => _arena.Dispose();

    private ArrayView<float> Tensor(int index) => View.SubView(layout.Places[index].Offset, layout.Places[index].Length);
}
