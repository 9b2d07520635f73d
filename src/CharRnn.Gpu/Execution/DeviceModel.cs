using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels;
using CharRnn.Model;

namespace CharRnn.Gpu.Execution;

/// <summary>A model's weights on a device, shared by whoever trains, evaluates or samples it there.</summary>
public sealed class DeviceModel : IDisposable
{
    private readonly DeviceParameters _parameters;

    /// <summary>Puts weights on a device.</summary>
    public DeviceModel(ComputeDevice device, ParameterSet<float> weights)
    {
        (Device, Shape) = (device, weights.Shape);
        _parameters = new DeviceParameters(device, weights.Shape);
        Write(weights);
    }

    /// <summary>The device.</summary>
    public ComputeDevice Device { get; }

    /// <summary>V and H.</summary>
    public ModelShape Shape { get; }

    internal ParameterViews Weights => _parameters.Views;

    /// <summary>The weights now.</summary>
    public ParameterSet<float> Read() => _parameters.Read();

    /// <summary>Replaces the weights.</summary>
    public void Write(ParameterSet<float> weights) => _parameters.Write(weights);

    /// <summary>Frees the device memory; the device stays open.</summary>
    public void Dispose() => _parameters.Dispose();
}
