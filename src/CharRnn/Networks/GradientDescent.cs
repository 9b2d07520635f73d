namespace CharRnn.Networks;

/// <summary>Why a descent ended.</summary>
public enum DescentEnd
{
    /// <summary>The gradient's norm fell below the tolerance.</summary>
    SmallGradient,

    /// <summary>The function changed by less than the tolerance.</summary>
    SmallChange,

    /// <summary>The largest number of steps or epochs was reached.</summary>
    EnoughSteps,

    /// <summary>The function or its gradient is no longer finite: the step size is too large.</summary>
    NotFinite,
}

/// <summary>The options of a descent.</summary>
/// <exception cref="ArgumentOutOfRangeException">
/// The step size is not over 0, or not finite; a tolerance or the number of steps is below 0.
/// </exception>
public sealed record DescentOptions
{
    /// <summary>η, the step size.</summary>
    public double LearningRate { get; init => field = Limits.Positive(value); } = 0.1;

    /// <summary>ε: a gradient with a smaller norm ends the descent. With 0, none does.</summary>
    public double GradientTolerance { get; init => field = Limits.NotNegative(value); } = 1e-6;

    /// <summary>
    /// A smaller change of the function ends the descent. With 0, none does. Near a minimum a change is as small as the square of the
    /// gradient.
    /// </summary>
    public double ChangeTolerance { get; init => field = Limits.NotNegative(value); }

    /// <summary>The most steps.</summary>
    public int MaxSteps { get; init => field = Limits.NotNegative(value); } = 10_000;
}

/// <summary>The point at which a descent ended, and its path.</summary>
/// <param name="Path">Every point, from the start to the point at which the descent ended.</param>
/// <param name="Value">The function's value at the last point.</param>
/// <param name="GradientNorm">The gradient's Euclidean norm at the last point.</param>
/// <param name="End">Why the descent ended.</param>
public sealed record Descent(IReadOnlyList<double[]> Path, double Value, double GradientNorm, DescentEnd End)
{
    /// <summary>The number of steps.</summary>
    public int Steps => Path.Count - 1;

    /// <summary>The point at which the descent ended.</summary>
    public double[] Point => Path[^1];
}

/// <summary>Gradient descent (N6) over any function: <c>x ← x - η ∇f(x)</c>, on the host.</summary>
public static class GradientDescent
{
    /// <summary>Descends from a point.</summary>
    /// <param name="f">The function.</param>
    /// <param name="gradient">The gradient of the function, with as many numbers as a point.</param>
    /// <param name="start">The point at which to begin.</param>
    /// <param name="options">The step size, and when the descent ends.</param>
    /// <exception cref="ArgumentException">The gradient has another length than the point.</exception>
    public static Descent Minimise(Func<double[], double> f, Func<double[], double[]> gradient, double[] start, DescentOptions options)
    {
        double[] x = [.. start];
        var path = new List<double[]> { x };
        double value = f(x), before = double.PositiveInfinity;
        while (true)
        {
            double[] slope = gradient(x);
            if (slope.Length != x.Length)
                throw new ArgumentException($"gives {slope.Length} numbers, for a point of {x.Length}", nameof(gradient));
            double norm = Math.Sqrt(slope.Sum(g => g * g));
            DescentEnd? end = !double.IsFinite(value) || !double.IsFinite(norm) ? DescentEnd.NotFinite
                : norm < options.GradientTolerance ? DescentEnd.SmallGradient
                : Math.Abs(before - value) < options.ChangeTolerance ? DescentEnd.SmallChange
                : path.Count > options.MaxSteps ? DescentEnd.EnoughSteps
                : null;
            if (end is { } reason)
                return new Descent(path, value, norm, reason);

            x = [.. x.Zip(slope, (xi, gi) => xi - (options.LearningRate * gi))];
            path.Add(x);
            (before, value) = (value, f(x));
        }
    }

    /// <summary>The same for a function of one variable.</summary>
    public static Descent Minimise(Func<double, double> f, Func<double, double> derivative, double start, DescentOptions options) =>
        Minimise(x => f(x[0]), x => [derivative(x[0])], [start], options);
}
