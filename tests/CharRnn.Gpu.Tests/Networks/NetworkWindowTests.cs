using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Randomness;
using CharRnn.Reference;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Networks;

/// <summary>Training where a device has only a window of the rows at a time.</summary>
[Collection(typeof(DeviceTests))]
public class NetworkWindowTests
{
    private const int Rows = 451;

    private static readonly InputColumns s_mixed = new(3, 4, 2);

    public static MatrixTheoryData<DeviceKind, int> Windows => new([.. TestDevices.Kinds.Select(row => row.Data)], [7, 64, 200]);

    [Theory]
    [MemberData(nameof(Windows))]
    public void Steps_follow_the_reference_on_the_rows_of_blocks_in_an_order_of_the_seed(DeviceKind kind, int window)
    {
        ComputeDevice device = TestDevices.Get(kind);
        foreach (NetworkLoss loss in TestNetworks.Losses)
            foreach (NetworkPlan plan in NetworkPlan.All(device.Traits))
            {
                NetworkShape shape = TestNetworks.Shape(s_mixed.Count, [5], 3, ActivationFunction.Tanh, loss);
                LabelledData data = TestNetworks.Data(shape, Rows, 3, s_mixed);
                data = data.Weighted([.. Enumerable.Range(0, Rows).Select(row => 0.5f + (row % 3))]);
                var options = new NetworkOptions { LearningRate = 0.02, BatchSize = 6, Seed = 11, Dropout = 0.25 };
                ParameterSet<double> expected = TestNetworks.Parameters(shape, 4).Convert(value => (double)value);
                var optimizer = new ReferenceOptimizer(options, shape);
                using var engine = new NetworkEngine(
                    device, TestNetworks.Parameters(shape, 4), Later(data), options, plan, BytesOf(shape, data, window));
                Assert.Equal(window / 6 * 6, engine.RowsOnDevice);
                int[][] steps = [.. Epoch(window, batch: 6, seed: 11, epoch: 0), .. Epoch(window, batch: 6, seed: 11, epoch: 1)];
                Assert.Equal(2 * engine.StepsPerEpoch, steps.Length);
                float[] losses = Run(engine, steps.Length);
                foreach ((int step, int[] rows) in steps.Index())
                {
                    (double one, ParameterSet<double> gradient) = ReferenceNetwork.Run(
                        expected, data.Select(rows),
                        (layer, row, neuron) => options.Mask.Keeps(step, layer, row, neuron) ? 1 / (1 - options.Dropout) : 0);
                    Assert.InRange(losses[step], one - 2e-5, one + 2e-5);
                    optimizer.Update(expected, gradient);
                }

                Agreement.Within(1e-4, TestNetworks.Flat(expected), TestNetworks.Flat(engine.ReadWeights()), $"{loss}, {plan.Reason}");
            }
    }

    [Theory]
    [MemberData(nameof(Windows))]
    public void An_epoch_has_every_row_once_and_each_seed_its_own_order(DeviceKind kind, int window)
    {
        // With a rate of nothing a row's loss is its own.
        ComputeDevice device = TestDevices.Get(kind);
        var shape = new NetworkShape(1, [new Layer(1, ActivationFunction.Identity)], NetworkLoss.SquaredError);
        LabelledData data = TestNetworks.Data(shape, Rows, 9);
        var orders = new List<float[]>();
        foreach (ulong seed in (ulong[])[1, 2])
        {
            var options = new NetworkOptions { LearningRate = 1e-30, BatchSize = 1, Seed = seed };
            using var engine = new NetworkEngine(
                device, TestNetworks.Parameters(shape, 1), Later(data), options, null, BytesOf(shape, data, window));
            orders.AddRange(Run(engine, 3 * Rows).Chunk(Rows));
        }

        Assert.All(orders, order => Assert.Equal(orders[0].Order(), order.Order()));
        Assert.Equal(6, orders.Select(order => string.Join(' ', order)).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Rows_that_are_read_are_those_in_memory(DeviceKind kind)
    {
        ComputeDevice device = TestDevices.Get(kind);
        NetworkShape shape = TestNetworks.Shape(s_mixed.Count, [9], 3, ActivationFunction.Relu, NetworkLoss.CrossEntropy);
        LabelledData data = TestNetworks.Data(shape, Rows, 3, s_mixed);
        foreach (int batch in (int[])[0, 7])
        {
            var options = new NetworkOptions { BatchSize = batch, LearningRate = 0.1 };
            float[] Train(LabelledData of, long windowBytes)
            {
                using var engine = new NetworkEngine(device, TestNetworks.Parameters(shape, 6), of, options, null, windowBytes);
                return [.. Run(engine, 150), .. engine.ReadWeights().Tensors.SelectMany(tensor => tensor.Values)];
            }

            // A window that has room for all rows, just so, is none.
            float[] whole = Train(data, NetworkEngine.DefaultWindowBytes);
            Assert.Equal(whole, Train(Later(data), NetworkEngine.DefaultWindowBytes));
            Assert.Equal(whole, Train(Later(data), BytesOf(shape, data, Rows)));
            float[] window = Train(data, BytesOf(shape, data, Rows - 1));
            Assert.Equal(window, Train(Later(data), BytesOf(shape, data, Rows - 1)));
            Assert.Equal(batch == 0, whole.SequenceEqual(window)); // a step of all rows has them on the device
        }

        ParameterSet<float> parameters = TestNetworks.Parameters(shape, 6);
        using var predictor = new NetworkPredictor(device, shape, 50, s_mixed);
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        NetworkAnswers expected = predictor.Apply(parameters, data, cancellation);
        NetworkAnswers actual = predictor.Apply(parameters, Later(data), cancellation);
        Assert.Equal(expected.Loss, actual.Loss);
        Assert.Equal(expected.Outputs, actual.Outputs);
    }

    [Theory]
    [MemberData(nameof(Windows))]
    public void A_restored_engine_goes_on_from_any_step_of_a_window(DeviceKind kind, int window)
    {
        ComputeDevice device = TestDevices.Get(kind);
        NetworkShape shape = TestNetworks.Shape(s_mixed.Count, [9], 1, ActivationFunction.Tanh, NetworkLoss.SquaredError);
        LabelledData data = TestNetworks.Data(shape, Rows, 4, s_mixed);
        var options = new NetworkOptions { BatchSize = 7, Optimizer = UpdateRule.AdamW, LossTolerance = 1e-30f, Dropout = 0.2 };
        NetworkEngine Begin() =>
            new(device, TestNetworks.Parameters(shape, 6), Later(data), options, null, BytesOf(shape, data, window));
        const int all = 140; // two epochs and some steps
        var (states, losses) = (new TableState[all], new List<float>());
        using NetworkEngine whole = Begin();
        for (int step = 0; step < all; step++)
        {
            states[step] = whole.ReadState();
            losses.AddRange(Run(whole, 1));
        }

        TableState expected = whole.ReadState();
        using NetworkEngine resumed = Begin();
        for (int stop = all - 1; stop >= 0; stop -= 9)
        {
            resumed.Restore(states[stop]);
            Assert.Equal(losses.Skip(stop), Run(resumed, all - stop));
            TableState actual = resumed.ReadState();
            Assert.Equal(expected, actual with { Weights = expected.Weights, Moments = expected.Moments });
            Storage.Samples.AssertEqual(expected.Weights, actual.Weights);
            foreach ((Moment e, Moment a) in expected.Moments.Zip(actual.Moments))
                Storage.Samples.AssertEqual(e.Values, a.Values);
        }
    }

    [Fact]
    public void A_stop_is_heard_while_rows_are_read_and_training_ends_before_the_step()
    {
        ComputeDevice device = TestDevices.Get(DeviceKind.Cpu);
        var shape = new NetworkShape(1, [new Layer(1, ActivationFunction.Identity)], NetworkLoss.SquaredError);
        const int rows = 30_000, batch = 20_000;
        var inputs = new InputRows(1, new float[rows]);
        using var stop = new CancellationTokenSource();
        int reads = 0;
        var slow = new LabelledData(
            new RowsOfLater(inputs, () =>
            {
                Thread.Sleep(200); // longer than a call of the engine may take
                if (++reads == 2)
                    stop.Cancel();
            }), 1, new float[rows]);
        var options = new NetworkOptions { BatchSize = batch };
        using var engine = new NetworkEngine(device, new ParameterSet<float>(shape), slow, options, null, windowBytes: 0);
        using var predictor = new NetworkPredictor(device, shape, 1);
        var learner = new TableLearner(engine, predictor, new LabelledData(new InputRows(1, [])), constantLoss: 1);
        var loop = new TrainingLoop(learner, 0.1, new TrainingSchedule { Epochs = 1, CheckpointEvery = 0 }, null);
        Assert.Equal(TrainingOutcome.Stopped, loop.Run(new Nobody(), stop.Token));
        Assert.Equal((2, 0L), (reads, engine.Iteration));
        Assert.False(float.IsNaN(engine.Trace().Loss)); // the rest is read
        Assert.Equal(1, engine.Iteration);
    }

    [Fact]
    public void Rows_that_cannot_be_read_are_an_error_after_which_training_can_go_on()
    {
        ComputeDevice device = TestDevices.Get(DeviceKind.Cpu);
        NetworkShape shape = TestNetworks.Shape(s_mixed.Count, [], 1, ActivationFunction.Identity, NetworkLoss.SquaredError);
        LabelledData data = TestNetworks.Data(shape, Rows, 4, s_mixed);
        var options = new NetworkOptions { BatchSize = 7 };
        bool fails = false;
        LabelledData failing = new(
            new RowsOfLater(data.X, () => _ = fails ? throw new CharRnnException("disk", "fails", "mend it") : true), 1, data.Targets);
        using var engine = new NetworkEngine(
            device, TestNetworks.Parameters(shape, 6), failing, options, null, BytesOf(shape, data, 64));
        using var expected = new NetworkEngine(
            device, TestNetworks.Parameters(shape, 6), data, options, null, BytesOf(shape, data, 64));
        float[] losses = Run(expected, 30);
        Assert.Equal(losses[..9], Run(engine, 9)); // a window
        fails = true;
        Assert.Equal("disk: fails; mend it", Assert.Throws<CharRnnException>(() => engine.RunSteps(1)).Message);
        fails = false;
        Assert.Equal(losses[9..], Run(engine, 21));
    }

    [Fact]
    public void A_window_is_a_whole_number_of_batches_unless_all_rows_fit()
    {
        NetworkShape shape = TestNetworks.Shape(s_mixed.Count, [], 2, ActivationFunction.Identity, NetworkLoss.SquaredError);
        var sizes = new DataSizes(s_mixed, 1000, IsWeighted: true);
        const int words = 3 + 2 + 2 + 1 + 1; // numbers, codes, answers, a weight, and a place in the order
        Assert.Equal(4 * words, sizes.RowBytes(shape));
        Assert.Equal(4 * (words - 2), (sizes with { IsWeighted = false }).RowBytes(
            TestNetworks.Shape(s_mixed.Count, [], 2, ActivationFunction.Identity, NetworkLoss.CrossEntropy)));
        int Window(int rows, int batch) => sizes.Window(shape, batch, (4 * words * rows) + 1).Rows;
        Assert.Equal(
            [1000, 1000, 960, 64, 999, 640],
            [Window(1000, 64), Window(2000, 64), Window(999, 64), Window(0, 64), Window(999, 1), Window(7, 640)]);
        Assert.True(NetworkEngine.HoldsAll(shape, s_mixed, 1000, isWeighted: true, batchSize: 64, 4 * words * 1000));
        Assert.False(NetworkEngine.HoldsAll(shape, s_mixed, 1000, isWeighted: true, batchSize: 64, (4 * words * 1000) - 1));
        Assert.True(NetworkEngine.HoldsAll(shape, s_mixed, 1000, isWeighted: true, batchSize: 0, 1)); // of a step of all there is no less
    }

    private static float[] Run(NetworkEngine engine, int steps)
    {
        var losses = new List<float>();
        while (losses.Count < steps)
            losses.AddRange(engine.RunSteps(steps - losses.Count).Losses.Span);
        return [.. losses];
    }

    private static long BytesOf(NetworkShape shape, LabelledData data, int rows) => rows * DataSizes.Of(data).RowBytes(shape);

    /// <summary>The same data, whose rows are read when they are needed.</summary>
    private static LabelledData Later(LabelledData data)
    {
        var rows = new RowsOfLater(data.X, () => { });
        LabelledData later = data.Classes.Length > 0
            ? new LabelledData(rows, data.Classes)
            : new LabelledData(rows, data.Outputs, data.Targets);
        return data.Weights.Length > 0 ? later.Weighted(data.Weights) : later;
    }

    /// <summary>The rows of each step of an epoch.</summary>
    private static int[][] Epoch(int window, int batch, ulong seed, int epoch)
    {
        int size = Math.Max(batch, window / batch * batch), windows = (Rows + size - 1) / size, block = Math.Max(1, size / 64);
        int[] blocks = Shuffled((Rows + block - 1) / block, seed, (ulong)epoch);
        int[][] parts =
            [.. blocks.SelectMany(one => Enumerable.Range(one * block, Math.Min(block, Rows - (one * block)))).Chunk(size)];
        return
        [
            .. parts.Index().SelectMany(part =>
            {
                int[] rows = [.. part.Item.Order()];
                ulong stream = (1UL << 63) + (ulong)((epoch * windows) + part.Index);
                return Shuffled(rows.Length, seed, stream).Select(place => rows[place]).Chunk(batch);
            }),
        ];
    }

    private static int[] Shuffled(int count, ulong seed, ulong stream)
    {
        var order = new List<int>();
        for (int i = 0; i < count; i++)
        {
            int place = (int)(Philox.Uniform(seed, stream, (ulong)i) * (i + 1));
            order.Add(i);
            (order[i], order[place]) = (order[place], order[i]);
        }

        return [.. order];
    }

    private sealed class RowsOfLater(InputRows rows, Action reading) : IInputRows
    {
        public InputColumns Columns => rows.Columns;

        public int Count => rows.Count;

        public InputRows Read(IReadOnlyList<int> places)
        {
            reading();
            return rows.Read(places);
        }
    }

    private sealed class Nobody : ITrainingObserver;
}
