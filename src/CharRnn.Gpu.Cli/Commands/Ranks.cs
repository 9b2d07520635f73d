using System.CommandLine;
using System.Globalization;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using CharRnn.Distributed;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Distribution;
using CharRnn.Gpu.Verification;
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
    private const string Name = "--ranks";

    /// <summary>The option that says whether to look for other ranks.</summary>
    public static Option<Choice<RankSearch>> CreateOption() => SharedOptions.OneOf(
        Name,
        "Whether the processes that mpirun or srun started train one model together; auto finds out, none lets each train alone.",
        RankSearch.Auto);

    /// <summary>Whether this process is a rank for which another one speaks.</summary>
    /// <param name="args">The command line.</param>
    public static bool IsSilent(string[] args) =>
        args is ["train", ..] && MpiLauncher.Found is { Rank: > 0 } && !args.Zip(args.Skip(1)).Contains((Name, "none"));

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
        return launcher is null || (launcher.Size == 1 && search == RankSearch.Auto) ? train(null) : Run(launcher, train, stop);
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // what it needs is loaded only where there are ranks
    private static int Run(MpiLauncher launcher, Func<RankChannel?, int> train, CancellationToken stop)
    {
        var joined = MpiRanks.Join(launcher, warning => Speak(() => Output.Error(warning)));
        try
        {
            RequireRanks(joined); // before a channel lets the ranks hear from the first one at any time
        }
        catch (CharRnnException)
        {
            joined.Dispose();
            throw;
        }

        using var channel = new RankChannel(joined);
        try
        {
            if (!joined.Leads)
            {
                RankFollower.Run(channel, Open, stop);
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

    private static void RequireRanks(MpiRanks ranks)
    {
        if (ranks.Size == 1)
            throw new CharRnnException(Name, "is given, and there is one rank alone", "start several with mpirun -np N, or leave it out");
        ulong[] versions = ranks.GatherValues(XxHash3.HashToUInt64(MemoryMarshal.AsBytes(VersionAction.Version.AsSpan())));
        int other = Array.FindIndex(versions, version => version != versions[0]);
        if (other > 0)
            throw new CharRnnException(
                string.Create(CultureInfo.InvariantCulture, $"rank {other}"),
                $"runs another version than rank 0, which has {VersionAction.Version}", "install the same on all machines");
    }

    private static ComputeDevice Open(RankSetup setup, DeviceSelection selection, int workers) => selection.Open(
        device => DeviceVerification.QuickCheck(device, setup.Shape, setup.Step), Output.Warning, workers: workers);

    /// <summary>Says something on a rank for which another one speaks otherwise.</summary>
    private static void Speak(Action say)
    {
        Output.IsSilent = false;
        say();
    }
}
