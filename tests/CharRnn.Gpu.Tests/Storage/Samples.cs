using CharRnn.Files;
using CharRnn.Gpu.Tests.Networks;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Storage;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Storage;

/// <summary>Small models and states with no two values alike.</summary>
internal static class Samples
{
    public static Vocabulary Vocabulary(string characters = "\n aé😀") =>
        new(TextEncoding.Utf8, characters.EnumerateRunes().Select(r => r.Value));

    /// <summary>Every cell, of one layer and of three, for the samples' characters.</summary>
    public static TheoryData<RecurrentCell, int> CellsAndLayers { get; } =
        [.. from cell in Enum.GetValues<RecurrentCell>() from layers in (int[])[1, 3] select (cell, layers)];

    public static ParameterSet<float> Weights(int v, int h, float first = 0.5f) => Weights(new ModelShape(v, h), first);

    public static ParameterSet<float> Weights(ModelShape shape, float first = 0.5f)
    {
        var weights = new ParameterSet<float>(shape);
        float next = first;
        foreach (ParameterTensor<float> tensor in weights.Tensors)
            for (int i = 0; i < tensor.Values.Length; i++)
                tensor.Values[i] = next += 0.25f;
        return weights;
    }

    public static CharacterModel Model(int h = 3) => new(Vocabulary(), Weights(5, h));

    public static CharacterDescription Description { get; } = new(Vocabulary());

    /// <summary>The state of a training on two streams of a text.</summary>
    public static TextState State() => State(new ModelShape(5, 3));

    /// <inheritdoc cref="State()"/>
    public static TextState State(ModelShape shape) => new(
        Weights(shape), [new Moment("adagrad", Weights(shape, 1000))], 1_000_000_000_000,
        [.. shape.States.Select((_, s) => Enumerable.Range(0, 2 * shape.HiddenSize).Select(i => s + (i * 0.1f) - 0.2f).ToArray())],
        Position: 75, Epoch: 3);

    /// <summary>The state of a training on a table.</summary>
    public static TableState TableState()
    {
        ParameterSet<float> Parameters(ulong seed) => TestNetworks.Parameters(Network.Shape, seed);
        return new TableState(
            Parameters(1), [new Moment("adam.m", Parameters(2)), new Moment("adam.v", Parameters(3).Convert(Math.Abs))], 2_000_000_000_000,
            new EpochProgress(0.1 + 0.7, 1.1 + 0.2, 0.4, 3_000_000_003));
    }

    public static NetworkDescription Network { get; } = new(
        TestNetworks.Shape(3, [4], 2, ActivationFunction.Relu, NetworkLoss.CrossEntropy),
        new TableEncoding(
            [new ColumnEncoding("width", null, 1.5, 0.5), new ColumnEncoding("colour", ["red", "green"], 0, 1)],
            new ColumnEncoding("kind", ["apple", "pear"], 0, 1)));

    public static TrainingSnapshot Snapshot(EngineState? engine = null) => new()
    {
        Engine = engine ?? State(),
        EventsDue = true,
        EndedBy = TrainingOutcome.Finished,
        LastLoss = 70.5,
        LossSum = 1.1 + 2.2,
        LossCount = 5_000_000_002,
        SmoothLoss = 0.1 + 0.2,
        BestValidationLoss = double.NaN,
        BestIteration = 6_000_000_003,
        EvaluationsSinceBest = 5,
        Plateau = new(1.7 + 0.1, 6, 7),
        MetricsLength = 3_000_000_001,
        SamplesLength = 4,
    };

    /// <summary>A training on a table has no classic smoothed loss.</summary>
    public static TrainingSnapshot TableSnapshot() =>
        Snapshot(TableState()) with { SmoothLoss = double.NaN, EndedBy = TrainingOutcome.SmallGradient };

    /// <summary>A good file taken apart; without its checksum, which would be wrong after any change.</summary>
    public static (Dictionary<string, string> Metadata, Dictionary<string, SafetensorsTensor> Tensors) TakeApart(string path)
    {
        using var file = SafetensorsFile.Open(path);
        var metadata = file.Metadata.Where(pair => pair.Key != "checksum").ToDictionary();
        return (metadata, file.Tensors.ToDictionary(t => t.Name, t => t.Dtype switch
        {
            SafetensorsDtype.F32 => new SafetensorsTensor(t.Name, t.Shape, file.ReadFloats(t.Name, [.. t.Shape])),
            SafetensorsDtype.F64 => new SafetensorsTensor(t.Name, t.Shape, file.ReadDoubles(t.Name, [.. t.Shape])),
            _ => new SafetensorsTensor(t.Name, t.Shape, file.ReadIntegers(t.Name, [.. t.Shape])),
        }));
    }

    public static void AssertEqual(ParameterSet<float> expected, ParameterSet<float> actual)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        foreach ((ParameterTensor<float> e, ParameterTensor<float> a) in expected.Tensors.Zip(actual.Tensors))
            Assert.Equal(e.Values, a.Values);
    }
}
