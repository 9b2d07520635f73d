using CharRnn.Gpu.Devices;
using CharRnn.Training;

namespace CharRnn.Gpu.Distribution;

/// <summary>A rank that does what the first rank tells it.</summary>
public static class RankFollower
{
    /// <summary>Follows the first rank to its end.</summary>
    /// <param name="channel">The ranks.</param>
    /// <param name="open">Opens and checks a device for a setup, with this number of workers if it is the CPU.</param>
    /// <param name="stop">Makes all ranks save and stop, as a stop of the first rank does.</param>
    public static void Run(RankChannel channel, Func<RankSetup, DeviceSelection, int, ComputeDevice> open, CancellationToken stop)
    {
        ICollective ranks = channel.Ranks;
        RankEngine? rank = null;
        try
        {
            for (RankTask task = channel.Next(stop); task != RankTask.End; task = channel.Next(stop))
                switch (task)
                {
                    case RankTask.Open:
                        rank = RankEngine.Open(ranks, null, null, null, open).Rank;
                        break;
                    case RankTask.Steps:
                        RankWork.Steps(rank!.Engine, ranks, [], () => stop.IsCancellationRequested);
                        break;
                    case RankTask.Evaluate:
                        RankWork.Evaluate(rank!.Engine, ranks, null, CancellationToken.None);
                        break;
                    case RankTask.ReadState:
                        RankWork.States(rank!.Engine, ranks);
                        break;
                    default:
                        RankWork.Restore(rank!.Engine, ranks, null);
                        break;
                }
        }
        finally
        {
            rank?.Dispose();
        }
    }
}
