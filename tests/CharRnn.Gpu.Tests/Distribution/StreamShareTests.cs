using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Distribution;

public class StreamShareTests
{
    [Theory]
    [InlineData(7, 2)]
    [InlineData(7, 7)]
    [InlineData(64, 3)]
    [InlineData(16, 40)]
    public void Every_stream_has_one_rank(int streams, int ranks)
    {
        StreamShare[] shares = [.. Enumerable.Range(0, ranks).Select(rank => StreamShare.Of(streams, rank, ranks))];
        Assert.All(Enumerable.Range(0, streams), stream => Assert.Single(shares, share => share.Has(stream)));
        Assert.Equal(streams, shares.Sum(share => share.Count));
        Assert.Equal(StreamShare.Most(streams, ranks), shares.Max(share => share.Count));
        Assert.InRange(shares.Max(share => share.Count) - shares.Min(share => share.Count), 0, 1);
    }
}
