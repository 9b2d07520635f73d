using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Randomness;
using CharRnn.Reference;
using CharRnn.Sampling;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Verification;

/// <summary>One comparison of a device's result with the reference's.</summary>
/// <param name="Kernel">The kernel that computed it.</param>
/// <param name="Result">What was compared, with its equation.</param>
/// <param name="Sizes">Sizes, weights and clip of the case.</param>
/// <param name="Error">Norm of the difference over norm of the reference's result, unless <paramref name="Result"/> says otherwise.</param>
/// <param name="Tolerance">The largest error that is right for float32.</param>
public readonly record struct VerificationCheck(string Kernel, string Result, string Sizes, double Error, double Tolerance)
{
    /// <summary>False for any error over the tolerance and for NaN.</summary>
    public bool Passed => Error <= Tolerance;
}

/// <summary>Compares every kernel and whole training steps on a device with the scalar reference in double.</summary>
public sealed class DeviceVerification
{
    private const double LossTolerance = 1e-5;
    private const double GradientTolerance = 1e-4;

    // Adagrad's first steps are ±η whatever the gradient's size, so a rounding error in a tiny gradient shows in full.
    private const double FreshChangeTolerance = 2e-4, TrainedChangeTolerance = 5e-4;

    private static readonly Case[] Cases =
    [
        new(17, 33, 5, 9, false), new(17, 33, 5, 9, true),
        new(33, 65, 1, 25, false), new(33, 65, 1, 25, true),
        new(130, 100, 4, 25, false), new(130, 100, 4, 25, true),
        new(146, 40, 1, 25, true), // one stream, more characters than hidden units
        new(9, 47, 35, 3, true), // blocks of streams and of units
        new(17, 128, 1, 6, true), new(17, 129, 1, 6, true), // weights that just fit a group's registers, and do not
        new(20, 300, 6, 50, true), // large enough for products whose operands fit in no cache
        new(17, 33, 5, 9, true) { Layers = 3 }, new(17, 33, 1, 9, true) { Layers = 2, Dropout = 0.25 },
        .. from cell in (RecurrentCell[])[RecurrentCell.Lstm, RecurrentCell.Gru]
           from one in (Case[])
           [
               new(17, 33, 5, 9, false), new(17, 33, 5, 9, true),
               new(9, 47, 35, 3, true) { Layers = 2 },
               new(130, 100, 1, 25, true) { Layers = 2 },
               new(17, 33, 5, 9, true) { Layers = 3, Dropout = 0.25 },
               new(33, 150, 3, 20, true) { Dropout = 0.5 },
               new(17, 32, 3, 2, true) { Layers = 2 }, // rows of whole lines
           ]
           select one with { Cell = cell },
        new(17, 200, 1, 3, true) { Cell = RecurrentCell.Lstm }, // CPU workers share Whh
    ];

    private readonly ComputeDevice _device;
    private readonly Action<string, float[]> _corrupt;

    private DeviceVerification(ComputeDevice device, Action<string, float[]> corrupt) => (_device, _corrupt) = (device, corrupt);

    /// <summary>Runs all checks: several sizes, with fresh and trained weights, and with gradients below and above the clip.</summary>
    public static IEnumerable<VerificationCheck> Run(ComputeDevice device) => Run(device, (_, _) => { });

    /// <summary>
    /// Checks what a command is about to do with a model: evaluation and sampling with a small one of the same cell, and a step of its
    /// training.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="shape">The model's shape.</param>
    /// <param name="training">How it is going to be trained; null if it is not.</param>
    /// <param name="plan">The plan that is going to train it; null for every plan that may be chosen.</param>
    /// <param name="isShared">Whether other ranks have a share of the streams; the step has those of this one.</param>
    /// <returns>What is wrong; null if nothing is.</returns>
    public static string? QuickCheck(
        ComputeDevice device, ModelShape shape, StepOptions? training = null, PlanKind? plan = null, bool isShared = false)
    {
        var small = new Case(17, 33, training?.BatchSize == 1 ? 1 : 5, 9, true)
        {
            Cell = shape.Cell,
            Layers = Math.Min(shape.Layers, 2),
            Dropout = training?.Dropout > 0 ? 0.25 : 0,
        };
        var verification = new DeviceVerification(device, (_, _) => { });
        IEnumerable<VerificationCheck> checks = verification.CheckEvaluation(small).Concat(verification.CheckSampling(small));
        if (training is not null)
        {
            // The same parts of the update with numbers that suit the check: a limit that is reached would hide a wrong factor.
            StepOptions step = Plain(small, training.Optimizer) with
            {
                Clip = training.Clip is null ? null : 1000,
                ClipNorm = training.ClipNorm is null && !isShared ? null : 1000, // ranks compute the norm in any case
                Momentum = training.Momentum > 0 ? 0.9 : 0,
                WeightDecay = training.WeightDecay > 0 ? 0.1 : 0,
            };
            IEnumerable<PlanKind> plans = plan is { } one ? [one] : ExecutionPlan.Candidates(device.Kind, isShared);
            checks = verification.CheckSteps(small, step, plans).Concat(checks);
        }

        return FirstFailure(checks);
    }

    /// <summary>The same for a feed-forward network, whose step is one of gradient descent.</summary>
    /// <param name="device">The device.</param>
    /// <param name="shape">The network's shape.</param>
    /// <param name="training">How it is going to be trained; null if it is not.</param>
    /// <returns>What is wrong; null if nothing is.</returns>
    public static string? QuickCheck(ComputeDevice device, NetworkShape shape, NetworkOptions? training = null)
    {
        var small = new NetworkCase(shape.Layers[0].Activation, shape.Loss)
        {
            Columns = NetworkCase.Mixed,
            IsWeighted = training is not null,
            Dropout = training?.Dropout > 0 ? 0.25 : 0,
        };
        var verification = new DeviceVerification(device, (_, _) => { });
        IEnumerable<VerificationCheck> checks = verification.CheckAnswers(small);
        if (training is not null)
            checks = verification.CheckStep(
                small, training.ClipNorm is null ? null : 1000, NetworkPlan.Choose(small.Shape, NetworkCase.Rows, device.Traits))
                .Concat(checks);
        return FirstFailure(checks);
    }

    /// <summary>Runs the same checks, but changes each result before it is compared, so that a test can see a wrong kernel fail.</summary>
    internal static IEnumerable<VerificationCheck> Run(ComputeDevice device, Action<string, float[]> corrupt)
    {
        var verification = new DeviceVerification(device, corrupt);
        return Cases.SelectMany(verification.Check).Concat(verification.CheckNetworks());
    }

    private static string? FirstFailure(IEnumerable<VerificationCheck> checks)
    {
        foreach (VerificationCheck check in checks)
            if (!check.Passed)
                return $"{check.Kernel} computes {check.Result} wrongly here: "
                    + $"error {check.Error:E1}, at most {check.Tolerance:E0} was expected";
        return null;
    }

    /// <summary>
    /// Feed-forward networks: every activation with every loss, every loss with categories, weights and dropout, and a step by every plan.
    /// </summary>
    private IEnumerable<VerificationCheck> CheckNetworks() =>
        from loss in Enum.GetValues<NetworkLoss>()
        from network in (IEnumerable<NetworkCase>)[
            .. Enum.GetValues<ActivationFunction>().Select(activation => new NetworkCase(activation, loss)),
            new NetworkCase(ActivationFunction.Sigmoid, loss) { Columns = NetworkCase.Mixed, IsWeighted = true, Dropout = 0.25 },
            new NetworkCase(ActivationFunction.Relu, loss) { Columns = new(0, 150) }]
        from check in CheckAnswers(network).Concat(
            NetworkPlan.All(_device.Traits).SelectMany(plan => CheckStep(network, clipNorm: null, plan)))
        select check;

    private IEnumerable<VerificationCheck> CheckStep(NetworkCase network, double? clipNorm, NetworkPlan plan)
    {
        var options = new NetworkOptions { LearningRate = 0.5, ClipNorm = clipNorm, Dropout = network.Dropout, Seed = 5 };
        ParameterSet<double> after = network.Parameters.Convert(value => (double)value);
        (double expectedLoss, ParameterSet<double> expected) = ReferenceNetwork.Run(
            after, network.Data,
            (layer, row, neuron) => options.Mask.Keeps(0, layer, row, neuron) ? 1 / (1 - network.Dropout) : 0);
        new ReferenceOptimizer(options, network.Shape).Update(after, expected);
        using var engine = new NetworkEngine(_device, network.Parameters, network.Data, options, plan);
        (float actualLoss, ParameterSet<float> actual) = engine.Trace();
        ParameterSet<float> updated = engine.ReadWeights();

        string kernel = plan.ManySteps ? "NetworkSteps" : "NetworkLayer", name = network.ToString();
        yield return Compare(kernel, "loss (N2)", name, [expectedLoss], [actualLoss], LossTolerance);
        foreach ((ParameterTensor<double> e, ParameterTensor<float> a) in expected.Tensors.Zip(actual.Tensors))
            yield return Compare(kernel, $"gradient of {e.Spec.Name} (N5)", name, e.Values, a.Values, GradientTolerance);
        yield return Compare(
            kernel, "parameters after a step (N6)", name, [.. after.Tensors.SelectMany(t => t.Values)],
            [.. updated.Tensors.SelectMany(t => t.Values)], LossTolerance);
    }

    private IEnumerable<VerificationCheck> CheckAnswers(NetworkCase network)
    {
        ParameterSet<double> parameters = network.Parameters.Convert(value => (double)value);
        InputRows rows = network.Data.X;
        double[] outputs =
            [.. Enumerable.Range(0, rows.Count).SelectMany(row => ReferenceNetwork.Output(parameters, rows.Row(row)))];
        using var predictor = new NetworkPredictor(_device, network.Shape, 50, network.Columns);
        NetworkAnswers answers = predictor.Apply(network.Parameters, network.Data);
        yield return Compare("NetworkEvaluate", "outputs (N1)", network.ToString(), outputs, answers.Outputs, LossTolerance);
        yield return Compare(
            "NetworkEvaluate", "loss (N2)", network.ToString(), [ReferenceNetwork.Run(parameters, network.Data).Loss],
            [(float)answers.Loss], LossTolerance);
    }

    private IEnumerable<VerificationCheck> Check(Case sizes)
    {
        return CheckTrace(sizes)
            .Concat(Optimizers(sizes).SelectMany(options => CheckSteps(sizes, options, ExecutionPlan.All(_device.Kind))))
            .Concat(CheckEvaluation(sizes))
            .Concat(CheckSampling(sizes));
    }

    private IEnumerable<VerificationCheck> CheckTrace(Case sizes)
    {
        (ParameterSet<float> weights, ITokenSource text) = (sizes.Weights, sizes.Text);
        ReferencePass expected = new ReferenceTrainer(weights, text, sizes.Options).Step();
        (string forward, string back) = sizes.Cell switch
        {
            RecurrentCell.Lstm => ("E10", "E10"),
            RecurrentCell.Gru => ("E11", "E11"),
            _ => ("E1", "E7"),
        };
        foreach (PlanKind plan in ExecutionPlan.All(_device.Kind).Where(kind => kind != PlanKind.ManySteps))
        {
            using var model = new DeviceModel(_device, weights);
            using var engine = new TrainingEngine(model, text, sizes.Options)
            {
                Plan = ExecutionPlan.Of(plan, sizes.Shape, sizes.Options, _device.Traits, "verification"),
            };
            StepTrace actual = engine.Trace();
            string name = $"{sizes}, {ExecutionPlan.Word(plan)}";
            foreach ((string state, (double[] e, float[] a)) in sizes.Shape.States.Zip(expected.States.Zip(actual.States)))
                yield return Compare("Hidden", $"{state} ({forward})", name, e, a, GradientTolerance);
            yield return Compare("Output", "dz (E4)", name, expected.Dz, actual.Dz, GradientTolerance);
            foreach ((int layer, (double[] e, float[] a)) in expected.Da.Zip(actual.Da).Index())
                yield return Compare("Chain", $"da of layer {layer} ({back})", name, e, a, GradientTolerance);
            yield return Compare("Gradient", "loss (E3)", name, [expected.Loss], [actual.Loss], LossTolerance);
            foreach ((ParameterTensor<double> e, ParameterTensor<float> a) in expected.Gradient.Tensors.Zip(actual.Gradient.Tensors))
                yield return Compare("Gradient", $"gradient of {e.Spec.Name} (E5, E8)", name, e.Values, a.Values, GradientTolerance);
        }
    }

    /// <summary>
    /// The optimizers of a case: Adagrad with gradients below or above the clip, and in a small case every other optimizer.
    /// </summary>
    private static IEnumerable<StepOptions> Optimizers(Case sizes)
    {
        // At the usual rate of 0.1 Adagrad's first steps throw the weights so far that rounding grows a thousandfold.
        StepOptions adagrad = sizes.Options with { LearningRate = 0.01, Clip = 1000 };
        yield return adagrad;
        yield return adagrad with { Clip = 1e-3 };
        if (!sizes.HasEveryOptimizer)
            yield break;
        yield return adagrad with { ClipNorm = 1e-2, WeightDecay = 0.1 };
        foreach (UpdateRule rule in Enum.GetValues<UpdateRule>().Where(rule => rule != UpdateRule.Adagrad))
        {
            yield return Plain(sizes, rule);
            yield return Plain(sizes, rule) with
            {
                ClipNorm = 1e-2,
                Clip = 1e-3,
                WeightDecay = 0.1,
                Momentum = rule == UpdateRule.Sgd ? 0.9 : 0,
            };
        }
    }

    // Plain descent changes so little that a float's last digits would show.
    private static StepOptions Plain(Case sizes, UpdateRule rule) =>
        sizes.Options with { Optimizer = rule, LearningRate = rule == UpdateRule.Sgd ? 1 : 0.01, Clip = null, WeightDecay = 0 };

    private IEnumerable<VerificationCheck> CheckSteps(Case sizes, StepOptions options, IEnumerable<PlanKind> plans)
    {
        (ParameterSet<float> weights, ITokenSource text) = (sizes.Weights, sizes.Text);
        bool biting = options.Clip < 1;
        int steps = sizes.Trained || biting ? 1 : 3; // else rounding grows too fast to compare more than one
        var reference = new ReferenceTrainer(weights, text, options);
        double[] losses = [.. Enumerable.Range(0, steps).Select(_ => reference.Step().Loss)];
        string clip = options.ClipNorm is null ? biting ? "biting" : "loose" : options.Clip < 1 ? "by norm and value" : "by norm";
        string name = $"{sizes}, {options.Optimizer}, {steps} step{(steps > 1 ? "s" : "")}, clip {clip}"
            + (options.WeightDecay > 0 ? ", decay" : "");
        foreach (PlanKind plan in plans)
        {
            using var model = new DeviceModel(_device, weights);
            using var engine = new TrainingEngine(model, text, options)
            {
                Plan = ExecutionPlan.Of(plan, sizes.Shape, options, _device.Traits, "verification").Fixed,
            };
            float[] actualLosses = Losses(engine, steps);
            string kernel = plan switch
            {
                PlanKind.Phases => "Update",
                PlanKind.TimeSteps => "TimeSteps",
                PlanKind.Persistent => "Persistent",
                _ => "TrainSteps",
            };
            yield return Compare(kernel, "losses (E3)", name, losses, actualLosses, LossTolerance);
            EngineState state = engine.ReadState();
            var pairs = reference.Weights.Tensors.Zip(state.Weights.Tensors, weights.Tensors);
            foreach ((ParameterTensor<double> e, ParameterTensor<float> a, ParameterTensor<float> from) in pairs)
            {
                double[] expected = [.. e.Values.Zip(from.Values, (now, before) => now - before)];
                float[] actual = [.. a.Values.Zip(from.Values, (now, before) => now - before)];
                yield return Compare(
                    kernel, $"change of {e.Spec.Name}", name, expected, actual,
                    sizes.Trained ? TrainedChangeTolerance : FreshChangeTolerance);
            }

            foreach ((ParameterSet<double> expected, Moment actual) in reference.Moments.Zip(state.Moments))
                foreach ((ParameterTensor<double> e, ParameterTensor<float> a) in expected.Tensors.Zip(actual.Values.Tensors))
                    yield return Compare(kernel, $"{actual.Name} of {e.Spec.Name}", name, e.Values, a.Values, TrainedChangeTolerance);
        }
    }

    /// <summary>
    /// The losses of the next steps. Steps that were not made because training diverged have NaN, which agrees with nothing.
    /// </summary>
    internal static float[] Losses(TrainingEngine engine, int steps)
    {
        var losses = new List<float>();
        StepsResult result;
        do
        {
            result = engine.RunSteps(steps - losses.Count);
            losses.AddRange(result.Losses.Span);
        }
        while (!result.Diverged && losses.Count < steps);
        return [.. losses, .. Enumerable.Repeat(float.NaN, steps - losses.Count)];
    }

    private IEnumerable<VerificationCheck> CheckEvaluation(Case sizes)
    {
        (ParameterSet<float> weights, ITokenSource text) = (sizes.Weights, sizes.Text);
        var tokens = new int[text.Length];
        text.Read(0, tokens);
        double[][] state = ReferenceRnn.ZeroState(sizes.Shape);
        double expected = ReferenceRnn.Evaluate(weights.Convert(value => (double)value), tokens, ref state) / (tokens.Length - 1);

        using var model = new DeviceModel(_device, weights);
        using var evaluator = new Evaluator(model, 1);
        yield return Compare(
            "Evaluate", "nats per character (E3)", sizes.ToString(), [expected], [(float)evaluator.Evaluate(text).Loss], LossTolerance);
    }

    /// <summary>
    /// Redraws every character that the device drew, from the device's own text: how far is u outside the chosen character's interval?
    /// </summary>
    private IEnumerable<VerificationCheck> CheckSampling(Case sizes)
    {
        ParameterSet<float> weights = sizes.Weights;
        const int Length = 40;
        const ulong Seed = 3;
        using var model = new DeviceModel(_device, weights);
        using var sampler = new Sampler(model);
        ParameterSet<double> w = weights.Convert(value => (double)value);
        int k = Math.Max(2, sizes.V / 3);
        foreach (SamplingOptions options in (SamplingOptions[])
            [new(), new() { Temperature = 0.7f, TopK = k }, new() { TopP = 0.8f }, new() { Temperature = 0 }])
        {
            int[] drawn = [.. sampler.Write([0, 1], Length, options, Seed, 0).SelectMany(chunk => chunk)];
            var outside = new float[Length];
            double[][] state = ReferenceRnn.Step(w, 0, ReferenceRnn.ZeroState(sizes.Shape));
            for (int i = 0; i < Length; i++)
            {
                state = ReferenceRnn.Step(w, i == 0 ? 1 : drawn[i - 1], state);
                double[] p = ReferenceSampler.Probabilities(ReferenceRnn.Logits(w, state), options);
                double u = Philox.Uniform(Seed, 0, (ulong)i), begin = p.Take(drawn[i]).Sum();
                outside[i] = (float)Math.Max(0, Math.Max(begin - u, u - begin - p[drawn[i]]));
            }

            string name = $"temperature {options.Temperature}, top-k {options.TopK}, top-p {options.TopP}";
            _corrupt("draws", outside);
            double norm = Math.Sqrt(outside.Sum(distance => (double)distance * distance));
            yield return new VerificationCheck("Sample", "draws: distance of u from their intervals", $"{sizes}, {name}", norm, 2e-5);
        }
    }

    private VerificationCheck Compare(string kernel, string result, string sizes, double[] expected, float[] actual, double tolerance)
    {
        _corrupt(result, actual);
        double difference = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }

        return new VerificationCheck(kernel, result, sizes, Math.Sqrt(difference / norm), tolerance);
    }

    private readonly record struct Case(int V, int H, int B, int T, bool Trained)
    {
        public RecurrentCell Cell { get; init; } = RecurrentCell.Rnn;

        public int Layers { get; init; } = 1;

        public double Dropout { get; init; }

        public ModelShape Shape => new(V, H, Cell, Layers);

        public ParameterSet<float> Weights => Trained ? CaseData.TrainedWeights(Shape) : InitialWeights.Create(Shape, 1);

        public ITokenSource Text => new SyntheticText(V, B * ((4 * T) + 5));

        /// <summary>One case has all optimizers, because an update does not depend on the model of its parameters.</summary>
        public bool HasEveryOptimizer => (V, H, Cell) == (9, 47, RecurrentCell.Rnn);

        public StepOptions Options => new() { HiddenSize = H, BatchSize = B, SequenceLength = T, Dropout = Dropout, Seed = 5 };

        public override string ToString()
        {
            string cell = (Cell, Layers) == (RecurrentCell.Rnn, 1) ? "" : $"{Cell} x {Layers}, ";
            string dropout = Dropout > 0 ? $" dropout {Dropout.ToString(CultureInfo.InvariantCulture)}" : "";
            return string.Create(CultureInfo.InvariantCulture, $"{cell}V={V} H={H} B={B} T={T}{dropout} {(Trained ? "trained" : "fresh")}");
        }
    }

    private sealed record NetworkCase(ActivationFunction Activation, NetworkLoss Loss)
    {
        public const int Rows = 67;

        private const int Outputs = 5;

        private static readonly float[] Uniforms = [.. Enumerable.Range(0, Rows * Outputs).Select(i => Philox.Uniform(7, 2, (ulong)i))];

        /// <summary>Numbers and categories; more of these than a task of a GPU's gradients has.</summary>
        public static InputColumns Mixed { get; } = new(7, 5, 33, 2);

        public InputColumns Columns { get; init; } = new(19);

        public bool IsWeighted { get; init; }

        public double Dropout { get; init; }

        public NetworkShape Shape => new(
            Columns.Count,
            [
                new Layer(130, Activation), new Layer(33, Activation),
                new Layer(Outputs, Loss == NetworkLoss.SquaredError ? Activation : ActivationFunction.Identity),
            ],
            Loss);

        public LabelledData Data
        {
            get
            {
                // Of each column some rows have no value that an input stands for.
                int Code(int row, int column) =>
                    (int)(Philox.Uniform(7, 3, (ulong)((row * 10) + column)) * (Columns.Values[column] + 1)) - 1;
                var x = new InputRows(
                    Columns, [.. Enumerable.Range(0, Rows * Columns.Numbers).Select(i => (float)Philox.Normal(7, 1, (ulong)i))],
                    [
                        .. from row in Enumerable.Range(0, Rows)
                           from column in Enumerable.Range(0, Columns.Values.Count)
                           let code = Code(row, column)
                           select code < 0 ? InputRows.NoInput : Columns.Firsts[column] + code,
                    ]);
                LabelledData data = Loss switch
                {
                    NetworkLoss.CrossEntropy => new(x, [.. Uniforms.Take(Rows).Select(value => (int)(value * Outputs))]),
                    NetworkLoss.BinaryCrossEntropy => new(x, Outputs, [.. Uniforms.Select(value => value > 0.5f ? 1f : 0f)]),
                    _ => new(x, Outputs, Uniforms),
                };
                return IsWeighted ? data.Weighted([.. Uniforms.Take(Rows).Select(value => 2 * value)]) : data;
            }
        }

        public ParameterSet<float> Parameters
        {
            get
            {
                ParameterSet<float> parameters = InitialNetwork.Create(Shape, 1);
                foreach ((TensorSpec spec, float[] bias) in parameters.Tensors)
                    for (int i = 0; spec.Role == TensorRole.Bias && i < bias.Length; i++)
                        bias[i] = 0.2f * Uniforms[i];
                return parameters;
            }
        }

        public override string ToString()
        {
            string inputs = Columns.Values.Count > 0 ? $"{Columns.Numbers}+[{string.Join('+', Columns.Values)}]" : $"{Columns.Numbers}";
            string more = (IsWeighted ? ", weighted" : "")
                + (Dropout > 0 ? $", dropout {Dropout.ToString(CultureInfo.InvariantCulture)}" : "");
            return $"{inputs}-130-33-{Outputs}, {Rows} rows, {Activation}, {Loss}{more}";
        }
    }
}
