namespace CharRnn.Gpu.Execution;

/// <summary>
/// Chooses, call by call, between teams that follow each other and one team alone: those stand still where another program
/// takes one of their cores, and gain nothing where two cores are one in truth. The result is the same either way.
/// </summary>
internal sealed class Pace
{
    // Both ways are measured in turn at first, and the slower one again every so often.
    private const int FirstCalls = 6, CallsPerProbe = 16;

    // How much of a figure a slower one replaces: a call may have been disturbed, or have waited for the compiler. A faster
    // one replaces it all: nothing makes a call faster than it is.
    private const double Weight = 0.4;

    private readonly double[] _secondsPerStep = [double.NaN, double.NaN];
    private int _calls;

    /// <summary>The plan of the next call.</summary>
    /// <param name="together">The plan of several teams.</param>
    public ExecutionPlan Next(ExecutionPlan together)
    {
        int call = _calls++;
        bool alone = call < FirstCalls ? call % 2 == 1 : (_secondsPerStep[1] < _secondsPerStep[0]) != (call % CallsPerProbe == 0);
        return alone ? together.Alone : together;
    }

    /// <summary>What a call took.</summary>
    public void Measured(ExecutionPlan plan, double secondsPerStep)
    {
        ref double known = ref _secondsPerStep[plan.Teams == 1 ? 1 : 0];
        known = secondsPerStep > known ? known + (Weight * (secondsPerStep - known)) : secondsPerStep;
    }
}
