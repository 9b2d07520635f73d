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

    // Every character is an input of every stream, so that no row of dWxh is zero.
    private static readonly int[] Tokens = [.. Enumerable.Range(0, (T + 1) * B).Select(i => ((i / B * 2) + (i % B) + (i / 11)) % V)];

    public static MatrixTheoryData<RecurrentCell, int, double> Models => new(Enum.GetValues<RecurrentCell>(), [1, 3], [0, 0.25]);

    [Theory]
    [MemberData(nameof(Models))]
    public void The_gradient_is_the_slope_of_the_loss_at_every_parameter(RecurrentCell cell, int layers, double dropout)
    {
        Assert.Equal(V, Tokens.Take(T * B).Distinct().Count());
        var mask = new DropoutMask(dropout, 9);
        double Factor(int layer, int t, int b, int unit) => mask.Keeps(0, layer, (t * B) + b, unit) ? 1 / (1 - dropout) : 0;
        ParameterSet<double> weights = Weights(cell, layers), moved = weights.Convert(value => value);
        double[][] carried = Carried(weights.Sizes);
        ParameterSet<double> gradient = ReferenceRnn.Run(weights, Tokens, carried, Factor).Gradient;
        foreach ((ParameterTensor<double> expected, ParameterTensor<double> tensor) in gradient.Tensors.Zip(moved.Tensors))
            for (int i = 0; i < tensor.Values.Length; i++)
            {
                double slope = Slope(delta =>
                {
                    double before = tensor.Values[i];
                    tensor.Values[i] = before + delta;
                    double loss = ReferenceRnn.Run(moved, Tokens, carried, Factor).Loss;
                    tensor.Values[i] = before;
                    return loss;
                });
                Assert.True(
                    Math.Abs(slope - expected.Values[i]) < 1e-8 * Math.Max(1, Math.Abs(slope)),
                    $"gradient of {tensor.Spec.Name}[{i}] is {expected.Values[i]}, the slope {slope}");
            }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Every_carried_state_takes_part_in_the_loss(RecurrentCell cell)
    {
        ParameterSet<double> weights = Weights(cell, 2);
        double[][] carried = Carried(weights.Sizes);
        double withState = ReferenceRnn.Run(weights, Tokens, carried).Loss;
        for (int i = 0; i < carried.Length; i++)
        {
            double[][] without = [.. carried];
            without[i] = new double[B * H];
            Assert.True(Math.Abs(withState - ReferenceRnn.Run(weights, Tokens, without).Loss) > 0.001, weights.Sizes.States[i]);
        }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void A_batch_is_the_mean_of_its_streams(RecurrentCell cell)
    {
        ParameterSet<double> weights = Weights(cell, 2);
        double[][] carried = Carried(weights.Sizes);
        ReferencePass all = ReferenceRnn.Run(weights, Tokens, carried);
        ReferencePass[] streams =
        [
            .. Enumerable.Range(0, B).Select(b => ReferenceRnn.Run(
                weights, [.. Tokens.Where((_, i) => i % B == b)], [.. carried.Select(state => state[(b * H)..((b + 1) * H)])])),
        ];
        Agreement.Within(1e-14, streams.Average(pass => pass.Loss), all.Loss, "loss");
        foreach ((int tensor, ParameterTensor<double> expected) in all.Gradient.Tensors.Index())
        {
            double[] mean = new double[expected.Values.Length];
            foreach (ReferencePass pass in streams)
                for (int i = 0; i < mean.Length; i++)
                    mean[i] += pass.Gradient.Tensors[tensor].Values[i] / B;
            Agreement.Within(1e-14, mean, expected.Values, expected.Spec.Name);
        }

        for (int i = 0; i < carried.Length; i++)
            Assert.Equal(streams.SelectMany(pass => pass.CarriedOut[i]), all.CarriedOut[i]);
    }

    public static TheoryData<RecurrentCell> Cells => [.. Enum.GetValues<RecurrentCell>()];

    [Fact]
    public void A_model_of_zeros_loses_the_logarithm_of_V_per_character()
    {
        var zeros = new ParameterSet<double>(new ModelShape(V, H));
        Agreement.Within(1e-15, T * Math.Log(V), ReferenceRnn.Run(zeros, Tokens, Carried(zeros.Sizes)).Loss, "loss");
    }

    [Fact]
    public void Dropout_hides_its_share_of_the_values_and_depends_on_every_part_of_their_place()
    {
        var mask = new DropoutMask(0.3, 5);
        (int Layer, int Row, int Unit)[] places =
        [
            .. from layer in Enumerable.Range(0, 2) from row in Enumerable.Range(0, 50) from unit in Enumerable.Range(0, 100)
               select (layer, row, unit),
        ];
        bool[] kept = [.. places.Select(place => mask.Keeps(7, place.Layer, place.Row, place.Unit))];
        Assert.InRange(kept.Count(keeps => keeps) / (double)kept.Length, 0.68, 0.72);
        foreach (Func<(int Layer, int Row, int Unit), bool> other in (Func<(int Layer, int Row, int Unit), bool>[])
        [
            place => mask.Keeps(8, place.Layer, place.Row, place.Unit), place => mask.Keeps(7, place.Layer + 2, place.Row, place.Unit),
            place => mask.Keeps(7, place.Layer, place.Row + 50, place.Unit),
            place => mask.Keeps(7, place.Layer, place.Row, place.Unit + 100),
            place => new DropoutMask(0.3, 6).Keeps(7, place.Layer, place.Row, place.Unit),
            place => new DropoutMask(0.3, 5UL << 32).Keeps(7, place.Layer, place.Row, place.Unit),
        ])
            // Independent masks of 0.7 and 0.7 agree in 0.58 of the places.
            Assert.InRange(kept.Zip(places.Select(other)).Count(pair => pair.First == pair.Second) / (double)kept.Length, 0.56, 0.60);
        Assert.All(places, place => Assert.True(new DropoutMask(0, 5).Keeps(7, place.Layer, place.Row, place.Unit)));
    }

    [Fact]
    public void An_update_clips_both_signs_and_keeps_epsilon_inside_the_root()
    {
        ParameterSet<double> w = new(new ModelShape(2, 3)), gradient = new(w.Shape);
        var optimizer = new ReferenceOptimizer(new StepOptions { Clip = 1 }, w.Shape);
        ParameterSet<double> memory = optimizer.Moments[0];
        foreach (ParameterTensor<double> m in memory.Tensors)
            Array.Fill(m.Values, 0.25);
        double[] g = [7, -7, 0.5, 0, double.NaN, -0.5];
        g.CopyTo(gradient.Layer(0).Wxh, 0);
        memory.Layer(0).Wxh[3] = 0;
        optimizer.Update(w, gradient);
        double large = 0.1 / Math.Sqrt(1.25 + 1e-8), small = 0.1 * 0.5 / Math.Sqrt(0.5 + 1e-8);
        Assert.Equal([-large, large, -small, 0, double.NaN, small], w.Layer(0).Wxh);
        Assert.Equal([1.25, 1.25, 0.5, 0, double.NaN, 0.5], memory.Layer(0).Wxh);

        // A first, tiny gradient: η g / √(g² + ε), not η g / (|g| + √ε).
        gradient.By[0] = 1e-4;
        memory.By[0] = 0;
        optimizer.Update(w, gradient);
        Agreement.Within(1e-12, -0.1 / Math.Sqrt(2), w.By[0], "θ");
    }

    private static ParameterSet<double> Weights(RecurrentCell cell, int layers) =>
        CaseData.TrainedWeights(new(V, H, cell, layers)).Convert(value => (double)value);

    private static double[][] Carried(ModelShape shape) =>
    [
        .. shape.States.Select(
            (_, k) => Enumerable.Range(0, B * H).Select(i => (2 * Philox.Uniform(1, (ulong)k, (ulong)i)) - 1.0).ToArray()),
    ];

    /// <summary>Central differences at two distances, whose combination has no error in the square of the distance.</summary>
    private static double Slope(Func<double, double> f)
    {
        const double Step = 1e-3;
        double near = (f(Step) - f(-Step)) / (2 * Step), far = (f(2 * Step) - f(-2 * Step)) / (4 * Step);
        return ((4 * near) - far) / 3;
    }
}
