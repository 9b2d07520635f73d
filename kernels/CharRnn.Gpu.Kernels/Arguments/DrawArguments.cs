namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>How a character is drawn. The fields are those of the host's sampling options.</summary>
public readonly struct DrawArguments(float temperature, int topK, float topP)
{
    /// <summary>The number that divides the logits; 0 takes the likeliest character.</summary>
    public readonly float Temperature = temperature;

    /// <summary>The number of likeliest characters to keep; 0 keeps all.</summary>
    public readonly int TopK = topK;

    /// <summary>The probability that the likeliest characters to keep reach together; 1 keeps all.</summary>
    public readonly float TopP = topP;
}
