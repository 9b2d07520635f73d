namespace CharRnn.Training;

/// <summary>A loss in the units that people compare. Inside the program a loss is nats.</summary>
public static class Loss
{
    /// <summary>Bits per character: nats / ln 2.</summary>
    public static double BitsPerCharacter(double natsPerCharacter) => natsPerCharacter / Math.Log(2);

    /// <summary>The number of equally likely characters that would be as hard to predict: exp(nats).</summary>
    public static double Perplexity(double natsPerCharacter) => Math.Exp(natsPerCharacter);

    /// <summary>Where the classic smoothed loss starts: the loss of a model that knows nothing, T·ln V.</summary>
    public static double InitialSmooth(int sequenceLength, int vocabularySize) => sequenceLength * Math.Log(vocabularySize);

    /// <summary>min-char-rnn's smoothing: 0.999 of what it was and 0.001 of the new loss.</summary>
    public static double Smooth(double smooth, double loss) => (0.999 * smooth) + (0.001 * loss);
}
