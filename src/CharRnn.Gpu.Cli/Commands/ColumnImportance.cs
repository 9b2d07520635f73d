using CharRnn.Networks;
using CharRnn.Randomness;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>
/// How much a column matters to a network: how much worse its answers become when the values of the column are shuffled among the rows, so
/// that they say nothing any more (permutation importance, Breiman, 2001).
/// </summary>
/// <param name="Column">The name of the column.</param>
/// <param name="Mean">
/// The accuracy or balanced accuracy that is lost, or the root mean square error that is added; the mean over the shufflings.
/// </param>
/// <param name="Deviation">Their standard deviation.</param>
internal sealed record ColumnImportance(string Column, double Mean, double Deviation)
{
    private const ulong Stream = ulong.MaxValue - 3;

    /// <summary>Measures all columns.</summary>
    /// <param name="encoding">How the columns became numbers.</param>
    /// <param name="x">The rows; while this measures, they are not as they were.</param>
    /// <param name="repeats">The number of shufflings of each column.</param>
    /// <param name="seed">The seed of the shufflings.</param>
    /// <param name="before">How bad the answers for the rows are.</param>
    /// <param name="badness">How bad they are for the rows as they are then.</param>
    /// <returns>The columns, the most important first.</returns>
    public static IReadOnlyList<ColumnImportance> Of(
        TableEncoding encoding, InputRows x, int repeats, ulong seed, double before, Func<double> badness)
    {
        // All columns are shuffled alike.
        int[][] orders = [.. Enumerable.Range(0, repeats).Select(repeat => Shuffled(x.Count, seed, repeat))];
        float[] numbers = [.. x.Numbers];
        int[] codes = [.. x.Codes];
        var columns = new List<ColumnImportance>();
        int width = x.Columns.Numbers, coded = 0;
        foreach ((ColumnEncoding column, int first, int categories) in encoding.Places())
        {
            double[] losses = new double[repeats];
            bool isCoded = column.Categories is not null && !encoding.IsInterleaved;
            for (int repeat = 0; repeat < repeats; repeat++)
            {
                // All inputs of a column move together.
                Move(numbers, x.Numbers, width, orders[repeat], first, column.Numbers);
                if (isCoded)
                    Move(codes, x.Codes, x.Columns.Values.Count, orders[repeat], coded, 1);
                else if (column.Categories is { } values)
                    Move(numbers, x.Numbers, width, orders[repeat], categories, values.Count);
                losses[repeat] = badness() - before;
            }

            coded += isCoded ? 1 : 0;
            numbers.CopyTo(x.Numbers, 0);
            codes.CopyTo(x.Codes, 0);
            double mean = losses.Average(), squares = losses.Sum(loss => (loss - mean) * (loss - mean));
            columns.Add(new(column.Name, mean, Math.Sqrt(squares / Math.Max(1, repeats - 1))));
        }

        return [.. columns.OrderByDescending(column => column.Mean)];
    }

    private static void Move<T>(T[] from, T[] to, int width, int[] order, int first, int count)
    {
        for (int row = 0; row < order.Length; row++)
            from.AsSpan((order[row] * width) + first, count).CopyTo(to.AsSpan((row * width) + first, count));
    }

    private static int[] Shuffled(int count, ulong seed, int repeat)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        for (int i = count - 1; i > 0; i--)
        {
            int j = (int)(Philox.Uniform(seed, Stream - (ulong)repeat, (ulong)i) * (i + 1));
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }
}
