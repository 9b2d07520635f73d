namespace CharRnn.Randomness;

/// <summary>
/// E12's m: which values of a layer's h are kept. It is a function of the seed, the step, the layer, the row (t, b) and the unit alone, so
/// that a resume needs no state of it, and no division of the work changes it.
/// </summary>
/// <param name="Probability">p, the share of the values that are dropped: from 0, below 1.</param>
/// <param name="Seed">The seed.</param>
/// <exception cref="ArgumentOutOfRangeException">The probability is not one.</exception>
public readonly record struct DropoutMask(double Probability, ulong Seed)
{
    // The fourth word of a counter, of which the number of the layer is the rest: samples have the upper half of their iteration there,
    // which has no such bit, and initial weights the number of a layer that no model has.
    private const uint Domain = 0x80000000;

    /// <summary>p.</summary>
    public double Probability { get; } = Limits.Part(Probability);

    /// <summary>The random word from which on a value is kept; 0 where nothing is dropped.</summary>
    public uint Threshold => Probability > 0 ? (uint)Math.Clamp(Math.Round(Probability * 4294967296.0), 1, uint.MaxValue) : 0;

    /// <summary>1 / (1 - p), by which a value that is kept is multiplied.</summary>
    public float Scale => (float)(1 / (1 - Probability));

    /// <summary>m.</summary>
    /// <param name="step">The number of completed steps of the run before this one.</param>
    /// <param name="layer">The layer, 0 for the lowest.</param>
    /// <param name="row">t·B + b.</param>
    /// <param name="unit">The unit.</param>
    public bool Keeps(long step, int layer, int row, int unit)
    {
        // A line of 16 units takes four blocks of four words: neighbouring units have the same word of neighbouring blocks.
        (uint w0, uint w1, uint w2, uint w3) = Philox.Block(
            (uint)((unit / 16 * 4) + (unit % 4)), (uint)row, (uint)step, Domain | (uint)layer, (uint)Seed, (uint)(Seed >> 32));
        uint word = (unit % 16 / 4) switch { 0 => w0, 1 => w1, 2 => w2, _ => w3 };
        return word >= Threshold;
    }
}
