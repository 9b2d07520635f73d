using System.Diagnostics;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using CharRnn.Gpu.Devices;
using CharRnn.Training;

namespace CharRnn.Gpu.Distribution;

/// <summary>Where a rank runs, beside other ranks of the same machine.</summary>
/// <param name="LocalRank">The number of the rank among those of its machine, from 0.</param>
/// <param name="LocalRanks">The number of ranks of its machine.</param>
/// <param name="Cores">The number of its cores: those that it may use, shared out among the ranks that may use the same ones.</param>
public readonly record struct RankPlace(int LocalRank, int LocalRanks, int Cores)
{
    /// <summary>Finds the places of ranks; all of them call it together.</summary>
    public static RankPlace Find(ICollective ranks)
    {
        (ulong Machine, ulong Cores)[] places = ranks.GatherValues((Hash(Environment.MachineName), Hash(AllowedCores())));
        (ulong Machine, ulong Cores) own = places[ranks.Rank];
        int sharing = places.Count(place => place == own);
        return new(
            places.Take(ranks.Rank).Count(place => place.Machine == own.Machine), places.Count(place => place.Machine == own.Machine),
            Math.Max(1, Environment.ProcessorCount / sharing));
    }

    /// <summary>
    /// The device that a rank opens for a selection: of several GPUs the one of its number, counted round, so that a launcher may also
    /// show each rank a GPU of its own.
    /// </summary>
    public DeviceSelection DeviceOf(DeviceSelection selection)
    {
        DeviceKind kind = selection.Kind ?? DeviceSelection.AutoOrder().First().Kind;
        if (kind == DeviceKind.Cpu)
            return selection; // with auto, whoever opens it warns of GPUs that cannot be used
        int[] usable =
        [
            .. DeviceCatalog.List(kind).Where(device => device.Rejection is null).Index()
                .Where(device => selection.Kind is not null || device.Item.IsGpu).Select(device => device.Index),
        ];
        return new DeviceSelection(
            kind, selection.Index < usable.Length ? usable[(selection.Index + LocalRank) % usable.Length] : selection.Index);
    }

    /// <summary>Names the cores that this process may use, as far as the system tells.</summary>
    private static string AllowedCores()
    {
        const string line = "Cpus_allowed_list:";
        try
        {
            return OperatingSystem.IsLinux()
                ? File.ReadLines("/proc/self/status").FirstOrDefault(text => text.StartsWith(line, StringComparison.Ordinal), "")
                : OperatingSystem.IsWindows() ? Process.GetCurrentProcess().ProcessorAffinity.ToString() : "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static ulong Hash(string text) => XxHash3.HashToUInt64(MemoryMarshal.AsBytes(text.AsSpan()));
}
