using CharRnn.Gpu.Execution;

namespace CharRnn.Gpu.Tests.Execution;

public class PaceTests
{
    private static readonly ExecutionPlan Together = new(PlanKind.Stream, 2, "test");

    [Theory]
    [InlineData(1.0, 2.0, 2)]
    [InlineData(2.0, 1.0, 1)]
    public void The_faster_way_stays_and_the_other_is_measured_again_now_and_then(double together, double alone, int teams)
    {
        var pace = new Pace();
        int faster = Enumerable.Range(0, 100).Count(_ => Call(pace, together, alone) == teams);
        Assert.InRange(faster, 85, 95);
    }

    [Fact]
    public void A_core_that_another_program_takes_is_given_up_and_taken_back()
    {
        var pace = new Pace();
        for (int i = 0; i < 20; i++)
            Call(pace, 1, 2);
        Assert.True(Enumerable.Range(0, 20).Count(_ => Call(pace, 8, 2) == 1) > 15);
        Assert.True(Enumerable.Range(0, 200).Count(_ => Call(pace, 1, 2) == 2) > 100);
    }

    private static int Call(Pace pace, double together, double alone)
    {
        ExecutionPlan plan = pace.Next(Together);
        pace.Measured(plan, plan.Teams == 1 ? alone : together);
        return plan.Teams;
    }
}
