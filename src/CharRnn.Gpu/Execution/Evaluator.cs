using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// Measures a model on a text: the loss of every prediction. Each stream begins with zero state, and the state is carried on to its
/// end.
/// </summary>
public sealed class Evaluator : IDisposable
{
    // Rows (t, b) of one launch: enough to be worth a launch, and so few that Ctrl-C is answered soon.
    private const int MaxRowsPerLaunch = 4096;

    // A launch has fewer rows where their gates, of all layers, or logits would take more than 64 MB.
    private const int MaxValuesPerLaunch = 16 << 20;

    private readonly DeviceLife _life;
    private readonly DeviceModel _model;
    private readonly ForwardBuffers _buffers;
    private readonly StreamShare _streams;
    private readonly ICollective? _ranks;

    /// <param name="model">The model, as it is at each call of <see cref="Evaluate"/>.</param>
    /// <param name="streams">
    /// The number of contiguous parts that a text is cut into and that are read side by side; with 1 it is read in one piece.
    /// </param>
    /// <param name="ranks">The ranks that share the streams, and call every method together; null where there are none.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of streams is below 1.</exception>
    /// <exception cref="ObjectDisposedException">The model or its device is disposed of.</exception>
    public Evaluator(DeviceModel model, int streams, ICollective? ranks = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(streams, 1);
        (_model, _ranks, _life) = (model, ranks, new DeviceLife(this, model.Life));
        _streams = ranks is null ? StreamShare.All(streams) : StreamShare.Of(streams, ranks.Rank, ranks.Size);
        using Lock.Scope held = _life.Enter();
        int steps = RowsPerLaunch(model.Shape, streams) / streams;
        _buffers = new ForwardBuffers(model, steps, _streams, steps + 1);
    }

    /// <summary>The number of rows (t, b) that an evaluator computes in a launch and has buffers for; a multiple of the streams.</summary>
    internal static int RowsPerLaunch(ModelShape shape, int streams)
    {
        long columns = GateColumns.Count((long)shape.HiddenSize, shape.Gates);
        long widest = RnnDims.PaddedRow(Math.Max(shape.VocabularySize, shape.Layers * columns));
        return (int)Math.Max(1, Math.Min(MaxRowsPerLaunch, MaxValuesPerLaunch / widest) / streams) * streams;
    }

    /// <summary>The mean loss over a text of N characters: <c>streams · (⌊N/streams⌋ - 1)</c> predictions.</summary>
    /// <param name="text">The text, at least two characters per stream.</param>
    /// <param name="cancellation">Checked between launches.</param>
    /// <returns>The loss in nats per character, and the number of predictions.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The text is too short, or has a token that is not in the model's vocabulary.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The evaluator, its model or the device is disposed of.</exception>
    public (double Loss, long Predictions) Evaluate(ITokenSource text, CancellationToken cancellation = default)
    {
        long length = text.Length / _streams.Streams;
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 2, nameof(text));
        using Lock.Scope held = _life.Enter();
        double sum = 0;
        for (long position = 0; position + 1 < length; position += _buffers.Dims.T)
        {
            int predictions = (int)Math.Min(_buffers.Dims.T, length - 1 - position);
            Forward(text, position, length, cancellation);
            foreach (float loss in _streams.Count == 0 ? [] : _buffers.ReadLosses().AsSpan(0, predictions * _streams.Count))
                sum += loss;
        }

        if (_ranks is not null)
            sum = _ranks.GatherValues(sum).Sum();
        long count = _streams.Streams * (length - 1);
        return (sum / count, count);
    }

    /// <summary>Records what a network does while it reads a text in one piece.</summary>
    /// <param name="text">The text, N characters; all of it is read.</param>
    /// <param name="best">How many of the likeliest next characters to name, at least 1; no more than V are named.</param>
    /// <param name="cancellation">Checked between launches.</param>
    /// <exception cref="InvalidOperationException">The evaluator reads in several streams.</exception>
    /// <exception cref="ArgumentException">
    /// The trace would be longer than an array may be, or the text has a token that is not in the model's vocabulary.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The evaluator, its model or the device is disposed of.</exception>
    public TextTrace Trace(ITokenSource text, int best, CancellationToken cancellation = default)
    {
        if (_streams.Streams != 1)
            throw new InvalidOperationException("a text in several streams is not one text");
        ArgumentOutOfRangeException.ThrowIfLessThan(best, 1);
        ModelShape shape = _model.Shape;
        (int h, int v) = (shape.HiddenSize, shape.VocabularySize);
        best = Math.Min(best, v);
        int most = Array.MaxLength / Math.Max(h, best);
        if (text.Length > most)
            throw new ArgumentException($"has {text.Length} tokens, and at most {most} can be traced at once", nameof(text));
        using Lock.Scope held = _life.Enter();
        int n = (int)text.Length;
        var trace = new TextTrace(
            h, best, TracedState.All(shape, n), GateSaturation.All(shape), new int[n * best], new float[n * best], new float[n]);
        for (int position = 0; position < n; position += _buffers.Dims.T)
        {
            int count = Math.Min(_buffers.Dims.T, n - position);
            int[] tokens = Forward(text, position, n, cancellation);
            float[] losses = _buffers.ReadLosses(), p = _buffers.ReadDz();
            for (int s = 0; s < trace.States.Count; s++)
                _buffers.ReadState(s, 1, count).CopyTo(trace.States[s].Values, position * h); // row 0 is the carried state
            foreach (IGrouping<int, GateSaturation> layer in trace.Gates.GroupBy(gate => gate.Layer))
            {
                float[] gates = _buffers.ReadGates(layer.Key, count);
                foreach (GateSaturation gate in layer)
                    for (int t = 0; t < count; t++)
                        gate.Add(gates.AsSpan(((t * shape.Gates) + gate.Place) * h, h));
            }

            for (int t = 0; t < count; t++)
            {
                Span<float> row = p.AsSpan(t * v, v);
                row[tokens[t + 1]] += 1; // E4 of one stream is softmax - onehot
                int begin = (position + t) * best;
                Largest(row, trace.BestTokens.AsSpan(begin, best), trace.BestProbabilities.AsSpan(begin, best));
                if (position + t + 1 < n)
                    trace.Surprisal[position + t + 1] = losses[t];
            }
        }

        return trace;
    }

    /// <summary>Finds the largest values of a row and their places, in descending order.</summary>
    private static void Largest(ReadOnlySpan<float> row, Span<int> places, Span<float> values)
    {
        int found = 0;
        for (int k = 0; k < row.Length; k++)
        {
            if (found == values.Length && !(row[k] > values[^1]))
                continue;
            int at = found < values.Length ? found++ : found - 1;
            for (; at > 0 && row[k] > values[at - 1]; at--)
                (places[at], values[at]) = (places[at - 1], values[at - 1]);
            (places[at], values[at]) = (k, row[k]);
        }
    }

    /// <summary>Reads the next T characters of every stream; behind the end of a stream there is padding.</summary>
    /// <returns>The tokens of the last stream, and the one after them.</returns>
    private int[] Forward(ITokenSource text, long position, long length, CancellationToken cancellation)
    {
        if (_ranks is null)
            cancellation.ThrowIfCancellationRequested();
        else if (_ranks.Agree(cancellation.IsCancellationRequested))
            throw new OperationCanceledException();
        var tokens = new int[_buffers.Dims.T + 1];
        for (int b = 0; b < _streams.Streams; b++)
        {
            text.Read((b * length) + position, tokens.AsSpan(0, (int)Math.Min(tokens.Length, length - position)));
            if (_streams.Has(b))
                _buffers.WriteWindow(b - _streams.First, tokens);
        }

        if (_streams.Count == 0)
            return tokens; // there are more ranks than streams
        int teams = Math.Min(_model.Device.Teams, _streams.Count);
        _model.Device.Kernels.Evaluate(
            _buffers.Views, _buffers.Dims,
            new StepArguments(0, _buffers.WindowLength, position == 0 ? 1 : 0, 0, default, teams, default, default, default));
        return tokens;
    }

    /// <summary>Frees the device memory.</summary>
    public void Dispose() => _life.End(_buffers.Dispose);
}
