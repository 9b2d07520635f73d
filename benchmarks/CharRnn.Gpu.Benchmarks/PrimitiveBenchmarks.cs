using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Model;
using CharRnn.Reference;
using CharRnn.Text;
using CharRnn.Training;
using ILGPU;

namespace CharRnn.Gpu.Benchmarks;

/// <summary>
/// The SIMD primitives on one core, H = 128, 25 rows as a worker has them; where the scalar reference does the same, it is the
/// baseline of the category.
/// </summary>
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
[CategoriesColumn]
public class PrimitiveBenchmarks : IDisposable
{
    private const int H = 128, V = 65, Rows = 25, Steps = 50;

    private readonly ModelShape _shape = new(V, H);
    private readonly RnnDims _dims = new(Steps, Rows, H, V, CellKind.Rnn, 1, Rows, 0);
    private ComputeDevice _device = null!;
    private DeviceParameters _weights = null!;
    private DeviceParameters _memory = null!;
    private DeviceParameters _gradient = null!;
    private ParameterLayout _layout = null!;
    private AlignedBuffer<float> _h = null!;
    private AlignedBuffer<float> _none = null!;
    private AlignedBuffer<float> _da = null!;
    private AlignedBuffer<float> _z = null!;
    private AlignedBuffer<float> _losses = null!;
    private AlignedBuffer<int> _tokens = null!;
    private AlignedBuffer<int> _flags = null!;
    private ParameterSet<double> _reference = null!;
    private ReferenceOptimizer _referenceOptimizer = null!;
    private ParameterSet<double> _referenceGradient = null!;
    private double[][] _state = null!;
    private double[] _logits = null!;

    [GlobalSetup]
    public void Setup()
    {
        _device = DeviceCatalog.OpenCpu();
        ParameterSet<float> weights = InitialWeights.Create(_shape, 1);
        _layout = new ParameterLayout(_shape);
        (_weights, _memory, _gradient) = (new(_device, _layout), new(_device, _layout), new(_device, _layout));
        _weights.Write(weights);
        _gradient.Write(weights);
        (_h, _da) = (new(_device, (Steps + 1) * Rows * _dims.HRow), new(_device, Steps * Rows * _dims.HRow));
        _none = new(_device, _dims.HRow);
        (_z, _losses) = (new(_device, Steps * Rows * _dims.VRow), new(_device, Steps * Rows));
        (_tokens, _flags) = (new(_device, (Steps + 1) * Rows), new(_device, 1));
        var tokens = new int[(Steps + 1) * Rows];
        new SyntheticText(V, tokens.Length).Read(0, tokens);
        _tokens.Write(tokens);
        _h.Write([.. Enumerable.Range(0, (int)_h.View.Length).Select(i => i % _dims.HRow < H ? 0.01f * (i % 17) : 0)]);

        _reference = weights.Convert(value => (double)value);
        (_referenceOptimizer, _referenceGradient) =
            (new ReferenceOptimizer(new StepOptions(), _shape), weights.Convert(value => (double)value));
        _state = [[.. Enumerable.Range(0, H).Select(i => 0.01 * (i % 17))]];
        _logits = ReferenceRnn.Logits(_reference, _state);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        foreach (IDisposable buffer in (IDisposable[])[_weights, _memory, _gradient, _none, _h, _da, _z, _losses, _tokens, _flags, _device])
            buffer.Dispose();
        GC.SuppressFinalize(this);
    }

    // E1 of one row: look-up, product, tanh.
    [BenchmarkCategory("E1, one row"), Benchmark(Baseline = true)]
    public double[][] ReferenceHiddenStep() => ReferenceRnn.Step(_reference, 1, _state);

    [BenchmarkCategory("E1, one row"), Benchmark]
    public void HiddenStep() => HiddenRows(1);

    [BenchmarkCategory("E1, 25 rows"), Benchmark]
    public void HiddenSteps() => HiddenRows(Rows);

    [BenchmarkCategory("E2, one row"), Benchmark(Baseline = true)]
    public double[] ReferenceLogits() => ReferenceRnn.Logits(_reference, _state);

    [BenchmarkCategory("E2, one row"), Benchmark]
    public void Logits() => Product.Run(
        default, _z.View, Layout.Rows(_dims.VRow), _h.View, _dims.HRow, Tensor(_weights, _shape.Why), Layout.Panels(H), 1, V, H, 0, 0);

    [BenchmarkCategory("E3, E4, one row"), Benchmark(Baseline = true)]
    public double ReferenceLogSumExp() => ReferenceRnn.LogSumExp(_logits);

    [BenchmarkCategory("E3, E4, one row"), Benchmark]
    public void SoftmaxOfOneRow() => SoftmaxCrossEntropy.Run(default, _z.View, _tokens.View, _losses.View, 1, _dims.VRow, V, 1f);

    [BenchmarkCategory("E3, E4, 25 rows"), Benchmark]
    public void SoftmaxOfRows() => SoftmaxCrossEntropy.Run(default, _z.View, _tokens.View, _losses.View, Rows, _dims.VRow, V, 1f);

    [BenchmarkCategory("E7"), Benchmark]
    public void TanhGradient() => Activation.RunGradient(_da.View, _h.View, Rows, _dims.HRow, H, Activation.Hyperbolic);

    [BenchmarkCategory("E8, hᵀ·da"), Benchmark]
    public void TransposedProduct() => Product.RunTransposed(
        default, Tensor(_gradient, _shape.WhhOf(0)), Layout.Panels(H), _h.View, _dims.HRow, _da.View, Layout.Rows(_dims.HRow), H, H,
        Steps * Rows);

    [BenchmarkCategory("E8, da by character"), Benchmark]
    public void ScatterAdd() => RowSums.ScatterAdd(
        default, Tensor(_gradient, _shape.WxhOf(0)), Layout.Rows(_dims.HRow), _tokens.View, _da.View, _dims.HRow, Steps * Rows, 0, V,
        _dims.HRow);

    [BenchmarkCategory("E8, column sums"), Benchmark]
    public void Sum() => RowSums.Sum(default, Tensor(_gradient, _shape.BhOf(0)), _da.View, Steps * Rows, _dims.HRow, _dims.HRow);

    [BenchmarkCategory("E9, all parameters"), Benchmark(Baseline = true)]
    public void ReferenceAdagrad() => _referenceOptimizer.Update(_reference, _referenceGradient, 1e-6);

    [BenchmarkCategory("E9, all parameters"), Benchmark]
    public void AdagradUpdate() => ParameterUpdate.Run(
        default, _weights.View, _memory.View, _memory.View, _gradient.View, 0, _weights.View.IntLength,
        new UpdateArguments(ParameterUpdate.Adagrad, 5, 0, 0, 1, 0, 1, 1e-8f, 0, 0, 0), new StepRates(1e-6f, 1, 1), 1, default, -1);

    [BenchmarkCategory("finite?, Whh"), Benchmark]
    public void FlagNonFinite() => Reduction.FlagNonFinite(_flags.View, 0, Tensor(_gradient, _shape.WhhOf(0)), H * H);

    [BenchmarkCategory("transpose, Whh"), Benchmark]
    public void Transpose() =>
        Transposition.Transpose(
            Tensor(_gradient, _shape.WhhOf(0)), Layout.Panels(H), Tensor(_weights, _shape.WhhOf(0)), Layout.Panels(H), 0, H, H);

    private unsafe void HiddenRows(int rows)
    {
        ArrayView<float> h = _h.View.SubView(Rows * _dims.HRow, rows * _dims.HRow);
        RowLookup.Gather(
            Simd.Pointer(h), Simd.Pointer(Tensor(_weights, _shape.WxhOf(0))), Simd.Pointer(_tokens.View),
            Simd.Pointer(Tensor(_weights, _shape.BhOf(0))), rows, _dims.HRow, H);
        Product.Run(
            default, h, Layout.Rows(_dims.HRow), _h.View, _dims.HRow, Tensor(_weights, _shape.WhhOf(0)), Layout.Panels(H), rows, H, H, 1,
            0);
        Activation.Run(h, _none.View, rows, _dims.HRow, H, Activation.Hyperbolic);
    }

    private ArrayView<float> Tensor(DeviceParameters parameters, int index) =>
        parameters.View.SubView(_layout.Places[index].Offset, _layout.Places[index].Length);
}
