namespace CharRnn.Sampling;

/// <summary>How a next character is drawn from the logits z: temperature first, then top-k, then top-p.</summary>
/// <exception cref="ArgumentOutOfRangeException">
/// A temperature is negative or not finite, k is negative, or a probability is not in (0, 1].
/// </exception>
public sealed record SamplingOptions
{
    /// <summary>Divides the logits: 1 is the model's own distribution, 0 takes the likeliest character (the first of equals).</summary>
    public float Temperature { get; init => field = Limits.NotNegative(value); } = 1;

    /// <summary>Keep the k likeliest characters; of equals, those that stand first in the vocabulary. 0 keeps all.</summary>
    public int TopK { get; init => field = Limits.NotNegative(value); }

    /// <summary>Keep the likeliest characters that together reach this probability, in (0, 1]; 1 keeps all.</summary>
    public float TopP { get; init => field = Limits.Probability(value); } = 1;
}
