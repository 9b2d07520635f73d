using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Reference;
using CharRnn.Sampling;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn bench</c>: training speed of whole steps, beside the scalar reference's.</summary>
internal static class BenchCommand
{
    private const int VocabularySize = 65; // tiny Shakespeare's, so that figures compare with those of other programs

    // Enough steps for an engine to learn its pace.
    private const int WarmUpCalls = 10, ProfiledCalls = 3;

    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();
    private static readonly Option<double?> Seconds = SharedOptions.Number<double>(
        "--seconds", 3, "a number over 0", Limits.IsPositive, "Seconds for which each configuration is measured.");
    private static readonly Option<int?> HiddenSize = Size("--hidden-size", "H, the hidden units of the one configuration to measure.");
    private static readonly Option<Choice<RecurrentCell>> Cell = SharedOptions.Cell();
    private static readonly Option<int?> Layers = SharedOptions.Layers();
    private static readonly Option<int?> BatchSize = Size("--batch-size", "B, the streams of that configuration.");
    private static readonly Option<int?> SequenceLength = Size(
        "--seq-length", "T, the characters that a gradient reaches back in that configuration.");
    private static readonly Option<Choice<PlanKind?>> Plan = SharedOptions.OneOf<PlanKind?>(
        "--plan", "How steps are arranged on the device.",
        [new("auto", null), .. Enum.GetValues<PlanKind>().Select(kind => new Choice<PlanKind?>(ExecutionPlan.Word(kind), kind))]);
    private static readonly Option<bool> Profile = new("--profile")
    {
        Description = "Also show the device's time in each kernel, per step.",
    };
    private static readonly Option<bool> Json = SharedOptions.Json();

    private static readonly StepOptions[] Configurations =
    [
        new() { HiddenSize = 100, BatchSize = 1, SequenceLength = 25 },
        new() { HiddenSize = 128, BatchSize = 50, SequenceLength = 50 },
        new() { HiddenSize = 256, BatchSize = 64, SequenceLength = 50 },
        new() { HiddenSize = 512, BatchSize = 64, SequenceLength = 50 },
    ];

    public static Command Create()
    {
        var command = new Command("bench", """
            Measures whole training steps and sampling on a device, after checking them against the scalar reference.
            It prints characters per second, GFLOP per second (6GH²(2N-1) + 6HV per character, where the cell has G gates), how many times
            the reference's speed that is, the gradients' error, and characters written per second, for four configurations or for the one
            that is given.

            Example: charrnn bench --device cpu
            """)
        {
            Device, Cell, Layers, HiddenSize, BatchSize, SequenceLength, Plan, Profile, Seconds, SharedOptions.Quiet(), Json,
            SharedOptions.Verbose(),
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult options)
    {
        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device), _ => null, options.GetValue(Profile));
        (StepOptions Step, ModelShape Shape, ExecutionPlan Plan)[] chosen =
        [
            .. from step in Chosen(options)
               let shape = new ModelShape(
                   VocabularySize, step.HiddenSize, options.GetValue(Cell).Value, options.GetValue(Layers)!.Value)
               select (step, shape, PlanOf(options.GetValue(Plan).Value, shape, step, device)),
        ];
        foreach ((StepOptions step, ModelShape shape, _) in chosen)
            MemoryNeed.Require(shape, step, TextLength(step), device);
        if (!options.GetValue(Json) && !Output.IsQuiet)
            Output.Line(
                $"{device.Name} ({DeviceCatalog.IdOf(device.Kind)}), {device.Teams} teams of {device.GroupSize}, V = {VocabularySize}");

        double seconds = options.GetValue(Seconds)!.Value;
        foreach ((StepOptions step, ModelShape shape, ExecutionPlan plan) in chosen)
        {
            if (DeviceVerification.QuickCheck(device, shape, step, plan.Kind) is { } failure)
                throw new CharRnnException(device.Name, failure, "a wrong result is not worth timing; run charrnn verify");
            double error = GradientError(device, shape, step, plan.Kind);
            (double charactersPerSecond, double launchesPerStep) =
                OfEngine(device, plan, shape, step, engine => Throughput.OfTraining(engine, step, seconds));
            IReadOnlyList<KernelTime> kernels = options.GetValue(Profile)
                ? OfEngine(device, plan.Fixed, shape, step, engine => Throughput.Profile(engine, step, ProfiledCalls))
                : [];
            double sampled = MeasureSampling(device, shape, Math.Min(seconds, 0.5));
            double reference = MeasureReference(shape, Math.Min(seconds, 0.5));
            double gflops = charactersPerSecond * shape.TrainingFlops / 1e9;
            if (options.GetValue(Json))
                Output.Line(JsonSerializer.Serialize(new
                {
                    device = device.Name,
                    cell = SharedOptions.WordOf(shape.Cell),
                    layers = shape.Layers,
                    hidden_size = step.HiddenSize,
                    batch_size = step.BatchSize,
                    seq_length = step.SequenceLength,
                    characters_per_second = charactersPerSecond,
                    gflop_per_second = gflops,
                    reference_characters_per_second = reference,
                    gradient_error = error,
                    sampled_characters_per_second = sampled,
                    launches_per_step = launchesPerStep,
                    plan = plan.ToString(),
                    kernels = kernels.Select(kernel => new
                    {
                        kernel = kernel.Kernel,
                        launches_per_step = kernel.LaunchesPerStep,
                        seconds_per_step = kernel.SecondsPerStep,
                        gflop_per_second = double.IsNaN(kernel.FlopsPerStep)
                            ? (double?)null
                            : kernel.FlopsPerStep / kernel.SecondsPerStep / 1e9,
                    }),
                }));
            else
            {
                Output.Line(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{SharedOptions.WordOf(shape.Cell),-4} N={shape.Layers} "
                        + $"H={step.HiddenSize,-4} B={step.BatchSize,-3} T={step.SequenceLength,-3} "
                        + $"{charactersPerSecond,12:N0} characters/s "
                        + $"{gflops,8:F1} GFLOP/s {charactersPerSecond / reference,8:F0} x reference "
                        + $"{launchesPerStep,7:F3} launches/step   error {error:0.0e+0}   writes {sampled,9:N0} characters/s   {plan}"));
                double all = kernels.Sum(kernel => kernel.SecondsPerStep);
                foreach (KernelTime kernel in kernels)
                {
                    double rate = kernel.FlopsPerStep / kernel.SecondsPerStep / 1e9;
                    Output.Line(string.Create(
                        CultureInfo.InvariantCulture,
                        $"    {kernel.Kernel,-11} {kernel.LaunchesPerStep,8:F2} launches {kernel.SecondsPerStep * 1e6,11:F1} us a step "
                            + $"{kernel.SecondsPerStep / all,6:P0} "
                            + $"{(double.IsNaN(kernel.FlopsPerStep) ? "" : $"{rate,9:F1} GFLOP/s")}"));
                }
            }
        }

        return 0;
    }

    /// <summary>The configurations to measure; where one is given, what it leaves open is as in training.</summary>
    private static StepOptions[] Chosen(ParseResult options)
    {
        (int? h, int? b, int? t) = (options.GetValue(HiddenSize), options.GetValue(BatchSize), options.GetValue(SequenceLength));
        var usual = new StepOptions();
        return h is null && b is null && t is null
            ? Configurations
            : [new() { HiddenSize = h ?? usual.HiddenSize, BatchSize = b ?? usual.BatchSize, SequenceLength = t ?? usual.SequenceLength }];
    }

    private static ExecutionPlan PlanOf(PlanKind? kind, ModelShape shape, StepOptions step, ComputeDevice device) => kind switch
    {
        null => ExecutionPlan.Choose(shape, step, device.Traits),
        { } one when ExecutionPlan.All(device.Kind).Contains(one) =>
            ExecutionPlan.Of(one, shape, step, device.Traits, "as told by --plan"),
        { } other => throw new CharRnnException(
            "--plan", $"is {ExecutionPlan.Word(other)}, which {device.Name} ({DeviceCatalog.IdOf(device.Kind)}) cannot run",
            $"give one of auto, {string.Join(", ", ExecutionPlan.All(device.Kind).Select(ExecutionPlan.Word))}"),
    };

    /// <summary>
    /// The largest error of a gradient: the norm of its difference from the reference over its norm. The plan is of the same kind but
    /// has few time steps, because the reference would take minutes otherwise, and enough streams to be divided into blocks.
    /// </summary>
    private static double GradientError(ComputeDevice device, ModelShape shape, StepOptions step, PlanKind kind)
    {
        const int Streams = 36, Steps = 2;
        StepOptions small = step with
        {
            BatchSize = Math.Min(step.BatchSize, Streams),
            SequenceLength = Math.Min(step.SequenceLength, Steps),
        };
        ParameterSet<float> weights = InitialWeights.Create(shape, 1);
        var text = new SyntheticText(VocabularySize, 1000);
        using var model = new DeviceModel(device, weights);
        using var engine = new TrainingEngine(model, text, small)
        {
            Plan = ExecutionPlan.Of(kind, shape, small, device.Traits, "the check"),
        };
        return engine.GradientError(new ReferenceTrainer(weights, text, small).Step());
    }

    private static double MeasureSampling(ComputeDevice device, ModelShape shape, double seconds)
    {
        using var model = new DeviceModel(device, InitialWeights.Create(shape, 1));
        using var sampler = new Sampler(model);
        _ = sampler.Write([0], 1, new SamplingOptions(), 1, 0).Sum(chunk => chunk.Length); // compiles
        return Throughput.OfSampling(sampler, seconds);
    }

    private static Option<int?> Size(string name, string description) => SharedOptions.WholeNumber<int>(name, null, 1, description);

    private static long TextLength(StepOptions step) => Math.Max(100_000L, 10L * step.SequenceLength) * step.BatchSize;

    /// <summary>Measures an engine after it has warmed up.</summary>
    private static T OfEngine<T>(
        ComputeDevice device, ExecutionPlan plan, ModelShape shape, StepOptions step, Func<TrainingEngine, T> measure)
    {
        using var model = new DeviceModel(device, InitialWeights.Create(shape, 1));
        using var engine = new TrainingEngine(model, new SyntheticText(VocabularySize, TextLength(step)), step)
        {
            Plan = plan,
        };
        for (int warmUp = 0; warmUp < WarmUpCalls; warmUp++)
            engine.RunSteps(long.MaxValue);
        return measure(engine);
    }

    /// <summary>
    /// Measures the reference. Its cost per character does not depend on B or T, so a short sequence of one stream is enough.
    /// </summary>
    private static double MeasureReference(ModelShape shape, double seconds)
    {
        const int T = 25;
        var reference = new ReferenceTrainer(
            InitialWeights.Create(shape, 1), new SyntheticText(VocabularySize, 10_000), new StepOptions { SequenceLength = T });
        reference.Step();
        long steps = 0, started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < seconds)
        {
            reference.Step();
            steps++;
        }

        return steps * T / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
