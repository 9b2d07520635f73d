using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using CharRnn.Training;

namespace CharRnn.Distributed;

/// <summary>The ranks that an MPI launcher (<c>mpirun</c>, <c>srun</c>) started.</summary>
public sealed class MpiRanks : ICollective
{
    /// <summary>The environment variable that names another library than those that are looked for.</summary>
    public const string LibraryVariable = "CHARRNN_MPI_LIBRARY";

    private const int LongestText = 8192;

    // How much longer than this rank itself others may take for their part of the work. What it took is forgotten call by call, because a
    // step has several, and who waits at the last of them had all of its own work before the first.
    private const double Slowness = 3, Memory = 0.9;

    // Values that each rank adds up at once: as many as processors have a cache for. 8 MB of two ranks take half the time in pieces.
    private const int MostOfPart = 1 << 18;

    // The first rank speaks first; the others are heard only if it cannot.
    private static readonly TimeSpan DefaultPatience = TimeSpan.FromSeconds(7), LaterThanTheFirst = TimeSpan.FromSeconds(0.5),
        BetweenLooks = TimeSpan.FromSeconds(0.25), LongestWarning = TimeSpan.FromSeconds(0.5), LongestStart = TimeSpan.FromMinutes(3);

    private readonly Action<string> _warn;
    private readonly Timer _watch;

    // What each rank has of the values to sum, and of what all ranks sent to this one for its part.
    private readonly int[] _counts, _places, _partCounts, _partPlaces;
    private float[] _parts = [];
    private long _entered, _left = Stopwatch.GetTimestamp();
    private TimeSpan _own;

    // How often a wait may still be looked at; 0 where there is none. Looks are counted, and not time: a job that was suspended and goes on
    // has not lost a rank.
    private int _looksLeft;

    private MpiRanks(string version, int rank, int size, Action<string> warn)
    {
        (Version, Rank, Size, _warn) = (version, rank, size, warn);
        (_counts, _places, _partCounts, _partPlaces) = (new int[size], new int[size], new int[size], new int[size]);
        Patience = DefaultPatience;
        _watch = new Timer(_ => Look(), null, BetweenLooks, BetweenLooks);
    }

    /// <summary>The library and its version, for people.</summary>
    public string Version { get; }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <inheritdoc/>
    public TimeSpan Patience { get; set; }

    /// <summary>Joins the other ranks.</summary>
    /// <param name="launcher">What started them.</param>
    /// <param name="warn">Takes a line before ranks end because one does not answer.</param>
    /// <param name="end">Ends this rank with an exit code, if the others do not start.</param>
    /// <exception cref="CharRnnException">There is no MPI library, or it does not see the ranks that were started.</exception>
    public static MpiRanks Join(MpiLauncher launcher, Action<string> warn, Action<int> end)
    {
        string? chosen = Environment.GetEnvironmentVariable(LibraryVariable);
        string[] names = string.IsNullOrEmpty(chosen) ? launcher.Libraries : [chosen];
        string library = LibMpi.Load(names) ?? throw new CharRnnException(
            "MPI", $"no MPI library was found, of {string.Join(", ", names)}",
            $"install Open MPI or MPICH, or name its library in {LibraryVariable}");
        using Timer limit = LimitStart(launcher.Rank, warn, end);
        Check(LibMpi.MPI_Init_thread(0, 0, LibMpi.Serialized, out int provided), nameof(LibMpi.MPI_Init_thread));
        Check(LibMpi.MPI_Comm_set_errhandler(LibMpi.World, LibMpi.ErrorsReturn), nameof(LibMpi.MPI_Comm_set_errhandler));
        Check(LibMpi.MPI_Comm_rank(LibMpi.World, out int rank), nameof(LibMpi.MPI_Comm_rank));
        Check(LibMpi.MPI_Comm_size(LibMpi.World, out int size), nameof(LibMpi.MPI_Comm_size));
        if (provided < LibMpi.Serialized)
            throw new CharRnnException(library, "was built without threads", $"name another library in {LibraryVariable}");

        // The library of another MPI than the launcher's starts as many jobs of one rank, in silence.
        if (launcher.Size is { } started && started != size)
            throw new CharRnnException(
                library,
                string.Create(CultureInfo.InvariantCulture, $"sees {size} of the {started} ranks that were started"),
                $"name the library of the launcher in {LibraryVariable}");
        byte[] text = new byte[LongestText];
        Check(LibMpi.MPI_Get_library_version(ref text[0], out int length), nameof(LibMpi.MPI_Get_library_version));

        // "Open MPI v4.1.4, package: …" and "MPICH Version:\t4.0.2\nMPICH Release date: …"
        string version = Encoding.UTF8.GetString(text, 0, length).Split('\n', ',')[0].Replace(" Version:\t", " ", StringComparison.Ordinal);
        return new MpiRanks(version.Trim('\0', ' '), rank, size, warn);
    }

    /// <inheritdoc/>
    public void Sum(Span<float> values)
    {
        int atOnce = (int)Math.Min(values.Length, (long)MostOfPart * Size);
        for (int begin = 0; begin < values.Length; begin += atOnce)
            SumAtOnce(values.Slice(begin, Math.Min(atOnce, values.Length - begin)));
    }

    /// <summary>Sums as <see cref="Sum"/> does, but in the library's own way and order; benchmarks compare the two.</summary>
    internal void SumByLibrary(Span<float> values)
    {
        Enter();
        Check(
            LibMpi.MPI_Allreduce(
                LibMpi.InPlace, ref MemoryMarshal.GetReference(values), values.Length, LibMpi.Float, LibMpi.AddUp, LibMpi.World),
            nameof(LibMpi.MPI_Allreduce));
        Leave();
    }

    /// <inheritdoc/>
    public void Broadcast(Span<byte> bytes, int root)
    {
        Enter();
        Check(
            LibMpi.MPI_Bcast(ref MemoryMarshal.GetReference(bytes), bytes.Length, LibMpi.Byte, root, LibMpi.World),
            nameof(LibMpi.MPI_Bcast));
        Leave();
    }

    /// <inheritdoc/>
    public void Gather(ReadOnlySpan<byte> own, Span<byte> all)
    {
        Enter();
        Check(
            LibMpi.MPI_Allgather(
                ref MemoryMarshal.GetReference(own), own.Length, LibMpi.Byte, ref MemoryMarshal.GetReference(all), own.Length, LibMpi.Byte,
                LibMpi.World),
            nameof(LibMpi.MPI_Allgather));
        Leave();
    }

    /// <inheritdoc/>
    public void Abort(int exitCode)
    {
        _ = LibMpi.MPI_Abort(LibMpi.World, exitCode);
        Environment.Exit(exitCode);
    }

    /// <summary>Leaves the other ranks, which must do so, too.</summary>
    public void Dispose()
    {
        Enter();
        Check(LibMpi.MPI_Finalize(), nameof(LibMpi.MPI_Finalize));
        Leave();
        _watch.Dispose();
    }

    /// <summary>Ends this rank if the others have not started in time. The library would wait for ever.</summary>
    private static Timer LimitStart(int rank, Action<string> warn, Action<int> end) => new(
        _ =>
        {
            Warn(warn, string.Create(
                CultureInfo.InvariantCulture,
                $"rank {rank} on {Environment.MachineName}: not all ranks have started in {LongestStart.TotalSeconds:F0} s; "
                    + $"see whether the machines can reach each other"));
            end(1);
        },
        null, rank == 0 ? LongestStart : LongestStart + LaterThanTheFirst, Timeout.InfiniteTimeSpan);

    // A stderr that takes nothing must not hold the end.
    private static void Warn(Action<string> warn, string text) => Task.Run(() => warn(text)).Wait(LongestWarning);

    private void SumAtOnce(Span<float> values)
    {
        // The library's own sums are the same on every rank, but depend on the library, its settings and the sizes. Here each rank gets the
        // others' values of its part, adds them in order, and gives its sums to all.
        Divide(values.Length);
        int own = _counts[Rank];
        Enter();
        Check(
            LibMpi.MPI_Alltoallv(
                ref MemoryMarshal.GetReference(values), _counts, _places, LibMpi.Float, ref MemoryMarshal.GetArrayDataReference(_parts),
                _partCounts, _partPlaces, LibMpi.Float, LibMpi.World),
            nameof(LibMpi.MPI_Alltoallv));
        Leave();
        Span<float> sums = values.Slice(_places[Rank], own);
        _parts.AsSpan(0, own).CopyTo(sums);
        for (int rank = 1; rank < Size; rank++)
            Add(sums, _parts.AsSpan(rank * own, own));
        Enter();
        Check(
            LibMpi.MPI_Allgatherv(
                LibMpi.InPlace, 0, LibMpi.Float, ref MemoryMarshal.GetReference(values), _counts, _places, LibMpi.Float, LibMpi.World),
            nameof(LibMpi.MPI_Allgatherv));
        Leave();
    }

    /// <summary>Adds values to sums.</summary>
    private static void Add(Span<float> sums, ReadOnlySpan<float> values)
    {
        Span<Vector<float>> wide = MemoryMarshal.Cast<float, Vector<float>>(sums);
        ReadOnlySpan<Vector<float>> more = MemoryMarshal.Cast<float, Vector<float>>(values);
        for (int i = 0; i < wide.Length; i++)
            wide[i] += more[i];
        for (int i = wide.Length * Vector<float>.Count; i < sums.Length; i++)
            sums[i] += values[i];
    }

    private static void Check(int error, string call)
    {
        if (error == 0)
            return;
        byte[] text = new byte[LongestText];
        string reason = LibMpi.MPI_Error_string(error, ref text[0], out int length) == 0
            ? Encoding.UTF8.GetString(text, 0, length).TrimEnd('\0')
            : string.Create(CultureInfo.InvariantCulture, $"error {error}");
        throw new CharRnnException("MPI", $"{call} failed ({reason})", "check the network between the machines; what was saved is whole");
    }

    /// <summary>Divides values among the ranks.</summary>
    private void Divide(int length)
    {
        int Begin(int rank) => (int)((long)length * rank / Size);
        int own = Begin(Rank + 1) - Begin(Rank);
        for (int rank = 0; rank < Size; rank++)
        {
            (_places[rank], _counts[rank]) = (Begin(rank), Begin(rank + 1) - Begin(rank));
            (_partPlaces[rank], _partCounts[rank]) = (rank * own, own);
        }

        if (_parts.Length < own * Size)
            _parts = new float[own * Size];
    }

    /// <summary>Begins to wait for other ranks, which may take as long as this one did since the last time, and somewhat more.</summary>
    private void Enter()
    {
        _entered = Stopwatch.GetTimestamp();
        TimeSpan own = Stopwatch.GetElapsedTime(_left, _entered);
        _own = own > Memory * _own ? own : Memory * _own;
        TimeSpan most = Patience + (Slowness * _own);
        if (Rank > 0)
            most += LaterThanTheFirst;
        Volatile.Write(ref _looksLeft, (int)Math.Min(int.MaxValue, most / BetweenLooks));
    }

    private void Leave()
    {
        Volatile.Write(ref _looksLeft, 0);
        _left = Stopwatch.GetTimestamp();
    }

    /// <summary>Ends all ranks if one of them has not answered in time. The call that waits for it never returns.</summary>
    private void Look()
    {
        int left = Volatile.Read(ref _looksLeft);
        if (left == 0 || Interlocked.CompareExchange(ref _looksLeft, left - 1, left) != left || left > 1)
            return; // nobody waits, the wait is over, or it may go on

        Warn(_warn, string.Create(
            CultureInfo.InvariantCulture,
            $"rank {Rank} on {Environment.MachineName}: another rank has not answered for "
                + $"{Stopwatch.GetElapsedTime(_entered).TotalSeconds:F0} s, so all end; what was saved is whole: go on with --resume"));
        Abort(1);
    }
}
