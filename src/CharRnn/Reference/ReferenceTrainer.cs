using CharRnn.Model;
using CharRnn.Text;

namespace CharRnn.Reference;

/// <summary>min-char-rnn's training loop over B streams, in double: the oracle for whole training steps.</summary>
public sealed class ReferenceTrainer
{
    private readonly ITokenSource _tokens;
    private readonly int _batchSize;
    private readonly double _learningRate;
    private readonly double _clip;
    private StreamCursor _cursor;
    private double[] _carried;

    /// <param name="weights">The weights to start from; copied.</param>
    /// <param name="tokens">The training text.</param>
    /// <param name="batchSize">B.</param>
    /// <param name="sequenceLength">T.</param>
    /// <param name="learningRate">η of E9.</param>
    /// <param name="clip">c of E9.</param>
    /// <exception cref="ArgumentException">
    /// A size is below 1, a rate is not over 0 or not finite, or the text is shorter than B·(T+2).
    /// </exception>
    public ReferenceTrainer(
        ParameterSet<float> weights, ITokenSource tokens, int batchSize, int sequenceLength, double learningRate, double clip)
    {
        Limits.Positive(learningRate, nameof(learningRate));
        Limits.Positive(clip, nameof(clip));
        TextSplit.RequireLength(tokens, batchSize, sequenceLength);
        Weights = weights.Convert(value => (double)value);
        Memory = new ParameterSet<double>(weights.Shape);
        (_tokens, _batchSize, _learningRate, _clip) = (tokens, batchSize, learningRate, clip);
        _cursor = new StreamCursor(tokens.Length / batchSize, sequenceLength);
        _carried = new double[batchSize * weights.Shape.HiddenSize];
    }

    /// <summary>The weights now.</summary>
    public ParameterSet<double> Weights { get; }

    /// <summary>Adagrad's memory now.</summary>
    public ParameterSet<double> Memory { get; }

    /// <summary>One training step.</summary>
    public ReferencePass Step()
    {
        _cursor = _cursor.BeginStep(out bool startsOver);
        if (startsOver)
            Array.Clear(_carried);

        int T = _cursor.SequenceLength;
        var tokens = new int[(T + 1) * _batchSize];
        var stream = new int[T + 1];
        for (int b = 0; b < _batchSize; b++)
        {
            _tokens.Read((b * _cursor.StreamLength) + _cursor.Position, stream);
            for (int t = 0; t <= T; t++)
                tokens[(t * _batchSize) + b] = stream[t];
        }

        ReferencePass pass = ReferenceRnn.Run(Weights, tokens, _carried);
        ReferenceRnn.Adagrad(Weights, Memory, pass.Gradient, _learningRate, _clip);
        _carried = pass.CarriedOut;
        _cursor = _cursor.Advance(1);
        return pass;
    }
}
