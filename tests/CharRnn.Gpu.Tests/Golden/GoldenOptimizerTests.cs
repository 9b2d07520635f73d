using System.Globalization;
using CharRnn.Files;
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

    private readonly SafetensorsFile _file = SafetensorsFile.Open(
        Path.Combine(AppContext.BaseDirectory, "golden", "optimizers.safetensors"));

    private static readonly string[] s_rules = ["adagrad", "rmsprop", "adam", "adamw", "sgd", "momentum"], s_cases = ["plain", "clipped"];

    public static MatrixTheoryData<string, string> Cases => new(s_rules, s_cases);

    public static MatrixTheoryData<DeviceKind, string, string> DeviceCases => new(Enum.GetValues<DeviceKind>(), s_rules, s_cases);

    private ModelShape Shape => new((int)Number("vocabulary_size"), (int)Number("hidden_size"));

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_reference_computes_the_golden_numbers(string rule, string name)
    {
        var optimizer = new ReferenceOptimizer(Options(rule, name), Shape);
        ParameterSet<double> weights = Parameters("initial");
        for (int update = 1; update <= Updates; update++)
        {
            optimizer.Update(weights, Parameters($"gradient{update}"));
            if (update is 1 or Updates)
                Compare(1e-13, $"{rule}.{name}.weights{update}", weights);
        }

        foreach ((string moment, ParameterSet<double> values) in MomentNames.Zip(optimizer.Moments))
            Compare(1e-13, $"{rule}.{name}.{moment}{Updates}", values);
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
        theta.Write(Parameters("initial").Convert(value => (float)value));
        optimizer.WriteRates(0, Updates, _ => Number("learning_rate"));
        for (int update = 1; update <= Updates; update++)
        {
            optimizer.WriteGradient(Parameters($"gradient{update}").Convert(value => (float)value));
            device.Kernels.Update(optimizer.Views, optimizer.Arguments, update - 1, device.Teams);
            if (update is 1 or Updates)
                Compare(2e-7, $"{rule}.{name}.weights{update}", theta.Read().Convert(value => (double)value));
        }

        foreach ((string moment, Moment values) in MomentNames.Zip(optimizer.ReadMoments()))
            Compare(2e-6, $"{rule}.{name}.{moment}{Updates}", values.Values.Convert(value => (double)value));
    }

    public void Dispose() => _file.Dispose();

    private static string[] MomentNames => ["first", "second"];

    private OptimizerOfNothing Options(string rule, string name)
    {
        var plain = new OptimizerOfNothing
        {
            Optimizer = rule == "momentum" ? UpdateRule.Sgd : Enum.Parse<UpdateRule>(rule, ignoreCase: true),
            LearningRate = Number("learning_rate"),
            Beta1 = Number("beta1"),
            Beta2 = Number("beta2"),
            RmsDecay = Number("rms_decay"),
            Momentum = rule == "momentum" ? Number("momentum") : 0,
            Epsilon = Number("epsilon"),
            WeightDecay = 0,
        };
        return name == "plain"
            ? plain
            : plain with { Clip = Number("clip"), ClipNorm = Number("clip_norm"), WeightDecay = Number("weight_decay") };
    }

    /// <summary>In the file's matrices rows are outputs.</summary>
    private ParameterSet<double> Parameters(string prefix)
    {
        var parameters = new ParameterSet<double>(Shape);
        foreach ((TensorSpec spec, double[] to) in parameters.Tensors)
        {
            double[] values = _file.ReadDoubles(
                $"{prefix}.{spec.Symbol}", spec.Role == TensorRole.Bias ? [spec.Columns] : [spec.Columns, spec.Rows]);
            for (int i = 0; i < to.Length; i++)
                to[i] = values[(i % spec.Columns * spec.Rows) + (i / spec.Columns)];
        }

        return parameters;
    }

    private void Compare(double tolerance, string prefix, ParameterSet<double> actual)
    {
        foreach ((ParameterTensor<double> e, ParameterTensor<double> a) in Parameters(prefix).Tensors.Zip(actual.Tensors))
            Agreement.Within(tolerance, e.Values, a.Values, $"{prefix}.{e.Name}");
    }

    private double Number(string key) => double.Parse(_file.Metadata[key], CultureInfo.InvariantCulture);

    /// <summary>An optimizer, of no network.</summary>
    private sealed record OptimizerOfNothing() : UpdateOptions(UpdateRule.Sgd);
}
