using CharRnn.Model;
using CharRnn.Randomness;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Reference;

/// <summary>min-char-rnn's training loop over B streams, in double: the oracle for whole training steps.</summary>
public sealed class ReferenceTrainer
{
    private readonly ITokenSource _tokens;
    private readonly int _batchSize;
    private readonly ReferenceOptimizer _optimizer;
    private readonly DropoutMask _mask;
    private StreamCursor _cursor;
    private double[][] _carried;
    private long _steps;

    /// <param name="weights">The weights to start from; copied.</param>
    /// <param name="tokens">The training text.</param>
    /// <param name="options">B, T, the dropout and the optimizer.</param>
    /// <exception cref="ArgumentException">The text is shorter than B·(T+2).</exception>
    public ReferenceTrainer(ParameterSet<float> weights, ITokenSource tokens, StepOptions options)
    {
        TextSplit.RequireLength(tokens, options.BatchSize, options.SequenceLength);
        Weights = weights.Convert(value => (double)value);
        (_tokens, _batchSize, _optimizer) = (tokens, options.BatchSize, new ReferenceOptimizer(options, weights.Shape));
        _cursor = new StreamCursor(tokens.Length / options.BatchSize, options.SequenceLength);
        _carried = [.. weights.Sizes.States.Select(_ => new double[options.BatchSize * weights.Sizes.HiddenSize])];
        _mask = options.Mask;
    }

    /// <summary>The weights now.</summary>
    public ParameterSet<double> Weights { get; }

    /// <summary>What the optimizer remembers now.</summary>
    public IReadOnlyList<ParameterSet<double>> Moments => _optimizer.Moments;

    /// <summary>One training step.</summary>
    public ReferencePass Step()
    {
        _cursor = _cursor.BeginStep(out bool startsOver);
        if (startsOver)
            Array.ForEach(_carried, Array.Clear);

        int T = _cursor.SequenceLength;
        var tokens = new int[(T + 1) * _batchSize];
        var stream = new int[T + 1];
        for (int b = 0; b < _batchSize; b++)
        {
            _tokens.Read((b * _cursor.StreamLength) + _cursor.Position, stream);
            for (int t = 0; t <= T; t++)
                tokens[(t * _batchSize) + b] = stream[t];
        }

        ReferencePass pass = ReferenceRnn.Run(
            Weights, tokens, _carried,
            (layer, t, b, unit) => _mask.Keeps(_steps, layer, (t * _batchSize) + b, unit) ? 1 / (1 - _mask.Probability) : 0);
        _optimizer.Update(Weights, pass.Gradient);
        _carried = pass.CarriedOut;
        _cursor = _cursor.Advance(1);
        _steps++;
        return pass;
    }
}
