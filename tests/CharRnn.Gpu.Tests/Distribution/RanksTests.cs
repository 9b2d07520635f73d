using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Distribution;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Tests.Execution;
using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Distribution;

[Collection(typeof(DeviceTests))]
public class RanksTests
{
    private const int Steps = 3;

    // With an update that grows with the gradient: Adagrad's first is as large for a gradient that is nothing but rounding.
    private static readonly TrainingCase Sizes = TrainingCase.Streams with
    {
        Options = TrainingCase.Streams.Options with { Optimizer = UpdateRule.Sgd, Momentum = 0.9 },
    };

    public static MatrixTheoryData<DeviceKind, RecurrentCell> Cells => new(Enum.GetValues<DeviceKind>(), Enum.GetValues<RecurrentCell>());

    [Theory]
    [MemberData(nameof(Cells))]
    public void Ranks_train_as_one_process_does(DeviceKind kind, RecurrentCell cell)
    {
        TrainingCase sizes = Sizes.Of(cell, 2);
        using var alone = new TestRun(TestDevices.Get(kind), sizes, fused: false);
        alone.Steps(Steps);
        foreach (int ranks in (int[])[2, 3])
        {
            (float[] losses, TextState[] states) = Train(kind, sizes, ranks, Steps);
            Assert.All(states, state => Assert.Equal(Bits(states[0]), Bits(state))); // the same on every rank
            (float[] again, TextState[] repeated) = Train(kind, sizes, ranks, Steps);
            Assert.Equal(losses, again);
            Assert.Equal(Bits(states[0]), Bits(repeated[0])); // and in every run
            AssertNear(1e-6, alone.Losses, losses, "losses");
            AssertNear(alone.Engine.ReadState(), states[0]);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void A_gradient_may_be_sent_in_pieces(DeviceKind kind)
    {
        TrainingCase sizes = Sizes.Of(RecurrentCell.Gru, 3);
        TestDevices.Get(kind);
        int[] Train(ICollective ranks, int leastPiece)
        {
            using ComputeDevice device = Open(kind);
            using var model = new DeviceModel(device, sizes.Weights);
            using var engine = new TrainingEngine(model, sizes.Text, sizes.Options, ranks, leastPiece: leastPiece);
            double[] rates = [.. Enumerable.Repeat(sizes.Options.LearningRate, Steps)];
            long before = engine.Launches;
            RankWork.Steps(engine, ranks, rates, () => false);
            return [(int)(engine.Launches - before) / Steps, .. Bits(engine.ReadState())];
        }

        int[] whole = ThreadRanks.Run(2, ranks => Train(ranks, int.MaxValue))[0];
        foreach ((int leastPiece, int pieces) in (ReadOnlySpan<(int, int)>)[(1, 4), (sizes.V * sizes.H * 4, 3)])
        {
            int[] divided = ThreadRanks.Run(2, ranks => Train(ranks, leastPiece))[0];
            Assert.Equal(kind == DeviceKind.Cpu ? 0 : pieces - 1, divided[0] - whole[0]); // launches of the gradient
            Assert.Equal(whole[1..], divided[1..]);
        }
    }

    [Fact]
    public void A_state_goes_on_with_any_number_of_ranks()
    {
        TrainingCase sizes = Sizes.Of(RecurrentCell.Lstm, 2);
        using var alone = new TestRun(TestDevices.Get(DeviceKind.Cpu), sizes, fused: false);
        TextState begun = Train(DeviceKind.Cpu, sizes, 3, Steps).States[0];
        alone.Engine.Restore(begun);
        TextState expected = alone.Steps(Steps).Engine.ReadState();
        TextState whole = Train(DeviceKind.Cpu, sizes, 3, 2 * Steps).States[0];
        Assert.Equal(Bits(whole), Bits(Train(DeviceKind.Cpu, sizes, 3, Steps, begun).States[0])); // exactly with as many
        foreach (int ranks in (int[])[2, 7])
            AssertNear(expected, Train(DeviceKind.Cpu, sizes, ranks, Steps, begun).States[0]);
    }

    [Fact]
    public void A_model_is_measured_by_all_ranks()
    {
        using var alone = new TestRun(TestDevices.Get(DeviceKind.Cpu), Sizes, fused: false);
        var text = new SyntheticText(Sizes.V, 1003);
        double expected = alone.Engine.Evaluate(text, TestContext.Current.CancellationToken);
        foreach (int ranks in (int[])[2, 7])
        {
            double[] losses = Lead(DeviceKind.Cpu, Sizes, ranks, engine =>
            {
                using var stopped = new CancellationTokenSource();
                stopped.Cancel();
                Assert.Throws<OperationCanceledException>(() => engine.Evaluate(text, stopped.Token));
                return engine.Evaluate(text, TestContext.Current.CancellationToken);
            }, () => { }, TestContext.Current.CancellationToken);
            Assert.Equal(expected, losses[0], expected * 1e-6);
        }
    }

    [Fact]
    public void Ranks_without_a_stream_measure_nothing()
    {
        var text = new SyntheticText(Sizes.V, 1003);
        (double Loss, long Predictions) Measure(ICollective? ranks)
        {
            using ComputeDevice device = DeviceCatalog.OpenCpu(1);
            using var model = new DeviceModel(device, Sizes.Weights);
            using var evaluator = new Evaluator(model, 3, ranks);
            return evaluator.Evaluate(text, TestContext.Current.CancellationToken);
        }

        (double Loss, long Predictions) expected = Measure(null);
        Assert.All(ThreadRanks.Run(5, ranks => Measure(ranks)), measured =>
        {
            Assert.Equal(expected.Loss, measured.Loss, expected.Loss * 1e-6);
            Assert.Equal(expected.Predictions, measured.Predictions);
        });
    }

    [Fact]
    public void A_text_may_be_longer_than_what_is_on_the_devices()
    {
        const int steps = 13; // two of which lie in a window, and more than an epoch
        int window = 23 * Sizes.B;
        TextState Train(ICollective ranks, long windowTokens)
        {
            using ComputeDevice device = DeviceCatalog.OpenCpu(1);
            using var model = new DeviceModel(device, Sizes.Weights);
            using var engine = new TrainingEngine(model, Sizes.Text, Sizes.Options, ranks, windowTokens);
            double[] rates = [.. Enumerable.Repeat(Sizes.Options.LearningRate, steps)];
            Assert.Equal(steps, RankWork.Steps(engine, ranks, rates, () => false).Result.Losses.Length);
            return engine.ReadState();
        }

        TextState[] whole = ThreadRanks.Run(3, ranks => Train(ranks, TrainingEngine.DefaultWindowTokens));
        TextState[] windows = ThreadRanks.Run(3, ranks => Train(ranks, window));
        Assert.True(whole[0].Epoch > 1);
        Assert.Equal(whole.Select(Bits), windows.Select(Bits));
    }

    [Fact]
    public void Any_rank_can_stop_all()
    {
        using var stop = new CancellationTokenSource();
        bool stopped = false;
        Lead(
            DeviceKind.Cpu, Sizes, 2,
            engine =>
            {
                engine.RunSteps(1);
                Assert.False(stopped);
                stop.Cancel();
                engine.RunSteps(1);
                Assert.True(stopped);
                return 0;
            },
            () => stopped = true, stop.Token);
    }

    [Fact]
    public void Ranks_diverge_together_and_can_go_back()
    {
        float[] losses = Lead(DeviceKind.Cpu, Sizes, 3, engine =>
        {
            EngineState begin = engine.ReadState();
            engine.LearningRateAt = _ => 1e38;
            StepsResult result;
            int calls = 0;
            do
                result = engine.RunSteps(1);
            while (!result.Diverged && ++calls < 20);
            Assert.True(result.Diverged);
            engine.LearningRateAt = _ => 0.1;
            engine.Restore(begin);
            return engine.RunSteps(1).Losses.Span[0];
        }, () => { }, TestContext.Current.CancellationToken);
        Assert.Equal(Train(DeviceKind.Cpu, Sizes, 3, 1).Losses[0], losses[0]);
    }

    [Fact]
    public void A_rank_that_cannot_train_is_named()
    {
        string[] said = ThreadRanks.Run(3, ranks =>
        {
            using var channel = new RankChannel(ranks, () => { });
            ComputeDevice Open() => ranks.Rank == 1
                ? throw new CharRnnException("cuda:0", "no such device", "use another")
                : DeviceCatalog.OpenCpu(1);
            if (!ranks.Leads)
            {
                RankFollower.Run(channel, (_, _, _) => Open(), TestContext.Current.CancellationToken);
                return "";
            }

            return Assert.Throws<CharRnnException>(
                () => RankEngine.Lead(channel, Setup(Sizes), Sizes.Text, () => Sizes.Weights, (_, _) => Open())).Message;
        });
        Assert.Equal($"rank 1 on {Environment.MachineName}: cuda:0: no such device; use another", said[0]);
    }

    [Fact]
    public void Ranks_whose_weights_differ_are_noticed()
    {
        bool[] noticed = ThreadRanks.Run(2, ranks =>
        {
            using ComputeDevice device = DeviceCatalog.OpenCpu(1);
            ParameterSet<float> weights = Sizes.Weights.Convert(value => value);
            if (ranks.Rank == 1)
                weights[0][5] += 1e-6f;
            using var model = new DeviceModel(device, weights);
            using var engine = new TrainingEngine(
                model, new SharedText(ranks, Sizes.Text, Sizes.Text.Length), Sizes.Options, ranks);
            double[] rates = [.. Enumerable.Repeat(1e-3, 50)];
            RankWork.Steps(engine, ranks, rates, () => false); // the ranks compare their weights every 100 steps
            if (!ranks.Leads)
            {
                RankWork.Steps(engine, ranks, rates, () => false);
                return false;
            }

            var failure = Assert.Throws<CharRnnException>(() => RankWork.Steps(engine, ranks, rates, () => false));
            return failure.Message.StartsWith("rank 1: has other weights than rank 0 before iteration 101; ", StringComparison.Ordinal);
        });
        Assert.True(noticed[0]);
    }

    /// <summary>Trains some steps on ranks, and gives the losses and the state that each rank has in the end.</summary>
    private static (float[] Losses, TextState[] States) Train(
        DeviceKind kind, TrainingCase sizes, int ranks, int steps, TextState? from = null)
    {
        TestDevices.Get(kind);
        var losses = new List<float>();
        TextState[] states = ThreadRanks.Run(ranks, one =>
        {
            (RankEngine? rank, string? failure) = RankEngine.Open(
                one, Setup(sizes), sizes.Text, () => sizes.Weights, (_, _, _) => Open(kind));
            Assert.Null(failure);
            using (rank)
            {
                if (from is not null)
                    RankWork.Restore(rank!.Engine, one, one.Leads ? from : null);
                double[] rates = [.. Enumerable.Repeat(sizes.Options.LearningRate, steps)];
                (StepsResult result, bool stop) = RankWork.Steps(rank!.Engine, one, rates, () => false);
                Assert.False(stop);
                if (one.Leads)
                    losses.AddRange(result.Losses.Span);
                return rank.Engine.ReadState() with { States = RankWork.States(rank.Engine, one) };
            }
        });
        return ([.. losses], states);
    }

    /// <summary>Does something with the engine of all ranks, on the first of them, while the others follow.</summary>
    private static T[] Lead<T>(
        DeviceKind kind, TrainingCase sizes, int ranks, Func<LeadingEngine, T> lead, Action stopped, CancellationToken stop) =>
        ThreadRanks.Run(ranks, one =>
        {
            using var channel = new RankChannel(one, stopped);
            if (!one.Leads)
            {
                RankFollower.Run(channel, (_, _, _) => Open(kind), stop);
                return default!;
            }

            using RankEngine rank = RankEngine.Lead(channel, Setup(sizes), sizes.Text, () => sizes.Weights, (_, _) => Open(kind));
            return lead(new LeadingEngine(rank.Engine, channel, sizes.Options));
        });

    private static RankSetup Setup(TrainingCase sizes) =>
        new(DeviceSelection.Auto, sizes.Weights.Sizes, sizes.Options, sizes.Text.Length);

    // A device of its own for each rank, since one thread at a time may use a device.
    private static ComputeDevice Open(DeviceKind kind) =>
        kind == DeviceKind.Cpu ? DeviceCatalog.OpenCpu(1) : DeviceCatalog.OpenGpu(kind, 0, profiling: true);

    private static int[] Bits(TextState state) =>
    [
        .. TestRun.Bits(state.Weights), .. state.Moments.SelectMany(moment => TestRun.Bits(moment.Values)),
        .. state.States.SelectMany(values => values).Select(BitConverter.SingleToInt32Bits), (int)state.Position, (int)state.Epoch,
    ];

    private static void AssertNear(TextState expected, TextState actual)
    {
        foreach ((ParameterTensor<float> one, ParameterTensor<float> other) in expected.Weights.Tensors.Zip(actual.Weights.Tensors))
            AssertNear(1e-5, one.Values, other.Values, one.Name);
        foreach ((float[] one, float[] other) in expected.States.Zip(actual.States))
            AssertNear(1e-5, one, other, "state");
        Assert.Equal((expected.Iteration, expected.Position, expected.Epoch), (actual.Iteration, actual.Position, actual.Epoch));
    }

    private static void AssertNear(double tolerance, IEnumerable<float> expected, IEnumerable<float> actual, string what) =>
        Agreement.Within(tolerance, [.. expected.Select(value => (double)value)], [.. actual.Select(value => (double)value)], what);
}
