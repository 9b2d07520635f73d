namespace CharRnn.Text;

/// <summary>The streams that one of several ranks reads: consecutive ones of all, and as many as the others read, or one more.</summary>
/// <param name="First">The number of the first.</param>
/// <param name="Count">How many they are; 0 where there are more ranks than streams.</param>
/// <param name="Streams">How many streams there are.</param>
public readonly record struct StreamShare(int First, int Count, int Streams)
{
    /// <summary>All streams.</summary>
    public static StreamShare All(int streams) => new(0, streams, streams);

    /// <summary>The streams of a rank.</summary>
    /// <param name="streams">How many streams there are.</param>
    /// <param name="rank">The number of the rank.</param>
    /// <param name="ranks">The number of ranks.</param>
    public static StreamShare Of(int streams, int rank, int ranks)
    {
        int first = Begin(rank);
        return new(first, Begin(rank + 1) - first, streams);

        int Begin(int before) => (int)((long)streams * before / ranks);
    }

    /// <summary>The most streams that a rank has.</summary>
    /// <param name="streams">How many streams there are.</param>
    /// <param name="ranks">The number of ranks.</param>
    public static int Most(int streams, int ranks) => (streams + ranks - 1) / ranks;

    /// <summary>Whether a stream is one of these.</summary>
    public bool Has(int stream) => stream >= First && stream < First + Count;
}
