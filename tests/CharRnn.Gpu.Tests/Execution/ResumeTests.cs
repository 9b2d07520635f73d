using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Model;
using CharRnn.Sampling;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Execution;

[Collection(typeof(DeviceTests))]
public class ResumeTests
{
    private const int Steps = 13, StepsPerEpoch = 5;

    private static readonly TrainingCase Sizes = new(17, 33, 7, 9, 50);

    // Two steps lie in a window, so that a resume may begin within one.
    private static readonly int WindowTokens = 23 * Sizes.B;

    public static MatrixTheoryData<DeviceKind, bool, int> Stops =>
        new(Enum.GetValues<DeviceKind>(), [false, true], [0, 1, 4, StepsPerEpoch, StepsPerEpoch + 1, Steps - 1]);

    [Theory]
    [MemberData(nameof(Stops))]
    public void A_restored_engine_goes_on_as_if_nothing_had_been(DeviceKind kind, bool fused, int stop)
    {
        ComputeDevice device = TestDevices.Get(kind);
        using TestRun whole = Start(device, fused), first = Start(device, fused);
        Assert.Equal(StepsPerEpoch, whole.Engine.Cursor.StepsPerEpoch);
        int[] expected = whole.Steps(Steps).Bits(firstLoss: stop);
        EngineState state = first.Steps(stop).Engine.ReadState();

        // In an engine that has gone elsewhere, and in a new one that began with other weights.
        first.Steps(3).Engine.Restore(state);
        Assert.Equal(expected, first.Steps(Steps - stop).Bits(firstLoss: stop + 3));
        using var second = new TestRun(device, Sizes with { Weights = InitialWeights.Create(Sizes.Weights.Sizes, 9) }, fused, WindowTokens);
        second.Engine.Restore(state);
        Assert.Equal(expected, second.Steps(Steps - stop).Bits());
    }

    public static MatrixTheoryData<DeviceKind, UpdateRule> Rules => new(Enum.GetValues<DeviceKind>(), Enum.GetValues<UpdateRule>());

    [Theory]
    [MemberData(nameof(Rules))]
    public void Every_optimizer_goes_on_from_any_step_as_if_nothing_had_been(DeviceKind kind, UpdateRule rule)
    {
        const int all = 21;
        ComputeDevice device = TestDevices.Get(kind);
        StepOptions options = Sizes.Options with
        {
            Optimizer = rule,
            ClipNorm = 0.5,
            WeightDecay = 0.01,
            Momentum = rule == UpdateRule.Sgd ? 0.9 : 0,
        };
        TrainingCase sizes = Sizes with { Options = options };
        TestRun Begin()
        {
            var run = new TestRun(device, sizes, fused: true, WindowTokens);
            run.Engine.LearningRateAt = step => options.LearningRate / (1 + (0.1 * step));
            return run;
        }

        using TestRun whole = Begin();
        var states = new EngineState[all];
        for (int step = 0; step < all; step++)
        {
            states[step] = whole.Engine.ReadState();
            whole.Steps(1);
        }

        int[] expected = whole.Bits();
        for (int stop = 1; stop < all; stop++)
        {
            using TestRun resumed = Begin();
            resumed.Engine.Restore(states[stop]);
            Assert.Equal(expected[..^all], resumed.Steps(all - stop).Bits()[..^(all - stop)]);
            Assert.Equal(whole.Losses.Skip(stop), resumed.Losses);
        }
    }

    public static MatrixTheoryData<DeviceKind, RecurrentCell, bool> Cells =>
        new(Enum.GetValues<DeviceKind>(), Enum.GetValues<RecurrentCell>(), [false, true]);

    [Theory]
    [MemberData(nameof(Cells))]
    public void Every_cell_goes_on_with_its_dropout_from_any_step_as_if_nothing_had_been(DeviceKind kind, RecurrentCell cell, bool fused)
    {
        const int all = 21;
        ComputeDevice device = TestDevices.Get(kind);
        TrainingCase sizes = Sizes.Of(cell, 2);
        using var whole = new TestRun(device, sizes, fused, WindowTokens);
        var states = new EngineState[all];
        for (int step = 0; step < all; step++)
        {
            states[step] = whole.Engine.ReadState();
            whole.Steps(1);
        }

        int[] expected = whole.Bits();
        for (int stop = 1; stop < all; stop++)
        {
            using var resumed = new TestRun(device, sizes, fused, WindowTokens);
            resumed.Engine.Restore(states[stop]);
            Assert.Equal(expected[..^all], resumed.Steps(all - stop).Bits()[..^(all - stop)]);
            Assert.Equal(whole.Losses.Skip(stop), resumed.Losses);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.KindsAndPlans), MemberType = typeof(TestDevices))]
    public void Looking_at_the_model_between_steps_disturbs_nothing(DeviceKind kind, bool fused)
    {
        ComputeDevice device = TestDevices.Get(kind);
        var validation = new SyntheticText(Sizes.V, 1001);
        using TestRun alone = Start(device, fused), watched = Start(device, fused);
        for (int n = 0; n < Steps; n++)
        {
            double before = watched.Engine.Evaluate(validation, TestContext.Current.CancellationToken);
            int[] text = watched.Engine.Sample(200, 0, new SamplingOptions(), 1, (ulong)n, TestContext.Current.CancellationToken);
            _ = watched.Engine.ReadWeights();
            _ = watched.Engine.ReadState();
            _ = watched.Engine.Trace();
            Assert.Equal(before, watched.Engine.Evaluate(validation, TestContext.Current.CancellationToken));
            Assert.Equal(text, watched.Engine.Sample(200, 0, new SamplingOptions(), 1, (ulong)n, TestContext.Current.CancellationToken));
            watched.Steps(1);
            // It is the model as it is now.
            Assert.NotEqual(before, watched.Engine.Evaluate(validation, TestContext.Current.CancellationToken));
        }

        Assert.Equal(alone.Steps(Steps).Bits(), watched.Bits());
    }

    private static TestRun Start(ComputeDevice device, bool fused) => new(device, Sizes, fused, WindowTokens);
}
