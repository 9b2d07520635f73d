using CharRnn.Gpu.Execution;
using CharRnn.Training;

namespace CharRnn.Gpu.Distribution;

/// <summary>What the first rank tells the others to do.</summary>
public enum RankTask
{
    /// <summary>To wait on: the first rank is alive and busy. Of another rank, that it waits.</summary>
    Wait,

    /// <summary>To open a device and an engine, as <see cref="RankFollower"/> does.</summary>
    Open,

    /// <summary>To run steps: <see cref="TrainingEngine.RunShared"/>.</summary>
    Steps,

    /// <summary>To measure the model on a text.</summary>
    Evaluate,

    /// <summary>To give the carried state.</summary>
    ReadState,

    /// <summary>To set the engine to another state.</summary>
    Restore,

    /// <summary>To end. Of another rank, that it wants to.</summary>
    End,
}

/// <summary>
/// How the first rank leads the others: it tells them each task, and all of them do it together. Between tasks, too, they exchange
/// messages, so that a rank that hears nothing can tell a busy rank from one that stands still, and the first one hears who wants to stop.
/// </summary>
public sealed class RankChannel : IDisposable
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(0.5);

    private readonly Lock _gate = new();
    private readonly Timer? _heartbeat;
    private readonly Action _stop;
    private bool _hasEnded;

    /// <param name="ranks">The ranks; owned.</param>
    /// <param name="stop">Is called on the first rank if another one wants to stop.</param>
    public RankChannel(ICollective ranks, Action stop)
    {
        (Ranks, _stop) = (ranks, stop);
        if (ranks.Leads)
            _heartbeat = new Timer(_ => Beat(), null, Heartbeat, Heartbeat);
    }

    /// <summary>The ranks.</summary>
    public ICollective Ranks { get; }

    /// <summary>Whether this rank has a task, or waits for the next one, so that the others cannot go on without it.</summary>
    public bool IsBusy { get; private set; }

    /// <summary>Does a task together with the other ranks, on the first rank.</summary>
    /// <param name="task">The task.</param>
    /// <param name="work">This rank's part of it.</param>
    public T Lead<T>(RankTask task, Func<T> work)
    {
        using Lock.Scope held = _gate.EnterScope();
        IsBusy = true;
        Announce(task);
        T result = work();
        IsBusy = false;
        return result;
    }

    /// <summary>Hears, on the other ranks, which task is next.</summary>
    /// <param name="stop">The wish of this rank that all stop.</param>
    public RankTask Next(CancellationToken stop)
    {
        RankTask task;
        do
            task = Exchange(stop.IsCancellationRequested ? RankTask.End : RankTask.Wait)[0];
        while (task == RankTask.Wait);

        IsBusy = task != RankTask.End;
        return task;
    }

    /// <summary>Makes the first rank stop as a wish of its own does.</summary>
    public void Stop() => _stop();

    /// <summary>
    /// Ends all ranks: in good order between tasks, and at once in the middle of one, which the others cannot end without this rank.
    /// </summary>
    public void Dispose()
    {
        _heartbeat?.Dispose();
        using Lock.Scope held = _gate.EnterScope();
        if (IsBusy)
            Ranks.Abort(1);
        if (_hasEnded)
            return;
        _hasEnded = true;
        if (Ranks.Leads)
            Announce(RankTask.End);
        Ranks.Dispose();
    }

    /// <summary>Tells the other ranks the next task, and hears which of them want to end.</summary>
    private void Announce(RankTask task)
    {
        if (Exchange(task).Skip(1).Contains(RankTask.End))
            Stop();
    }

    private RankTask[] Exchange(RankTask own) => Ranks.GatherValues(own);

    private void Beat()
    {
        if (!_gate.TryEnter())
            return;
        try
        {
            if (!_hasEnded && !IsBusy)
                Announce(RankTask.Wait);
        }
        catch (CharRnnException)
        {
            // The next task says what is wrong.
        }
        finally
        {
            _gate.Exit();
        }
    }
}
