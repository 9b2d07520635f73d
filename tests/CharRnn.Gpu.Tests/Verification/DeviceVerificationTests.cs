using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Verification;

[Collection(typeof(DeviceTests))]
public class DeviceVerificationTests
{
    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Every_kernel_of_every_device_passes(DeviceKind kind)
    {
        VerificationCheck[] checks = [.. DeviceVerification.Run(TestDevices.Get(kind))];
        Assert.All(checks, check => Assert.True(check.Passed, check.ToString()));
        string[] kernels =
        [
            "Hidden", "Output", "Chain", "Gradient", "Update", "TimeSteps", "TrainSteps", "Evaluate", "Sample",
            "NetworkEvaluate", "NetworkLayer", "NetworkSteps", .. kind == DeviceKind.OpenCl ? [] : (string[])["Persistent"],
        ];
        Assert.Equal(kernels.Order(), checks.Select(c => c.Kernel).Distinct().Order());
    }

    [Theory]
    [InlineData(DeviceKind.Cuda)]
    [InlineData(DeviceKind.OpenCl)]
    public void Groups_of_64_threads_are_enough(DeviceKind kind)
    {
        _ = TestDevices.Get(kind);
        using ComputeDevice device = DeviceCatalog.OpenGpu(kind, 0, profiling: false, mostThreads: 64);
        Assert.Equal(64, device.GroupSize);
        Assert.All(DeviceVerification.Run(device), check => Assert.True(check.Passed, check.ToString()));
    }

    [Theory]
    [InlineData("gradient of layers.0.Whh (E5, E8)")]
    [InlineData("gradient of layers.0.bhn (E5, E8)")]
    [InlineData("da of layer 1 (E11)")]
    [InlineData("loss (E3)")]
    [InlineData("change of by")]
    [InlineData("nats per character (E3)")]
    [InlineData("draws")]
    public void A_wrong_result_of_one_kernel_fails_there_and_nowhere_else(string result)
    {
        VerificationCheck[] checks = [.. DeviceVerification.Run(TestDevices.Get(DeviceKind.Cpu), (name, values) =>
        {
            if (name == result)
                values[^1] += values.Max(Math.Abs) + 0.01f;
        })];
        Assert.All(checks, check => Assert.Equal(!check.Result.StartsWith(result, StringComparison.Ordinal), check.Passed));
        Assert.Contains(checks, check => !check.Passed);
    }

    [Fact]
    public void A_result_that_is_not_finite_fails()
    {
        IEnumerable<VerificationCheck> checks = DeviceVerification.Run(
            TestDevices.Get(DeviceKind.Cpu), (_, values) => values[0] = float.NaN);
        Assert.All(checks, check => Assert.False(check.Passed));
    }

    [Fact]
    public void Steps_that_diverge_are_losses_that_agree_with_nothing_and_not_waited_for()
    {
        ParameterSet<float> weights = CaseData.TrainedWeights(new(17, 33));
        weights.Layer(0).Wxh[^1] = float.NaN; // of the last character, which the fourth step reads first
        using var model = new DeviceModel(TestDevices.Get(DeviceKind.Cpu), weights);
        var text = new TokenArray([.. Enumerable.Range(0, 100).Select(i => i == 29 ? 16 : i % 16)]);
        using var engine = new TrainingEngine(model, text, new StepOptions { HiddenSize = 33, SequenceLength = 9 });
        Assert.Equal([true, true, true, false, false], DeviceVerification.Losses(engine, 5).Select(float.IsFinite));
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void The_quick_check_passes_on_a_sound_device_whatever_the_model(DeviceKind kind)
    {
        ComputeDevice device = TestDevices.Get(kind);
        foreach (RecurrentCell cell in Enum.GetValues<RecurrentCell>())
            foreach (int layers in (int[])[1, 3])
            {
                var shape = new ModelShape(30, 40, cell, layers);
                Assert.Null(DeviceVerification.QuickCheck(device, shape));
                foreach (UpdateRule rule in Enum.GetValues<UpdateRule>())
                    foreach ((int streams, double dropout) in ((int, double)[])[(1, 0), (1, 0.5), (20, 0), (20, 0.9)])
                        Assert.Null(DeviceVerification.QuickCheck(
                            device, shape, new StepOptions
                            {
                                BatchSize = streams,
                                Dropout = dropout,
                                Optimizer = rule,
                                ClipNorm = dropout > 0 ? 1e-3 : null,
                                Momentum = rule == UpdateRule.Sgd ? dropout : 0,
                                WeightDecay = dropout,
                            }));
            }

        foreach (NetworkLoss loss in Enum.GetValues<NetworkLoss>())
            foreach (NetworkOptions? training in (NetworkOptions?[])[null, new(), new() { ClipNorm = 1 }])
                Assert.Null(DeviceVerification.QuickCheck(
                    device, new NetworkShape(3, [new(4, ActivationFunction.Relu), new(2, ActivationFunction.Identity)], loss), training));
    }
}
