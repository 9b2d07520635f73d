using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Networks;

namespace CharRnn.Gpu.Execution;

/// <summary>All of a feed-forward network's memory on a device: parameters, a batch's states, and the data.</summary>
internal sealed class NetworkBuffers : IDisposable
{
    /// <summary>Parts of the gradient whose squares are summed one by one.</summary>
    private const int Parts = 256;

    private const string Remedy = "give fewer or narrower --layers, a smaller --batch-size, or a smaller table";

    private readonly NetworkShape _shape;
    private readonly NetworkLayer[] _layers;
    private readonly List<IDisposable> _buffers = [];
    private readonly AlignedBuffer<float> _theta, _gradient, _transposed, _h, _delta, _data, _targets, _losses, _stepLosses, _stepSquares, _squares;
    private readonly AlignedBuffer<int> _classes, _order, _status;

    /// <param name="device">Where.</param>
    /// <param name="shape">The network.</param>
    /// <param name="rows">Rows of the data.</param>
    /// <param name="batch">Rows of a step.</param>
    /// <param name="order">Rows that the order lists: whole epochs.</param>
    /// <param name="slots">Steps whose losses are kept.</param>
    public NetworkBuffers(ComputeDevice device, NetworkShape shape, int rows, int batch, int order, int slots)
    {
        Require(device, shape, rows, batch);
        _shape = shape;
        long theta = 0, transposed = 0, delta = 0, h = (long)batch * RnnDims.PaddedRow(shape.Inputs);
        _layers = new NetworkLayer[shape.Layers.Count];
        for (int l = 0; l < _layers.Length; l++)
        {
            (int inputs, int outputs) = (shape.InputsOf(l), shape.Layers[l].Width);
            long weights = theta, bias = weights + DeviceParameters.PanelsLength(inputs, outputs), below = h - ((long)batch * RnnDims.PaddedRow(inputs));
            _layers[l] = new NetworkLayer(
                inputs, outputs, Kind(shape, l), (int)weights, (int)bias, (int)transposed, (int)below, (int)h, (int)delta,
                NetworkPlan.Cuts(inputs, outputs, batch, device.Traits));
            theta = bias + RnnDims.PaddedRow(outputs);
            transposed += l == 0 ? 0 : DeviceParameters.PanelsLength(outputs, inputs);
            h += (long)batch * RnnDims.PaddedRow(outputs);
            delta += (long)batch * RnnDims.PaddedRow(outputs);
        }

        bool hasClasses = shape.Loss == NetworkLoss.CrossEntropy;
        int line = Layout.PanelWidth, outputRow = RnnDims.PaddedRow(shape.Outputs);
        AlignedBuffer<NetworkLayer> layers = New<NetworkLayer>(device, _layers.Length);
        layers.Write(_layers);
        (_theta, _gradient, _transposed) = (New<float>(device, theta), New<float>(device, theta), New<float>(device, Math.Max(transposed, line)));
        (_h, _delta, _losses) = (New<float>(device, h), New<float>(device, delta), New<float>(device, batch));
        _data = New<float>(device, (long)rows * RnnDims.PaddedRow(shape.Inputs));
        _targets = New<float>(device, hasClasses ? line : (long)rows * outputRow);
        (_classes, _order) = (New<int>(device, hasClasses ? rows : 1), New<int>(device, order));
        AlignedBuffer<float> batchTargets = New<float>(device, hasClasses ? line : (long)batch * outputRow);
        AlignedBuffer<int> batchClasses = New<int>(device, hasClasses ? batch : 1);
        (_stepLosses, _stepSquares) = (New<float>(device, slots + 1), New<float>(device, slots));
        _squares = New<float>(device, Parts);
        _status = New<int>(device, NetworkStatus.TeamFlags + device.Teams);
        Views = new NetworkViews(
            layers.View, _theta.View, _gradient.View, _transposed.View, _h.View, _delta.View, _data.View, _targets.View, _classes.View, _order.View,
            batchTargets.View, batchClasses.View, _losses.View, _stepLosses.View, _stepSquares.View, _squares.View, _status.View);
    }

    /// <summary>Checks, before anything is allocated, that a network has room.</summary>
    /// <exception cref="CharRnnException">The device, or the index range of a buffer, is too small.</exception>
    public static void Require(ComputeDevice device, NetworkShape shape, int rows, int batch)
    {
        double parameters = 0, states = 0, data = 0;
        foreach ((int l, Layer layer) in shape.Layers.Index())
        {
            double row = RnnDims.PaddedRow((long)layer.Width);
            parameters += row * (shape.InputsOf(l) + 1.0);
            states += batch * row;
        }

        data += (double)rows * (RnnDims.PaddedRow((long)shape.Inputs) + RnnDims.PaddedRow((long)shape.Outputs));
        states += batch * (double)RnnDims.PaddedRow((long)shape.Inputs);

        // The parameters, their gradient and their transpose, for training and once more for measuring, and the host's copies.
        double bytes = sizeof(float) * ((8 * parameters) + (4 * states) + data), largest = Math.Max(Math.Max(parameters, states), data);
        if (largest > Math.Min(int.MaxValue - 1024, device.MaxBufferSize / sizeof(float)))
            throw new CharRnnException("--layers", $"need a buffer of {MemoryNeed.Readable(sizeof(float) * largest)}, which {device.Name} has no room for in one", Remedy);
        if (bytes > device.MemorySize)
            throw new CharRnnException("--layers", $"need {MemoryNeed.Readable(bytes)}, {device.Name} has {MemoryNeed.Readable(device.MemorySize)}", Remedy);
    }

    public NetworkViews Views { get; }

    /// <summary>Puts rows of data into their places, from the first on.</summary>
    public void WriteData(LabelledData data)
    {
        _data.Write(Padding.Add(data.X, data.Count, data.Inputs));
        if (data.Classes.Length > 0)
            _classes.Write(data.Classes);
        else if (data.Targets.Length > 0)
            _targets.Write(Padding.Add(data.Targets, data.Count, data.Outputs));
    }

    /// <summary>Neurons of a layer.</summary>
    public int WidthOf(int layer) => _layers[layer].Outputs;

    public void WriteOrder(ReadOnlySpan<int> rows) => _order.Write(rows);

    public void WriteParameters(NetworkParameters<float> parameters)
    {
        for (int l = 0; l < _layers.Length; l++)
        {
            (NetworkLayer layer, float[] weights) = (_layers[l], parameters.Weights[l]);
            _theta.Write(Panels(Padding.Transpose(weights, layer.Outputs, layer.Inputs), layer.Inputs, layer.Outputs), layer.Weights);
            _theta.Write(Padding.Add(parameters.Biases[l], 1, layer.Outputs), layer.Bias);
            if (l > 0)
                _transposed.Write(Panels(weights, layer.Outputs, layer.Inputs), layer.Transposed);
        }
    }

    public NetworkParameters<float> ReadParameters() => Read(_theta);

    public NetworkParameters<float> ReadGradient() => Read(_gradient);

    /// <summary>Before the steps of a call: nothing has ended, and this was the last step's loss.</summary>
    public void BeginCall(float lastLoss)
    {
        _status.Clear();
        _stepLosses.Write([lastLoss]);
    }

    /// <summary>How many of a call's steps are done, and how they ended: the one read that the host waits for.</summary>
    public (int Completed, DescentEnd? End) ReadStatus(int steps)
    {
        int[] status = _status.Read(0, NetworkStatus.TeamFlags);
        (int diverged, int converged) = (status[NetworkStatus.Diverged], status[NetworkStatus.Converged]);
        return diverged > 0 && (converged == 0 || diverged <= converged) ? (diverged - 1, DescentEnd.NotFinite)
            : converged > 0 ? (converged, DescentEnd.SmallGradient)
            : (steps, null);
    }

    /// <summary>J and the gradient's squared norm of some steps.</summary>
    public (float[] Losses, float[] Squares) ReadSteps(int steps)
    {
        float[] squares = _stepSquares.Read(0, steps);
        float sum = 0;
        foreach (float part in _squares.Read(0, Parts))
            sum += part;
        squares[^1] = sum; // which the step after it would have written
        return (_stepLosses.Read(1, steps), squares);
    }

    /// <summary>The losses of the first rows of a batch.</summary>
    public float[] ReadLosses(int rows) => _losses.Read(0, rows);

    /// <summary>h[L] of the first rows of a batch.</summary>
    public float[] ReadOutputs(int rows)
    {
        NetworkLayer top = _layers[^1];
        return Padding.Remove(_h.Read(top.Above, rows * top.OutputRow), rows, top.Outputs);
    }

    public void Dispose() => _buffers.ForEach(buffer => buffer.Dispose());

    private AlignedBuffer<T> New<T>(ComputeDevice device, long length)
        where T : unmanaged
    {
        var buffer = new AlignedBuffer<T>(device, length, Remedy);
        _buffers.Add(buffer);
        return buffer;
    }

    private NetworkParameters<float> Read(AlignedBuffer<float> arena)
    {
        var parameters = new NetworkParameters<float>(_shape);
        for (int l = 0; l < _layers.Length; l++)
        {
            NetworkLayer layer = _layers[l];
            float[] panels = arena.Read(layer.Weights, layer.Bias - layer.Weights);
            Padding.Transpose(Padding.Remove(panels, layer.Inputs, layer.Outputs, Layout.Panels(layer.Inputs)), layer.Inputs, layer.Outputs).CopyTo(parameters.Weights[l], 0);
            arena.Read(layer.Bias, layer.Outputs).CopyTo(parameters.Biases[l], 0);
        }

        return parameters;
    }

    private static float[] Panels(float[] values, int rows, int columns) =>
        Padding.Add(values, rows, columns, Layout.Panels(rows), DeviceParameters.PanelsLength(rows, columns));

    private static int Kind(NetworkShape shape, int layer) => layer < shape.Layers.Count - 1 || shape.Loss == NetworkLoss.SquaredError
        ? shape.Layers[layer].Activation switch
        {
            ActivationFunction.Sigmoid => Activation.Sigmoid,
            ActivationFunction.Tanh => Activation.Hyperbolic,
            ActivationFunction.Relu => Activation.Rectifier,
            _ => Activation.Identity,
        }
        : shape.Loss == NetworkLoss.BinaryCrossEntropy ? OutputLoss.BinaryCrossEntropy : NetworkLayer.Softmax;
}
