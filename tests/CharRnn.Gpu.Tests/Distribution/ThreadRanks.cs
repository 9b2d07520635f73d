using System.Collections.Concurrent;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Distribution;

/// <summary>Ranks that are threads of this process.</summary>
internal sealed class ThreadRanks : ICollective
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    private readonly Group _group;

    private ThreadRanks(Group group, int rank) => (_group, Rank) = (group, rank);

    public int Rank { get; }

    public int Size => _group.Shown.Length;

    public TimeSpan Patience { get; set; } = Longest;

    /// <summary>Does some work on every rank at once, and gives what the ranks return, in their order.</summary>
    public static T[] Run<T>(int size, Func<ICollective, T> work)
    {
        using var group = new Group(size);
        var results = new T[size];
        var failures = new ConcurrentQueue<Exception>();
        Thread[] threads =
        [
            .. Enumerable.Range(0, size).Select(rank => new Thread(() =>
            {
                try
                {
                    results[rank] = work(new ThreadRanks(group, rank));
                }
                catch (Exception e)
                {
                    failures.Enqueue(e);
                    group.Ended.Cancel();
                }
            })),
        ];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        return failures.TryDequeue(out Exception? first) ? throw new InvalidOperationException(first.Message, first) : results;
    }

    public void Sum(Span<float> values)
    {
        Show(values.ToArray());
        values.Clear();
        foreach (float[] shown in _group.Shown.Cast<float[]>())
            for (int i = 0; i < values.Length; i++)
                values[i] += shown[i];
        Meet();
    }

    public void Broadcast(Span<byte> bytes, int root)
    {
        Show(bytes.ToArray());
        ((byte[])_group.Shown[root]).CopyTo(bytes);
        Meet();
    }

    public void Gather(ReadOnlySpan<byte> own, Span<byte> all)
    {
        Show(own.ToArray());
        for (int rank = 0; rank < Size; rank++)
            ((byte[])_group.Shown[rank]).CopyTo(all[(rank * own.Length)..]);
        Meet();
    }

    public void Abort(int exitCode) => _group.Ended.Cancel();

    public void Dispose()
    {
    }

    private void Show(Array values)
    {
        _group.Shown[Rank] = values;
        Meet();
    }

    private void Meet() =>
        Assert.True(_group.Meeting.SignalAndWait((int)Longest.TotalMilliseconds, _group.Ended.Token), "a rank does not come");

    private sealed class Group(int size) : IDisposable
    {
        public Array[] Shown { get; } = new Array[size];

        public Barrier Meeting { get; } = new(size);

        public CancellationTokenSource Ended { get; } = new();

        public void Dispose()
        {
            Meeting.Dispose();
            Ended.Dispose();
        }
    }
}
