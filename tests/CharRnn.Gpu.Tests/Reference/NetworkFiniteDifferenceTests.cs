using CharRnn.Gpu.Tests.Networks;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Reference;

namespace CharRnn.Gpu.Tests.Reference;

/// <summary>The reference's gradients (N3–N5) are the slopes of its loss (N1, N2).</summary>
public class NetworkFiniteDifferenceTests
{
    public static MatrixTheoryData<ActivationFunction, NetworkLoss> All => new(TestNetworks.Activations, TestNetworks.Losses);

    [Theory]
    [MemberData(nameof(All))]
    public void Every_gradient_is_a_slope(ActivationFunction activation, NetworkLoss loss)
    {
        NetworkShape shape = TestNetworks.Shape(3, [5, 4], 2, activation, loss);
        LabelledData data = TestNetworks.Data(shape, 7, 3);
        ParameterSet<double> parameters = TestNetworks.Parameters(shape, 1).Convert(value => (double)value);
        Assert.Equal(ReferenceNetwork.Loss(parameters, data), ReferenceNetwork.Run(parameters, data).Loss, 12);
        ExpectSlopes(parameters, data, null);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void So_is_one_with_categories_weights_and_dropout(ActivationFunction activation, NetworkLoss loss)
    {
        NetworkShape shape = TestNetworks.Shape(6, [5, 4], 2, activation, loss);
        LabelledData data = TestNetworks.Data(shape, 7, 3, new InputColumns(1, 3, 2)).Weighted([1, 0, 2, 0.5f, 1.5f, 1, 3]);
        ExpectSlopes(
            TestNetworks.Parameters(shape, 1).Convert(value => (double)value), data,
            (layer, row, neuron) => (layer + row + neuron) % 3 == 0 ? 0 : 1.5);
    }

    [Fact]
    public void A_weight_says_how_often_a_row_counts()
    {
        NetworkShape shape = TestNetworks.Shape(2, [5], 3, ActivationFunction.Tanh, NetworkLoss.CrossEntropy);
        ParameterSet<double> parameters = TestNetworks.Parameters(shape, 1).Convert(value => (double)value);
        LabelledData data = TestNetworks.Data(shape, 3, 3);
        Assert.Equal(
            ReferenceNetwork.Loss(parameters, data.Select([0, 1, 1, 2])),
            ReferenceNetwork.Loss(parameters, data.Weighted([1, 2, 1])) * 3 / 4, 12);
    }

    private static void ExpectSlopes(ParameterSet<double> parameters, LabelledData data, Func<int, int, int, double>? dropout)
    {
        ParameterSet<double> gradient = ReferenceNetwork.Run(parameters, data, dropout).Gradient;
        double Loss() => ReferenceNetwork.Run(parameters, data, dropout).Loss;

        const double Step = 1e-6;
        foreach ((double[] values, double[] slopes) in
            parameters.Tensors.Select(tensor => tensor.Values).Zip(gradient.Tensors.Select(tensor => tensor.Values)))
            for (int i = 0; i < values.Length; i++)
            {
                double at = values[i];
                values[i] = at + Step;
                double above = Loss();
                values[i] = at - Step;
                double slope = (above - Loss()) / (2 * Step);
                values[i] = at;
                Assert.InRange(slopes[i], slope - 1e-8, slope + 1e-8);
            }

        Assert.Contains(gradient.Tensors.SelectMany(tensor => tensor.Values), slope => Math.Abs(slope) > 1e-3);
    }

    [Theory]
    [InlineData(ActivationFunction.Sigmoid, 0.7, 0.668187772168166)] // 1 / (1 + e^-0.7)
    [InlineData(ActivationFunction.Tanh, 0.7, 0.6043677771171636)]
    [InlineData(ActivationFunction.Relu, -0.7, 0)]
    [InlineData(ActivationFunction.Identity, -0.7, -0.7)]
    public void An_activation_is_the_textbooks(ActivationFunction function, double z, double expected) =>
        Assert.Equal(expected, ReferenceNetwork.Activate(function, z), 14);

    [Fact]
    public void A_cross_entropy_is_the_negative_log_likelihood_and_stable()
    {
        var neuron = new ParameterSet<double>(
            new NetworkShape(1, [new Layer(1, ActivationFunction.Identity)], NetworkLoss.BinaryCrossEntropy));
        (neuron.Weights(0)[0], neuron.Biases(0)[0]) = (2, -1);
        var data = new LabelledData(new InputRows(1, [1, 1, 3]), 1, [1, 0, 1]); // z = 1, 1, 5
        double expected =
            -(Math.Log(1 / (1 + Math.Exp(-1))) + Math.Log(1 - (1 / (1 + Math.Exp(-1)))) + Math.Log(1 / (1 + Math.Exp(-5)))) / 3;
        Assert.Equal(expected, ReferenceNetwork.Loss(neuron, data), 12);

        neuron.Weights(0)[0] = 5000; // e^5000 is no double
        Assert.Equal(4999.0 / 3, ReferenceNetwork.Loss(neuron, data), 9);
        Assert.All(
            ReferenceNetwork.Run(neuron, data).Gradient.Tensors.SelectMany(tensor => tensor.Values), g => Assert.True(double.IsFinite(g)));
    }
}
