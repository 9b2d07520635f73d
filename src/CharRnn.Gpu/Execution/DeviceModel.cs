using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Model;

namespace CharRnn.Gpu.Execution;

/// <summary>A model's weights on a device, shared by whoever trains, evaluates or samples it there.</summary>
public sealed class DeviceModel : IDisposable
{
    /// <summary>Puts weights on a device.</summary>
    /// <exception cref="CharRnnException">The device has no room for them.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed of.</exception>
    public DeviceModel(ComputeDevice device, ParameterSet<float> weights)
    {
        (Device, Shape, Layout) = (device, weights.Sizes, new ParameterLayout(weights.Shape));
        Life = new DeviceLife(this, device.Life);
        using Lock.Scope held = Life.Enter();
        Parameters = new DeviceParameters(device, Layout);
        Write(weights);
    }

    /// <summary>The device.</summary>
    public ComputeDevice Device { get; }

    /// <summary>The sizes of the model.</summary>
    public ModelShape Shape { get; }

    internal DeviceLife Life { get; }

    internal ParameterLayout Layout { get; }

    internal DeviceParameters Parameters { get; }

    internal ParameterViews Weights => Parameters.Views(Shape);

    /// <summary>Reads the current weights.</summary>
    /// <exception cref="ObjectDisposedException">The model or its device is disposed of.</exception>
    public ParameterSet<float> Read()
    {
        using Lock.Scope held = Life.Enter();
        return Parameters.Read();
    }

    /// <summary>Replaces the weights.</summary>
    /// <exception cref="ArgumentException">They are of another shape.</exception>
    /// <exception cref="ObjectDisposedException">The model or its device is disposed of.</exception>
    public void Write(ParameterSet<float> weights)
    {
        if (!weights.Shape.Equals(Shape))
            throw new ArgumentException($"are of {weights.Shape}, and the model is of {Shape}", nameof(weights));
        using Lock.Scope held = Life.Enter();
        Parameters.Write(weights);
    }

    /// <summary>Frees the device memory; the device stays open.</summary>
    public void Dispose() => Life.End(Parameters.Dispose);
}
