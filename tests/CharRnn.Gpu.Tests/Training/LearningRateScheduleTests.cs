using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Training;

public class LearningRateScheduleTests
{
    private const double Rate = 0.25;

    private static double[] Rates(LearningRateSchedule schedule, int total, double rate = Rate) =>
        [.. Enumerable.Range(0, total).Select(n => schedule.At(n, rate, total, 0))];

    private static void AssertRates(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-15));
    }

    [Fact]
    public void A_constant_rate_is_the_very_number_that_was_given()
    {
        foreach (float rate in (float[])[0.1f, 1e-30f, 3e38f])
            Assert.All(Rates(new(), 5, rate), actual => Assert.Equal(rate, (float)actual));
    }

    [Fact]
    public void A_warm_up_rises_in_equal_steps_to_the_rate_and_every_schedule_begins_behind_it()
    {
        foreach (LearningRateDecay kind in Enum.GetValues<LearningRateDecay>())
        {
            double[] rates = Rates(new() { Kind = kind, Warmup = 4, MinLearningRate = 0.125f, DecayEvery = 2 }, 12);
            AssertRates([0.0625, 0.125, 0.1875, 0.25, 0.25], rates[..5]);
            double[] behind = Rates(new() { Kind = kind, MinLearningRate = 0.125f, DecayEvery = 2 }, 8);
            AssertRates(behind, rates[4..]);
        }
    }

    [Fact]
    public void Cosine_and_linear_reach_the_minimum_at_the_last_step()
    {
        AssertRates([0.25, 0.20, 0.15, 0.10, 0.05, 0], Rates(new() { Kind = LearningRateDecay.Linear }, 6));
        AssertRates([0.25, 0.21875, 0.1875, 0.15625, 0.125], Rates(new() { Kind = LearningRateDecay.Linear, MinLearningRate = 0.125f }, 5));

        // CosineAnnealingLR's closed form, with T_max one less than the steps: its last step is the minimum.
        double root = Math.Sqrt(0.5);
        AssertRates([0.25, 0.125 * (1 + root), 0.125, 0.125 * (1 - root), 0], Rates(new() { Kind = LearningRateDecay.Cosine }, 5));
        double[] floored = Rates(new() { Kind = LearningRateDecay.Cosine, MinLearningRate = 0.125f }, 1001);
        Assert.Equal((0.25, 0.1875, 0.125), (floored[0], floored[500], floored[1000]));
        Assert.All(floored.Zip(floored.Skip(1)), pair => Assert.True(pair.First > pair.Second));

        // One step alone is the first of them; what lies behind the last is not asked for, and stays at the minimum.
        var cosine = new LearningRateSchedule { Kind = LearningRateDecay.Cosine, Warmup = 2 };
        AssertRates([0.125, 0.25, 0.25], Rates(cosine, 3));
        AssertRates([0.125], Rates(cosine, 1));
        Assert.Equal(0, cosine.At(100, Rate, 10, 0));
        Assert.Equal(0.25, cosine.At(1_000_000, Rate, long.MaxValue, 0), 1e-12);
    }

    [Fact]
    public void Exponential_and_step_are_PyTorchs()
    {
        // ExponentialLR multiplies by gamma after each step; over DecayEvery steps that makes the factor.
        double gamma = Math.Pow(0.5, 1 / 3.0), rate = Rate;
        foreach (double actual in Rates(new() { Kind = LearningRateDecay.Exponential, DecayEvery = 3 }, 50))
        {
            Assert.Equal(rate, actual, 1e-12);
            rate *= gamma;
        }

        // StepLR multiplies after each step whose number divides.
        (int step, rate) = (0, Rate);
        foreach (double actual in Rates(new() { Kind = LearningRateDecay.Step, DecayEvery = 3, Decay = 0.1 }, 50))
        {
            if (step > 0 && step % 3 == 0)
                rate *= 0.1;
            Assert.Equal(rate, actual, 1e-12 * rate);
            step++;
        }

        IEnumerable<double> floored = Rates(new() { Kind = LearningRateDecay.Step, DecayEvery = 1, MinLearningRate = 0.2f }, 4)[..4];
        AssertRates([0.25, 0.2, 0.2, 0.2], floored.Select(r => Math.Round(r, 7)).ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Plateau_is_PyTorchs(int measurements)
    {
        var schedule = new LearningRateSchedule
        {
            Kind = LearningRateDecay.Plateau,
            DecayPatience = measurements,
            MinLearningRate = 1e-4f,
            Decay = 0.3,
        };
        PlateauState state = PlateauState.Start;
        var random = new Random(3);

        // ReduceLROnPlateau(mode='min', factor=0.3, patience=measurements - 1, threshold=1e-4, threshold_mode='rel', min_lr=1e-4),
        // as it is written there.
        double best = double.PositiveInfinity, rate = Rate, loss = 4;
        int bad = 0, decays = 0;
        for (int i = 0; i < 300; i++)
        {
            loss *= i % 5 == 0 ? 1 - 5e-5 : 1 + (0.02 * (random.NextDouble() - 0.52));
            if (loss < best * (1 - 1e-4))
                (best, bad) = (loss, 0);
            else
                bad++;
            if (bad > measurements - 1)
            {
                (rate, bad) = (Math.Max(rate * 0.3, schedule.MinLearningRate), 0);
                decays++;
            }

            state = state.After(loss, schedule.DecayPatience);
            Assert.Equal(rate, schedule.At(i, Rate, 0, state.Decays), 1e-15);
        }

        Assert.True(decays > 3, $"only {decays} decays were compared");
        Assert.Equal(schedule.MinLearningRate, rate);
        Assert.Equal(new PlateauState(double.NaN, 0, 1), PlateauState.Start.After(double.NaN, 1)); // no number is no improvement
    }
}
