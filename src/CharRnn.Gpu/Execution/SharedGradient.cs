using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Training;
using ILGPU;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// The gradient of a step over the streams of all ranks. Behind a device's gradient lies a line with the loss of the step and the wish to
/// end the call, so that one message carries all of it.
/// </summary>
/// <param name="device">The device.</param>
/// <param name="ranks">The ranks.</param>
/// <param name="message">The gradient, and the line behind it.</param>
/// <param name="status">The status of the step.</param>
internal sealed class SharedGradient(ComputeDevice device, ICollective ranks, AlignedBuffer<float> message, AlignedBuffer<int> status)
{
    private const int Ends = 1;

    // The memory of the CPU's device is the host's: nothing is copied there.
    private readonly float[] _staging = device.Kind == DeviceKind.Cpu ? [] : new float[message.View.IntLength];

    /// <summary>The loss of the step: of this rank's streams, and after the sum of all.</summary>
    public ArrayView<float> Loss => message.View.SubView(LossPlace, 1);

    private int LossPlace => message.View.IntLength - Layout.PanelWidth;

    /// <summary>Replaces the gradient and the loss by their sums over the ranks.</summary>
    /// <param name="end">Whether this rank wants no further step now.</param>
    /// <returns>The loss of the step, and how many ranks want no further one.</returns>
    public (float Loss, int Ends) Sum(bool end)
    {
        device.Accelerator.Synchronize();
        if (device.Kind != DeviceKind.Cpu)
            message.Read(0, _staging);
        Span<float> values = device.Kind == DeviceKind.Cpu ? message.Memory : _staging;
        values[LossPlace + Ends] = end ? 1 : 0;
        ranks.Sum(values);
        if (device.Kind != DeviceKind.Cpu)
            message.Write(_staging);

        // The ranks whose own loss is finite would go on.
        float loss = values[LossPlace];
        if (!float.IsFinite(loss))
            status.Write([1], StepStatus.NonFinite);
        return (loss, (int)values[LossPlace + Ends]);
    }
}
