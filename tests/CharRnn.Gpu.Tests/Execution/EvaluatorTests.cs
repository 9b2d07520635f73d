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
    /// <summary>Streams and length of the text: two characters a stream, several launches (of 4096 rows), and what does not divide.</summary>
    public static IEnumerable<TheoryDataRow<DeviceKind, int, int>> Texts =>
        from kind in Enum.GetValues<DeviceKind>()
        from text in ((int, int)[])[(1, 2), (1, 100), (1, 4097), (1, 4098), (1, 5003), (16, 32), (16, 333), (16, (16 * 257) + 15), (16, 16 * 300), (5, 4999)]
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
            var h = new double[33];
            expected += ReferenceRnn.Evaluate(weights.Convert(value => (double)value), tokens, ref h);
        }

        Assert.Equal(streams * (streamLength - 1), predictions);
        Agreement.Within(2e-6, expected / predictions, loss, "nats per character");
        Assert.Equal((loss, predictions), evaluator.Evaluate(text, TestContext.Current.CancellationToken)); // no state is left from the last time
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void A_text_shorter_than_two_characters_a_stream_is_refused(DeviceKind kind)
    {
        using var model = new DeviceModel(TestDevices.Get(kind), CaseData.TrainedWeights(new(17, 33)));
        using var evaluator = new Evaluator(model, 16);
        Assert.Throws<ArgumentOutOfRangeException>(() => evaluator.Evaluate(new SyntheticText(17, 31), TestContext.Current.CancellationToken));
    }
}
