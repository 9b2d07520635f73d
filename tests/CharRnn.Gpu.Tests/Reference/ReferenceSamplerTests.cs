using CharRnn.Reference;
using CharRnn.Sampling;

namespace CharRnn.Gpu.Tests.Reference;

/// <summary>The definitions of DESIGN's sampling options, on distributions that can be computed by hand.</summary>
public class ReferenceSamplerTests
{
    // Probabilities 0.1, 0.4, 0.3, 0.2.
    private static readonly double[] Logits = [Math.Log(1), Math.Log(4), Math.Log(3), Math.Log(2)];

    private static void Expect(double[] expected, double[] z, SamplingOptions options)
    {
        double[] actual = ReferenceSampler.Probabilities(z, options);
        Agreement.Within(1e-7, expected, actual, options.ToString()); // options are floats
        Assert.Equal(expected.Select(p => p == 0), actual.Select(p => p == 0));
    }

    [Fact]
    public void By_default_the_models_own_distribution() => Expect([0.1, 0.4, 0.3, 0.2], Logits, new());

    [Fact]
    public void Temperature_divides_the_logits()
    {
        double total = 1 + 16 + 9 + 4;
        Expect([1 / total, 16 / total, 9 / total, 4 / total], Logits, new() { Temperature = 0.5f });
    }

    [Fact]
    public void Temperature_zero_takes_the_likeliest_and_of_equals_the_first()
    {
        Expect([0, 1, 0, 0], Logits, new() { Temperature = 0 });
        Expect([0, 1, 0, 0], [1, 3, 2, 3], new() { Temperature = 0 });
        Expect([1, 0, 0], [-5, -5, -5], new() { Temperature = 0, TopK = 2, TopP = 0.5f });
    }

    [Theory]
    [InlineData(0, new[] { 0.1, 0.4, 0.3, 0.2 })]
    [InlineData(1, new[] { 0, 1.0, 0, 0 })]
    [InlineData(2, new[] { 0, 4 / 7.0, 3 / 7.0, 0 })]
    [InlineData(3, new[] { 0, 4 / 9.0, 3 / 9.0, 2 / 9.0 })]
    [InlineData(4, new[] { 0.1, 0.4, 0.3, 0.2 })]
    [InlineData(99, new[] { 0.1, 0.4, 0.3, 0.2 })]
    public void Top_k_keeps_the_k_likeliest(int k, double[] expected) => Expect(expected, Logits, new() { TopK = k });

    [Fact]
    public void Of_equally_likely_characters_top_k_and_top_p_keep_the_first()
    {
        Expect([0.5, 0.5, 0, 0], [2, 2, 2, 2], new() { TopK = 2 });
        Expect([1 / 3.0, 2 / 3.0, 0, 0], [Math.Log(1), Math.Log(2), Math.Log(1), Math.Log(1)], new() { TopK = 3, TopP = 0.6f });
    }

    [Theory]
    [InlineData(0.01f, 1)]
    [InlineData(0.39f, 1)]
    [InlineData(0.41f, 2)]
    [InlineData(0.69f, 2)]
    [InlineData(0.71f, 3)]
    [InlineData(0.89f, 3)]
    [InlineData(0.91f, 4)]
    [InlineData(1f, 4)]
    public void Top_p_keeps_the_fewest_likeliest_that_reach_p(float p, int kept)
    {
        double[] probabilities = ReferenceSampler.Probabilities(Logits, new() { TopP = p });
        Assert.Equal(kept, probabilities.Count(value => value > 0));
        Agreement.Within(1e-15, 1, probabilities.Sum(), "sum");
    }

    [Fact]
    public void Top_p_stops_where_it_is_reached_exactly() =>
        Expect([0.5, 0.5, 0, 0], [0, 0, 0, 0], new() { TopP = 0.5f });

    [Fact]
    public void The_order_is_temperature_then_top_k_then_top_p()
    {
        // At temperature ½ the likeliest has 16/30 = 0.53 < 0.55; of the top two 16/25 = 0.64.
        Expect([0, 16 / 25.0, 9 / 25.0, 0], Logits, new() { Temperature = 0.5f, TopP = 0.55f });
        Expect([0, 1, 0, 0], Logits, new() { Temperature = 0.5f, TopK = 2, TopP = 0.55f });

        // Top-p before the temperature would find 0.4 < 0.5 and keep two.
        Expect([0, 1, 0, 0], Logits, new() { Temperature = 0.5f, TopP = 0.5f });
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.24, 1)]
    [InlineData(0.25, 2)]
    [InlineData(0.74, 2)]
    [InlineData(0.75, 4)]
    [InlineData(0.9999999, 4)]
    public void The_first_character_whose_cumulative_probability_exceeds_u_is_chosen(double u, int expected) =>
        Assert.Equal(expected, ReferenceSampler.Choose([0, 0.25, 0.5, 0, 0.25, 0], u));

    [Fact]
    public void Where_rounding_leaves_the_sum_below_u_the_last_possible_character_is_chosen() =>
        Assert.Equal(1, ReferenceSampler.Choose([0.5, 0.5 - 1e-9, 0], 1 - 1e-12));
}
