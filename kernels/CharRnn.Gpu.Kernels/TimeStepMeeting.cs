using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>
/// The meetings of teams that share the units of streams. Each unit depends on all units of the time step before, so these teams meet
/// between time steps. Streams depend on no other streams, so no other teams take part.
/// </summary>
internal static class TimeStepMeeting
{
    /// <summary>The number of time steps that a team computes before it meets others, of so many.</summary>
    public static int StepsBetween(BlockGrid grid, int steps) => grid.Columns > 1 ? 1 : steps;

    /// <summary>Waits for the teams that have other units of the same streams, if there are any.</summary>
    /// <param name="status">The words of <see cref="StepStatus"/>.</param>
    /// <param name="grid">How the states are divided into blocks.</param>
    /// <param name="team">This team, which may have no block.</param>
    /// <param name="met">How often the teams have met since the host cleared the status.</param>
    /// <returns>How often they have met now.</returns>
    public static int Meet(ArrayView<int> status, BlockGrid grid, int team, int met)
    {
        if (grid.Columns > 1 && team < grid.Count)
            Team.MeetSideBySide(status, StepStatus.TimeStepsOf(team / grid.Columns), met, grid.Columns);
        return met + 1;
    }
}
