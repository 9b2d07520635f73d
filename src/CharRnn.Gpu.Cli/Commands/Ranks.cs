using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using CharRnn.Distributed;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Distribution;
using CharRnn.Gpu.Verification;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>Whether a training looks for other processes to train with.</summary>
internal enum RankSearch
{
    /// <summary>If a launcher of MPI started this process.</summary>
    Auto,

    /// <summary>Always; it is an error if there is none.</summary>
    Mpi,

    /// <summary>Never.</summary>
    None,
}

/// <summary>The processes that train one model together, where a launcher of MPI started several.</summary>
internal static class Ranks
{
    /// <summary>The option's name.</summary>
    public const string Name = "--ranks";

    // By how much later each further rank speaks of what is wrong with it, so that the first one of several can end the others.
    private static readonly TimeSpan LaterPerRank = TimeSpan.FromSeconds(2), LatestAtAll = TimeSpan.FromSeconds(20);

    private static bool s_hasJoined;

    /// <summary>The option that says whether to look for other ranks.</summary>
    public static Option<Choice<RankSearch>> CreateOption() => SharedOptions.OneOf(
        Name,
        "Whether the processes that mpirun or srun started train one model together; auto finds out, none lets each train alone.",
        RankSearch.Auto);

    /// <summary>Whether this process is a rank for which another one speaks.</summary>
    /// <param name="args">The command line.</param>
    public static bool IsSilent(string[] args) => (MayJoin(args) || args is ["mlp", "train", ..]) && MpiLauncher.Found is { Rank: > 0 };

    /// <summary>
    /// Whether this process does what the first rank says, which alone reads the command line and the files that it names.
    /// </summary>
    /// <param name="args">The command line.</param>
    public static bool Follows(string[] args) =>
        MayJoin(args) && IsSilent(args) && !args.Intersect(["--help", "-h", "/h", "-?", "/?"]).Any();

    /// <summary>Follows the first rank.</summary>
    /// <returns>The exit code.</returns>
    public static int Follow() => Run(
        MpiLauncher.Found!,
        _ =>
        {
            Output.IsSilent = false; // the first rank has not joined this one, and trains alone
            throw new CharRnnException(
                "MPI", "the library sees one rank alone", $"name the library of the launcher in {MpiRanks.LibraryVariable}");
        },
        Interrupts.Watch());

    /// <summary>
    /// Ends the ranks that wait for this one, which ends before it has joined them. Open MPI does so by itself; others do where one was
    /// killed.
    /// </summary>
    public static void EndThoseThatWait()
    {
        if (!s_hasJoined && MpiLauncher.Found is { EndsOthers: false, Size: not 1 })
            Process.GetCurrentProcess().Kill();
    }

    /// <summary>Whether a command line is of a training that may join others.</summary>
    /// <param name="args">The command line.</param>
    public static bool MayJoin(string[] args) =>
        args is ["train", ..] && !args.Zip(args.Skip(1)).Contains((Name, "none"))
        && !args.Any(arg => arg is $"{Name}=none" or $"{Name}:none");

    /// <summary>Refuses to train several times over what one process trains.</summary>
    /// <param name="verb">The name of the verb.</param>
    /// <exception cref="CharRnnException">A launcher started several processes.</exception>
    public static void RequireAlone(string verb)
    {
        if (MpiLauncher.Found is { Size: > 1 and var size })
            throw new CharRnnException(
                verb, string.Create(CultureInfo.InvariantCulture, $"trains in one process, and {size} were started"),
                "start it without mpirun or srun");
    }

    /// <summary>
    /// Keeps the text that a launcher forwards free of a terminal's codes: Open MPI gives each rank a terminal, and passes on what is
    /// written there to wherever its own output goes.
    /// </summary>
    public static void ForwardPlainText()
    {
        if (MpiLauncher.Found is not null)
            Environment.SetEnvironmentVariable("TERM", "dumb");
    }

    /// <summary>Trains alone, or leads other ranks, or follows the one that leads.</summary>
    /// <param name="search">Whether to look for other ranks.</param>
    /// <param name="train">Trains, with other ranks if there are any, and returns the exit code.</param>
    /// <param name="stop">The wish to stop.</param>
    public static int Run(RankSearch search, Func<RankChannel?, int> train, CancellationToken stop)
    {
        MpiLauncher? launcher = search == RankSearch.None ? null
            : MpiLauncher.Found ?? (search == RankSearch.Mpi ? MpiLauncher.Unknown : null);
        if (launcher is null || (launcher.Size == 1 && search == RankSearch.Auto))
            return train(null);
        return Run(launcher, ranks => ranks is null && search == RankSearch.Mpi ? throw Alone() : train(ranks), stop);
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // what it needs is loaded only where there are ranks
    private static int Run(MpiLauncher launcher, Func<RankChannel?, int> train, CancellationToken stop)
    {
        MpiRanks joined = Join(launcher, stop);
        if (joined.Size == 1)
        {
            joined.Dispose();
            return train(null);
        }

        try
        {
            RequireSameVersion(joined); // before a channel lets the ranks hear from the first one at any time
        }
        catch (CharRnnException)
        {
            joined.Dispose();
            throw;
        }

        using var channel = new RankChannel(joined, () => Interrupts.Stop(Interrupts.TerminatedExitCode));
        try
        {
            if (!joined.Leads)
            {
                RankFollower.Run(channel, (setup, selection, workers) => Open(joined, setup, selection, workers), stop);
                return 0;
            }

            if (!Output.IsQuiet)
                Output.Note(string.Create(CultureInfo.InvariantCulture, $"ranks: {joined.Size}, joined by {joined.Version}"));
            return train(channel);
        }
        catch (Exception e) when (channel.IsBusy)
        {
            // The others wait for this rank in the middle of a task, and would for ever.
            Speak(() => Output.Error($"rank {joined.Rank} on {Environment.MachineName}: {Failure.Describe(e)}"));
            if (Output.IsVerbose)
                Speak(() => Output.Note(e.ToString()));
            joined.Abort(1);
            throw;
        }
    }

    /// <summary>Joins the other ranks. If several fail to, it is the first of them that says so.</summary>
    private static MpiRanks Join(MpiLauncher launcher, CancellationToken stop)
    {
        try
        {
            // The library hears no signal while it waits for the others, and nothing has been done that could be saved.
            using CancellationTokenRegistration ending = stop.Register(() => End(Interrupts.ExitCode));
            var ranks = MpiRanks.Join(launcher, warning => Speak(() => Output.Error(warning)), End);
            s_hasJoined = true;
            return ranks;
        }
        catch (CharRnnException)
        {
            // The others end when the first of these has ended; of many, the last ones speak together.
            TimeSpan later = Output.ForAnother + (LaterPerRank * launcher.Rank);
            Output.IsSilent = Output.IsSilent && stop.WaitHandle.WaitOne(later < LatestAtAll ? later : LatestAtAll);
            throw;
        }
    }

    private static void End(int exitCode)
    {
        EndThoseThatWait();
        Environment.Exit(exitCode);
    }

    private static CharRnnException Alone() => new(
        Name, "is given, and there is one rank alone", "start several with mpirun -np N, or leave it out");

    private static void RequireSameVersion(MpiRanks ranks)
    {
        ulong[] versions = ranks.GatherValues(XxHash3.HashToUInt64(MemoryMarshal.AsBytes(VersionAction.Version.AsSpan())));
        int other = Array.FindIndex(versions, version => version != versions[0]);
        if (other > 0)
            throw new CharRnnException(
                string.Create(CultureInfo.InvariantCulture, $"rank {other}"),
                $"runs another version than rank 0, which has {VersionAction.Version}", "install the same on all machines");
    }

    /// <summary>Checks a device before ranks train on it.</summary>
    /// <returns>What is wrong; null if nothing is.</returns>
    public static string? Check(ComputeDevice device, RankSetup setup, ICollective ranks)
    {
        int streams = StreamShare.Of(setup.Step.BatchSize, ranks.Rank, ranks.Size).Count;
        return DeviceVerification.QuickCheck(device, setup.Shape, setup.Step with { BatchSize = streams }, isShared: true);
    }

    // With profiling, because the gradient's launches are marked.
    private static ComputeDevice Open(MpiRanks ranks, RankSetup setup, DeviceSelection selection, int workers) =>
        selection.Open(opened => Check(opened, setup, ranks), Output.Warning, profiling: true, workers: workers);

    /// <summary>Says something on a rank for which another one speaks otherwise.</summary>
    private static void Speak(Action say)
    {
        Output.IsSilent = false;
        say();
    }
}
