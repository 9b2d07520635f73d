using CharRnn.Gpu.Kernels;
using CharRnn.Model;
using CharRnn.Text;

namespace CharRnn.Gpu.Execution;

/// <summary>Measures a model on a text: the loss of every prediction, from zero state, the state carried on.</summary>
public sealed class Evaluator : IDisposable
{
    // Rows (t, b) of one launch: enough to be worth it, few enough to answer Ctrl-C soon.
    private const int MaxRowsPerLaunch = 4096;

    // And few enough that their hidden states or logits take no more than 64 MB.
    private const int MaxValuesPerLaunch = 16 << 20;

    private readonly DeviceModel _model;
    private readonly ForwardBuffers _buffers;
    private readonly int _streams;

    /// <param name="model">The model, as it is at each call of <see cref="Evaluate"/>.</param>
    /// <param name="streams">Contiguous parts that a text is cut into and read side by side; 1 reads it in one piece.</param>
    public Evaluator(DeviceModel model, int streams)
    {
        (_model, _streams) = (model, streams);
        int steps = RowsPerLaunch(model.Shape, streams) / streams;
        _buffers = new ForwardBuffers(model, steps, streams, steps + 1);
    }

    /// <summary>Rows (t, b) that it computes, and holds, at a time; a multiple of the streams.</summary>
    internal static int RowsPerLaunch(ModelShape shape, int streams)
    {
        long widest = RnnDims.PaddedRow((long)Math.Max(shape.VocabularySize, shape.HiddenSize));
        return (int)Math.Max(1, Math.Min(MaxRowsPerLaunch, MaxValuesPerLaunch / widest) / streams) * streams;
    }

    /// <summary>The mean loss over a text of N characters: <c>streams · (⌊N/streams⌋ - 1)</c> predictions.</summary>
    /// <param name="text">At least two characters per stream.</param>
    /// <param name="cancellation">Looked at between launches.</param>
    /// <returns>Nats per character, and the number of predictions.</returns>
    public (double Loss, long Predictions) Evaluate(ITokenSource text, CancellationToken cancellation = default)
    {
        long length = text.Length / _streams;
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 2, nameof(text));
        RnnDims full = _buffers.Dims;
        int teams = Math.Min(_model.Device.Teams, _streams);
        double sum = 0;
        for (long position = 0; position + 1 < length; position += full.T)
        {
            cancellation.ThrowIfCancellationRequested();
            int predictions = (int)Math.Min(full.T, length - 1 - position);
            var tokens = new int[full.T + 1]; // a short last stretch is padded and its padding not counted
            for (int b = 0; b < _streams; b++)
            {
                text.Read((b * length) + position, tokens.AsSpan(0, predictions + 1));
                _buffers.WriteWindow(b, tokens);
            }

            _model.Device.Kernels.Evaluate(
                _buffers.Views, full, new StepArguments(0, _buffers.WindowLength, position == 0 ? 1 : 0, 0, 0, 0, teams, default));
            foreach (float loss in _buffers.ReadLosses().AsSpan(0, predictions * _streams))
                sum += loss;
        }

        long count = _streams * (length - 1);
        return (sum / count, count);
    }

    /// <summary>Frees the device memory.</summary>
    public void Dispose() => _buffers.Dispose();
}
