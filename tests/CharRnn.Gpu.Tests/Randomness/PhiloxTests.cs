using CharRnn.Randomness;

namespace CharRnn.Gpu.Tests.Randomness;

public class PhiloxTests
{
    /// <summary>The known-answer vectors of Random123 (kat_vectors, philox4x32 10).</summary>
    [Theory]
    [InlineData(
        new uint[] { 0, 0, 0, 0 }, new uint[] { 0, 0 },
        new uint[] { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 })]
    [InlineData(
        new uint[] { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, new uint[] { 0xffffffff, 0xffffffff },
        new uint[] { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd })]
    [InlineData(
        new uint[] { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, new uint[] { 0xa4093822, 0x299f31d0 },
        new uint[] { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 })]
    public void Blocks_equal_the_published_vectors(uint[] counter, uint[] key, uint[] expected)
    {
        var block = Philox.Block(counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
        Assert.Equal((expected[0], expected[1], expected[2], expected[3]), block);
    }

    [Fact]
    public void A_uniform_number_is_the_top_24_bits_of_its_block()
    {
        Assert.Equal((0x6627e8d5 >> 8) / 16777216f, Philox.Uniform(0, 0, 0));
        Assert.Equal((0x408f276d >> 8) / 16777216f, Philox.Uniform(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue));
    }

    [Fact]
    public void Uniform_numbers_fill_the_interval_evenly()
    {
        const int Count = 100_000, Bins = 64;
        float[] numbers = [.. Enumerable.Range(0, Count).Select(i => Philox.Uniform(1, 0, (ulong)i))];
        Assert.All(numbers, u => Assert.InRange(u, 0f, 0.99999994f));
        Assert.InRange(numbers.Average(u => (double)u), 0.5 - 0.004, 0.5 + 0.004); // 4 standard errors
        double expected = (double)Count / Bins;
        double chiSquared = numbers.CountBy(u => (int)(u * Bins)).Sum(bin => (bin.Value - expected) * (bin.Value - expected) / expected);
        Assert.InRange(chiSquared, 30, 113); // the middle 99.98 % of 63 degrees of freedom
    }

    [Fact]
    public void Normal_numbers_have_the_moments_of_the_normal_distribution()
    {
        double[] x = [.. Enumerable.Range(0, 100_000).Select(i => Philox.Normal(1, 0, (ulong)i))];
        Assert.InRange(x.Average(), -0.013, 0.013); // 4 standard errors, here and below
        Assert.InRange(x.Average(v => v * v), 1 - 0.018, 1 + 0.018);
        Assert.InRange(x.Average(v => v * v * v), -0.05, 0.05);
        Assert.InRange(x.Average(v => v * v * v * v), 3 - 0.13, 3 + 0.13);
        Assert.InRange(x.Count(v => Math.Abs(v) > 1.959964) / 100_000.0, 0.05 - 0.0028, 0.05 + 0.0028);
    }

    [Fact]
    public void Seed_stream_and_index_each_make_another_number()
    {
        ulong[] values = [0, 1, 2, 1UL << 32, 1UL << 63];
        var numbers = from seed in values from stream in values from index in values select Philox.Uniform(seed, stream, index);
        Assert.Equal(values.Length * values.Length * values.Length, numbers.Distinct().Count());
        Assert.Equal(Philox.Uniform(7, 8, 9), Philox.Uniform(7, 8, 9));
    }
}
