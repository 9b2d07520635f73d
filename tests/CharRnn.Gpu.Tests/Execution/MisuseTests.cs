using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Distribution;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Tests.Networks;
using CharRnn.Gpu.Tests.Storage;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Reference;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Execution;

/// <summary>
/// What a program may get wrong is an exception at the call that is wrong: nothing reads memory that is not its own, and
/// nothing waits for ever.
/// </summary>
[Collection(typeof(DeviceTests))]
public class MisuseTests
{
    private const int V = 17, H = 33;
    private static readonly ParameterSet<float> Weights = CaseData.TrainedWeights(new(V, H));
    private static readonly StepOptions Options = new() { HiddenSize = H, BatchSize = 2, SequenceLength = 5 };

    public static MatrixTheoryData<DeviceKind, int> NoTokens =>
        new(Enum.GetValues<DeviceKind>(), [V, -1, 1_000_000_000, int.MinValue, int.MaxValue]);

    [Theory]
    [MemberData(nameof(NoTokens))]
    public void A_number_that_is_no_token_is_refused_wherever_tokens_come_in(DeviceKind kind, int token)
    {
        using var model = new DeviceModel(TestDevices.Get(kind), Weights);
        using var sampler = new Sampler(model);
        using var one = new Evaluator(model, 1);
        using var several = new Evaluator(model, 3);
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        int[] tokens = [.. Enumerable.Range(0, 60).Select(i => i == 40 ? token : i % V)];
        var text = new TokenArray(tokens);
        ParameterSet<double> w = Weights.Convert(value => (double)value);
        double[][] state = ReferenceRnn.ZeroState(w.Sizes);
        var vocabulary = new Vocabulary(TextEncoding.Bytes, Enumerable.Range('a', V));
        foreach (Action call in (Action[])
        [
            () => sampler.Write([token], 1, new(), 1, 0), () => sampler.Write(tokens, 1, new(), 1, 0),
            () => one.Evaluate(text, cancellation), () => several.Evaluate(text, cancellation), () => one.Trace(text, 3, cancellation),
            () => ReferenceRnn.Step(w, token, state), () => ReferenceRnn.Run(w, tokens, state),
            () => ReferenceRnn.Evaluate(w, tokens, ref state),
            () => vocabulary.Decode(tokens), () => vocabulary.AppendBytes(token, []), () => CorpusStatistics.Of(text, V),
        ])
            Refuses(call);

        // In the second stream; nothing was trained on before it was seen.
        using var engine = new TrainingEngine(model, text, Options);
        Refuses(() => engine.RunSteps(1));
        Refuses(() => engine.RunSteps(1));
        Assert.Equal((-1L, 0L), (engine.Cursor.Position, engine.Cursor.Epoch));
        Assert.Equal(TestRun.Bits(Weights), TestRun.Bits(engine.ReadWeights()));
        Refuses(() => engine.Sample(5, token, new(), 1, 0, CancellationToken.None));

        void Refuses(Action call)
        {
            var e = Assert.Throws<ArgumentOutOfRangeException>(call);
            Assert.Equal(token, e.ActualValue);
            string expected = string.Create(CultureInfo.InvariantCulture, $"a vocabulary of {V} characters");
            Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_changed_after_it_was_checked_is_not_read()
    {
        using var model = new DeviceModel(TestDevices.Get(DeviceKind.Cpu), Weights);
        using var sampler = new Sampler(model);
        int[] inputs = [1, 2, 3];
        IEnumerable<int[]> text = sampler.Write(inputs, 20, new(), 1, 0);
        int[] expected = [.. text.SelectMany(piece => piece)];
        inputs[1] = 1_000_000_000;
        Assert.Equal(expected, text.SelectMany(piece => piece));
    }

    /// <summary>A step of a text that could not be read has not begun: it is made as if nothing had happened when it can.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.KindsAndPlans), MemberType = typeof(TestDevices))]
    public void A_text_that_cannot_be_read_for_a_while_changes_nothing(DeviceKind kind, bool fused)
    {
        TrainingCase sizes = TrainingCase.Streams;
        var text = new FailingText(sizes.Text);
        const long Window = 7 * 20; // two steps of each stream
        using TestRun run = new(TestDevices.Get(kind), sizes with { Text = text }, fused, Window);
        using TestRun whole = new(TestDevices.Get(kind), sizes, fused, Window);
        for (int i = 0; i < 25; i++)
        {
            text.FailsAt = text.Reads + 1 + (i % 8); // of seven streams, or not at all
            try
            {
                run.Steps(1);
            }
            catch (IOException)
            {
                run.Steps(1);
            }
        }

        Assert.Equal(whole.Steps(25).Bits(), run.Bits());
        Assert.InRange(text.Failures, 10, 25);
    }

    [Fact]
    public void A_text_or_options_that_do_not_fit_are_refused_when_the_engine_is_made()
    {
        using var model = new DeviceModel(TestDevices.Get(DeviceKind.Cpu), Weights);
        var e = Assert.Throws<ArgumentException>(() => new TrainingEngine(model, new SyntheticText(V, 13), Options));
        Assert.Contains("has 13 tokens, and 2 streams of steps of 5 need at least 14", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() =>
            new ReferenceTrainer(Weights, new SyntheticText(V, 13), new StepOptions { BatchSize = 2, SequenceLength = 5 }));
        using (var shortest = new TrainingEngine(model, new SyntheticText(V, 14), Options, windowTokens: 0))
            Assert.Equal(1, shortest.RunSteps(1).Losses.Length);

        Assert.Throws<ArgumentException>(() => new TrainingEngine(model, new SyntheticText(V, 100), Options with { HiddenSize = H + 1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingEngine(model, new SyntheticText(V, 100), Options, -1));
        Assert.Throws<CharRnnException>(() =>
            new TrainingEngine(model, new SyntheticText(V, long.MaxValue), Options with { SequenceLength = int.MaxValue }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Evaluator(model, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Evaluator(model, -3));
        using var evaluator = new Evaluator(model, 1);
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        Assert.Throws<ArgumentOutOfRangeException>(() => evaluator.Trace(new SyntheticText(V, 10), 0, cancellation));
        Assert.Throws<ArgumentException>(() => evaluator.Trace(new SyntheticText(V, 1L << 40), 5, cancellation));
        using var sampler = new Sampler(model);
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.Write([0], -5, new(), 1, 0)); // at the call, not when it is enumerated
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.Write([], 5, new(), 1, 0));
    }

    [Fact]
    public void A_plan_that_the_device_cannot_run_is_refused()
    {
        ComputeDevice device = TestDevices.Get(DeviceKind.Cpu);
        using var model = new DeviceModel(device, Weights);
        ExecutionPlan plan = ExecutionPlan.Of(PlanKind.ManySteps, Weights.Sizes, Options, device.Traits, "test");
        foreach (ExecutionPlan wrong in (ExecutionPlan[])
        [
            plan with { Teams = 0 }, plan with { Teams = device.Teams + 1 }, plan with { HiddenGrid = default },
            plan with { GradientGrids = default }, plan with { HiddenGrid = new(1, plan.Teams + 1) },
        ])
            Assert.Throws<ArgumentException>(() => new TrainingEngine(model, new SyntheticText(V, 100), Options) { Plan = wrong });

        // Groups that meet must all run at once, which only CUDA promises, and only for so many.
        DeviceTraits cuda = new(DeviceKind.Cuda, 8, 256), openCl = cuda with { Kind = DeviceKind.OpenCl };
        ExecutionPlan meeting = ExecutionPlan.Of(PlanKind.Persistent, new(V, 256), Options with { BatchSize = 64 }, cuda, "test");
        meeting.RequireFits(cuda);
        foreach (PlanKind kind in (PlanKind[])[PlanKind.Persistent, PlanKind.Phases])
        {
            Assert.Throws<ArgumentException>(() => (meeting with { Kind = kind }).RequireFits(openCl));
            Assert.Throws<ArgumentException>(() => (meeting with { Kind = kind, HiddenGrid = new(3, 3) }).RequireFits(cuda));
            Assert.Throws<ArgumentException>(() =>
                (meeting with { Kind = kind, Teams = 2 }).RequireFits(cuda with { Kind = DeviceKind.Cpu }));
        }

        Assert.Throws<ArgumentException>(() => (meeting with { Kind = PlanKind.ManySteps }).RequireFits(cuda));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            ExecutionPlan.Choose(Weights.Sizes, Options, new DeviceTraits(DeviceKind.Cpu, 0, 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => DeviceCatalog.OpenCpu(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => DeviceCatalog.OpenCpu(1_000_000));
        Assert.Throws<ArgumentOutOfRangeException>(() => DeviceCatalog.OpenGpu(DeviceKind.Cpu, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => DeviceCatalog.OpenGpu(DeviceKind.OpenCl, -1));
    }

    [Fact]
    public void A_state_of_other_sizes_or_of_no_place_is_refused_whole()
    {
        using var run = new TestRun(TestDevices.Get(DeviceKind.Cpu), TrainingCase.Streams, fused: true);
        int[] before = run.Steps(3).Bits();
        TextState state = run.Engine.ReadState();
        var other = new ParameterSet<float>(new ModelShape(33, 17));
        foreach (EngineState wrong in (EngineState[])
        [
            state with { Weights = other }, state with { Moments = [new Moment("adagrad", other)] }, state with { Moments = [] },
            state with { States = [] }, state with { States = [[]] }, state with { States = [state.States[0], state.States[0]] },
            Samples.TableState(),
            state with { Position = -2 }, state with { Position = long.MaxValue }, state with { Epoch = -1 }, state with { Iteration = -1 },
        ])
            Assert.ThrowsAny<ArgumentException>(() => run.Engine.Restore(wrong));
        Assert.Equal(before, run.Bits());
        Assert.Throws<ArgumentException>(() => run.Engine.Model.Write(other));
        run.Engine.LearningRateAt = _ => double.NaN;
        Assert.Equal("LearningRateAt", Assert.Throws<ArgumentOutOfRangeException>(() => run.Engine.RunSteps(1)).ParamName);
        Assert.Equal(before, run.Bits());
        Assert.Throws<ArgumentOutOfRangeException>(() => run.Engine.RunSteps(0));
    }

    [Fact]
    public void Rows_that_are_none_and_networks_of_other_sizes_are_refused()
    {
        foreach (Action call in (Action[])
        [
            () => _ = new InputRows(0, [1]), () => _ = new InputRows(-1, [1]), () => _ = new InputRows(2, [1, 2, 3]),
            () => _ = new InputRows(new(1, 2), [1], []), () => _ = new InputRows(new(0, 2), [], [2]), () => _ = new InputColumns(0),
            () => _ = new InputRows(new(0, 2, 2), [], [0, 1]), () => _ = new InputRows(new(0, 2), [], [-2]),
            () => _ = new InputColumns(1, 0),
            () => _ = new LabelledData(new InputRows(1, [1, 2]), [0]), () => _ = new LabelledData(new InputRows(1, [1, 2]), 0, []),
            () => _ = new LabelledData(new InputRows(1, [1])).Weighted([]),
            () => _ = new LabelledData(new InputRows(1, [1])).Weighted([-1]),
            () => _ = new LabelledData(new InputRows(1, [1, 2]), 1, [1]), () => _ = new LabelledData(new InputRows(1, [1]), 2, [1, 2, 3]),
            () => _ = new NetworkShape(1, [new Layer(1, (ActivationFunction)9)], NetworkLoss.SquaredError),
            () => _ = new NetworkShape(1, [new Layer(1, 0)], (NetworkLoss)9),
            () => _ = new ParameterSet<float>(new NetworkShape(int.MaxValue, [new Layer(int.MaxValue, 0)], NetworkLoss.SquaredError)),
        ])
            Assert.ThrowsAny<ArgumentException>(call);
        Assert.Equal([3f, 1f], new LabelledData(new InputRows(1, [1, 2, 3])).Select([2, 0]).X.Numbers);

        ComputeDevice device = TestDevices.Get(DeviceKind.Cpu);
        NetworkShape shape = TestNetworks.Shape(3, [5], 4, ActivationFunction.Tanh, NetworkLoss.CrossEntropy);
        NetworkShape wider = TestNetworks.Shape(3, [500], 4, ActivationFunction.Tanh, NetworkLoss.CrossEntropy);
        ParameterSet<float> parameters = TestNetworks.Parameters(shape, 1);
        foreach (int y in (int[])[-1, 4, 1_000_000_000])
            Assert.Throws<ArgumentException>(
                () => new NetworkEngine(device, parameters, new LabelledData(new InputRows(3, new float[6]), [0, y]), new()));
        Assert.Equal(shape, new NetworkShape(shape.Inputs, [.. shape.Layers], shape.Loss));
        using var predictor = new NetworkPredictor(device, shape, 5);
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        Assert.Throws<ArgumentException>(() =>
            predictor.Apply(TestNetworks.Parameters(wider, 1), new LabelledData(new InputRows(3, new float[6])), cancellation));
        Assert.Throws<ArgumentException>(() => predictor.Apply(parameters, new LabelledData(new InputRows(2, new float[6])), cancellation));

        using var engine = new NetworkEngine(device, parameters, TestNetworks.Data(shape, 9, 1), new NetworkOptions { BatchSize = 4 });
        Assert.Throws<ArgumentOutOfRangeException>(() => engine.RunSteps(0));
        TableState state = engine.ReadState();
        foreach (EngineState wrong in (EngineState[])
        [
            state with { Weights = TestNetworks.Parameters(wider, 1) }, state with { Moments = [new Moment("momentum", parameters)] },
            state with { Iteration = -1 }, Samples.State(),
        ])
            Assert.ThrowsAny<ArgumentException>(() => engine.Restore(wrong));
        Assert.Equal(0, engine.Iteration);
    }

    /// <summary>
    /// Everything that holds device memory, after its own disposal, its model's and the device's: in any order, and twice.
    /// </summary>
    [Theory]
    [InlineData("itself")]
    [InlineData("its model")]
    [InlineData("the device")]
    public void Nothing_is_used_after_what_it_stands_on_was_disposed_of(string what)
    {
        using ComputeDevice device = DeviceCatalog.OpenCpu(2);
        using var model = new DeviceModel(device, Weights);
        using var engine = new TrainingEngine(model, new SyntheticText(V, 100), Options);
        using var evaluator = new Evaluator(model, 1);
        using var sampler = new Sampler(model);
        NetworkShape shape = TestNetworks.Shape(3, [5], 4, ActivationFunction.Tanh, NetworkLoss.CrossEntropy);
        ParameterSet<float> parameters = TestNetworks.Parameters(shape, 1);
        LabelledData data = TestNetworks.Data(shape, 9, 1);
        using var network = new NetworkEngine(device, parameters, data, new());
        using var predictor = new NetworkPredictor(device, shape, 9);
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        var text = new SyntheticText(V, 20);
        EngineState state = engine.ReadState(), networkState = network.ReadState();
        using IEnumerator<int[]> begun = sampler.Write([0], 1000, new(), 1, 0).GetEnumerator();
        Assert.True(begun.MoveNext());

        (IDisposable Of, Action[] Calls)[] uses =
        [
            (engine,
            [
                () => engine.RunSteps(1), () => engine.ReadState(), () => engine.Restore(state), () => engine.Trace(),
                () => engine.Evaluate(new SyntheticText(V, 64), cancellation), () => engine.Sample(1, 0, new(), 1, 0, cancellation),
            ]),
            (evaluator, [() => evaluator.Evaluate(text, cancellation), () => evaluator.Trace(text, 1, cancellation)]),
            (sampler, [() => sampler.Write([0], 1, new(), 1, 0), () => begun.MoveNext()]),
        ];
        (IDisposable Of, Action[] Calls) ofModel = (model,
        [
            () => model.Read(), () => model.Write(Weights), () => engine.ReadWeights(), () => _ = new Sampler(model),
            () => _ = new Evaluator(model, 1), () => _ = new TrainingEngine(model, text, Options),
        ]);
        (IDisposable Of, Action[] Calls)[] ofDevice =
        [
            (
                network,
                [() => network.RunSteps(1), () => network.ReadWeights(), () => network.ReadState(), () => network.Restore(networkState)]
            ),
            (predictor, [() => predictor.Apply(parameters, data, cancellation)]),
        ];
        (IDisposable[] disposed, (IDisposable Of, Action[] Calls)[] dead) = what switch
        {
            "itself" => ([.. uses.Concat(ofDevice).Select(use => use.Of)], [.. uses, .. ofDevice]),
            "its model" => ([model], [.. uses, ofModel]),
            _ => ((IDisposable[])[device], ((IDisposable Of, Action[] Calls)[])
            [
                .. uses, ofModel, .. ofDevice,
                (device, [() => _ = new DeviceModel(device, Weights), () => _ = new NetworkPredictor(device, shape, 9)]),
            ]),
        };
        foreach (IDisposable one in disposed)
        {
            one.Dispose();
            one.Dispose();
        }

        foreach ((IDisposable of, Action[] calls) in dead)
        {
            string? name = (what == "itself" ? of : disposed[0]).GetType().FullName;
            foreach (Action call in calls)
                Assert.Equal(name, Assert.Throws<ObjectDisposedException>(call).ObjectName);
        }

        if (what == "itself")
            Assert.Equal(TestRun.Bits(Weights), TestRun.Bits(model.Read())); // which nobody disposed of
    }

    [Fact]
    public void Everything_that_holds_device_memory_is_among_those() =>
        Assert.Equal(
            ["ComputeDevice", "DeviceModel", "Evaluator", "NetworkEngine", "NetworkPredictor", "Sampler", "TrainingEngine"],
            typeof(ComputeDevice).Assembly.GetExportedTypes()
                .Where(type => type.IsClass && type.IsAssignableTo(typeof(IDisposable)))
                .Where(type => type.Namespace != typeof(RankEngine).Namespace) // what is there owns some of these, and no memory besides
                .Select(type => type.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void Threads_take_turns_on_a_device()
    {
        using ComputeDevice device = DeviceCatalog.OpenCpu(2);
        using var model = new DeviceModel(device, Weights);
        using var sampler = new Sampler(model);
        using var evaluator = new Evaluator(model, 2);
        var text = new SyntheticText(V, 300);
        int[][] expected = [.. Enumerable.Range(0, 8).Select(Sample)];
        double loss = evaluator.Evaluate(text, TestContext.Current.CancellationToken).Loss;
        Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            Assert.Equal(expected[i % 8], Sample(i % 8));
            Assert.Equal(loss, evaluator.Evaluate(text, CancellationToken.None).Loss);
        });

        int[] Sample(int i) => [.. sampler.Write([i], 400, new(), 1, (ulong)i).SelectMany(piece => piece)];
    }

    private sealed class FailingText(ITokenSource text) : ITokenSource
    {
        public long Length => text.Length;

        public int Reads { get; private set; }

        public int Failures { get; private set; }

        public int FailsAt { get; set; }

        public void Read(long offset, Span<int> destination)
        {
            if (++Reads == FailsAt)
            {
                Failures++;
                throw new IOException("away");
            }

            text.Read(offset, destination);
        }

        public ITokenSource Slice(long offset, long length) => throw new NotSupportedException();
    }
}
