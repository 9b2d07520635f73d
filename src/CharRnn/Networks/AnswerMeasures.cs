namespace CharRnn.Networks;

/// <summary>How good predictions of classes are.</summary>
/// <param name="Confusion">The number of rows of each true class (the first index) that are predicted to be of each class.</param>
public sealed record ClassMeasures(IReadOnlyList<IReadOnlyList<int>> Confusion)
{
    /// <summary>Counts predictions.</summary>
    /// <param name="classes">The number of classes.</param>
    /// <param name="truth">The class of each row.</param>
    /// <param name="predicted">The predicted class of each row.</param>
    public static ClassMeasures Of(int classes, IEnumerable<int> truth, IEnumerable<int> predicted)
    {
        int[][] confusion = [.. Enumerable.Range(0, classes).Select(_ => new int[classes])];
        foreach ((int y, int p) in truth.Zip(predicted))
            confusion[y][p]++;
        return new ClassMeasures(confusion);
    }

    /// <summary>The measures of both together.</summary>
    /// <param name="other">Those of other rows with the same classes; null for none.</param>
    public ClassMeasures Plus(ClassMeasures? other) => other is null
        ? this
        : new([.. Confusion.Zip(other.Confusion, (one, two) => (int[])[.. one.Zip(two, (a, b) => a + b)])]);

    private int Rows => Confusion.Sum(row => row.Sum());

    /// <summary>The share of the rows that are predicted correctly.</summary>
    public double Accuracy => Confusion.Select((row, y) => row[y]).Sum() / (double)Rows;

    /// <summary>The accuracy of always predicting the most frequent class.</summary>
    public double BaseRate => Confusion.Max(row => row.Sum()) / (double)Rows;

    /// <summary>The mean over the classes that occur of the share of their rows that are predicted correctly.</summary>
    public double BalancedAccuracy => Confusion.Index()
        .Where(row => row.Item.Sum() > 0)
        .Average(row => row.Item[row.Index] / (double)row.Item.Sum());

    /// <summary>
    /// The harmonic mean of the share of a class that is found and the share of what is predicted to be of it that is; 0 if no row is of
    /// the class or predicted to be.
    /// </summary>
    public double F1(int one)
    {
        int hits = Confusion[one][one], both = Confusion[one].Sum() + Confusion.Sum(row => row[one]);
        return both == 0 ? 0 : 2.0 * hits / both;
    }

    /// <summary>
    /// The area under the ROC curve: the share of pairs of a row of one class and a row of the other whose scores are in the right order;
    /// equal ones count a half. NaN where a class has no rows, or a score is NaN.
    /// </summary>
    /// <param name="scores">A number for each row, higher where it is more likely of the class.</param>
    /// <param name="isOfClass">Whether it is.</param>
    public static double AreaUnderCurve(IReadOnlyList<float> scores, IReadOnlyList<bool> isOfClass)
    {
        if (scores.Any(float.IsNaN))
            return double.NaN;
        int[] order = [.. Enumerable.Range(0, scores.Count).OrderBy(i => scores[i])];
        double ranks = 0, positives = isOfClass.Count(one => one), negatives = scores.Count - positives;
        for (int begin = 0, end; begin < order.Length; begin = end)
        {
            // Equal scores share the mean of their ranks.
            for (end = begin + 1; end < order.Length && scores[order[end]] == scores[order[begin]];)
                end++;
            ranks += order[begin..end].Count(i => isOfClass[i]) * ((double)begin + end + 1) / 2;
        }

        return (ranks - (positives * (positives + 1) / 2)) / (positives * negatives);
    }
}

/// <summary>How good predictions of a quantity are, in its own unit.</summary>
/// <param name="RootMeanSquare">The root of the mean squared error.</param>
/// <param name="MeanAbsolute">The mean of the errors without their signs.</param>
/// <param name="Deviation">The root mean square error of always predicting the mean of these rows.</param>
public sealed record QuantityMeasures(double RootMeanSquare, double MeanAbsolute, double Deviation)
{
    /// <summary>Measures predictions.</summary>
    /// <param name="truth">The quantity of each row.</param>
    /// <param name="predicted">The prediction for each row.</param>
    public static QuantityMeasures Of(IReadOnlyList<double> truth, IReadOnlyList<double> predicted)
    {
        double[] errors = [.. truth.Zip(predicted, (y, p) => p - y)];
        double mean = truth.Average();
        return new(
            Math.Sqrt(errors.Average(e => e * e)), errors.Average(Math.Abs), Math.Sqrt(truth.Average(y => (y - mean) * (y - mean))));
    }

    /// <summary>R², the share of the variance that is predicted; NaN where there is none.</summary>
    public double RSquared => 1 - (RootMeanSquare / Deviation * (RootMeanSquare / Deviation));
}
