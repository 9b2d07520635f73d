using CharRnn.Model;

namespace CharRnn.Gpu.Tests.Reference;

public class InitialWeightsTests
{
    [Fact]
    public void Matrices_are_normal_with_deviation_one_hundredth_and_biases_are_zero()
    {
        ParameterSet<float> weights = InitialWeights.Create(new(65, 129), 1);
        Assert.All([.. weights.Layer(0).Bh, .. weights.By], value => Assert.Equal(0, value));
        foreach (float[] matrix in (float[][])[weights.Layer(0).Wxh, weights.Layer(0).Whh, weights.Why])
        {
            double n = matrix.Length;
            Assert.InRange(matrix.Average(v => (double)v), -0.04 / Math.Sqrt(n), 0.04 / Math.Sqrt(n)); // 4 standard errors
            double deviation = Math.Sqrt(matrix.Average(v => (double)v * v));
            Assert.InRange(deviation, 0.01 * (1 - (4 / Math.Sqrt(2 * n))), 0.01 * (1 + (4 / Math.Sqrt(2 * n))));
            Assert.InRange(matrix.Max(Math.Abs), 0.03, 0.06);
        }
    }

    [Fact]
    public void No_two_weights_share_a_random_number()
    {
        ParameterSet<float> weights = InitialWeights.Create(new(33, 65), 1);
        float[] all = [.. weights.Layer(0).Wxh, .. weights.Layer(0).Whh, .. weights.Why];
        Assert.InRange(all.Distinct().Count(), all.Length - 5, all.Length); // but two may round to the same float
    }

    [Fact]
    public void The_weights_are_a_function_of_the_seed()
    {
        Assert.Equal(InitialWeights.Create(new(5, 7), 3).Layer(0).Whh, InitialWeights.Create(new(5, 7), 3).Layer(0).Whh);
        Assert.NotEqual(InitialWeights.Create(new(5, 7), 3).Layer(0).Whh, InitialWeights.Create(new(5, 7), 4).Layer(0).Whh);
    }
}
