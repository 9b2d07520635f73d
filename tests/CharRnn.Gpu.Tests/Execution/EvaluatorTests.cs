using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Reference;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Execution;

[Collection(typeof(DeviceTests))]
public class EvaluatorTests
{
    /// <summary>
    /// Streams and length of the text: two characters a stream, several launches (of 4096 rows), and what does not divide.
    /// </summary>
    public static IEnumerable<TheoryDataRow<DeviceKind, int, int>> Texts =>
        from kind in Enum.GetValues<DeviceKind>()
        from text in ((int, int)[])
            [(1, 2), (1, 100), (1, 4097), (1, 4098), (1, 5003), (16, 32), (16, 333), (16, (16 * 257) + 15), (16, 16 * 300), (5, 4999)]
        select new TheoryDataRow<DeviceKind, int, int>(kind, text.Item1, text.Item2);

    [Theory]
    [MemberData(nameof(Texts))]
    public void The_loss_is_the_mean_over_every_prediction_with_the_state_carried(DeviceKind kind, int streams, int length)
    {
        ComputeDevice device = TestDevices.Get(kind);
        ParameterSet<float> weights = CaseData.TrainedWeights(new(17, 33));
        var text = new SyntheticText(17, length);
        using var model = new DeviceModel(device, weights);
        using var evaluator = new Evaluator(model, streams);
        (double loss, long predictions) = evaluator.Evaluate(text, TestContext.Current.CancellationToken);

        int streamLength = length / streams;
        double expected = 0;
        for (int b = 0; b < streams; b++)
        {
            var tokens = new int[streamLength];
            text.Read(b * streamLength, tokens);
            double[][] state = ReferenceRnn.ZeroState(weights.Sizes);
            expected += ReferenceRnn.Evaluate(weights.Convert(value => (double)value), tokens, ref state);
        }

        Assert.Equal(streams * (streamLength - 1), predictions);
        Agreement.Within(2e-6, expected / predictions, loss, "nats per character");
        // No state is left from the last time.
        Assert.Equal((loss, predictions), evaluator.Evaluate(text, TestContext.Current.CancellationToken));
    }

    public static MatrixTheoryData<DeviceKind, int> Lengths => new(Enum.GetValues<DeviceKind>(), [2, 99, 4096, 4097, 4100]);

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_trace_is_what_the_network_does_at_every_character(DeviceKind kind, int length)
    {
        const int V = 17, H = 33, Best = 5;
        ParameterSet<float> weights = CaseData.TrainedWeights(new(V, H));
        ParameterSet<double> reference = weights.Convert(value => (double)value);
        var text = new SyntheticText(V, length);
        int[] tokens = new int[length];
        text.Read(0, tokens);
        using var model = new DeviceModel(TestDevices.Get(kind), weights);
        using var evaluator = new Evaluator(model, 1);
        TextTrace trace = evaluator.Trace(text, Best, TestContext.Current.CancellationToken);
        Assert.Equal(
            (H, Best, length * H, length * Best, length),
            (trace.Units, trace.Best, trace.Activations.Length, trace.BestTokens.Length, trace.Surprisal.Length));

        var (states, best, named, surprisal) = (new List<double>(), new List<double>(), new List<double>(), new List<double> { 0 });
        double[][] state = ReferenceRnn.ZeroState(weights.Sizes);
        for (int i = 0; i < length; i++)
        {
            state = ReferenceRnn.Step(reference, tokens[i], state);
            double[] z = ReferenceRnn.Logits(reference, state);
            double sum = ReferenceRnn.LogSumExp(z);
            states.AddRange(state[0]);
            best.AddRange(z.Select(score => Math.Exp(score - sum)).OrderDescending().Take(Best));
            named.AddRange(trace.BestTokens.AsSpan(i * Best, Best).ToArray().Select(token => Math.Exp(z[token] - sum)));
            Assert.Equal(Best, trace.BestTokens.AsSpan(i * Best, Best).ToArray().Distinct().Count());
            if (i + 1 < length)
                surprisal.Add(sum - z[tokens[i + 1]]);
        }

        Agreement.Within(5e-6, [.. states], trace.Activations, "hidden states");
        Agreement.Within(5e-6, [.. best], trace.BestProbabilities, "probabilities");
        Agreement.Within(5e-6, best, named, "probabilities of the characters named");
        Agreement.Within(5e-6, [.. surprisal], trace.Surprisal, "surprisal");
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void A_text_shorter_than_two_characters_a_stream_is_refused(DeviceKind kind)
    {
        using var model = new DeviceModel(TestDevices.Get(kind), CaseData.TrainedWeights(new(17, 33)));
        using var evaluator = new Evaluator(model, 16);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => evaluator.Evaluate(new SyntheticText(17, 31), TestContext.Current.CancellationToken));
    }
}
