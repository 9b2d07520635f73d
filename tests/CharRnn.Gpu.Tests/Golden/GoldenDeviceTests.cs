using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Model;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Golden;

/// <summary>The golden iterations on every device and by both plans, as far as float32 can follow them.</summary>
[Collection(typeof(DeviceTests))]
public sealed class GoldenDeviceTests : IDisposable
{
    private readonly GoldenIterations _golden = new();

    public static MatrixTheoryData<DeviceKind, bool, string> Cases =>
        new(Enum.GetValues<DeviceKind>(), [false, true], [.. GoldenIterations.Cases.Select(row => row.Data)]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_device_computes_the_golden_numbers(DeviceKind kind, bool fused, string name)
    {
        ComputeDevice device = TestDevices.Get(kind);
        ParameterSet<float> initial = _golden.InitialWeights(name);
        using var model = new DeviceModel(device, initial);
        using var engine = new TrainingEngine(model, _golden.Text, _golden.Options(name))
        {
            Plan = TestDevices.Plan(fused, device, initial.Sizes, _golden.Options(name)),
        };
        double[] losses = _golden.Losses(name);

        WithinEach(5e-6, $"{name}.grad1", engine.Trace().Gradient);
        Agreement.Within(2e-6, losses[0], NextLoss(engine), "loss 1");
        if (name.StartsWith("trained", StringComparison.Ordinal))
        {
            // The step of ±0.1 that Adagrad begins with throws trained weights far off: from here on rounding is amplified.
            ChangeWithin(5e-4, $"{name}.weights1", initial, engine.ReadWeights());
            return;
        }

        ChangeWithin(1e-5, $"{name}.weights1", initial, engine.ReadWeights());
        Agreement.Within(2e-6, losses[1], NextLoss(engine), "loss 2");
        WithinEach(1e-4, $"{name}.grad3", engine.Trace().Gradient);
        Agreement.Within(2e-6, losses[2], NextLoss(engine), "loss 3");
        TextState state = engine.ReadState();
        ChangeWithin(2e-4, $"{name}.weights3", initial, state.Weights);
        WithinEach(3e-4, $"{name}.memory3", state.Moments[0].Values);
        Agreement.Within(3e-5, _golden.State(name), state.States[0], $"{name}.state3");
    }

    public void Dispose() => _golden.Dispose();

    private static double NextLoss(TrainingEngine engine) => engine.RunSteps(1).Losses.Span[0];

    private void WithinEach(double tolerance, string prefix, ParameterSet<float> actual) =>
        _golden.Compare(tolerance, prefix, actual.Convert(value => (double)value));

    /// <summary>Compares what training added to the weights: the weights themselves would hide it.</summary>
    private void ChangeWithin(double tolerance, string prefix, ParameterSet<float> initial, ParameterSet<float> actual)
    {
        foreach (var (e, a, from) in _golden.Parameters(prefix).Tensors.Zip(actual.Tensors, initial.Tensors))
            Agreement.Within(
                tolerance, [.. e.Values.Zip(from.Values, (now, before) => now - before)],
                [.. a.Values.Zip(from.Values, (now, before) => (double)now - before)], $"change to {prefix}.{e.Name}");
    }
}
