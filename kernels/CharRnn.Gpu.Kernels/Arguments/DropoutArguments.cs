namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>The dropout of a step (E12).</summary>
public readonly struct DropoutArguments(uint threshold, float scale, uint seedLow, uint seedHigh, uint step)
{
    /// <summary>The random words from which on a value is kept; 0 where there is no dropout.</summary>
    public readonly uint Threshold = threshold;

    /// <summary>1 / (1 - p).</summary>
    public readonly float Scale = scale;

    /// <summary>The two halves of the seed.</summary>
    public readonly uint SeedLow = seedLow, SeedHigh = seedHigh;

    /// <summary>The number of completed steps of the run, of which its last 32 bits count.</summary>
    public readonly uint Step = step;

    /// <summary>Whether anything is dropped.</summary>
    public bool Drops => Threshold != 0;

    /// <summary>The dropout of the n-th step after this one.</summary>
    public DropoutArguments Later(int n) => new(Threshold, Scale, SeedLow, SeedHigh, Step + (uint)n);
}
