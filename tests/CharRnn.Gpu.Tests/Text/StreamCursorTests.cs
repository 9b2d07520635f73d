using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Text;

public sealed class StreamCursorTests
{
    public static MatrixTheoryData<int, int> Sizes() => new([1, 3, 32], [1, 2, 3, 25]);

    // N around every edge of p + T + 1 >= L, for 1, 2, 3 and 10 steps in a pass.
    private static IEnumerable<int> Lengths(int b, int t) =>
        from steps in (int[])[1, 2, 3, 10]
        from extra in Enumerable.Range(0, t + 3)
        select (b * ((steps * t) + 2 + extra)) + (b / 2);

    // The loop of min-char-rnn as it stands in its source, over the data of one stream:
    //     n, p = 0, 0
    //     while True:
    //       if p+seq_length+1 >= len(data) or n == 0: hprev = zeros; p = 0
    //       ...
    //       p += seq_length; n += 1
    private static IEnumerable<(long P, bool Reset)> MinCharRnn(long length, int sequenceLength, int iterations)
    {
        long p = 0;
        for (int n = 0; n < iterations; n++)
        {
            bool reset = p + sequenceLength + 1 >= length || n == 0;
            if (reset)
                p = 0;
            yield return (p, reset);
            p += sequenceLength;
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Walks_as_min_char_rnn_does(int b, int t)
    {
        foreach (int n in Lengths(b, t))
        {
            int length = n / b;
            var cursor = new StreamCursor(length, t);
            (long P, bool Reset)[] expected = [.. MinCharRnn(length, t, 100)];
            long epoch = 0;

            for (int i = 0; i < expected.Length; i++)
            {
                cursor = cursor.BeginStep(out bool startsOver);
                epoch += startsOver ? 1 : 0;
                Assert.Equal((expected[i].P, expected[i].Reset, epoch), (cursor.Position, startsOver, cursor.Epoch));
                Assert.True(cursor.Position + t + 1 <= length, "the last target lies outside the stream");

                int next = Array.FindIndex(expected, i + 1, e => e.Reset);
                if (next >= 0)
                    Assert.Equal(next - i, cursor.StepsBeforeWrap);
                if (next >= 0 && startsOver)
                    Assert.Equal(next - i, cursor.StepsPerEpoch);
                cursor = cursor.Advance(1);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Steps_taken_together_end_where_single_ones_do(int b, int t)
    {
        foreach (int n in Lengths(b, t))
        {
            var single = new StreamCursor(n / b, t);
            var together = single;
            for (int i = 0; i < 20; i++)
            {
                together = together.BeginStep(out _);
                long steps = together.StepsBeforeWrap;
                together = together.Advance(steps);
                for (long s = 0; s < steps; s++)
                    single = single.BeginStep(out _).Advance(1);
                Assert.Equal(single, together);
                together.BeginStep(out bool startsOver);
                Assert.True(startsOver);
            }
        }
    }

    [Fact]
    public void Positions_go_beyond_int()
    {
        var cursor = new StreamCursor(10_000_000_000, 100).BeginStep(out _);
        Assert.Equal(99_999_999, cursor.StepsPerEpoch);
        Assert.Equal(9_999_999_800, cursor.Advance(99_999_998).Position);
        Assert.Equal(1, cursor.Advance(99_999_998).StepsBeforeWrap);
    }
}
