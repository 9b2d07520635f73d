using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Reference;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Networks;

[Collection(typeof(DeviceTests))]
public class NetworkEngineTests
{
    // Odd sizes, a width of one, more than a panel, more than a block of k.
    private static readonly int[][] s_widths = [[1], [3, 1], [5, 7, 2], [33, 17, 10], [300, 65, 5]];

    public static MatrixTheoryData<DeviceKind, ActivationFunction, NetworkLoss> All =>
        new([.. TestDevices.Kinds.Select(row => row.Data)], TestNetworks.Activations, TestNetworks.Losses);

    [Theory]
    [MemberData(nameof(All))]
    public void A_steps_loss_and_gradient_are_the_references(DeviceKind kind, ActivationFunction activation, NetworkLoss loss)
    {
        ComputeDevice device = TestDevices.Get(kind);
        foreach (int[] widths in s_widths)
            foreach (int rows in (int[])[1, 6, 67])
            {
                NetworkShape shape = TestNetworks.Shape(inputs: 9, widths[..^1], widths[^1], activation, loss);
                LabelledData data = TestNetworks.Data(shape, rows, 7);
                ParameterSet<float> parameters = TestNetworks.Parameters(shape, 2);
                (double expectedLoss, ParameterSet<double> expected) =
                    ReferenceNetwork.Run(parameters.Convert(value => (double)value), data);
                using var engine = new NetworkEngine(device, parameters, data, new NetworkOptions { LearningRate = 0.5f });
                (float actualLoss, ParameterSet<float> gradient) = engine.Trace();
                string what = $"{string.Join('-', widths)}, {rows} rows";
                if (expectedLoss == 0 && ReferenceOptimizer.Norm(expected) == 0)
                    continue; // one class, or units that are all off
                double tolerance = 2e-6 * (expectedLoss + 0.1); // (h - y)² cancels
                Assert.InRange(actualLoss, expectedLoss - tolerance, expectedLoss + tolerance);
                if (ReferenceOptimizer.Norm(expected) > 0)
                    Agreement.Within(3e-6, TestNetworks.Flat(expected), TestNetworks.Flat(gradient), what);

                ParameterSet<double> updated = parameters.Convert(value => (double)value);
                new ReferenceOptimizer(new NetworkOptions { LearningRate = 0.5 }, shape).Update(updated, expected);
                Agreement.Within(1e-6, TestNetworks.Flat(updated), TestNetworks.Flat(engine.ReadWeights()), what);
            }
    }

    // A call's last norm is summed by the host, and the others by the device.
    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void A_norm_does_not_depend_on_where_a_call_ends(DeviceKind kind)
    {
        NetworkShape shape = TestNetworks.Shape(90, [80], 3, ActivationFunction.Tanh, NetworkLoss.CrossEntropy);
        LabelledData data = TestNetworks.Data(shape, 20, 3);
        float[] Norms(int stepsOfCall)
        {
            var options = new NetworkOptions { LearningRate = 0.2f, BatchSize = 7 };
            using var engine = new NetworkEngine(TestDevices.Get(kind), TestNetworks.Parameters(shape, 4), data, options);
            var norms = new List<float>();
            while (engine.Iteration < 12)
                norms.AddRange(engine.RunSteps(Math.Min(stepsOfCall, 12 - engine.Iteration)).GradientNorms.Span);
            return [.. norms];
        }

        Assert.Equal(Norms(1), Norms(12));
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Hundreds_of_steps_follow_the_reference(DeviceKind kind)
    {
        ComputeDevice device = TestDevices.Get(kind);
        NetworkShape shape = TestNetworks.Shape(4, [8], 3, ActivationFunction.Tanh, NetworkLoss.CrossEntropy);
        LabelledData data = TestNetworks.Data(shape, 20, 3);
        ParameterSet<double> expected = TestNetworks.Parameters(shape, 4).Convert(value => (double)value);
        using var engine = new NetworkEngine(device, TestNetworks.Parameters(shape, 4), data, new NetworkOptions { LearningRate = 0.2f });
        var optimizer = new ReferenceOptimizer(new NetworkOptions { LearningRate = 0.2 }, shape);
        var (losses, norms) = (new List<float>(), new List<float>());
        while (engine.Iteration < 300)
        {
            StepsResult steps = engine.RunSteps(300 - engine.Iteration);
            Assert.Null(steps.End);
            losses.AddRange(steps.Losses.Span);
            norms.AddRange(steps.GradientNorms.Span);
        }

        for (int i = 0; i < 300; i++)
        {
            (double loss, ParameterSet<double> gradient) = ReferenceNetwork.Run(expected, data);
            Assert.InRange(losses[i], loss - 2e-5, loss + 2e-5);
            Assert.InRange(norms[i], ReferenceOptimizer.Norm(gradient) * 0.999, ReferenceOptimizer.Norm(gradient) * 1.001);
            optimizer.Update(expected, gradient);
        }

        Agreement.Within(1e-4, TestNetworks.Flat(expected), TestNetworks.Flat(engine.ReadWeights()), "after 300 steps");
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Mini_batches_take_every_row_once_an_epoch_in_an_order_of_the_seed(DeviceKind kind)
    {
        ComputeDevice device = TestDevices.Get(kind);
        foreach (int batch in (int[])[1, 7, 20])
        {
            // One weight that every row changes by its own amount: the order shows in what is left.
            var shape = new NetworkShape(1, [new Layer(1, ActivationFunction.Identity)], NetworkLoss.SquaredError);
            LabelledData data = TestNetworks.Data(shape, 20, 9);
            var options = new NetworkOptions { LearningRate = 0.1f, BatchSize = batch, Seed = 3 };
            float[] Train(NetworkOptions how)
            {
                using var engine = new NetworkEngine(device, TestNetworks.Parameters(shape, 1), data, how);
                Assert.Equal((20 + batch - 1) / batch, engine.StepsPerEpoch);
                var losses = new List<float>();
                while (engine.Iteration < 5 * engine.StepsPerEpoch)
                    losses.AddRange(engine.RunSteps((5 * engine.StepsPerEpoch) - engine.Iteration).Losses.Span);
                return [.. losses, .. engine.ReadWeights().Tensors.SelectMany(tensor => tensor.Values)];
            }

            float[] one = Train(options);
            Assert.Equal(one, Train(options));
            Assert.Equal(batch == 20, one.SequenceEqual(Train(options with { Seed = 4 })));
            if (batch != 1)
                continue;

            // With a rate of nothing a row's loss is its own: five epochs have the same losses, each in another order.
            float[][] epochs = [.. Train(options with { LearningRate = 1e-30 }).SkipLast(2).Chunk(20)];
            Assert.All(epochs, epoch => Assert.Equal(epochs[0].Order(), epoch.Order()));
            Assert.Equal(5, epochs.Select(epoch => string.Join(' ', epoch)).Distinct().Count());
        }
    }

    [Fact]
    public void The_results_do_not_depend_on_the_number_of_workers()
    {
        NetworkShape shape = TestNetworks.Shape(30, [40, 20], 4, ActivationFunction.Relu, NetworkLoss.CrossEntropy);
        LabelledData data = TestNetworks.Data(shape, 150, 5);
        var options = new NetworkOptions { BatchSize = 64, LearningRate = 0.1f };
        string[] results = [.. ((int[])[1, 2, 3, 7]).Select(workers =>
        {
            using ComputeDevice device = DeviceCatalog.OpenCpu(workers);
            using var engine = new NetworkEngine(device, TestNetworks.Parameters(shape, 6), data, options);
        var (losses, norms) = (new List<float>(), new List<float>());
            while (engine.Iteration < 60)
            {
                StepsResult steps = engine.RunSteps(60 - engine.Iteration);
                losses.AddRange(steps.Losses.Span);
                norms.AddRange(steps.GradientNorms.Span);
            }

            IEnumerable<float> weights = engine.ReadWeights().Tensors.SelectMany(tensor => tensor.Values);
            return string.Join(' ', losses.Concat(norms).Concat(weights).Select(BitConverter.SingleToInt32Bits));
        })];
        Assert.Single(results.Distinct());
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void XOR_is_learned_by_two_layers_and_not_by_a_neuron(DeviceKind kind)
    {
        ComputeDevice device = TestDevices.Get(kind);
        var data = new LabelledData(new InputRows(2, [0, 0, 0, 1, 1, 0, 1, 1]), 1, [0, 1, 1, 0]);
        (double loss, double[] outputs) Train(params Layer[] layers)
        {
            var shape = new NetworkShape(2, layers, NetworkLoss.BinaryCrossEntropy);
            using var engine = new NetworkEngine(device, InitialNetwork.Create(shape, 1), data, new NetworkOptions { LearningRate = 0.5f });
            float last = float.NaN;
            while (engine.Iteration < 4000)
                last = engine.RunSteps(4000 - engine.Iteration).Losses.Span[^1];
            ParameterSet<double> trained = engine.ReadWeights().Convert(value => (double)value);
            return (last, [.. Enumerable.Range(0, 4).Select(row => ReferenceNetwork.Output(trained, data.X.Row(row))[0])]);
        }

        (double loss, double[] outputs) = Train(new Layer(4, ActivationFunction.Tanh), new Layer(1, ActivationFunction.Identity));
        Assert.InRange(loss, 0, 0.02);
        Assert.All(outputs.Zip(data.Targets), pair => Assert.InRange(pair.First, pair.Second - 0.1, pair.Second + 0.1));

        // The best that a line can do: one half, everywhere.
        (loss, outputs) = Train(new Layer(1, ActivationFunction.Identity));
        Assert.InRange(loss, Math.Log(2) - 1e-4, Math.Log(2) + 1e-4);
        Assert.All(outputs, output => Assert.InRange(output, 0.49, 0.51));
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Logistic_regression_finds_the_optimum_from_any_start(DeviceKind kind)
    {
        // 40 of 100 are 1 where x = 0, 70 of 100 where x = 1: the likelihood is greatest where the model says just that.
        ComputeDevice device = TestDevices.Get(kind);
        float[] x = [.. Enumerable.Range(0, 200).Select(i => i < 100 ? 0f : 1f)];
        float[] y = [.. Enumerable.Range(0, 200).Select(i => i % 100 < (i < 100 ? 40 : 70) ? 1f : 0f)];
        var shape = new NetworkShape(1, [new Layer(1, ActivationFunction.Identity)], NetworkLoss.BinaryCrossEntropy);
        var options = new NetworkOptions { LearningRate = 3, GradientTolerance = 1e-6f };
        double bias = Math.Log(0.4 / 0.6), weight = Math.Log(0.7 / 0.3) - bias;
        foreach ((float w, float b) in ((float, float)[])[(0, 0), (-5, 3), (10, -10), (2, 30)])
        {
            var neuron = new ParameterSet<float>(shape);
            (neuron.Weights(0)[0], neuron.Biases(0)[0]) = (w, b);
            using var engine = new NetworkEngine(device, neuron, new LabelledData(new InputRows(1, x), 1, y), options);
            TrainingOutcome? end = null;
            float norm = float.NaN;
            while (end is null && engine.Iteration < 100_000)
            {
                StepsResult steps = engine.RunSteps(100_000 - engine.Iteration);
                (end, norm) = (steps.End, steps.GradientNorms.Span[^1]);
            }

            ParameterSet<float> found = engine.ReadWeights();
            Assert.Equal(TrainingOutcome.SmallGradient, end);
            Assert.InRange(norm, 0, 1e-6);
            Assert.InRange(found.Weights(0)[0], weight - 1e-4, weight + 1e-4);
            Assert.InRange(found.Biases(0)[0], bias - 1e-4, bias + 1e-4);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Steps_end_where_a_tolerance_or_a_number_says_so(DeviceKind kind)
    {
        ComputeDevice device = TestDevices.Get(kind);
        var shape = new NetworkShape(1, [new Layer(1, ActivationFunction.Identity)], NetworkLoss.SquaredError);
        var data = new LabelledData(new InputRows(1, [-1, 1]), 1, [-2, 2]); // J = (w - 2)² + b²: a step at 0.25 halves both
        (StepsResult Steps, long Count, float Weight) Train(NetworkOptions options)
        {
            using var engine = new NetworkEngine(device, new ParameterSet<float>(shape), data, options);
            while (true)
            {
                StepsResult steps = engine.RunSteps(1000);
                if (steps.End is not null || engine.Iteration >= 1000)
                    return (steps, engine.Iteration, engine.ReadWeights().Weights(0)[0]);
            }
        }

        // The gradient is 2 (w - 2): 4, 2, 1, …; step k begins at 4 · 2⁻ᵏ and ends at w = 2 - 2⁻ᵏ.
        (StepsResult steps, long count, float weight) = Train(new NetworkOptions { LearningRate = 0.25f, GradientTolerance = 0.01f });
        Assert.Equal((TrainingOutcome.SmallGradient, 10L), (steps.End, count));
        Assert.Equal(4f / 512, steps.GradientNorms.Span[^1], 1e-6f);
        Assert.Equal(2 - (1f / 512), weight, 1e-6f);

        // J = 4 · 4⁻ᵏ; from the sixth to the seventh it changes by 0.003, before by more than 0.01.
        (steps, count, _) = Train(new NetworkOptions { LearningRate = 0.25f, LossTolerance = 0.01f });
        Assert.Equal((TrainingOutcome.SmallChange, 7L), (steps.End, count));

        // η over 1 moves away until floats end; the last step that is made has a finite loss.
        (steps, _, weight) = Train(new NetworkOptions { LearningRate = 10 });
        Assert.Equal(TrainingOutcome.Diverged, steps.End);
        Assert.True(float.IsFinite(weight));

        // Who does not look at the end hears of it at the next call.
        using var overlooked = new NetworkEngine(device, new ParameterSet<float>(shape), data, new NetworkOptions { LearningRate = 10 });
        string message = Assert.Throws<CharRnnException>(() =>
        {
            while (overlooked.Iteration < 1000)
                overlooked.RunSteps(1000 - overlooked.Iteration);
        }).Message;
        Assert.StartsWith("training: has diverged", message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Answers_are_the_references_tiny_ones_too(DeviceKind kind)
    {
        ComputeDevice device = TestDevices.Get(kind);
        foreach (NetworkLoss loss in TestNetworks.Losses)
        {
            NetworkShape shape = TestNetworks.Shape(4, [6], 3, ActivationFunction.Tanh, loss);
            ParameterSet<float> parameters = TestNetworks.Parameters(shape, 3);
            if (loss != NetworkLoss.SquaredError)
                parameters.Biases(1)[0] = -30; // a probability of 1e-13
            LabelledData data = TestNetworks.Data(shape, 21, 8);
            ParameterSet<double> exact = parameters.Convert(value => (double)value);
            using var predictor = new NetworkPredictor(device, shape, 8); // in three launches
            NetworkAnswers answers = predictor.Apply(parameters, data, TestContext.Current.CancellationToken);
            NetworkAnswers unanswered = predictor.Apply(parameters, new LabelledData(data.X), TestContext.Current.CancellationToken);
            Assert.Equal(answers.Outputs, unanswered.Outputs);
            Assert.Equal((false, true), (double.IsNaN(answers.Loss), double.IsNaN(unanswered.Loss)));
            Assert.Equal(ReferenceNetwork.Loss(exact, data), answers.Loss, 1e-5);
            for (int r = 0; r < 21; r++)
            {
                double[] expected = ReferenceNetwork.Output(exact, data.X.Row(r));
                for (int j = 0; j < 3; j++)
                {
                    double tolerance = (2e-5 * Math.Abs(expected[j])) + (loss == NetworkLoss.SquaredError ? 1e-6 : 0);
                    Assert.InRange(answers.Outputs[(3 * r) + j], expected[j] - tolerance, expected[j] + tolerance);
                }
            }
        }
    }

    [Fact]
    public void A_short_last_batch_weighs_what_it_has()
    {
        // Of a rate of nothing, an epoch's mean is J, in whatever order.
        ComputeDevice device = TestDevices.Get(DeviceKind.Cpu);
        var shape = new NetworkShape(1, [new Layer(1, ActivationFunction.Identity)], NetworkLoss.SquaredError);
        var data = new LabelledData(new InputRows(1, new float[33]), 1, [10, .. new float[32]]);
        var options = new NetworkOptions { LearningRate = 1e-30, BatchSize = 32 };
        using var engine = new NetworkEngine(device, new ParameterSet<float>(shape), data, options);
        using var predictor = new NetworkPredictor(device, shape, 1);
        var learner = new TableLearner(engine, predictor, data.Select([]), constantLoss: 3);
        var schedule = new TrainingSchedule { Epochs = 5, LogEvery = engine.StepsPerEpoch, CheckpointEvery = 0 };
        var reports = new Reports();
        var loop = new TrainingLoop(learner, options.LearningRate, schedule, null);
        Assert.Equal(TrainingOutcome.Finished, loop.Run(reports, CancellationToken.None));
        Assert.Equal([(1, 33), (2, 66), (3, 99), (4, 132), (5, 165)], reports.Select(report => (report.Epoch, report.Characters)));
        Assert.All(reports, report => Assert.Equal(100.0 / 33, report.Loss, 1e-4));
    }

    /// <summary>A state is one of a step of many or of an epoch that is half done, of every rule and with tolerances that end it.</summary>
    public static MatrixTheoryData<DeviceKind, UpdateRule, int> Resumes =>
        new(Enum.GetValues<DeviceKind>(), Enum.GetValues<UpdateRule>(), [0, 7]);

    [Theory]
    [MemberData(nameof(Resumes))]
    public void A_restored_engine_goes_on_from_any_step_as_if_nothing_had_been(DeviceKind kind, UpdateRule rule, int batch)
    {
        const int all = 21;
        ComputeDevice device = TestDevices.Get(kind);
        NetworkShape shape = TestNetworks.Shape(5, [9], 3, ActivationFunction.Tanh, NetworkLoss.CrossEntropy);
        LabelledData data = TestNetworks.Data(shape, 26, 4);
        var options = new NetworkOptions
        {
            BatchSize = batch,
            Optimizer = rule,
            ClipNorm = 0.5,
            WeightDecay = 0.01,
            Momentum = rule == UpdateRule.Sgd ? 0.9 : 0,
            LossTolerance = 1e-30f,
        };
        NetworkEngine Begin() => new(device, TestNetworks.Parameters(shape, 6), data, options)
        {
            LearningRateAt = step => options.LearningRate / (1 + (0.1 * step)),
        };
        static float[] Losses(NetworkEngine engine, int steps)
        {
            var losses = new List<float>();
            while (losses.Count < steps)
                losses.AddRange(engine.RunSteps(steps - losses.Count).Losses.Span);
            return [.. losses];
        }

        using NetworkEngine whole = Begin();
        var (states, losses) = (new TableState[all], new List<float>());
        for (int step = 0; step < all; step++)
        {
            states[step] = whole.ReadState();
            losses.AddRange(Losses(whole, 1));
        }

        TableState expected = whole.ReadState();
        using NetworkEngine resumed = Begin();
        for (int stop = all - 1; stop >= 0; stop--)
        {
            resumed.Restore(states[stop]);
            Assert.Equal(losses.Skip(stop), Losses(resumed, all - stop));
            TableState actual = resumed.ReadState();
            Assert.Equal(expected, actual with { Weights = expected.Weights, Moments = expected.Moments });
            Storage.Samples.AssertEqual(expected.Weights, actual.Weights);
            foreach ((Moment e, Moment a) in expected.Moments.Zip(actual.Moments))
                Storage.Samples.AssertEqual(e.Values, a.Values);
        }
    }

    [Theory]
    [InlineData(0.3, 0)]
    [InlineData(0, 2e-4)]
    public void Mini_batches_end_with_the_epoch_whose_means_a_tolerance_covers(double gradientTolerance, double lossTolerance)
    {
        ComputeDevice device = TestDevices.Get(DeviceKind.Cpu);
        NetworkShape shape = TestNetworks.Shape(2, [], 1, ActivationFunction.Identity, NetworkLoss.SquaredError);
        LabelledData data = TestNetworks.Data(shape, 20, 2);
        NetworkOptions options = new() { LearningRate = 0.01, BatchSize = 7 };
        var (steps, rows) = (new List<(double Loss, double Norm)>(), new[] { 7, 7, 6 });
        using (var free = new NetworkEngine(device, TestNetworks.Parameters(shape, 1), data, options))
            while (free.Iteration < 600)
            {
                StepsResult some = free.RunSteps(600 - free.Iteration);
                steps.AddRange(some.Losses.ToArray().Zip(some.GradientNorms.ToArray(), (loss, norm) => ((double)loss, (double)norm)));
            }

        (double Loss, double Norm)[] epochs =
        [
            .. steps.Chunk(3).Select(epoch =>
                (epoch.Zip(rows, (s, n) => s.Loss * n).Sum() / 20, epoch.Zip(rows, (s, n) => s.Norm * n).Sum() / 20)),
        ];
        int last = Enumerable.Range(1, 199)
            .First(e => epochs[e].Norm < gradientTolerance || Math.Abs(epochs[e].Loss - epochs[e - 1].Loss) < lossTolerance);
        Assert.InRange(last, 2, 190); // neither at once nor never

        options = options with { GradientTolerance = (float)gradientTolerance, LossTolerance = (float)lossTolerance };
        using var engine = new NetworkEngine(device, TestNetworks.Parameters(shape, 1), data, options);
        StepsResult result = default;
        while (result.End is null)
            result = engine.RunSteps(600 - engine.Iteration);
        Assert.Equal(gradientTolerance > 0 ? TrainingOutcome.SmallGradient : TrainingOutcome.SmallChange, result.End);
        Assert.Equal(3 * (last + 1), engine.Iteration);
    }

    private sealed class Reports : List<TrainingReport>, ITrainingObserver
    {
        public void Reported(TrainingReport report) => Add(report);
    }

    [Fact]
    public void Data_that_do_not_fit_are_refused()
    {
        ComputeDevice device = TestDevices.Get(DeviceKind.Cpu);
        NetworkShape shape = TestNetworks.Shape(2, [3], 3, ActivationFunction.Tanh, NetworkLoss.CrossEntropy);
        ParameterSet<float> parameters = TestNetworks.Parameters(shape, 1);
        foreach (LabelledData data in (LabelledData[])
        [
            new(new InputRows(3, [1, 2, 3]), [0]), new(new InputRows(2, [1, 2]), [3]), new(new InputRows(2, [1, 2]), 3, [1, 0, 0]),
            new(new InputRows(2, [1, 2])),
        ])
            Assert.Throws<ArgumentException>(() => new NetworkEngine(device, parameters, data, new NetworkOptions()));
    }
}
