using System.Runtime.InteropServices;
using CharRnn.Gpu.Execution;
using CharRnn.Training;

namespace CharRnn.Gpu.Distribution;

/// <summary>What the first rank tells the others to do.</summary>
public enum RankTask
{
    /// <summary>To wait on: the first rank is alive and busy.</summary>
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

    /// <summary>To end.</summary>
    End,
}

/// <summary>
/// How the first rank leads the others: it tells them each task, and all of them do it together. Between tasks it lets them know that it
/// is alive, so that ranks that hear nothing can tell a busy rank from one that stands still.
/// </summary>
public sealed class RankChannel : IDisposable
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly Timer? _heartbeat;
    private bool _hasEnded;

    /// <param name="ranks">The ranks; owned.</param>
    public RankChannel(ICollective ranks)
    {
        Ranks = ranks;
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
    public RankTask Next()
    {
        int task;
        do
        {
            task = 0;
            Ranks.Broadcast(MemoryMarshal.AsBytes(new Span<int>(ref task)), 0);
        }
        while (task == (int)RankTask.Wait);

        IsBusy = task != (int)RankTask.End;
        return (RankTask)task;
    }

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

    private void Announce(RankTask task)
    {
        int number = (int)task;
        Ranks.Broadcast(MemoryMarshal.AsBytes(new Span<int>(ref number)), 0);
    }

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
