using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Text;

public class CorpusStatisticsTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3000)] // beyond the flat table
    public void Entropies_are_those_of_characters_and_pairs(int vocabularySize)
    {
        // 0 is followed by 0 and 1 alike, 1 always by 0: the pairs 00, 01, 10 are alike often.
        int[] text = [.. Enumerable.Repeat<int[]>([0, 0, 1], 1000).SelectMany(t => t), 0];
        CorpusStatistics statistics = CorpusStatistics.Of(new TokenArray(text), vocabularySize);
        double expected = -((2.0 / 3 * Math.Log(2.0 / 3)) + (1.0 / 3 * Math.Log(1.0 / 3)));
        Assert.Equal(expected, statistics.UnigramEntropy, 1e-12);
        Assert.Equal(Math.Log(3) - expected, statistics.BigramEntropy, 1e-12);
    }

    [Fact]
    public void A_text_of_one_character_has_none() => Assert.Equal(default, CorpusStatistics.Of(new TokenArray([1]), 2));
}
