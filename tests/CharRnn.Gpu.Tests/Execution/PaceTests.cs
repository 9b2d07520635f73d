using CharRnn.Gpu.Execution;

namespace CharRnn.Gpu.Tests.Execution;

public class PaceTests
{
    private const double CallSeconds = 0.1;

    [Theory]
    [InlineData(1e-4, 2e-4, false)]
    [InlineData(2e-4, 1e-4, true)]
    [InlineData(0.3, 0.5, false)]
    public void The_faster_way_does_the_work_and_the_other_is_measured_again_now_and_then(double together, double alone, bool aloneIsFaster)
    {
        var pace = new Pace(guess: 4 * together);
        double useful = 0, probes = 0;
        for (int i = 0; i < 500; i++)
        {
            (Turn turn, int steps) = Call(pace, together, alone);
            double seconds = steps * (turn.Alone ? alone : together);
            if (turn.Alone == aloneIsFaster)
                useful += seconds;
            else
                probes += seconds;
        }

        Assert.InRange(probes / useful, 0.001, 0.06);
    }

    [Fact]
    public void A_core_that_another_program_takes_is_given_up_and_taken_back()
    {
        var pace = new Pace(1e-3);
        Run(pace, 1e-4, 2e-4, 20);
        double disturbed = Run(pace, 1e-2, 2e-4, 100);
        Assert.InRange(disturbed, 0.9, 1); // of the steps are one team's
        Assert.InRange(Run(pace, 1e-4, 2e-4, 300), 0, 0.6);
    }

    [Fact]
    public void No_call_relies_on_the_speed_of_the_other_way()
    {
        var pace = new Pace(1e-3);
        for (int i = 0; i < 300; i++)
        {
            (Turn turn, int steps) = Call(pace, 5e-3, 1e-5);
            Assert.InRange(steps * (turn.Alone ? 1e-5 : 5e-3), 0, 2 * CallSeconds);
        }
    }

    [Fact]
    public void A_figure_that_waited_for_the_compiler_is_forgotten_at_once()
    {
        var pace = new Pace(1e-3);
        Call(pace, 0.5, 2e-4);
        Assert.InRange(Run(pace, 1e-4, 2e-4, 50), 0, 0.1);
    }

    [Fact]
    public void A_plan_without_an_alternative_is_only_timed()
    {
        var pace = new Pace(1e-3);
        Turn first = pace.Next(teamsWait: false);
        pace.Measured(first, 10, 0.5);
        Assert.Equal((1e-3, 0.05, false), (first.SecondsPerStep, pace.Next(teamsWait: false).SecondsPerStep, first.Alone));
    }

    /// <summary>Some calls, and the share of their steps that one team did.</summary>
    private static double Run(Pace pace, double together, double alone, int calls)
    {
        long steps = 0, stepsAlone = 0;
        for (int i = 0; i < calls; i++)
        {
            (Turn turn, int done) = Call(pace, together, alone);
            steps += done;
            stepsAlone += turn.Alone ? done : 0;
        }

        return (double)stepsAlone / steps;
    }

    private static (Turn Turn, int Steps) Call(Pace pace, double together, double alone)
    {
        Turn turn = pace.Next(teamsWait: true);
        int steps = (int)Math.Clamp(CallSeconds / turn.SecondsPerStep, 1, turn.MaxSteps);
        pace.Measured(turn, steps, steps * (turn.Alone ? alone : together));
        return (turn, steps);
    }
}
