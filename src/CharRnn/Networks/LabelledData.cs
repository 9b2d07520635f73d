namespace CharRnn.Networks;

/// <summary>Rows that a network reads, and what is to be said of each.</summary>
public sealed class LabelledData
{
    /// <param name="x">The rows.</param>
    /// <param name="classes">y of a softmax, <c>[n]</c>.</param>
    /// <exception cref="ArgumentException">There are not as many classes as rows.</exception>
    public LabelledData(IInputRows x, int[] classes)
        : this(x)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(classes.Length, x.Count, nameof(classes));
        Classes = classes;
    }

    /// <param name="x">The rows.</param>
    /// <param name="outputs">Numbers in a row's target.</param>
    /// <param name="targets">y, <c>[n, outputs]</c>.</param>
    /// <exception cref="ArgumentException">The targets are not a whole number of rows, or not as many rows.</exception>
    public LabelledData(IInputRows x, int outputs, float[] targets)
        : this(x)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(InputRows.RowsOf(targets, outputs), x.Count, nameof(targets));
        (Outputs, Targets) = (outputs, targets);
    }

    /// <summary>Rows without labels.</summary>
    /// <param name="x">The rows.</param>
    public LabelledData(IInputRows x) => Rows = x;

    private LabelledData(IInputRows x, int[] classes, int outputs, float[] targets, float[] weights) =>
        (Rows, Classes, Outputs, Targets, Weights) = (x, classes, outputs, targets, weights);

    /// <summary>The rows that the network reads, which need not be in memory; all else of the data is.</summary>
    public IInputRows Rows { get; }

    /// <summary>The rows that the network reads, which are in memory.</summary>
    /// <exception cref="InvalidOperationException">They are not: <see cref="Select"/> reads some of them.</exception>
    public InputRows X => Rows as InputRows ?? throw new InvalidOperationException("The rows are not in memory.");

    /// <summary>n.</summary>
    public int Count => Rows.Count;

    /// <summary>Numbers in a row's target; 0 where there are classes.</summary>
    public int Outputs { get; }

    /// <summary>y, <c>[n, Outputs]</c>; empty where there are classes.</summary>
    public float[] Targets { get; } = [];

    /// <summary>y as classes, <c>[n]</c>; empty where there are targets.</summary>
    public int[] Classes { get; } = [];

    /// <summary>How much each row counts in J, <c>[n]</c>; empty where all count alike.</summary>
    public float[] Weights { get; } = [];

    /// <summary>
    /// J of the best answer that looks at no input: of a cross-entropy the entropy of the answers in nats, of the squared error their
    /// variance, the mean of several.
    /// </summary>
    /// <param name="loss">The loss; the data have its answers.</param>
    public double ConstantLoss(NetworkLoss loss)
    {
        double sum = Enumerable.Range(0, Count).Sum(WeightOf), mean = sum / Count;
        if (loss == NetworkLoss.CrossEntropy)
            return mean * Entropy(Enumerable.Range(0, Count)
                .AggregateBy(row => Classes[row], 0.0, (weight, row) => weight + WeightOf(row)).Select(group => group.Value / sum));
        double Mean(Func<int, double> of) => Enumerable.Range(0, Count).Sum(row => WeightOf(row) * of(row)) / sum;
        double Of(int output) => Mean(row => Targets[(row * Outputs) + output]);
        IEnumerable<double> means = Enumerable.Range(0, Outputs).Select(Of);
        return mean * (loss == NetworkLoss.BinaryCrossEntropy
            ? means.Sum(ones => Entropy([ones, 1 - ones]))
            : means.Index().Average(one => Mean(row => Square(Targets[(row * Outputs) + one.Index] - one.Item))));
    }

    /// <summary>Checks that a network can read these rows and, where they have answers or must have them, learn them.</summary>
    /// <exception cref="ArgumentException">It cannot.</exception>
    public void RequireFits(NetworkShape shape, bool mustAnswer)
    {
        if (Rows.Columns.Count != shape.Inputs)
            throw new ArgumentException($"rows of {Rows.Columns.Count} inputs, for a network of {shape.Inputs} inputs");
        bool hasClasses = Classes.Length > 0, hasTargets = Targets.Length > 0, wantsClasses = shape.Loss == NetworkLoss.CrossEntropy;
        if (mustAnswer ? wantsClasses != hasClasses || wantsClasses == hasTargets : wantsClasses ? hasTargets : hasClasses)
            throw new ArgumentException($"{shape.Loss} needs {(wantsClasses ? "classes" : "targets")}");
        if (hasTargets && Outputs != shape.Outputs)
            throw new ArgumentException($"targets of {Outputs} numbers, for a network of {shape.Outputs} outputs");
        if (Classes.AsSpan().IndexOfAnyExceptInRange(0, shape.Outputs - 1) is >= 0 and int row)
            throw new ArgumentException($"row {row} is of class {Classes[row]}: those are 0 to {shape.Outputs - 1}");
    }

    /// <summary>Some of the rows, in the order given, in memory.</summary>
    /// <exception cref="CharRnnException">They cannot be read.</exception>
    public LabelledData Select(IReadOnlyList<int> rows) => new(
        Rows.Read(rows), InputRows.Picked(Classes, Math.Min(1, Classes.Length), rows), Outputs, InputRows.Picked(Targets, Outputs, rows),
        InputRows.Picked(Weights, Math.Min(1, Weights.Length), rows));

    /// <summary>
    /// The weight of each row with which all classes count alike: the rows that a class had if all had as many, divided by those that it
    /// has. A class that has none weighs nothing.
    /// </summary>
    /// <param name="training">The rows that are counted; their targets, if they have no classes, are single ones, 0 or 1.</param>
    public IEnumerable<float> WeightsOfClasses(LabelledData training)
    {
        Dictionary<int, int> rows = Enumerable.Range(0, training.Count).CountBy(training.ClassOf).ToDictionary();
        return Enumerable.Range(0, Count).Select(row =>
            rows.TryGetValue(ClassOf(row), out int count) ? (float)(training.Count / ((double)rows.Count * count)) : 0);
    }

    /// <summary>The same rows, which count in J as much as these weights say.</summary>
    /// <param name="weights">See <see cref="Weights"/>.</param>
    /// <exception cref="ArgumentException">There are not as many weights as rows, or one is negative or not finite.</exception>
    public LabelledData Weighted(float[] weights)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(weights.Length, Count);
        return weights.All(weight => weight >= 0 && float.IsFinite(weight))
            ? new(Rows, Classes, Outputs, Targets, weights)
            : throw new ArgumentException("a weight is negative or not finite", nameof(weights));
    }

    private static double Square(double value) => value * value;

    private double WeightOf(int row) => Weights.Length > 0 ? Weights[row] : 1;

    private int ClassOf(int row) => Classes.Length > 0 ? Classes[row] : (int)Targets[row];

    private static double Entropy(IEnumerable<double> shares) => -shares.Where(share => share > 0).Sum(share => share * Math.Log(share));
}
