using System.Runtime.InteropServices;

namespace CharRnn.Training;

/// <summary>
/// The processes that train one model together, each of which is a rank, as one of them sees it. All of them make the same calls in the
/// same order; a call returns when every rank whose values it needs has made it. One thread at a time may call.
/// </summary>
/// <exception cref="CharRnnException">The ranks cannot reach each other.</exception>
public interface ICollective : IDisposable
{
    /// <summary>The number of this rank, from 0.</summary>
    int Rank { get; }

    /// <summary>The number of ranks.</summary>
    int Size { get; }

    /// <summary>The time after which a rank that does not answer is taken for dead, and all ranks end.</summary>
    TimeSpan Patience { get; set; }

    /// <summary>
    /// Replaces values by their sums over the ranks, each of which is added in the order of the ranks. The result is the same bytes on
    /// every rank.
    /// </summary>
    /// <param name="values">The values; every rank has as many.</param>
    void Sum(Span<float> values);

    /// <summary>Copies the bytes of one rank to all others.</summary>
    /// <param name="bytes">The bytes; every rank has room for as many.</param>
    /// <param name="root">The rank that has them.</param>
    void Broadcast(Span<byte> bytes, int root);

    /// <summary>Copies the bytes of every rank to all others.</summary>
    /// <param name="own">The bytes of this rank; every rank has as many.</param>
    /// <param name="all">The bytes of all, rank after rank.</param>
    void Gather(ReadOnlySpan<byte> own, Span<byte> all);

    /// <summary>Ends all ranks at once, this one too.</summary>
    /// <param name="exitCode">The exit code.</param>
    void Abort(int exitCode);
}

/// <summary>What ranks do with these calls.</summary>
public static class Collectives
{
    // Values of a message at most, so that its bytes can be counted in 32 bits.
    private const int MostValues = 1 << 26;

    extension(ICollective ranks)
    {
        /// <summary>Whether this is the rank that tells the others what to do, and reads and writes files: the first.</summary>
        public bool Leads => ranks.Rank == 0;

        /// <summary>Copies one value of every rank to all.</summary>
        public T[] GatherValues<T>(T own)
            where T : unmanaged
        {
            var all = new T[ranks.Size];
            ranks.Gather(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in own)), MemoryMarshal.AsBytes(all.AsSpan()));
            return all;
        }

        /// <summary>Copies an array of the first rank to all.</summary>
        /// <param name="own">The array; of the other ranks it is not used.</param>
        public T[] BroadcastArray<T>(T[] own)
            where T : unmanaged
        {
            int length = own.Length;
            ranks.Broadcast(MemoryMarshal.AsBytes(new Span<int>(ref length)), 0);
            T[] values = ranks.Leads ? own : new T[length];
            ranks.BroadcastValues(values.AsSpan(), 0);
            return values;
        }

        /// <summary>Copies the values of one rank to all others, however many they are.</summary>
        /// <param name="values">The values; every rank has room for as many.</param>
        /// <param name="root">The rank that has them.</param>
        public void BroadcastValues<T>(Span<T> values, int root)
            where T : unmanaged
        {
            for (int done = 0; done < values.Length; done += MostValues)
                ranks.Broadcast(MemoryMarshal.AsBytes(values.Slice(done, Math.Min(MostValues, values.Length - done))), root);
        }

        /// <summary>What the first rank says to a question.</summary>
        /// <param name="own">The answer; of the other ranks it is not used.</param>
        public bool Agree(bool own)
        {
            byte answer = own ? (byte)1 : (byte)0;
            ranks.Broadcast(new Span<byte>(ref answer), 0);
            return answer != 0;
        }
    }
}
