using System.Globalization;

namespace CharRnn.Distributed;

/// <summary>What an MPI launcher says to each process that it starts, in the environment.</summary>
/// <param name="Rank">The number of this process among those that it started.</param>
/// <param name="Size">Their number; null if it does not say.</param>
/// <param name="Libraries">The libraries that may be its own, the likeliest first.</param>
/// <param name="EndsOthers">Whether it ends all processes when one of them has failed before it joined the others.</param>
public sealed record MpiLauncher(int Rank, int? Size, string[] Libraries, bool EndsOthers = false)
{
    private static readonly string[] s_openMpi = ["libmpi.so.40", "libmpi.40.dylib", "libmpi.so"];
    private static readonly string[] s_mpich =
        ["libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib", "libmpich.so", "libmpi.so", "msmpi.dll"];

    /// <summary>What started this process; null if that was no launcher.</summary>
    public static MpiLauncher? Found => Of(Environment.GetEnvironmentVariable);

    /// <summary>Any launcher, of ranks that say themselves which they are.</summary>
    public static MpiLauncher Unknown => new(0, null, [.. s_openMpi, .. s_mpich]);

    /// <summary>Finds a launcher by its variables.</summary>
    /// <param name="variable">The value of an environment variable.</param>
    internal static MpiLauncher? Of(Func<string, string?> variable)
    {
        int? Number(string name) => int.TryParse(variable(name), NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : null;
        return Number("OMPI_COMM_WORLD_RANK") is { } open ? new(open, Number("OMPI_COMM_WORLD_SIZE"), s_openMpi, EndsOthers: true)
            : Number("PMI_RANK") is { } mpich ? new(mpich, Number("PMI_SIZE"), [.. s_mpich, .. s_openMpi])
            : Number("PMIX_RANK") is { } other ? new(other, Number("SLURM_NTASKS"), [.. s_openMpi, .. s_mpich])
            : null;
    }
}
