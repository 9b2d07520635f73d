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

    [Theory]
    [InlineData(RecurrentCell.Rnn, 3)]
    [InlineData(RecurrentCell.Lstm, 1)]
    [InlineData(RecurrentCell.Lstm, 3)]
    [InlineData(RecurrentCell.Gru, 1)]
    [InlineData(RecurrentCell.Gru, 3)]
    public void Other_models_are_uniform_and_an_LSTM_forgets_nothing_at_first(RecurrentCell cell, int layers)
    {
        const int H = 129;
        double limit = 1 / Math.Sqrt(H);
        ParameterSet<float> weights = InitialWeights.Create(new(65, H, cell, layers), 1);
        if (cell == RecurrentCell.Lstm)
            for (int l = 0; l < layers; l++)
            {
                Span<float> forget = weights.Layer(l).Bh.AsSpan(H, H);
                Assert.All(forget.ToArray(), value => Assert.Equal(1, value));
                forget.Clear();
            }

        foreach ((TensorSpec _, float[] values) in weights.Tensors)
        {
            Assert.All(values, value => Assert.InRange(value, -limit, limit));
            if (values.Length < 1000)
                continue;
            double error = limit / Math.Sqrt(3.0 * values.Length);
            Assert.InRange(values.Average(v => (double)v), -4 * error, 4 * error);
            Assert.InRange(values.Average(v => (double)v * v) * 3 / (limit * limit), 0.9, 1.1);
        }

        float[] all = [.. weights.Tensors.SelectMany(tensor => tensor.Values).Where(value => value != 0)];
        Assert.InRange(all.Distinct().Count(), (int)(0.97 * all.Length), all.Length); // some round to the same float
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
