using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Networks;
using CharRnn.Reference;

namespace CharRnn.Gpu.Tests.Networks;

[Collection(typeof(DeviceTests))]
public class NetworkEngineTests
{
    // Odd sizes, a width of one, more than a panel, more than a block of k.
    private static readonly int[][] s_widths = [[1], [3, 1], [5, 7, 2], [33, 17, 10], [300, 65, 5]];

    public static MatrixTheoryData<DeviceKind, ActivationFunction, NetworkLoss> All => new([.. TestDevices.Kinds.Select(row => row.Data)], TestNetworks.Activations, TestNetworks.Losses);

    [Theory]
    [MemberData(nameof(All))]
    public void A_steps_loss_and_gradient_are_the_references(DeviceKind kind, ActivationFunction activation, NetworkLoss loss)
    {
        ComputeDevice device = TestDevices.Get(kind);
        foreach (int[] widths in s_widths)
            foreach (int rows in (int[])[1, 6, 67])
            {
                NetworkShape shape = TestNetworks.Shape(inputs: 9, widths[..^1], widths[^1], activation, loss);
                LabelledData data = TestNetworks.Data(shape, rows, 7);
                NetworkParameters<float> parameters = TestNetworks.Parameters(shape, 2);
                (double expectedLoss, NetworkParameters<double> expected) = ReferenceNetwork.Run(parameters.Convert(value => (double)value), data);
                using var engine = new NetworkEngine(device, parameters, data, new NetworkOptions { LearningRate = 0.5f });
                (float actualLoss, NetworkParameters<float> gradient) = engine.Trace();
                string what = $"{string.Join('-', widths)}, {rows} rows";
                if (expectedLoss == 0 && ReferenceNetwork.Norm(expected) == 0)
                    continue; // one class, or units that are all off
                Assert.InRange(actualLoss, expectedLoss - (2e-6 * (expectedLoss + 0.1)), expectedLoss + (2e-6 * (expectedLoss + 0.1))); // (h - y)² cancels
                if (ReferenceNetwork.Norm(expected) > 0)
                    Agreement.Within(3e-6, TestNetworks.Flat(expected), TestNetworks.Flat(gradient), what);

                NetworkParameters<double> updated = parameters.Convert(value => (double)value);
                ReferenceNetwork.Descend(updated, expected, 0.5);
                Agreement.Within(1e-6, TestNetworks.Flat(updated), TestNetworks.Flat(engine.ReadParameters()), what);
            }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Hundreds_of_steps_follow_the_reference(DeviceKind kind)
    {
        ComputeDevice device = TestDevices.Get(kind);
        NetworkShape shape = TestNetworks.Shape(4, [8], 3, ActivationFunction.Tanh, NetworkLoss.CrossEntropy);
        LabelledData data = TestNetworks.Data(shape, 20, 3);
        NetworkParameters<double> expected = TestNetworks.Parameters(shape, 4).Convert(value => (double)value);
        using var engine = new NetworkEngine(device, TestNetworks.Parameters(shape, 4), data, new NetworkOptions { LearningRate = 0.2f });
        var (losses, norms) = (new List<float>(), new List<float>());
        while (engine.Step < 300)
        {
            NetworkSteps steps = engine.RunSteps(300 - engine.Step);
            Assert.Null(steps.End);
            losses.AddRange(steps.Losses);
            norms.AddRange(steps.GradientNorms);
        }

        for (int i = 0; i < 300; i++)
        {
            (double loss, NetworkParameters<double> gradient) = ReferenceNetwork.Run(expected, data);
            Assert.InRange(losses[i], loss - 2e-5, loss + 2e-5);
            Assert.InRange(norms[i], ReferenceNetwork.Norm(gradient) * 0.999, ReferenceNetwork.Norm(gradient) * 1.001);
            ReferenceNetwork.Descend(expected, gradient, 0.2);
        }

        Agreement.Within(1e-4, TestNetworks.Flat(expected), TestNetworks.Flat(engine.ReadParameters()), "after 300 steps");
    }
}
