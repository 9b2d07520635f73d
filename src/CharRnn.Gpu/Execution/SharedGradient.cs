using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Training;
using ILGPU;
using ILGPU.Runtime;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// The gradient of a step over the streams of all ranks. On the CPU it is one message, summed where it lies. On a GPU it goes through
/// page-locked memory of the host, piece by piece from the output down, so that the pieces of the higher layers travel while the device
/// computes the lower ones.
/// </summary>
internal sealed class SharedGradient : IDisposable
{
    /// <summary>
    /// The floats behind a device's gradient: a line with the loss of the step and the wish to end the call, which one message carries
    /// with the biases.
    /// </summary>
    public const int Behind = Layout.PanelWidth;

    /// <summary>The floats of a piece, at least, unless a test wants others: 1 MB takes longer than a message's latency.</summary>
    public const int LeastPiece = 1 << 18;

    private const int Ends = 1;

    private readonly ComputeDevice _device;
    private readonly ICollective _ranks;
    private readonly AlignedBuffer<float> _message;
    private readonly AlignedBuffer<int> _status;
    private readonly int _weights;

    // What a GPU needs. In the host's memory, the biases and the line come before the weights, so that the last piece lies in one.
    private readonly List<Piece> _pieces = [];
    private readonly PageLockedArray1D<float>? _staging;
    private readonly AcceleratorStream? _copies;

    /// <param name="device">The device; a GPU was opened for profiling, because that lets its launches be marked.</param>
    /// <param name="ranks">The ranks.</param>
    /// <param name="message">The gradient, and the line behind it.</param>
    /// <param name="status">The status of the step.</param>
    /// <param name="parts">
    /// Where the weights of each part of the gradient begin that may be computed by itself: of each layer, and of the output.
    /// </param>
    /// <param name="weights">Where all weights end.</param>
    /// <param name="leastPiece">The floats of a piece, at least, if there is another.</param>
    public SharedGradient(
        ComputeDevice device, ICollective ranks, AlignedBuffer<float> message, AlignedBuffer<int> status, int[] parts, int weights,
        int leastPiece)
    {
        (_device, _ranks, _message, _status, _weights) = (device, ranks, message, status, weights);
        if (device.Kind == DeviceKind.Cpu)
            return;
        if (!device.Accelerator.Context.Properties.EnableProfiling)
            throw new ArgumentException("was not opened for profiling", nameof(device));
        try
        {
            _staging = device.Accelerator.AllocatePageLocked1D<float>(message.View.Length);
            _copies = device.Accelerator.CreateStream();
        }
        catch (Exception e) when (e is AcceleratorException or OutOfMemoryException)
        {
            Dispose();
            string reason = e is AcceleratorException ? DriverErrors.Reason(e) : "out of memory";
            throw new CharRnnException(
                device.Name, $"cannot lock {MemoryNeed.Readable(message.View.LengthInBytes)} of the host's memory ({reason})",
                "raise the limit of locked memory, or train with one process", e);
        }

        int end = weights, behind = message.View.IntLength - weights;
        for (int part = parts.Length - 1; part >= 0; part--)
        {
            int begin = parts[part];
            if (part > 0 && end - begin < leastPiece)
                continue;
            var piece = new Piece(part, part == 0 ? 0 : behind + begin, behind + end);
            piece.Places.Add((message.View.SubView(begin, end - begin), behind + begin));
            if (part == 0)
                piece.Places.Add((message.View.SubView(weights, behind), 0));
            _pieces.Add(piece);
            end = begin;
        }
    }

    /// <summary>The loss of the step: of this rank's streams, and after the sum of all.</summary>
    public ArrayView<float> Loss => _message.View.SubView(_message.View.IntLength - Behind, 1);

    /// <summary>Whether a piece begins with this part of the gradient, so that it is wanted before the parts below.</summary>
    public bool BeginsWith(int part) => part == 0 || _pieces.Exists(piece => piece.Part == part);

    /// <summary>Marks that all launches are made that compute the piece that begins with this part.</summary>
    public void Launched(int part)
    {
        if (_pieces.Find(piece => piece.Part == part) is not { } launched)
            return;
        launched.Ready?.Dispose();
        launched.Ready = _device.Accelerator.DefaultStream.AddProfilingMarker();
    }

    /// <summary>Replaces the gradient and the loss by their sums over the ranks.</summary>
    /// <param name="end">Whether this rank wants no further step now.</param>
    /// <returns>The loss of the step, and how many ranks want no further one.</returns>
    public (float Loss, int Ends) Sum(bool end)
    {
        Span<float> line = _staging is null ? SumInPlace(end) : SumPieces(_staging, _copies!, end);

        // The ranks whose own loss is finite would go on.
        float loss = line[0];
        if (!float.IsFinite(loss))
            _status.Write([1], StepStatus.NonFinite);
        return (loss, (int)line[Ends]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable? part in (IDisposable?[])[.. _pieces.Select(piece => piece.Ready), _copies, _staging])
            if (part is not null)
                ComputeDevice.Quietly(part);
    }

    private Span<float> SumInPlace(bool end)
    {
        _device.Accelerator.Synchronize();
        Span<float> line = _message.Memory[^Behind..];
        line[Ends] = end ? 1 : 0;
        _ranks.Sum(_message.Memory);
        return line;
    }

    private Span<float> SumPieces(PageLockedArray1D<float> staging, AcceleratorStream copies, bool end)
    {
        Span<float> line = staging.Span.Slice(_message.View.IntLength - _weights - Behind, Behind);
        foreach (Piece piece in _pieces)
        {
            piece.Ready!.Synchronize(); // while the device goes on with the parts below
            foreach ((ArrayView<float> device, int host) in piece.Places)
                device.CopyToCPU(copies, staging.Span.Slice(host, device.IntLength));
            if (piece.Part == 0)
                line[Ends] = end ? 1 : 0;
            _ranks.Sum(staging.Span[piece.Begin..piece.End]);
            foreach ((ArrayView<float> device, int host) in piece.Places)
                device.CopyFromCPU(copies, staging.Span.Slice(host, device.IntLength));
        }

        return line;
    }

    /// <summary>What is sent at once.</summary>
    /// <param name="Part">The part of the gradient that it begins with; it goes on to the piece before.</param>
    /// <param name="Begin">Where it begins in the host's memory.</param>
    /// <param name="End">Where it ends there.</param>
    private sealed record Piece(int Part, int Begin, int End)
    {
        /// <summary>Where it lies on the device and, in part after part, in the host's memory.</summary>
        public List<(ArrayView<float> OnDevice, int OnHost)> Places { get; } = [];

        /// <summary>A mark behind the launches that compute it.</summary>
        public ProfilingMarker? Ready { get; set; }
    }
}
