using System.Diagnostics;
using CharRnn.Gpu.Devices;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// The steps of an engine's calls: as many as a tenth of a second has room for, at the pace that was measured. How many that are
/// never changes a result.
/// </summary>
/// <param name="guess">Seconds per step, before any was measured.</param>
internal sealed class StepRunner(double guess)
{
    /// <summary>The most steps of a call, whose losses and rates lie on the device at once.</summary>
    public const int MaxSteps = 8192;

    private const double SecondsPerCall = 0.1;

    // GPU drivers of desktops stop a kernel that runs for seconds.
    private const double SecondsPerGpuLaunch = 0.025;

    private readonly Pace _pace = new(guess);
    private long _started;

    /// <summary>The error of a call behind one that ended with a step that is not finite.</summary>
    public static CharRnnException Diverged =>
        new("training", "has diverged: the next step is not finite", "restore an earlier state, or start anew, with a lower learning rate");

    /// <summary>Begins a call.</summary>
    /// <param name="teamsWait">See <see cref="Pace.Next"/>.</param>
    /// <param name="maxSteps">The most steps to make, at least 1.</param>
    /// <param name="most">The most steps of this call.</param>
    public Turn Begin(bool teamsWait, long maxSteps, out int most)
    {
        Turn turn = _pace.Next(teamsWait);
        most = (int)Math.Min(Math.Min(maxSteps, turn.MaxSteps), Math.Clamp((long)(SecondsPerCall / turn.SecondsPerStep), 1, MaxSteps));
        return turn;
    }

    /// <summary>The steps of one launch of many.</summary>
    public static long StepsOfLaunch(Turn turn, DeviceKind kind) =>
        Math.Max(1, (long)((kind == DeviceKind.Cpu ? SecondsPerCall : SecondsPerGpuLaunch) / turn.SecondsPerStep));

    /// <summary>Launches until all steps of the call are made, or its time is up.</summary>
    /// <param name="most">The most steps of this call.</param>
    /// <param name="launch">Launches some steps, from so many on and at most so many, and says how many.</param>
    /// <returns>The steps that were launched.</returns>
    public int Launch(int most, Func<int, int, int> launch)
    {
        _started = Stopwatch.GetTimestamp();
        int steps = 0;
        while (steps < most && Stopwatch.GetElapsedTime(_started).TotalSeconds < 2 * SecondsPerCall)
            steps += launch(steps, most - steps);
        return steps;
    }

    /// <summary>Ends a call. Its results were read, so that all its steps are done.</summary>
    public void End(Turn turn, int steps) => _pace.Measured(turn, steps, Stopwatch.GetElapsedTime(_started).TotalSeconds);
}
