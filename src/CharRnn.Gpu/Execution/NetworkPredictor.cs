using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Model;
using CharRnn.Networks;

namespace CharRnn.Gpu.Execution;

/// <summary>The outputs of a network for some rows, and their loss.</summary>
/// <param name="Outputs">Probabilities, or with the squared error the network's own outputs, <c>[n, outputs]</c>.</param>
/// <param name="Loss">J; NaN if the rows came without answers.</param>
public readonly record struct NetworkAnswers(float[] Outputs, double Loss);

/// <summary>Applies a feed-forward network to rows on a device.</summary>
public sealed class NetworkPredictor : IDisposable
{
    private const int RowsPerLaunch = 4096;

    private readonly ComputeDevice _device;
    private readonly DeviceLife _life;
    private readonly NetworkShape _shape;
    private readonly NetworkBuffers _buffers;
    private readonly int _rows;

    /// <param name="device">The device.</param>
    /// <param name="shape">The network.</param>
    /// <param name="mostRows">The most rows that a launch should have room for; larger numbers of rows take several launches.</param>
    /// <exception cref="CharRnnException">The device has no room for the network.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed of.</exception>
    public NetworkPredictor(ComputeDevice device, NetworkShape shape, int mostRows)
    {
        (_device, _shape, _rows) = (device, shape, Math.Clamp(mostRows, 1, RowsPerLaunch));
        _life = new DeviceLife(this, device.Life);
        using Lock.Scope held = _life.Enter();
        _buffers = new NetworkBuffers(device, shape, _rows, _rows, _rows, slots: 1, options: null);
        _buffers.WriteOrder([.. Enumerable.Range(0, _rows)]);
    }

    /// <summary>Applies the network with these parameters.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="data">The rows, with answers or without.</param>
    /// <param name="cancellation">Checked between launches.</param>
    /// <exception cref="ArgumentException">The parameters or the rows are for another network.</exception>
    /// <exception cref="ObjectDisposedException">The predictor or the device is disposed of.</exception>
    public NetworkAnswers Apply(ParameterSet<float> parameters, LabelledData data, CancellationToken cancellation = default)
    {
        int count = data.Count, width = _shape.Outputs;
        if (!parameters.Shape.Equals(_shape))
            throw new ArgumentException("are of another network", nameof(parameters));
        data.RequireFits(_shape, mustAnswer: false);
        using Lock.Scope held = _life.Enter();
        bool hasAnswers = data.Classes.Length + data.Targets.Length > 0;
        var outputs = new float[count * width];
        double loss = 0;
        _buffers.WriteParameters(parameters);
        for (int first = 0; first < count; first += _rows)
        {
            cancellation.ThrowIfCancellationRequested();
            int rows = Math.Min(_rows, count - first);
            LabelledData part = Part(data, first, rows);
            _buffers.WriteData(part);
            _device.Kernels.NetworkEvaluate(
                _buffers.Views, new NetworkArguments(rows, rows, 1, 0, 0, default, 0, 0, Math.Min(_device.Teams, rows)));
            Span<float> answers = outputs.AsSpan(first * width, rows * width);
            _buffers.ReadOutputs(rows).CopyTo(answers);
            if (_shape.Loss == NetworkLoss.CrossEntropy)
                for (int r = 0; r < rows; r++)
                    Softmax(answers.Slice(r * width, width));
            foreach (float one in _buffers.ReadLosses(rows))
                loss += one;
        }

        return new NetworkAnswers(outputs, hasAnswers ? loss / count : double.NaN);
    }

    /// <summary>Frees the device memory; the device stays.</summary>
    public void Dispose() => _life.End(_buffers.Dispose);

    /// <summary>Turns logits into probabilities, in double precision, so that tiny ones keep their digits.</summary>
    private static void Softmax(Span<float> row)
    {
        double max = double.NegativeInfinity, sum = 0;
        foreach (float z in row)
            max = Math.Max(max, z);
        foreach (float z in row)
            sum += Math.Exp(z - max);
        foreach (ref float z in row)
            z = (float)(Math.Exp(z - max) / sum);
    }

    /// <summary>Some of the rows. If they have no answers, zeros take their place: the losses are then not used.</summary>
    private LabelledData Part(LabelledData data, int first, int rows)
    {
        int end = first + rows, width = _shape.Outputs;
        float[] x = data.X[(first * data.Inputs)..(end * data.Inputs)];
        return _shape.Loss == NetworkLoss.CrossEntropy
            ? new LabelledData(data.Inputs, x, data.Classes.Length > 0 ? data.Classes[first..end] : new int[rows])
            : new LabelledData(
                data.Inputs, x, width,
                data.Targets.Length > 0 ? data.Targets[(first * width)..(end * width)] : new float[rows * width]);
    }
}
