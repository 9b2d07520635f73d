using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// The meetings of teams that share the units of streams. Each unit depends on all units of the time step before, so these teams meet
/// between time steps. Streams depend on no other streams, so no other teams take part; a team that has all units meets nobody.
/// </summary>
public readonly struct TimeStepMeeting
{
    private readonly ArrayView<int> _status;
    private readonly int _word, _met, _teams;

    /// <summary>The next meetings of a team.</summary>
    /// <param name="status">The words of <see cref="StepStatus"/>.</param>
    /// <param name="grid">How the states are divided into blocks.</param>
    /// <param name="team">The team, which may have no block.</param>
    /// <param name="met">How often the teams have met since the host cleared the status.</param>
    public TimeStepMeeting(ArrayView<int> status, BlockGrid grid, int team, int met)
        : this(status, StepStatus.TimeStepsOf(team / grid.Columns), met, team < grid.Count ? grid.Columns : 1)
    {
    }

    private TimeStepMeeting(ArrayView<int> status, int word, int met, int teams) =>
        (_status, _word, _met, _teams) = (status, word, met, teams);

    /// <summary>The meetings that follow so many of these.</summary>
    public TimeStepMeeting After(int meetings) => new(_status, _word, _met + meetings, _teams);

    /// <summary>Waits for the teams that have other units of the same streams, if there are any.</summary>
    /// <param name="before">How many of these meetings have been.</param>
    public void Meet(int before)
    {
        if (_teams > 1)
            Team.MeetSideBySide(_status, _word, _met + before, _teams);
    }

    /// <summary>
    /// The same in the group body of a primitive. ILGPU 1.5.3 leaves out what a primitive calls that another one calls within a third, and
    /// so would the barriers be.
    /// </summary>
    internal void MeetOnGroup(int before)
    {
        if (_teams > 1)
            Team.MeetSideBySideOnGroup(_status, _word, _met + before, _teams);
    }

    /// <summary>Meets the others between so many time steps, in which this team has nothing to compute.</summary>
    public void MeetBetween(int steps)
    {
        for (int before = 0; before < steps - 1; before++)
            Meet(before);
    }
}
