using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Model;
using CharRnn.Reference;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Golden;

/// <summary>
/// Every cell, of one layer and of three, with and without dropout, against a NumPy program that shares nothing with this one: three steps
/// of Adam. The program has masks of its own; devices have those of the counter, so that they are compared without dropout.
/// </summary>
[Collection(typeof(DeviceTests))]
public sealed class GoldenCellTests : IDisposable
{
    private const int Steps = 3;

    private static readonly int[] s_layers = [1, 3], s_streams = [1, 4];

    private readonly GoldenFile _golden = new("cells");

    public static MatrixTheoryData<RecurrentCell, int, int, bool> Cases =>
        new(Enum.GetValues<RecurrentCell>(), s_layers, s_streams, [false, true]);

    public static MatrixTheoryData<DeviceKind, RecurrentCell, int, int> DeviceCases =>
        new(Enum.GetValues<DeviceKind>(), Enum.GetValues<RecurrentCell>(), s_layers, s_streams);

    private int T => (int)_golden.Number("seq_length");

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_reference_computes_the_golden_numbers(RecurrentCell cell, int layers, int streams, bool drops)
    {
        const double Tolerance = 1e-12;
        string name = $"{Word(cell)}.l{layers}.b{streams}.{(drops ? "dropped" : "plain")}";
        ModelShape shape = Shape(cell, layers);
        ParameterSet<double> weights = _golden.Parameters(shape, $"initial.{Word(cell)}.l{layers}");
        var optimizer = new ReferenceOptimizer(Options(shape, streams), shape);
        double[] masks = _golden.Values($"masks.l{layers}.b{streams}", Steps, layers, T, streams, shape.HiddenSize);
        double[][] state = [.. shape.States.Select(_ => new double[streams * shape.HiddenSize])];
        var losses = new double[Steps];
        for (int step = 0; step < Steps; step++)
        {
            double Factor(int layer, int t, int b, int unit) =>
                masks[(((((step * layers) + layer) * T) + t) * streams + b) * shape.HiddenSize + unit] / (1 - _golden.Number("dropout"));
            ReferencePass pass = ReferenceRnn.Run(weights, Tokens(step, streams), state, drops ? Factor : null);
            losses[step] = pass.Loss;
            if (step == 0)
                _golden.Compare(Tolerance, $"{name}.grad1", pass.Gradient);
            optimizer.Update(weights, pass.Gradient);
            if (step is 0 or Steps - 1)
                _golden.Compare(Tolerance, $"{name}.weights{step + 1}", weights);
            state = pass.CarriedOut;
        }

        Agreement.Within(Tolerance, _golden.Values($"{name}.losses", Steps), losses, $"{name}.losses");
        Agreement.Within(Tolerance, State(name, shape, streams), [.. state.SelectMany(values => values)], $"{name}.state3");
    }

    [Theory]
    [MemberData(nameof(DeviceCases))]
    public void A_device_computes_the_golden_numbers(DeviceKind kind, RecurrentCell cell, int layers, int streams)
    {
        string name = $"{Word(cell)}.l{layers}.b{streams}.plain";
        ModelShape shape = Shape(cell, layers);
        ComputeDevice device = TestDevices.Get(kind);
        StepOptions options = Options(shape, streams);
        ParameterSet<float> initial = _golden.Parameters(shape, $"initial.{Word(cell)}.l{layers}").Convert(value => (float)value);
        foreach (PlanKind plan in ExecutionPlan.All(kind))
        {
            using var model = new DeviceModel(device, initial);
            using var engine = new TrainingEngine(model, Text(streams), options)
            {
                Plan = ExecutionPlan.Of(plan, shape, options, device.Traits, "test").Fixed,
            };
            _golden.Compare(2e-6, $"{name}.grad1", engine.Trace().Gradient.Convert(value => (double)value));
            var losses = new List<float>(engine.RunSteps(1).Losses.ToArray());
            _golden.Compare(2e-6, $"{name}.weights1", engine.ReadWeights().Convert(value => (double)value));
            while (losses.Count < Steps)
                losses.AddRange(engine.RunSteps(Steps - losses.Count).Losses.Span);
            TextState state = engine.ReadState();
            Agreement.Within(1e-6, _golden.Values($"{name}.losses", Steps), losses.ToArray(), $"{name}.losses");
            _golden.Compare(2e-6, $"{name}.weights3", state.Weights.Convert(value => (double)value));
            Agreement.Within(2e-6, State(name, shape, streams), [.. state.States.SelectMany(values => values)], $"{name}.state3");
        }
    }

    public void Dispose() => _golden.Dispose();

    private static string Word(RecurrentCell cell) => cell.ToString().ToLowerInvariant();

    private ModelShape Shape(RecurrentCell cell, int layers) =>
        new((int)_golden.Number("vocabulary_size"), (int)_golden.Number($"hidden_size.l{layers}"), cell, layers);

    private StepOptions Options(ModelShape shape, int streams) => new()
    {
        HiddenSize = shape.HiddenSize,
        BatchSize = streams,
        SequenceLength = T,
        Optimizer = UpdateRule.Adam,
        LearningRate = _golden.Number("learning_rate"),
        Beta1 = _golden.Number("beta1"),
        Beta2 = _golden.Number("beta2"),
        Epsilon = _golden.Number("epsilon"),
        Clip = null,
    };

    /// <summary>The tokens of a step, <c>[T+1, B]</c>.</summary>
    private int[] Tokens(int step, int streams)
    {
        double[] tokens = _golden.Values("tokens", 4, (Steps * T) + 1);
        return
        [
            .. from t in Enumerable.Range(0, T + 1) from b in Enumerable.Range(0, streams)
               select (int)tokens[(b * ((Steps * T) + 1)) + (step * T) + t],
        ];
    }

    /// <summary>The same tokens as a text, of which each stream is a part; a stream is a character longer than what it trains on.</summary>
    private TokenArray Text(int streams)
    {
        double[] tokens = _golden.Values("tokens", 4, (Steps * T) + 1);
        IEnumerable<double> streamed = tokens.Chunk((Steps * T) + 1).Take(streams).SelectMany(stream => stream.Append(0));
        return new TokenArray([.. streamed.Select(token => (int)token)]);
    }

    /// <summary>What is carried out of the last step, in the order of <see cref="ModelShape.States"/>.</summary>
    private double[] State(string name, ModelShape shape, int streams) =>
    [
        .. _golden.Values($"{name}.state3.h", shape.Layers, streams, shape.HiddenSize),
        .. shape.HasCellState ? _golden.Values($"{name}.state3.c", shape.Layers, streams, shape.HiddenSize) : [],
    ];
}
