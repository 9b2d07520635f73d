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
    private readonly InputColumns _columns;
    private readonly NetworkBuffers _buffers;
    private readonly int _rows;

    /// <param name="device">The device.</param>
    /// <param name="shape">The network.</param>
    /// <param name="mostRows">The most rows that a launch should have room for; larger numbers of rows take several launches.</param>
    /// <param name="columns">What the network's inputs are; null where all of them are numbers.</param>
    /// <exception cref="ArgumentException">The columns are not as many inputs as the network has.</exception>
    /// <exception cref="CharRnnException">The device has no room for the network.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed of.</exception>
    public NetworkPredictor(ComputeDevice device, NetworkShape shape, int mostRows, InputColumns? columns = null)
    {
        (_device, _shape, _columns) = (device, shape, columns ?? new InputColumns(shape.Inputs));
        _rows = Math.Clamp(mostRows, 1, RowsPerLaunch);
        ArgumentOutOfRangeException.ThrowIfNotEqual(_columns.Count, shape.Inputs, nameof(columns));
        _life = new DeviceLife(this, device.Life);
        using Lock.Scope held = _life.Enter();
        _buffers = new NetworkBuffers(device, shape, new DataSizes(_columns, _rows, false), _rows, _rows, slots: 1, options: null);
        _buffers.WriteOrder([.. Enumerable.Range(0, _rows)]);
    }

    /// <summary>Applies the network with these parameters.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="data">The rows, with answers or without.</param>
    /// <param name="cancellation">Checked between launches.</param>
    /// <exception cref="ArgumentException">The parameters or the rows are for another network.</exception>
    /// <exception cref="CharRnnException">The rows cannot be read.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">The predictor or the device is disposed of.</exception>
    public NetworkAnswers Apply(ParameterSet<float> parameters, LabelledData data, CancellationToken cancellation = default)
    {
        var outputs = new float[(long)data.Count * _shape.Outputs];
        double loss = Apply(parameters, data, (first, some) => some.CopyTo(outputs, first * _shape.Outputs), cancellation);
        return new NetworkAnswers(outputs, loss);
    }

    /// <summary>The same, with the outputs of some rows at a time.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="data">The rows, with answers or without.</param>
    /// <param name="take">Takes the place of the first of some rows, and their outputs, as <see cref="NetworkAnswers"/> has them.</param>
    /// <param name="cancellation">Checked between launches.</param>
    /// <returns>J; NaN if the rows came without answers.</returns>
    /// <inheritdoc cref="Apply(ParameterSet{float}, LabelledData, CancellationToken)"/>
    public double Apply(ParameterSet<float> parameters, LabelledData data, Action<int, float[]> take, CancellationToken cancellation)
    {
        int count = data.Count, width = _shape.Outputs;
        if (!parameters.Shape.Equals(_shape))
            throw new ArgumentException("are of another network", nameof(parameters));
        data.RequireFits(_shape, mustAnswer: false);
        if (!data.Rows.Columns.Equals(_columns))
            throw new ArgumentException("rows of other columns than the predictor's", nameof(data));
        using Lock.Scope held = _life.Enter();
        bool hasAnswers = data.Classes.Length + data.Targets.Length > 0;
        double loss = 0;
        _buffers.WriteParameters(parameters);
        for (int first = 0; first < count; first += _rows)
        {
            cancellation.ThrowIfCancellationRequested();
            int rows = Math.Min(_rows, count - first);
            _buffers.WriteData(data, first, rows);
            _device.Kernels.NetworkEvaluate(
                _buffers.Views, new NetworkArguments(rows, rows, 1, 0, 0, default, default, 0, 0, Math.Min(_device.Teams, rows)));
            float[] outputs = _buffers.ReadOutputs(rows);
            if (_shape.Loss == NetworkLoss.CrossEntropy)
                for (int r = 0; r < rows; r++)
                    Softmax(outputs.AsSpan(r * width, width));
            take(first, outputs);
            foreach ((int r, float one) in _buffers.ReadLosses(rows).Index())
                loss += data.Weights.Length > 0 ? data.Weights[first + r] * one : one;
        }

        return hasAnswers ? loss / count : double.NaN;
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
}
