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
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn bench</c>: training speed of whole steps, beside the scalar reference's.</summary>
internal static class BenchCommand
{
    private const int VocabularySize = 65; // tiny Shakespeare's, so that figures compare with those of other programs

    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();
    private static readonly Option<double?> Seconds = SharedOptions.Number<double>("--seconds", 3, "a number over 0", s => s > 0 && double.IsFinite(s), "Time to measure each configuration for.");
    private static readonly Option<bool> Quiet = SharedOptions.Quiet();
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
            Measures whole training steps on a device, after checking them against the scalar reference.
            Characters per second, GFLOP per second (6H² + 6HV per character), and how many times the reference's speed that is.

            Example: charrnn bench --device cpu
            """)
        {
            Device, Seconds, Quiet, Json, SharedOptions.Verbose(),
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device), _ => null);
        if (DeviceVerification.QuickCheck(device) is { } failure)
            throw new CharRnnException(device.Name, failure, "a wrong result is not worth timing; run charrnn verify");
        if (!options.GetValue(Json) && !options.GetValue(Quiet))
            Output.Line($"{device.Name} ({DeviceCatalog.IdOf(device.Kind)}), {device.Teams} teams of {device.GroupSize}, V = {VocabularySize}");

        double seconds = options.GetValue(Seconds)!.Value;
        foreach (StepOptions step in Configurations)
        {
            stop.ThrowIfCancellationRequested();
            var shape = new ModelShape(VocabularySize, step.HiddenSize);
            (double charactersPerSecond, ExecutionPlan plan, double launchesPerStep) = Measure(device, shape, step, seconds, stop);
            double reference = MeasureReference(shape, Math.Min(seconds, 0.5));
            double gflops = charactersPerSecond * shape.TrainingFlopsPerCharacter / 1e9;
            if (options.GetValue(Json))
                Output.Line(JsonSerializer.Serialize(new
                {
                    device = device.Name,
                    hidden_size = step.HiddenSize,
                    batch_size = step.BatchSize,
                    seq_length = step.SequenceLength,
                    characters_per_second = charactersPerSecond,
                    gflop_per_second = gflops,
                    reference_characters_per_second = reference,
                    launches_per_step = launchesPerStep,
                    plan = plan.Reason,
                }));
            else
                Output.Line(string.Create(
                    CultureInfo.InvariantCulture,
                    $"H={step.HiddenSize,-4} B={step.BatchSize,-3} T={step.SequenceLength,-3} {charactersPerSecond,12:N0} characters/s {gflops,8:F1} GFLOP/s {charactersPerSecond / reference,8:F0} x reference {launchesPerStep,7:F3} launches/step   {plan.Reason}"));
        }

        return 0;
    }

    private static (double CharactersPerSecond, ExecutionPlan Plan, double LaunchesPerStep) Measure(
        ComputeDevice device, ModelShape shape, StepOptions step, double seconds, CancellationToken stop)
    {
        using var model = new DeviceModel(device, InitialWeights.Create(shape, 1));
        using var engine = new TrainingEngine(model, new SyntheticText(VocabularySize, 100_000L * step.BatchSize), step);
        for (int warmUp = 0; warmUp < 5; warmUp++)
            engine.RunSteps(long.MaxValue);

        long steps = 0, launches = engine.Launches, started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < seconds)
        {
            stop.ThrowIfCancellationRequested();
            steps += engine.RunSteps(long.MaxValue).Losses.Length;
        }

        double elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return (steps * (double)step.BatchSize * step.SequenceLength / elapsed, engine.Plan, (engine.Launches - launches) / (double)steps);
    }

    /// <summary>Its cost per character does not depend on B or T, so a short sequence of one stream will do.</summary>
    private static double MeasureReference(ModelShape shape, double seconds)
    {
        const int T = 25;
        var reference = new ReferenceTrainer(InitialWeights.Create(shape, 1), new SyntheticText(VocabularySize, 10_000), 1, T, 0.1, 5);
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
