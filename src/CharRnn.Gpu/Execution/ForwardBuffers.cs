using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Text;

namespace CharRnn.Gpu.Execution;

/// <summary>The buffers of a forward pass over T steps of B streams, with a window of each stream's text.</summary>
internal sealed class ForwardBuffers : IDisposable
{
    private readonly ModelShape _shape;
    private readonly StateSizes _sizes;
    private readonly List<IDisposable> _buffers = [];
    private readonly AlignedBuffer<float> _h, _c, _gates, _z, _losses;
    private readonly AlignedBuffer<int> _window, _tokens;
    private readonly RecurrentLayer[] _layers;
    private readonly (AlignedBuffer<float> Buffer, int Begin)[] _states;

    /// <param name="model">The model.</param>
    /// <param name="sequenceLength">T.</param>
    /// <param name="streams">The B streams, and those of other ranks.</param>
    /// <param name="windowLength">The number of characters of each stream that are on the device at once.</param>
    /// <param name="drops">Whether there is dropout.</param>
    public ForwardBuffers(DeviceModel model, int sequenceLength, StreamShare streams, long windowLength, bool drops = false)
    {
        ComputeDevice device = model.Device;
        ModelShape shape = _shape = model.Shape;
        StateSizes sizes = _sizes = new StateSizes(shape, sequenceLength, streams.Count, drops);
        Dims = new RnnDims(
            sequenceLength, streams.Count, shape.HiddenSize, shape.VocabularySize, StateSizes.CellOf(shape.Cell), shape.Layers,
            streams.Streams, streams.First);
        WindowLength = windowLength;
        long rows = (long)sequenceLength * streams.Count;
        int line = Layout.PanelWidth;
        _window = New<int>(device, windowLength * streams.Count);
        _tokens = New<int>(device, rows + streams.Count);
        _h = New<float>(device, sizes.States);
        _c = New<float>(device, Math.Max(sizes.CellStates, line));
        _gates = sizes.HasGates ? New<float>(device, sizes.Gates) : _h;
        AlignedBuffer<float> recurrent = sizes.KeepsApart ? New<float>(device, sizes.Recurrent) : _gates;
        AlignedBuffer<float> x = drops ? New<float>(device, sizes.Inputs) : _h;
        _z = New<float>(device, sizes.Logits);
        _losses = New<float>(device, rows);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(l => Layer(model.Layout, l, drops))];
        _states = [.. _layers.Select(layer => (_h, layer.H)), .. shape.HasCellState ? _layers.Select(layer => (_c, layer.C)) : []];
        AlignedBuffer<RecurrentLayer> layers = New<RecurrentLayer>(device, shape.Layers);
        layers.Write(_layers);
        Views = new ForwardViews(
            _window.View, _tokens.View, _h.View, _c.View, _gates.View, recurrent.View, x.View, _z.View, _losses.View, layers.View,
            model.Weights);
    }

    public RnnDims Dims { get; }

    public long WindowLength { get; }

    public ForwardViews Views { get; }

    /// <summary>Where each layer's parameters and values lie.</summary>
    public IReadOnlyList<RecurrentLayer> Layers => _layers;

    /// <exception cref="ArgumentOutOfRangeException">A token is none of V: a kernel would read weights that are not there.</exception>
    public void WriteWindow(int stream, ReadOnlySpan<int> tokens)
    {
        Vocabulary.RequireTokens(tokens, Dims.V);
        _window.Write(tokens, stream * WindowLength);
    }

    /// <summary>Sets the first characters of a step whose characters do not come from a window.</summary>
    public void WriteTokens(ReadOnlySpan<int> tokens) => _tokens.Write(tokens);

    /// <summary>Some of the characters of a step.</summary>
    public int[] ReadTokens(int first, int count) => _tokens.Read(first, count);

    /// <summary>
    /// The state before a time step: an array <c>[B, H]</c> for each of <see cref="ModelShape.States"/>. Row T is the state that the next
    /// pass takes up.
    /// </summary>
    public float[][] ReadState(int row) => [.. Enumerable.Range(0, _states.Length).Select(state => ReadState(state, row, 1))];

    /// <summary>Sets the state before a time step.</summary>
    public void WriteState(IReadOnlyList<float[]> states, int row)
    {
        foreach (((AlignedBuffer<float> buffer, int begin), float[] values) in _states.Zip(states))
            buffer.Write(Padding.Add(values, Dims.B, Dims.H), begin + Place(row));
    }

    /// <summary>All states, an array <c>[T+1, B, H]</c> for each of <see cref="ModelShape.States"/>.</summary>
    public float[][] ReadStates() => [.. Enumerable.Range(0, _states.Length).Select(state => ReadState(state, 0, Dims.T + 1))];

    /// <summary>Some rows of the state at a place of <see cref="ModelShape.States"/>, <c>[rows, B, H]</c>.</summary>
    public float[] ReadState(int state, int row, int rows)
    {
        (AlignedBuffer<float> buffer, int begin) = _states[state];
        return Padding.Remove(buffer.Read(begin + Place(row), rows * Dims.B * Dims.HRow), rows * Dims.B, Dims.H);
    }

    /// <summary>The values of a layer's gates in the first time steps, <c>[steps, B, G·H]</c>, gate after gate.</summary>
    public float[] ReadGates(int layer, int steps)
    {
        int rows = steps * Dims.B;
        float[] interleaved = Padding.Remove(_gates.Read(_layers[layer].Gates, rows * Dims.GateRow), rows, Dims.Columns);
        return Padding.Separate(interleaved, rows, Dims.H, Dims.Gates);
    }

    /// <summary>dz, <c>[T, B, V]</c>.</summary>
    public float[] ReadDz() => Padding.Remove(_z.Read(0, Dims.T * Dims.B * Dims.VRow), Dims.T * Dims.B, Dims.V);

    /// <summary>The loss of each row (t, b), nats.</summary>
    public float[] ReadLosses() => _losses.Read(0, Dims.T * Dims.B);

    public void Dispose() => _buffers.ForEach(buffer => buffer.Dispose());

    private long Place(int row) => (long)row * Dims.B * Dims.HRow;

    private RecurrentLayer Layer(ParameterLayout layout, int l, bool drops)
    {
        int states = (int)(l * _sizes.StatesOfLayer), behindCarried = states + (Dims.B * Dims.HRow);
        int rows = (int)(l * _sizes.RowsOfLayer), gates = (int)(l * _sizes.GatesOfLayer);
        ParameterLayout.Place wxh = layout.Places[_shape.WxhOf(l)], whh = layout.Places[_shape.WhhOf(l)];
        return new RecurrentLayer(
            l, (int)wxh.Offset, (int)whh.Offset, (int)layout.Places[_shape.BhOf(l)].Offset,
            _shape.HasRecurrentBias ? (int)layout.Places[_shape.BhnOf(l)].Offset : 0, (int)Math.Max(wxh.Transposed, 0),
            (int)whh.Transposed, states, _shape.HasCellState ? states : 0, _sizes.HasGates ? gates : behindCarried,
            drops ? rows : behindCarried, _sizes.HasGates ? 0 : rows, _sizes.HasGates ? gates : rows);
    }

    private AlignedBuffer<T> New<T>(ComputeDevice device, long length)
        where T : unmanaged
    {
        var buffer = new AlignedBuffer<T>(device, length);
        _buffers.Add(buffer);
        return buffer;
    }
}
