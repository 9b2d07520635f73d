namespace CharRnn.Gpu.Execution;

/// <summary>What a call of an engine does: by several teams or by one, and how long its steps are believed to take.</summary>
/// <param name="MaxSteps">As many steps as the figure may be trusted for.</param>
/// <param name="SecondsPerStep">The figure.</param>
/// <param name="Alone">Whether one team stands in for several.</param>
internal readonly record struct Turn(int MaxSteps, double SecondsPerStep, bool Alone);

/// <summary>
/// Chooses, call by call, between several teams and one alone: workers who wait for each other stand still where another
/// program takes one of their cores, and gain nothing where two cores are one in truth. The result is the same either way.
/// </summary>
/// <param name="guess">Seconds per step, before any was measured.</param>
internal sealed class Pace(double guess)
{
    // Both ways are measured alternately at first, four times each: the first waits for the compiler, which makes the second
    // short; from the third on they are as long as a probe may be.
    private const int FirstCalls = 8;

    // Steps of a way whose figure is unknown or old, at most: it may be many times slower by now.
    private const int MaxProbeSteps = 32;
    private const double ProbeSeconds = 0.01;

    // The slower way is measured again when the faster one has taken so many times as long as that will. Several teams may be
    // faster than one by their number, as soon as nobody else uses the cores; one that gets faster than several has gained
    // nothing that those have not, and those that get slower show it themselves.
    private const double UsefulPerProbeAlone = 32, UsefulPerProbeTogether = 256;

    // How much of a figure a slower one replaces: a call may have been disturbed. A faster one replaces it all: nothing
    // makes a call faster than it is.
    private const double Weight = 0.4;

    private readonly double[] _secondsPerStep = [double.NaN, double.NaN];
    private int _calls;
    private double _usefulSeconds;

    /// <summary>The next call.</summary>
    /// <param name="teamsWait">Whether there are several teams that wait for each other, so that one alone may be faster.</param>
    public Turn Next(bool teamsWait)
    {
        if (!teamsWait)
            return new Turn(int.MaxValue, Known(0), false);

        int better = _secondsPerStep[1] < _secondsPerStep[0] ? 1 : 0, other = 1 - better;
        double useful = better == 1 ? UsefulPerProbeAlone : UsefulPerProbeTogether;
        bool first = _calls < FirstCalls;
        int way = first ? _calls % 2 : _usefulSeconds > useful * ProbeSteps(other) * Known(other) ? other : better;
        bool probe = first || way == other;
        _calls++;
        if (probe)
            _usefulSeconds = 0;
        return new Turn(probe ? ProbeSteps(way) : int.MaxValue, Known(way), way == 1);
    }

    /// <summary>What a call took.</summary>
    public void Measured(Turn turn, int steps, double seconds)
    {
        double perStep = Math.Max(1e-7, seconds / steps);
        ref double known = ref _secondsPerStep[turn.Alone ? 1 : 0];
        known = perStep > known ? known + (Weight * (perStep - known)) : perStep;
        _usefulSeconds += seconds;
    }

    private int ProbeSteps(int way) => (int)Math.Clamp(ProbeSeconds / Known(way), 1, MaxProbeSteps);

    private double Known(int way) => double.IsNaN(_secondsPerStep[way]) ? guess : _secondsPerStep[way];
}
