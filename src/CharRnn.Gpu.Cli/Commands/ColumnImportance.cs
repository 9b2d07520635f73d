using CharRnn.Networks;
using CharRnn.Randomness;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>
/// How much a column matters to a network: how much worse its answers become when the values of the column are shuffled among the rows, so
/// that they say nothing any more (permutation importance, Breiman, 2001).
/// </summary>
/// <param name="Column">The name of the column.</param>
/// <param name="Mean">The accuracy that is lost, or the root mean square error that is added; the mean over the shufflings.</param>
/// <param name="Deviation">Their standard deviation.</param>
internal sealed record ColumnImportance(string Column, double Mean, double Deviation)
{
    private const ulong Stream = ulong.MaxValue - 3;

    /// <summary>Measures all columns.</summary>
    /// <param name="encoding">How the columns became numbers.</param>
    /// <param name="data">The rows, with answers; while this measures, their numbers are not as they were.</param>
    /// <param name="repeats">The number of shufflings of each column.</param>
    /// <param name="seed">The seed of the shufflings.</param>
    /// <param name="before">How bad the answers for the rows are.</param>
    /// <param name="badness">How bad they are for the rows as they are then.</param>
    /// <returns>The columns, the most important first.</returns>
    public static IReadOnlyList<ColumnImportance> Of(
        TableEncoding encoding, LabelledData data, int repeats, ulong seed, double before, Func<double> badness)
    {
        // All columns are shuffled alike.
        int[][] orders = [.. Enumerable.Range(0, repeats).Select(repeat => Shuffled(data.Count, seed, repeat))];
        float[] whole = [.. data.X];
        var columns = new List<ColumnImportance>();
        foreach ((ColumnEncoding column, int numbers, int categories) in encoding.Places())
        {
            double[] losses = new double[repeats];
            for (int repeat = 0; repeat < repeats; repeat++)
            {
                // All inputs of a column move together.
                for (int row = 0; row < data.Count; row++)
                {
                    Move(whole, data.X, data.Inputs, orders[repeat][row], row, numbers, column.Numbers);
                    Move(whole, data.X, data.Inputs, orders[repeat][row], row, categories, column.Categories?.Count ?? 0);
                }

                losses[repeat] = badness() - before;
            }

            whole.CopyTo(data.X, 0);
            double mean = losses.Average(), squares = losses.Sum(loss => (loss - mean) * (loss - mean));
            columns.Add(new(column.Name, mean, Math.Sqrt(squares / Math.Max(1, repeats - 1))));
        }

        return [.. columns.OrderByDescending(column => column.Mean)];
    }

    private static void Move(float[] from, float[] to, int width, int source, int row, int first, int count) =>
        from.AsSpan((source * width) + first, count).CopyTo(to.AsSpan((row * width) + first, count));

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
