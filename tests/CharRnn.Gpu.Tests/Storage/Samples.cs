using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Storage;

/// <summary>Small models and states with no two values alike.</summary>
internal static class Samples
{
    public static Vocabulary Vocabulary(string characters = "\n aé😀") => new(TextEncoding.Utf8, characters.EnumerateRunes().Select(r => r.Value));

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

    public static TrainingSnapshot Snapshot(int v = 5, int h = 3, int b = 2) => new()
    {
        Weights = Weights(v, h),
        Moments = [new Moment("adagrad", Weights(v, h, 1000))],
        HiddenState = [.. Enumerable.Range(0, b * h).Select(i => (i * 0.1f) - 0.2f)],
        BatchSize = b,
        Iteration = 1_000_000_000_000,
        Position = 75,
        Epoch = 3,
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

    public static void AssertEqual(ParameterSet<float> expected, ParameterSet<float> actual)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        foreach ((ParameterTensor<float> e, ParameterTensor<float> a) in expected.Tensors.Zip(actual.Tensors))
            Assert.Equal(e.Values, a.Values);
    }
}
