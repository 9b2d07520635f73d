namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>How a character is drawn; the fields are those of the host's sampling options.</summary>
public readonly struct DrawArguments(float temperature, int topK, float topP)
{
    /// <summary>Divides the logits; 0 takes the likeliest.</summary>
    public readonly float Temperature = temperature;

    /// <summary>Keep the k likeliest; 0 keeps all.</summary>
    public readonly int TopK = topK;

    /// <summary>Keep the likeliest that reach this probability; 1 keeps all.</summary>
    public readonly float TopP = topP;
}
