using CharRnn.Networks;

namespace CharRnn.Gpu.Tests.Networks;

public class GradientDescentTests
{
    [Fact]
    public void A_parabola_is_descended_to_its_minimum_by_the_known_factor_a_step()
    {
        Descent descent = GradientDescent.Minimise(
            x => (x - 3) * (x - 3), x => 2 * (x - 3), start: -1, new DescentOptions { LearningRate = 0.1, GradientTolerance = 1e-10 });
        Assert.InRange(descent.Point[0], 3 - 1e-10, 3 + 1e-10);
        Assert.All(descent.Path.Index(), point =>
        {
            double expected = 3 - (4 * Math.Pow(0.8, point.Index));
            Assert.InRange(point.Item[0], expected - 1e-12, expected + 1e-12);
        });
    }

    [Theory]
    [InlineData(0.5, 1)] // the whole way at once
    [InlineData(0.25, 40)]
    public void A_quadratic_of_several_variables_has_its_known_minimum(double learningRate, int mostSteps)
    {
        // f = Σ (x - c)²
        double[] centre = [1, -2, 0.5];
        Descent descent = GradientDescent.Minimise(
            x => x.Zip(centre, (a, c) => (a - c) * (a - c)).Sum(), x => [.. x.Zip(centre, (a, c) => 2 * (a - c))], [5, 5, 5],
            new DescentOptions { LearningRate = learningRate, GradientTolerance = 1e-12 });
        Assert.Equal(DescentEnd.SmallGradient, descent.End);
        Assert.InRange(descent.Steps, 1, mostSteps + 10);
        Assert.All(descent.Point.Zip(centre), pair => Assert.InRange(pair.First, pair.Second - 1e-9, pair.Second + 1e-9));
    }

    [Fact]
    public void Rosenbrocks_valley_is_followed_to_its_end()
    {
        Descent descent = GradientDescent.Minimise(
            x => Math.Pow(1 - x[0], 2) + (100 * Math.Pow(x[1] - (x[0] * x[0]), 2)),
            x => [(-2 * (1 - x[0])) - (400 * x[0] * (x[1] - (x[0] * x[0]))), 200 * (x[1] - (x[0] * x[0]))],
            [-1.2, 1], new DescentOptions { LearningRate = 1e-3, ChangeTolerance = 1e-12, MaxSteps = 200_000 });
        Assert.Equal(DescentEnd.SmallChange, descent.End);
        Assert.InRange(descent.Point[0], 1 - 1e-4, 1 + 1e-4);
        Assert.InRange(descent.Point[1], 1 - 1e-4, 1 + 1e-4);
        double[] heights = [.. descent.Path.Select(x => Math.Pow(1 - x[0], 2) + (100 * Math.Pow(x[1] - (x[0] * x[0]), 2)))];
        Assert.All(heights.Zip(heights.Skip(1)), pair => Assert.InRange(pair.Second, 0, pair.First)); // downhill all the way
    }

    [Theory]
    [InlineData(0.1, 1e-3, 1e-9, 1000, DescentEnd.SmallGradient)]
    [InlineData(0.1, 1e-3, 1e-3, 1000, DescentEnd.SmallChange)]
    [InlineData(0.1, 0, 0, 7, DescentEnd.EnoughSteps)]
    [InlineData(2, 1e-3, 0, 10_000, DescentEnd.NotFinite)]
    public void It_says_why_it_ended(double learningRate, double gradient, double change, int steps, DescentEnd end)
    {
        var options = new DescentOptions
        {
            LearningRate = learningRate,
            GradientTolerance = gradient,
            ChangeTolerance = change,
            MaxSteps = steps,
        };
        Descent descent = GradientDescent.Minimise(x => x * x, x => 2 * x, 1, options);
        Assert.Equal(end, descent.End);
        Assert.InRange(descent.Steps, 1, steps);
        if (end == DescentEnd.EnoughSteps)
            Assert.Equal(steps, descent.Steps);
        if (end == DescentEnd.SmallGradient)
            Assert.Equal((Math.Abs(2 * descent.Point[0]), descent.Point[0] * descent.Point[0]), (descent.GradientNorm, descent.Value));
    }
}
