using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>How large the data are that a device has.</summary>
/// <param name="Columns">What the inputs are.</param>
/// <param name="Rows">The number of rows.</param>
/// <param name="IsWeighted">Whether each row counts in J as its weight says.</param>
internal readonly record struct DataSizes(InputColumns Columns, int Rows, bool IsWeighted)
{
    /// <summary>The sizes of these data.</summary>
    public static DataSizes Of(LabelledData data) => new(data.Rows.Columns, data.Count, data.Weights.Length > 0);

    /// <summary>The bytes of a row and of its place in the order.</summary>
    public long RowBytes(NetworkShape shape)
    {
        int answers = shape.Loss == NetworkLoss.CrossEntropy ? 1 : shape.Outputs;
        return sizeof(float) * ((long)Columns.Numbers + Columns.Values.Count + answers + (IsWeighted ? 1 : 0) + 1);
    }

    /// <summary>The sizes of what a device has at once: of all rows, or where those are too many of a whole number of batches.</summary>
    /// <param name="shape">The network.</param>
    /// <param name="batch">The number of rows of a step, which the device has in any case.</param>
    /// <param name="bytes">The bytes that all of it may have.</param>
    public DataSizes Window(NetworkShape shape, int batch, long bytes)
    {
        long most = bytes / RowBytes(shape);
        return Rows <= most ? this : this with { Rows = (int)Math.Clamp(most / batch * batch, batch, Rows) };
    }
}

/// <summary>All of a feed-forward network's memory on a device: the parameters, the states of a batch, and the data.</summary>
internal sealed class NetworkBuffers : IDisposable
{
    private const string Remedy = "give fewer or narrower --layers, a smaller --batch-size, or a smaller table";

    private readonly NetworkLayer[] _layers;
    private readonly int _groupSize;
    private readonly List<IDisposable> _buffers = [];
    private readonly DeviceParameters _theta;
    private readonly DeviceOptimizer? _optimizer;
    private readonly AlignedBuffer<float> _h, _numbers, _targets, _weights, _losses, _stepLosses, _stepSquares;
    private readonly AlignedBuffer<int> _codes, _classes, _order, _status;

    /// <param name="device">The device.</param>
    /// <param name="shape">The network.</param>
    /// <param name="data">What the data are.</param>
    /// <param name="batch">The number of rows of a step.</param>
    /// <param name="order">The number of rows that the order lists, which covers whole epochs.</param>
    /// <param name="slots">The number of steps whose losses are kept.</param>
    /// <param name="options">The optimizer; null for a network that is applied and not trained.</param>
    public NetworkBuffers(
        ComputeDevice device, NetworkShape shape, DataSizes data, int batch, int order, int slots, NetworkOptions? options)
    {
        Require(device, shape, data, batch, options);
        (Shape, _groupSize) = (shape, device.GroupSize);
        InputColumns columns = data.Columns;
        var parameters = new ParameterLayout(shape);
        bool drops = options?.Dropout > 0;
        long delta = 0, below = 0, h = (long)batch * RnnDims.PaddedRow(columns.Numbers);
        _layers = new NetworkLayer[shape.Layers.Count];
        for (int l = 0; l < _layers.Length; l++)
        {
            (int inputs, int outputs) = (shape.InputsOf(l), shape.Layers[l].Width);
            int numbers = l == 0 ? columns.Numbers : inputs;
            ParameterLayout.Place weights = parameters.Places[NetworkShape.WeightsOf(l)];
            ParameterLayout.Place bias = parameters.Places[NetworkShape.BiasesOf(l)];
            long states = (long)batch * RnnDims.PaddedRow(outputs), dropped = drops && l < _layers.Length - 1 ? h + states : h;
            _layers[l] = new NetworkLayer(
                inputs, numbers, outputs, ActivationOf(shape, l), LossOf(shape, l), (int)weights.Offset, (int)bias.Offset,
                (int)weights.Transposed, (int)below, (int)h, (int)dropped, (int)delta,
                NetworkPlan.GradientGrid(numbers, outputs, batch, device.Traits));
            (below, h) = (dropped, dropped + states);
            delta += states;
        }

        bool hasClasses = shape.Loss == NetworkLoss.CrossEntropy;
        int line = Layout.PanelWidth, count = data.Rows, codes = columns.Values.Count;
        AlignedBuffer<NetworkLayer> layers = New<NetworkLayer>(device, _layers.Length);
        layers.Write(_layers);
        CategoryBlock[] blocks = NetworkPlan.CategoryBlocks(columns, shape.Layers[0].Width, device.Traits);
        AlignedBuffer<CategoryBlock> categories = New<CategoryBlock>(device, blocks.Length);
        categories.Write(blocks);
        _buffers.Add(_theta = new DeviceParameters(device, parameters));
        _status = New<int>(device, NetworkStatus.Count);
        if (options is not null)
            _buffers.Add(_optimizer = new DeviceOptimizer(device, parameters, _theta, options, slots, _status, isMeasured: true));
        UpdateViews update = _optimizer?.Views
            ?? DeviceOptimizer.ViewsOf(_theta, New<float>(device, line), New<TransposedMatrix>(device, 1), _status);
        AlignedBuffer<float> deltas = New<float>(device, delta);
        (_h, _losses) = (New<float>(device, h), New<float>(device, batch));
        _numbers = New<float>(device, Math.Max(line, (long)count * columns.Numbers));
        _codes = New<int>(device, Math.Max(1, (long)count * codes));
        _targets = New<float>(device, hasClasses ? line : (long)count * shape.Outputs);
        (_classes, _order) = (New<int>(device, hasClasses ? count : 1), New<int>(device, order));
        _weights = New<float>(device, data.IsWeighted ? count : line);
        AlignedBuffer<int> batchCodes = New<int>(device, Math.Max(1, (long)batch * codes));
        AlignedBuffer<float> batchTargets = New<float>(device, hasClasses ? line : (long)batch * RnnDims.PaddedRow(shape.Outputs));
        AlignedBuffer<int> batchClasses = New<int>(device, hasClasses ? batch : 1);
        AlignedBuffer<float> batchWeights = New<float>(device, data.IsWeighted ? batch : line);
        (_stepLosses, _stepSquares) = (New<float>(device, slots + 1), New<float>(device, slots));
        Views = new NetworkViews(
            layers.View, categories.View, update, _h.View, deltas.View,
            new NetworkRows(
                codes, batch, data.IsWeighted ? 1 : 0, _numbers.View, _codes.View, _targets.View, _classes.View, _weights.View,
                batchCodes.View, batchTargets.View, batchClasses.View, batchWeights.View),
            _order.View, _losses.View, _stepLosses.View, _stepSquares.View);
    }

    /// <summary>Checks, before anything is allocated, that a device has room for a network and its data.</summary>
    /// <exception cref="CharRnnException">The device, or the index range of a buffer, is too small.</exception>
    public static void Require(ComputeDevice device, NetworkShape shape, DataSizes data, int batch, NetworkOptions? options)
    {
        var layout = new ParameterLayout(shape);
        double parameters = layout.Length, rows = data.Rows, deltas = 0, codes = data.Columns.Values.Count;
        foreach (Layer layer in shape.Layers)
            deltas += batch * (double)RnnDims.PaddedRow((long)layer.Width);
        double states = ((options?.Dropout > 0 ? 2 : 1) * deltas) + (batch * (double)RnnDims.PaddedRow((long)data.Columns.Numbers));
        double answers = shape.Loss == NetworkLoss.CrossEntropy ? rows : rows * shape.Outputs;
        double order = rows, all = (rows * (data.Columns.Numbers + codes + (data.IsWeighted ? 1 : 0))) + answers + (batch * codes) + order;

        // The parameters and the host's copies; to train, also their gradient, moments and transposes, and the parameters once more to
        // measure the network.
        double arenas = 2 * parameters;
        if (options is not null)
            arenas += ((2 + options.Moments.Count) * parameters) + layout.TransposedLength;
        double bytes = sizeof(float) * (arenas + ((options is null ? 1 : 2) * (states + deltas)) + all);
        double largest = new[] { parameters, states, rows * data.Columns.Numbers, rows * codes, answers }.Max();
        if (largest > Math.Min(int.MaxValue - 1024, device.MaxBufferSize / sizeof(float)))
            throw new CharRnnException(
                "--layers",
                $"need a buffer of {MemoryNeed.Readable(sizeof(float) * largest)}, which {device.Name} has no room for in one",
                Remedy);
        if (bytes > device.MemorySize)
            throw new CharRnnException(
                "--layers", $"need {MemoryNeed.Readable(bytes)}, {device.Name} has {MemoryNeed.Readable(device.MemorySize)}", Remedy);
    }

    /// <summary>The network.</summary>
    public NetworkShape Shape { get; }

    public NetworkViews Views { get; }

    private DeviceOptimizer Optimizer => _optimizer ?? throw new InvalidOperationException("The network is not trained here.");

    /// <summary>Writes some consecutive rows of data to the device.</summary>
    /// <param name="data">The data; where the rows are not in memory, they are read.</param>
    /// <param name="first">The first row.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="at">The place in the buffers of the first row.</param>
    /// <exception cref="CharRnnException">The rows cannot be read.</exception>
    public void WriteData(LabelledData data, int first, int count, int at = 0)
    {
        if (data.Rows is not InputRows)
            (data, first) = (data.Select([.. Enumerable.Range(first, count)]), 0);
        InputColumns columns = data.Rows.Columns;
        Write(_numbers, data.X.Numbers, columns.Numbers);
        Write(_codes, data.X.Codes, columns.Values.Count);
        Write(_classes, data.Classes, Math.Min(1, data.Classes.Length));
        Write(_targets, data.Targets, data.Outputs);
        if (Views.Rows.Weighted != 0)
            Write(_weights, data.Weights, 1);

        void Write<T>(AlignedBuffer<T> to, T[] from, int width)
            where T : unmanaged
        {
            if (width > 0)
                to.Write(from.AsSpan(first * width, count * width), (long)at * width);
        }
    }

    /// <summary>The number of neurons of a layer.</summary>
    public int WidthOf(int layer) => _layers[layer].Outputs;

    public void WriteOrder(ReadOnlySpan<int> rows) => _order.Write(rows);

    public void WriteParameters(ParameterSet<float> parameters)
    {
        _theta.Write(parameters);
        _optimizer?.WriteTransposes(parameters);
    }

    public ParameterSet<float> ReadParameters() => _theta.Read();

    public ParameterSet<float> ReadGradient() => Optimizer.ReadGradient();

    /// <inheritdoc cref="DeviceOptimizer.ReadMoments"/>
    public IReadOnlyList<Moment> ReadMoments() => Optimizer.ReadMoments();

    /// <inheritdoc cref="DeviceOptimizer.WriteMoments"/>
    public void WriteMoments(IReadOnlyList<Moment> moments) => Optimizer.WriteMoments(moments);

    /// <summary>How the next steps change the parameters.</summary>
    public UpdateArguments Update => Optimizer.Arguments;

    /// <inheritdoc cref="DeviceOptimizer.WriteRates"/>
    public void WriteRates(long done, int count, Func<long, double> rateAt) => Optimizer.WriteRates(done, count, rateAt);

    /// <summary>Prepares for the steps of a call: clears the status, and sets the loss of the step before.</summary>
    public void BeginCall(float lastLoss)
    {
        _status.Clear();
        _stepLosses.Write([lastLoss]);
    }

    /// <summary>
    /// Reads how many of a call's steps are done, and whether the next is not finite. This is the one read that the host waits for.
    /// </summary>
    public (int Completed, bool Diverged) ReadStatus(int steps)
    {
        int[] status = _status.Read(0, NetworkStatus.Count);
        (int diverged, int converged) = (status[NetworkStatus.Diverged], status[NetworkStatus.Converged]);
        return diverged > 0 && (converged == 0 || diverged <= converged)
            ? (diverged - 1, true)
            : (converged > 0 ? converged : steps, false);
    }

    /// <summary>J and the gradient's squared norm of some steps.</summary>
    public (float[] Losses, float[] Squares) ReadSteps(int steps)
    {
        float[] squares = _stepSquares.Read(0, steps);
        squares[^1] = Reduction.Total(Optimizer.ReadSquares(), _groupSize); // a step writes that of the step before it
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

    private static int ActivationOf(NetworkShape shape, int layer) => LossOf(shape, layer) == OutputLoss.BinaryCrossEntropy
        ? Activation.Sigmoid // the shape has the identity there: its outputs are logits
        : shape.Layers[layer].Activation switch
        {
            ActivationFunction.Sigmoid => Activation.Sigmoid,
            ActivationFunction.Tanh => Activation.Hyperbolic,
            ActivationFunction.Relu => Activation.Rectifier,
            _ => Activation.Identity,
        };

    private static int LossOf(NetworkShape shape, int layer) => layer < shape.Layers.Count - 1 ? OutputLoss.None : shape.Loss switch
    {
        NetworkLoss.SquaredError => OutputLoss.SquaredError,
        NetworkLoss.BinaryCrossEntropy => OutputLoss.BinaryCrossEntropy,
        _ => OutputLoss.SoftmaxCrossEntropy,
    };
}
