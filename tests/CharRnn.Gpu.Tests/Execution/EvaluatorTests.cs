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

    /// <summary>Models, and lengths of texts around that of a launch.</summary>
    public static IEnumerable<TheoryDataRow<DeviceKind, RecurrentCell, int, int>> Traces =>
        from kind in Enum.GetValues<DeviceKind>()
        from model in ((RecurrentCell, int)[])[(RecurrentCell.Rnn, 1), (RecurrentCell.Lstm, 2), (RecurrentCell.Gru, 2)]
        from length in (int[])[2, 99, 4096, 4097, 4100]
        select new TheoryDataRow<DeviceKind, RecurrentCell, int, int>(kind, model.Item1, model.Item2, length);

    [Theory]
    [MemberData(nameof(Traces))]
    public void A_trace_is_what_the_network_does_at_every_character(DeviceKind kind, RecurrentCell cell, int layers, int length)
    {
        const int V = 17, H = 33, Best = 5;
        var shape = new ModelShape(V, H, cell, layers);
        ParameterSet<float> weights = CaseData.TrainedWeights(shape);
        for (int l = 0; l < layers && shape.Gates > 1; l++)
            foreach (ref float bias in weights.Layer(l).Bh.AsSpan())
                bias *= 8; // some gates of every layer are saturated
        ParameterSet<double> reference = weights.Convert(value => (double)value);
        var text = new SyntheticText(V, length);
        int[] tokens = new int[length];
        text.Read(0, tokens);
        using var model = new DeviceModel(TestDevices.Get(kind), weights);
        using var evaluator = new Evaluator(model, 1);
        TextTrace trace = evaluator.Trace(text, Best, TestContext.Current.CancellationToken);
        Assert.Equal(
            (H, Best, length * Best, length), (trace.Units, trace.Best, trace.BestTokens.Length, trace.Surprisal.Length));

        List<double>[] states = [.. shape.States.Select(_ => new List<double>())];
        List<double>[] gates = [.. Enumerable.Range(0, layers).Select(_ => new List<double>())];
        var (best, named, surprisal) = (new List<double>(), new List<double>(), new List<double> { 0 });
        double[][] state = ReferenceRnn.ZeroState(weights.Sizes);
        for (int i = 0; i < length; i++)
        {
            CellStep[] steps = ReferenceRnn.CellSteps(reference, tokens[i], state);
            for (int l = 0; l < layers; l++)
                gates[l].AddRange(steps[l].Gates);
            state = ReferenceRnn.Step(reference, tokens[i], state);
            for (int s = 0; s < state.Length; s++)
                states[s].AddRange(state[s]);
            double[] z = ReferenceRnn.Logits(reference, state);
            double sum = ReferenceRnn.LogSumExp(z);
            best.AddRange(z.Select(score => Math.Exp(score - sum)).OrderDescending().Take(Best));
            named.AddRange(trace.BestTokens.AsSpan(i * Best, Best).ToArray().Select(token => Math.Exp(z[token] - sum)));
            Assert.Equal(Best, trace.BestTokens.AsSpan(i * Best, Best).ToArray().Distinct().Count());
            if (i + 1 < length)
                surprisal.Add(sum - z[tokens[i + 1]]);
        }

        Assert.Equal(
            shape.States.Select((name, s) => (name, s % layers, s >= layers)),
            trace.States.Select(traced => (traced.Name, traced.Layer, traced.IsCell)));
        foreach ((List<double> expected, TracedState traced) in states.Zip(trace.States))
            Agreement.Within(5e-6, [.. expected], traced.Values, traced.Name);
        RequireGates(trace, gates, cell, H);
        Agreement.Within(5e-6, [.. best], trace.BestProbabilities, "probabilities");
        Agreement.Within(5e-6, best, named, "probabilities of the characters named");
        Agreement.Within(5e-6, [.. surprisal], trace.Surprisal, "surprisal");
    }

    /// <summary>Checks the counts of gates, which a rounding error may move by the values that lie at a threshold.</summary>
    /// <param name="trace">The trace.</param>
    /// <param name="expected">The gates of each layer in the reference, <c>[N, G, H]</c>.</param>
    /// <param name="cell">The cell.</param>
    /// <param name="h">H.</param>
    private static void RequireGates(TextTrace trace, List<double>[] expected, RecurrentCell cell, int h)
    {
        const double Rounding = 1e-5;
        (string Gate, int Place)[] places = cell switch
        {
            RecurrentCell.Lstm => [("i", 0), ("f", 1), ("o", 3)],
            RecurrentCell.Gru => [("r", 0), ("z", 1)],
            _ => [],
        };
        Assert.Equal(
            Enumerable.Range(0, expected.Length).SelectMany(l => places.Select(place => (l, place.Gate))),
            trace.Gates.Select(gate => (gate.Layer, gate.Gate)));
        int count = new ModelShape(1, h, cell).Gates;
        foreach (GateSaturation gate in trace.Gates)
        {
            int wanted = places.Single(place => place.Gate == gate.Gate).Place;
            double[] values = [.. expected[gate.Layer].Where((_, i) => i / h % count == wanted)];
            Assert.Equal(values.Length, gate.Count);
            Assert.InRange(gate.OpenCount, values.Count(v => v > 0.9 + Rounding), values.Count(v => v > 0.9 - Rounding));
            Assert.InRange(gate.ClosedCount, values.Count(v => v < 0.1 - Rounding), values.Count(v => v < 0.1 + Rounding));
            Assert.True(gate.OpenCount > 0 && gate.ClosedCount > 0, $"no value of gate {gate.Gate} of layer {gate.Layer} is saturated");
        }
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
