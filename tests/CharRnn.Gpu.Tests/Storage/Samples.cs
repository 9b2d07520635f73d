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

    public static ParameterSet<float> Weights(int v, int h, float first = 0.5f)
    {
        var weights = new ParameterSet<float>(new ModelShape(v, h));
        float next = first;
        foreach (ParameterTensor<float> tensor in weights.Tensors)
            for (int i = 0; i < tensor.Values.Length; i++)
                tensor.Values[i] = next += 0.25f;
        return weights;
    }

    public static CharacterModel Model(int h = 3) => new(Vocabulary(), Weights(5, h));

    public static CharacterDescription Description { get; } = new(Vocabulary());

    public static TextState State(int v = 5, int h = 3, int b = 2) => new(
        Weights(v, h), [new Moment("adagrad", Weights(v, h, 1000))], 1_000_000_000_000,
        [[.. Enumerable.Range(0, b * h).Select(i => (i * 0.1f) - 0.2f)]], Position: 75, Epoch: 3);

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

    public static void AssertEqual(ParameterSet<float> expected, ParameterSet<float> actual)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        foreach ((ParameterTensor<float> e, ParameterTensor<float> a) in expected.Tensors.Zip(actual.Tensors))
            Assert.Equal(e.Values, a.Values);
    }
}
