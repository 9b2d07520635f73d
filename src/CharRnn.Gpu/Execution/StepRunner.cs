using System.Diagnostics;
using CharRnn.Gpu.Devices;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// Decides how many steps a call of an engine runs: as many as fit into a tenth of a second at the measured pace. Their number never
/// changes a result.
/// </summary>
/// <param name="guess">The seconds per step that are assumed before any step was measured.</param>
internal sealed class StepRunner(double guess)
{
    /// <summary>The most steps of a call, whose losses and rates lie on the device at once.</summary>
    public const int MaxSteps = 8192;

    /// <summary>How long a call shall take.</summary>
    public const double SecondsPerCall = 0.1;

    // The GPU drivers of desktops stop a kernel that runs for seconds.
    private const double SecondsPerGpuLaunch = 0.025;

    private readonly Pace _pace = new(guess);
    private long _started;

    /// <summary>The error of a call that follows one whose last step was not finite.</summary>
    public static CharRnnException Diverged =>
        new("training", "has diverged: the next step is not finite", "restore an earlier state, or start anew, with a lower learning rate");

    /// <summary>Begins a call.</summary>
    /// <param name="teamsWait">See <see cref="Pace.Next"/>.</param>
    /// <param name="maxSteps">The most steps that the caller wants, at least 1.</param>
    /// <param name="most">The most steps of this call.</param>
    public Turn Begin(bool teamsWait, long maxSteps, out int most)
    {
        Turn turn = _pace.Next(teamsWait);
        most = (int)Math.Min(Math.Min(maxSteps, turn.MaxSteps), Math.Clamp((long)(SecondsPerCall / turn.SecondsPerStep), 1, MaxSteps));
        return turn;
    }

    /// <summary>The most steps of a launch that runs many steps.</summary>
    public static long StepsOfLaunch(Turn turn, DeviceKind kind) =>
        Math.Max(1, (long)((kind == DeviceKind.Cpu ? SecondsPerCall : SecondsPerGpuLaunch) / turn.SecondsPerStep));

    /// <summary>Launches steps until all steps of the call are launched, or its time is up.</summary>
    /// <param name="most">The most steps of this call.</param>
    /// <param name="launch">Launches some steps, given those launched before and the most to launch, and returns their number.</param>
    /// <returns>The number of steps that were launched, at least 1.</returns>
    public int Launch(int most, Func<int, int, int> launch)
    {
        _started = Stopwatch.GetTimestamp();
        int steps = 0;
        do
            steps += launch(steps, most - steps);
        while (steps < most && !IsOverdue);
        return steps;
    }

    /// <summary>Whether the call has taken twice the time that it should.</summary>
    public bool IsOverdue => Stopwatch.GetElapsedTime(_started).TotalSeconds >= 2 * SecondsPerCall;

    /// <summary>Ends a call, after its results were read and so all its steps are done, and measures the pace.</summary>
    public void End(Turn turn, int steps) => _pace.Measured(turn, steps, Stopwatch.GetElapsedTime(_started).TotalSeconds);
}
