using System.Globalization;
using CharRnn.Networks;

namespace CharRnn.Gpu.Tests.Examples;

/// <summary>The example of gradient descent in src/README.md, word for word.</summary>
internal static class DescentExample
{
    public static void Run(TextWriter output)
    {
        // Rosenbrock's valley, f = (1 - a)² + 100 (b - a²)²: its lowest point is (1, 1).
        Descent descent = GradientDescent.Minimise(
            x => Math.Pow(1 - x[0], 2) + (100 * Math.Pow(x[1] - (x[0] * x[0]), 2)),
            x => [(-2 * (1 - x[0])) - (400 * x[0] * (x[1] - (x[0] * x[0]))), 200 * (x[1] - (x[0] * x[0]))],
            start: [-1.2, 1], new DescentOptions { LearningRate = 1e-3, GradientTolerance = 1e-3, MaxSteps = 100_000 });
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{descent.End} after {descent.Steps} steps, at {descent.Point[0]:F2}, {descent.Point[1]:F2}"));
    }
}
