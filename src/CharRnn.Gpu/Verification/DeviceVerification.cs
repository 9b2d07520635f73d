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
    ];

    // Rows of a step of the networks.
    private const int NetworkRows = 67;

    private readonly ComputeDevice _device;
    private readonly Action<string, float[]> _corrupt;

    private DeviceVerification(ComputeDevice device, Action<string, float[]> corrupt) => (_device, _corrupt) = (device, corrupt);

    /// <summary>Runs all checks: several sizes, with fresh and trained weights, and with gradients below and above the clip.</summary>
    public static IEnumerable<VerificationCheck> Run(ComputeDevice device) => Run(device, (_, _) => { });

    /// <summary>
    /// Checks what a command is about to do with a model: evaluation and sampling with a small one of the same cell, and steps of its
    /// training by every plan that may be chosen.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="shape">The model's shape.</param>
    /// <param name="training">How it is going to be trained; null if it is not.</param>
    /// <returns>What is wrong; null if nothing is.</returns>
    public static string? QuickCheck(ComputeDevice device, ModelShape shape, StepOptions? training = null)
    {
        var small = new Case(17, 33, training?.BatchSize == 1 ? 1 : 5, 9, true)
        {
            Cell = shape.Cell,
            Layers = Math.Min(shape.Layers, 2),
            Dropout = training?.Dropout > 0 ? 0.25 : 0,
        };
        var verification = new DeviceVerification(device, (_, _) => { });
        ParameterSet<float> weights = small.Weights;
        return FirstFailure(
        [
            .. training is null
                ? []
                : verification.CheckSteps(
                    small, weights, small.Text, Plain(small, training.Optimizer) with { ClipNorm = 1 },
                    ExecutionPlan.Candidates(device.Traits, small.B)),
            .. verification.CheckEvaluation(small, weights, small.Text),
            .. verification.CheckSampling(small, weights),
        ]);
    }

    /// <summary>The same for a feed-forward network.</summary>
    /// <param name="device">The device.</param>
    /// <param name="shape">The network's shape.</param>
    /// <returns>What is wrong; null if nothing is.</returns>
    public static string? QuickCheck(ComputeDevice device, NetworkShape shape) => FirstFailure(
        new DeviceVerification(device, (_, _) => { })
            .CheckNetwork(shape.Layers[0].Activation, shape.Loss, NetworkPlan.Choose(shape, NetworkRows, device.Traits)));

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

    /// <summary>A step of a feed-forward network: every activation with every loss, by every plan.</summary>
    private IEnumerable<VerificationCheck> CheckNetworks() =>
        from loss in Enum.GetValues<NetworkLoss>()
        from activation in Enum.GetValues<ActivationFunction>()
        from plan in NetworkPlan.All(_device.Traits)
        from check in CheckNetwork(activation, loss, plan)
        select check;

    private IEnumerable<VerificationCheck> CheckNetwork(ActivationFunction activation, NetworkLoss loss, NetworkPlan plan)
    {
        const int Inputs = 19, Rows = NetworkRows, Outputs = 5;
        ActivationFunction outputActivation = loss == NetworkLoss.SquaredError ? activation : ActivationFunction.Identity;
        var shape = new NetworkShape(
            Inputs, [new Layer(130, activation), new Layer(33, activation), new Layer(Outputs, outputActivation)], loss);
        float[] x = [.. Enumerable.Range(0, Rows * Inputs).Select(i => (float)Philox.Normal(7, 1, (ulong)i))];
        float[] y = [.. Enumerable.Range(0, Rows * Outputs).Select(i => Philox.Uniform(7, 2, (ulong)i))];
        LabelledData data = loss switch
        {
            NetworkLoss.CrossEntropy => new(Inputs, x, [.. y.Take(Rows).Select(value => (int)(value * Outputs))]),
            NetworkLoss.BinaryCrossEntropy => new(Inputs, x, Outputs, [.. y.Select(value => value > 0.5f ? 1f : 0f)]),
            _ => new(Inputs, x, Outputs, y),
        };
        ParameterSet<float> parameters = InitialNetwork.Create(shape, 1);
        foreach ((TensorSpec spec, float[] bias) in parameters.Tensors)
            for (int i = 0; spec.Role == TensorRole.Bias && i < bias.Length; i++)
                bias[i] = 0.2f * y[i];

        var options = new NetworkOptions { LearningRate = 0.5 };
        ParameterSet<double> before = parameters.Convert(value => (double)value), after = parameters.Convert(value => (double)value);
        (double expectedLoss, ParameterSet<double> expected) = ReferenceNetwork.Run(before, data);
        new ReferenceOptimizer(options, shape).Update(after, expected);
        using var engine = new NetworkEngine(_device, parameters, data, options, plan);
        (float actualLoss, ParameterSet<float> actual) = engine.Trace();
        ParameterSet<float> updated = engine.ReadWeights();
        using var predictor = new NetworkPredictor(_device, shape, 50);
        NetworkAnswers answers = predictor.Apply(parameters, data);

        string kernel = plan.ManySteps ? "NetworkSteps" : "NetworkLayer";
        string name = $"{Inputs}-130-33-{Outputs}, {Rows} rows, {activation}, {loss}";
        yield return Compare(kernel, "loss (N2)", name, [expectedLoss], [actualLoss], LossTolerance);
        foreach ((ParameterTensor<double> e, ParameterTensor<float> a) in expected.Tensors.Zip(actual.Tensors))
            yield return Compare(kernel, $"gradient of {e.Spec.Name} (N5)", name, e.Values, a.Values, GradientTolerance);
        yield return Compare(
            kernel, "parameters after a step (N6)", name, [.. after.Tensors.SelectMany(t => t.Values)],
            [.. updated.Tensors.SelectMany(t => t.Values)], LossTolerance);
        double[] outputs =
        [
            .. Enumerable.Range(0, Rows).SelectMany(
                r => ReferenceNetwork.Output(before, [.. x[(r * Inputs)..((r + 1) * Inputs)].Select(value => (double)value)])),
        ];
        yield return Compare("NetworkEvaluate", "outputs (N1)", name, outputs, answers.Outputs, LossTolerance);
        yield return Compare("NetworkEvaluate", "loss (N2)", name, [expectedLoss], [(float)answers.Loss], LossTolerance);
    }

    private IEnumerable<VerificationCheck> Check(Case sizes)
    {
        ParameterSet<float> weights = sizes.Weights;
        ITokenSource text = sizes.Text;
        return
        [
            .. CheckTrace(sizes, weights, text),
            .. from options in Optimizers(sizes)
               from check in CheckSteps(sizes, weights, text, options, ExecutionPlan.Kinds(_device.Traits, sizes.B))
               select check,
            .. CheckEvaluation(sizes, weights, text),
            .. CheckSampling(sizes, weights),
        ];
    }

    private IEnumerable<VerificationCheck> CheckTrace(Case sizes, ParameterSet<float> weights, ITokenSource text)
    {
        ReferencePass expected = new ReferenceTrainer(weights, text, sizes.Options).Step();
        (string forward, string back) = sizes.Cell switch
        {
            RecurrentCell.Lstm => ("E10", "E10"),
            RecurrentCell.Gru => ("E11", "E11"),
            _ => ("E1", "E7"),
        };
        foreach (PlanKind plan in (PlanKind[])[PlanKind.Phases, PlanKind.TimeSteps])
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
                ClipNorm = 1e-2, Clip = 1e-3, WeightDecay = 0.1, Momentum = rule == UpdateRule.Sgd ? 0.9 : 0,
            };
        }
    }

    // Plain descent changes so little that a float's last digits would show.
    private static StepOptions Plain(Case sizes, UpdateRule rule) =>
        sizes.Options with { Optimizer = rule, LearningRate = rule == UpdateRule.Sgd ? 1 : 0.01, Clip = null, WeightDecay = 0 };

    private IEnumerable<VerificationCheck> CheckSteps(
        Case sizes, ParameterSet<float> weights, ITokenSource text, StepOptions options, PlanKind[] plans)
    {
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
                PlanKind.ManySteps => "TrainSteps",
                _ => "TrainStream",
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

    private IEnumerable<VerificationCheck> CheckEvaluation(Case sizes, ParameterSet<float> weights, ITokenSource text)
    {
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
    private IEnumerable<VerificationCheck> CheckSampling(Case sizes, ParameterSet<float> weights)
    {
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
}
