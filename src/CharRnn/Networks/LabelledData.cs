using System.Runtime.CompilerServices;

namespace CharRnn.Networks;

/// <summary>
/// Rows of numbers, and what is to be said of each. A number that is not finite ends a training with
/// <see cref="DescentEnd.NotFinite"/>.
/// </summary>
public sealed class LabelledData
{
    /// <param name="inputs">Numbers in a row.</param>
    /// <param name="x">The rows, <c>[n, inputs]</c>.</param>
    /// <param name="classes">y of a softmax, <c>[n]</c>.</param>
    /// <exception cref="ArgumentException">The arrays are not a whole number of rows, or not the same number of rows.</exception>
    public LabelledData(int inputs, float[] x, int[] classes)
        : this(inputs, x, classes.Length) => Classes = classes;

    /// <param name="inputs">Numbers in a row.</param>
    /// <param name="x">The rows, <c>[n, inputs]</c>.</param>
    /// <param name="outputs">Numbers in a row's target.</param>
    /// <param name="targets">y, <c>[n, outputs]</c>.</param>
    /// <exception cref="ArgumentException">The arrays are not a whole number of rows, or not the same number of rows.</exception>
    public LabelledData(int inputs, float[] x, int outputs, float[] targets)
        : this(inputs, x, Rows(targets, outputs)) => (Outputs, Targets) = (outputs, targets);

    /// <summary>Rows without labels.</summary>
    /// <param name="inputs">Numbers in a row.</param>
    /// <param name="x">The rows, <c>[n, inputs]</c>.</param>
    /// <exception cref="ArgumentException">They are not a whole number of rows.</exception>
    public LabelledData(int inputs, float[] x)
        : this(inputs, x, Rows(x, inputs))
    {
    }

    private LabelledData(int inputs, float[] x, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(Rows(x, inputs), count, nameof(x));
        (Inputs, X, Count) = (inputs, x, count);
    }

    /// <summary>n.</summary>
    public int Count { get; }

    /// <summary>Numbers in a row.</summary>
    public int Inputs { get; }

    /// <summary>The rows, <c>[n, Inputs]</c>.</summary>
    public float[] X { get; }

    /// <summary>Numbers in a row's target; 0 where there are classes.</summary>
    public int Outputs { get; }

    /// <summary>y, <c>[n, Outputs]</c>; empty where there are classes.</summary>
    public float[] Targets { get; } = [];

    /// <summary>y as classes, <c>[n]</c>; empty where there are targets.</summary>
    public int[] Classes { get; } = [];

    /// <summary>
    /// J of the best answer that looks at no input: of a cross-entropy the entropy of the answers in nats, of the squared error their
    /// variance, the mean of several.
    /// </summary>
    /// <param name="loss">The loss; the data have its answers.</param>
    public double ConstantLoss(NetworkLoss loss)
    {
        if (loss == NetworkLoss.CrossEntropy)
            return Entropy(Classes.CountBy(y => y).Select(group => group.Value / (double)Count));
        double[] means = [.. Enumerable.Range(0, Outputs).Select(o => Column(o).Average())];
        return loss == NetworkLoss.BinaryCrossEntropy
            ? means.Sum(ones => Entropy([ones, 1 - ones]))
            : means.Index().Average(mean => Column(mean.Index).Average(y => (y - mean.Item) * (y - mean.Item)));
    }

    /// <summary>Checks that a network can read these rows and, where they have answers or must have them, learn them.</summary>
    /// <exception cref="ArgumentException">It cannot.</exception>
    public void RequireFits(NetworkShape shape, bool mustAnswer)
    {
        if (Inputs != shape.Inputs)
            throw new ArgumentException($"rows of {Inputs} numbers, for a network of {shape.Inputs} inputs");
        bool hasClasses = Classes.Length > 0, hasTargets = Targets.Length > 0, wantsClasses = shape.Loss == NetworkLoss.CrossEntropy;
        if (mustAnswer ? wantsClasses != hasClasses || wantsClasses == hasTargets : wantsClasses ? hasTargets : hasClasses)
            throw new ArgumentException($"{shape.Loss} needs {(wantsClasses ? "classes" : "targets")}");
        if (hasTargets && Outputs != shape.Outputs)
            throw new ArgumentException($"targets of {Outputs} numbers, for a network of {shape.Outputs} outputs");
        if (Classes.AsSpan().IndexOfAnyExceptInRange(0, shape.Outputs - 1) is >= 0 and int row)
            throw new ArgumentException($"row {row} is of class {Classes[row]}: those are 0 to {shape.Outputs - 1}");
    }

    /// <summary>Some of the rows, in the order given.</summary>
    public LabelledData Select(IReadOnlyList<int> rows)
    {
        float[] x = [.. rows.SelectMany(r => X.AsSpan(r * Inputs, Inputs).ToArray())];
        return Classes.Length > 0 ? new LabelledData(Inputs, x, [.. rows.Select(r => Classes[r])])
            : Outputs > 0 ? new LabelledData(Inputs, x, Outputs, [.. rows.SelectMany(r => Targets.AsSpan(r * Outputs, Outputs).ToArray())])
            : new LabelledData(Inputs, x);
    }

    private IEnumerable<double> Column(int output) => Enumerable.Range(0, Count).Select(r => (double)Targets[(r * Outputs) + output]);

    private static double Entropy(IEnumerable<double> shares) => -shares.Where(share => share > 0).Sum(share => share * Math.Log(share));

    private static int Rows(float[] values, int width, [CallerArgumentExpression(nameof(values))] string? name = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        return values.Length % width == 0
            ? values.Length / width
            : throw new ArgumentException($"has {values.Length} numbers, not a whole number of rows of {width}", name);
    }
}
