using BenchmarkDotNet.Attributes;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Reference;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Benchmarks;

/// <summary>One training step: the engine on the CPU accelerator beside the scalar reference.</summary>
public class TrainingStepBenchmarks : IDisposable
{
    private const int VocabularySize = 65;

    private ComputeDevice _device = null!;
    private DeviceModel _model = null!;
    private TrainingEngine _engine = null!;
    private ReferenceTrainer _reference = null!;

    [Params(100, 256)]
    public int HiddenSize { get; set; }

    [Params(1, 16)]
    public int BatchSize { get; set; }

    /// <summary>A wrong result is not worth timing: the device is checked against the reference first.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _device = DeviceCatalog.OpenCpu();
        var shape = new ModelShape(VocabularySize, HiddenSize);
        var options = new StepOptions { HiddenSize = HiddenSize, BatchSize = BatchSize };
        if (DeviceVerification.QuickCheck(_device, shape, options) is { } failure)
            throw new InvalidOperationException(failure);

        ParameterSet<float> weights = InitialWeights.Create(shape, 1);
        var text = new SyntheticText(VocabularySize, 100_000);
        _model = new DeviceModel(_device, weights);
        _engine = new TrainingEngine(_model, text, options);
        _reference = new ReferenceTrainer(weights, text, options);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _engine.Dispose();
        _model.Dispose();
        _device.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public StepsResult Engine()
    {
        StepsResult result = _engine.RunSteps(1);
        return result.Diverged ? throw new InvalidOperationException("training diverged: skipped steps are not worth timing") : result;
    }

    [Benchmark(Baseline = true)]
    public ReferencePass Reference() => _reference.Step();
}
