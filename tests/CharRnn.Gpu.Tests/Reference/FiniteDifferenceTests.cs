using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Randomness;
using CharRnn.Reference;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Reference;

/// <summary>The proof of the reference itself: its gradients are those of its own loss, and its loss is E3.</summary>
public class FiniteDifferenceTests
{
    private const int V = 5, H = 7, T = 6, B = 3;

    private static readonly ParameterSet<double> Weights = CaseData.TrainedWeights(new(V, H)).Convert(value => (double)value);

    // Every character is an input of every stream, so that no row of dWxh is zero.
    private static readonly int[] Tokens = [.. Enumerable.Range(0, (T + 1) * B).Select(i => ((i / B * 2) + (i % B) + (i / 11)) % V)];

    private static readonly double[] Carried = [.. Enumerable.Range(0, B * H).Select(i => (2 * Philox.Uniform(1, 2, (ulong)i)) - 1)];

    [Theory]
    [InlineData("Wxh")]
    [InlineData("Whh")]
    [InlineData("bh")]
    [InlineData("Why")]
    [InlineData("by")]
    public void The_gradient_is_the_slope_of_the_loss_at_every_parameter(string name)
    {
        Assert.Equal(V, Tokens.Take(T * B).Distinct().Count());
        ParameterTensor<double> gradient = ReferenceRnn.Run(Weights, Tokens, Carried)
            .Gradient.Tensors.Single(tensor => tensor.Name == name);
        ParameterSet<double> moved = Weights.Convert(value => value);
        double[] values = moved.Tensors.Single(tensor => tensor.Name == name).Values;
        for (int i = 0; i < values.Length; i++)
        {
            double slope = Slope(delta => LossWith(moved, values, i, delta));
            Agreement.Within(1e-8, slope, gradient.Values[i], $"d{name}[{i}]");
        }
    }

    [Fact]
    public void The_carried_state_takes_part_in_the_loss()
    {
        double withState = ReferenceRnn.Run(Weights, Tokens, Carried).Loss;
        double without = ReferenceRnn.Run(Weights, Tokens, new double[B * H]).Loss;
        Assert.True(Math.Abs(withState - without) > 0.01);
    }

    [Fact]
    public void A_batch_is_the_mean_of_its_streams()
    {
        ReferencePass all = ReferenceRnn.Run(Weights, Tokens, Carried);
        ReferencePass[] streams =
        [
            .. Enumerable.Range(0, B).Select(b => ReferenceRnn.Run(
                Weights, [.. Tokens.Where((_, i) => i % B == b)], Carried[(b * H)..((b + 1) * H)])),
        ];
        Agreement.Within(1e-14, streams.Average(pass => pass.Loss), all.Loss, "loss");
        for (int tensor = 0; tensor < 5; tensor++)
        {
            double[] mean = new double[all.Gradient.Tensors[tensor].Values.Length];
            foreach (ReferencePass pass in streams)
                for (int i = 0; i < mean.Length; i++)
                    mean[i] += pass.Gradient.Tensors[tensor].Values[i] / B;
            Agreement.Within(1e-14, mean, all.Gradient.Tensors[tensor].Values, all.Gradient.Tensors[tensor].Name);
        }

        Assert.Equal(streams.SelectMany(pass => pass.CarriedOut), all.CarriedOut);
    }

    [Fact]
    public void A_model_of_zeros_loses_the_logarithm_of_V_per_character() =>
        Agreement.Within(1e-15, T * Math.Log(V), ReferenceRnn.Run(new(new ModelShape(V, H)), Tokens, Carried).Loss, "loss");

    [Fact]
    public void An_update_clips_both_signs_and_keeps_epsilon_inside_the_root()
    {
        ParameterSet<double> w = new(new ModelShape(2, 3)), gradient = new(w.Shape);
        var optimizer = new ReferenceOptimizer(new StepOptions { Clip = 1 }, w.Shape);
        ParameterSet<double> memory = optimizer.Moments[0];
        foreach (ParameterTensor<double> m in memory.Tensors)
            Array.Fill(m.Values, 0.25);
        double[] g = [7, -7, 0.5, 0, double.NaN, -0.5];
        g.CopyTo(gradient.Wxh, 0);
        memory.Wxh[3] = 0;
        optimizer.Update(w, gradient);
        double large = 0.1 / Math.Sqrt(1.25 + 1e-8), small = 0.1 * 0.5 / Math.Sqrt(0.5 + 1e-8);
        Assert.Equal([-large, large, -small, 0, double.NaN, small], w.Wxh);
        Assert.Equal([1.25, 1.25, 0.5, 0, double.NaN, 0.5], memory.Wxh);

        // A first, tiny gradient: η g / √(g² + ε), not η g / (|g| + √ε).
        gradient.By[0] = 1e-4;
        memory.By[0] = 0;
        optimizer.Update(w, gradient);
        Agreement.Within(1e-12, -0.1 / Math.Sqrt(2), w.By[0], "θ");
    }

    private static double LossWith(ParameterSet<double> w, double[] values, int i, double delta)
    {
        double before = values[i];
        values[i] = before + delta;
        double loss = ReferenceRnn.Run(w, Tokens, Carried).Loss;
        values[i] = before;
        return loss;
    }

    /// <summary>Central differences at two distances, whose combination has no error in the square of the distance.</summary>
    private static double Slope(Func<double, double> f)
    {
        const double Step = 1e-3;
        double near = (f(Step) - f(-Step)) / (2 * Step), far = (f(2 * Step) - f(-2 * Step)) / (4 * Step);
        return ((4 * near) - far) / 3;
    }
}
