using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Text;

namespace CharRnn.Gpu.Execution;

/// <summary>The buffers of a forward pass over T steps of B streams, with a window of each stream's text.</summary>
internal sealed class ForwardBuffers : IDisposable
{
    private readonly AlignedBuffer<float> _z;
    private readonly AlignedBuffer<float> _losses;
    private readonly AlignedBuffer<int> _window;
    private readonly AlignedBuffer<int> _tokens;
    private readonly AlignedBuffer<float> _h;

    public ForwardBuffers(DeviceModel model, int sequenceLength, int batchSize, long windowLength)
    {
        ComputeDevice device = model.Device;
        Dims = new RnnDims(sequenceLength, batchSize, model.Shape.HiddenSize, model.Shape.VocabularySize);
        WindowLength = windowLength;
        long rows = (long)sequenceLength * batchSize;
        _window = new AlignedBuffer<int>(device, windowLength * batchSize);
        _tokens = new AlignedBuffer<int>(device, rows + batchSize);
        _h = new AlignedBuffer<float>(device, (rows + batchSize) * Dims.HRow);
        _z = new AlignedBuffer<float>(device, rows * Dims.VRow);
        _losses = new AlignedBuffer<float>(device, rows);
        Views = new ForwardViews(_window.View, _tokens.View, _h.View, _z.View, _losses.View, model.Weights);
    }

    public RnnDims Dims { get; }

    public long WindowLength { get; }

    public ForwardViews Views { get; }

    /// <exception cref="ArgumentOutOfRangeException">A token is none of V: a kernel would read weights that are not there.</exception>
    public void WriteWindow(int stream, ReadOnlySpan<int> tokens)
    {
        Vocabulary.RequireTokens(tokens, Dims.V);
        _window.Write(tokens, stream * WindowLength);
    }

    /// <summary>The state after the last step, <c>[B, H]</c>: where the next pass takes it from.</summary>
    public float[] ReadCarriedState() => Padding.Remove(_h.Read(CarriedOffset, Dims.B * Dims.HRow), Dims.B, Dims.H);

    public void WriteCarriedState(ReadOnlySpan<float> state) => _h.Write(Padding.Add(state, Dims.B, Dims.H), CarriedOffset);

    /// <summary>All hidden states, <c>[T+1, B, H]</c>.</summary>
    public float[] ReadHiddenStates() =>
        Padding.Remove(_h.Read(0, (Dims.T + 1) * Dims.B * Dims.HRow), (Dims.T + 1) * Dims.B, Dims.H);

    /// <summary>dz, <c>[T, B, V]</c>.</summary>
    public float[] ReadDz() => Padding.Remove(_z.Read(0, Dims.T * Dims.B * Dims.VRow), Dims.T * Dims.B, Dims.V);

    /// <summary>The loss of each row (t, b), nats.</summary>
    public float[] ReadLosses() => _losses.Read(0, Dims.T * Dims.B);

    private long CarriedOffset => (long)Dims.T * Dims.B * Dims.HRow;

    public void Dispose()
    {
        _window.Dispose();
        _tokens.Dispose();
        _h.Dispose();
        _z.Dispose();
        _losses.Dispose();
    }
}
