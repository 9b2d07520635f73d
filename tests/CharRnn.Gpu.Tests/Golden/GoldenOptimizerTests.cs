using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Model;
using CharRnn.Reference;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Golden;

/// <summary>Every optimizer against a NumPy program written from PyTorch's definitions: three updates with given gradients.</summary>
[Collection(typeof(DeviceTests))]
public sealed class GoldenOptimizerTests : IDisposable
{
    private const int Updates = 3;

    private readonly GoldenFile _golden = new("optimizers");

    private static readonly string[] s_rules = ["adagrad", "rmsprop", "adam", "adamw", "sgd", "momentum"], s_cases = ["plain", "clipped"];

    public static MatrixTheoryData<string, string> Cases => new(s_rules, s_cases);

    public static MatrixTheoryData<DeviceKind, string, string> DeviceCases => new(Enum.GetValues<DeviceKind>(), s_rules, s_cases);

    private ModelShape Shape => new((int)_golden.Number("vocabulary_size"), (int)_golden.Number("hidden_size"));

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_reference_computes_the_golden_numbers(string rule, string name)
    {
        var optimizer = new ReferenceOptimizer(Options(rule, name), Shape);
        ParameterSet<double> weights = _golden.Parameters(Shape, "initial");
        for (int update = 1; update <= Updates; update++)
        {
            optimizer.Update(weights, _golden.Parameters(Shape, $"gradient{update}"));
            if (update is 1 or Updates)
                _golden.Compare(1e-13, $"{rule}.{name}.weights{update}", weights);
        }

        foreach ((string moment, ParameterSet<double> values) in MomentNames.Zip(optimizer.Moments))
            _golden.Compare(1e-13, $"{rule}.{name}.{moment}{Updates}", values);
    }

    [Theory]
    [MemberData(nameof(DeviceCases))]
    public void A_device_computes_the_golden_numbers(DeviceKind kind, string rule, string name)
    {
        ComputeDevice device = TestDevices.Get(kind);
        var layout = new ParameterLayout(Shape);
        using var theta = new DeviceParameters(device, layout);
        using var status = new AlignedBuffer<int>(device, CharRnn.Gpu.Kernels.Arguments.StepStatus.Count);
        using var optimizer = new DeviceOptimizer(device, layout, theta, Options(rule, name), Updates, status, isMeasured: name == "plain");
        theta.Write(_golden.Parameters(Shape, "initial").Convert(value => (float)value));
        optimizer.WriteRates(0, Updates, _ => _golden.Number("learning_rate"));
        for (int update = 1; update <= Updates; update++)
        {
            optimizer.WriteGradient(_golden.Parameters(Shape, $"gradient{update}").Convert(value => (float)value));
            device.Kernels.Update(optimizer.Views, optimizer.Arguments, update - 1, device.Teams);
            if (update is 1 or Updates)
                _golden.Compare(2e-7, $"{rule}.{name}.weights{update}", theta.Read().Convert(value => (double)value));
        }

        foreach ((string moment, Moment values) in MomentNames.Zip(optimizer.ReadMoments()))
            _golden.Compare(2e-6, $"{rule}.{name}.{moment}{Updates}", values.Values.Convert(value => (double)value));
    }

    public void Dispose() => _golden.Dispose();

    private static string[] MomentNames => ["first", "second"];

    private OptimizerOfNothing Options(string rule, string name)
    {
        var plain = new OptimizerOfNothing
        {
            Optimizer = rule == "momentum" ? UpdateRule.Sgd : Enum.Parse<UpdateRule>(rule, ignoreCase: true),
            LearningRate = _golden.Number("learning_rate"),
            Beta1 = _golden.Number("beta1"),
            Beta2 = _golden.Number("beta2"),
            RmsDecay = _golden.Number("rms_decay"),
            Momentum = rule == "momentum" ? _golden.Number("momentum") : 0,
            Epsilon = _golden.Number("epsilon"),
            WeightDecay = 0,
        };
        return name == "plain"
            ? plain
            : plain with
            {
                Clip = _golden.Number("clip"),
                ClipNorm = _golden.Number("clip_norm"),
                WeightDecay = _golden.Number("weight_decay"),
            };
    }

    /// <summary>An optimizer, of no network.</summary>
    private sealed record OptimizerOfNothing() : UpdateOptions(UpdateRule.Sgd);
}
