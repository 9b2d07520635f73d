using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Text;

public sealed class TextSplitTests
{
    [Theory]
    [InlineData(0, 1000, 0)]
    [InlineData(0.1, 1000, 100)]
    [InlineData(0.1, 1009, 100)]
    [InlineData(0.29, 100, 29)]
    [InlineData(0.57, 100, 57)]
    [InlineData(0.999, 999, 998)]
    [InlineData(0.5, 3, 1)]
    public void Validation_is_the_last_part_rounded_down(double fraction, int length, int validation)
    {
        using Corpus corpus = TextFolder.Read([.. Enumerable.Range(0, length).Select(i => (byte)('a' + (i % 26)))]);
        TextSplit split = TextSplit.Of(corpus.Tokens, fraction);

        Assert.Equal((length - validation, validation), (split.Training.Length, split.Validation.Length));
        Assert.Equal(TextFolder.Tokens(corpus.Tokens), TextFolder.Tokens(split.Training).Concat(TextFolder.Tokens(split.Validation)));
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.0)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_fraction_outside_zero_to_one_is_refused(double fraction)
    {
        using Corpus corpus = TextFolder.Read("abc"u8.ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => TextSplit.Of(corpus.Tokens, fraction));
    }
}
