using System.Diagnostics;
using System.Globalization;
using CharRnn.Distributed;
using CharRnn.Training;

namespace CharRnn.Gpu.Benchmarks;

/// <summary>
/// The time of a sum over the ranks that <c>mpirun</c> started, for messages of several sizes, beside the library's own sum.
/// </summary>
internal static class RankSums
{
    // A round is as many sums as take about a tenth of a second, and the median of the rounds counts.
    private const int Rounds = 21;
    private const double SecondsOfRound = 0.1;

    public static int Run()
    {
        using var ranks = MpiRanks.Join(MpiLauncher.Found ?? MpiLauncher.Unknown, Console.Error.WriteLine, Environment.Exit);
        foreach (int bytes in (int[])[4_000, 100_000, 400_000, 1_000_000, 4_000_000, 8_000_000, 40_000_000])
        {
            float[] values = new float[bytes / sizeof(float)];
            (double own, double library) = (Median(ranks.Sum), Median(ranks.SumByLibrary));
            if (ranks.Rank == 0)
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{ranks.Size} ranks, {bytes / 1e6,7:0.###} MB: {own * 1e6,9:N0} us, {bytes / own / 1e9:0.00} GB/s; "
                    + $"MPI_Allreduce {library * 1e6,9:N0} us, {bytes / library / 1e9:0.00} GB/s"));

            double Median(Action<Span<float>> sum)
            {
                int calls = ranks.GatherValues(Math.Max(3, (int)(SecondsOfRound / Seconds(sum, 5))))[0];
                return Enumerable.Range(0, Rounds).Select(_ => Seconds(sum, calls)).Order().ElementAt(Rounds / 2);
            }

            double Seconds(Action<Span<float>> sum, int count)
            {
                long started = Stopwatch.GetTimestamp();
                for (int i = 0; i < count; i++)
                    sum(values);
                return Stopwatch.GetElapsedTime(started).TotalSeconds / count;
            }
        }

        return 0;
    }
}
