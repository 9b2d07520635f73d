using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Randomness;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Benchmarks;

/// <summary>
/// The time of a training step by each plan of a GPU, beside its estimate: what the rates of <see cref="GpuEstimate"/> come from.
/// </summary>
internal static class PlanTimes
{
    private const int VocabularySize = 65;

    private static readonly Option<string> Device = new("--device")
    {
        Description = "cuda or opencl.",
        DefaultValueFactory = _ => "cuda",
    };

    private static readonly Option<double> Seconds = new("--seconds")
    {
        Description = "Of each measurement.",
        DefaultValueFactory = _ => 0.3,
    };

    private static readonly Option<bool> ManySteps = new("--many-steps")
    {
        Description = "Also measure the plan many-steps, which takes minutes with large models.",
    };

    private static readonly (int H, int B, int T)[] Sizes =
    [
        (16, 1, 25), (32, 1, 25), (100, 1, 25), (100, 1, 100), (128, 1, 25), (256, 1, 25), (512, 1, 50),
        (64, 8, 25), (100, 8, 25), (128, 50, 50), (128, 256, 50), (256, 16, 50), (256, 64, 50), (256, 128, 100),
        (512, 32, 50), (512, 64, 100), (512, 256, 50), (1024, 32, 50), (1024, 128, 100), (2048, 64, 50),
    ];

    private static readonly (RecurrentCell Cell, int H, int B, int T)[] OtherCells =
    [
        (RecurrentCell.Lstm, 100, 1, 25), (RecurrentCell.Lstm, 256, 1, 25), (RecurrentCell.Lstm, 128, 8, 25),
        (RecurrentCell.Lstm, 128, 50, 50), (RecurrentCell.Lstm, 128, 256, 50), (RecurrentCell.Lstm, 256, 64, 50),
        (RecurrentCell.Lstm, 512, 64, 50), (RecurrentCell.Gru, 100, 1, 25), (RecurrentCell.Gru, 128, 50, 50),
        (RecurrentCell.Gru, 256, 64, 50),
    ];

    private static readonly (int Inputs, int[] Hidden, int Outputs, int Batch)[] Networks =
        [(4, [8], 3, 32), (4, [8], 3, 150), (20, [16, 16], 2, 128), (20, [64, 64], 2, 128), (100, [100], 10, 64), (784, [256], 10, 128)];

    public static int Run(string[] args)
    {
        var command = new RootCommand("Measures the time of a training step by each plan.") { Device, Seconds, ManySteps };
        command.SetAction(Run);
        return command.Parse(args).Invoke();
    }

    private static int Run(ParseResult options)
    {
        if (options.GetValue(Device) == "cpu" || !DeviceSelection.TryParse(options.GetValue(Device)!, out DeviceSelection selection))
        {
            Console.Error.WriteLine($"--device: is '{options.GetValue(Device)}'; give cuda or opencl");
            return 2;
        }

        using ComputeDevice device = selection.Open(_ => null, Console.Error.WriteLine);
        Console.WriteLine($"{device.Name}: microseconds of a step, and in brackets those of the estimate; * is what auto chooses");
        IEnumerable<(RecurrentCell, int, int, int)> vanilla = Sizes.Select(size => (RecurrentCell.Rnn, size.H, size.B, size.T));
        foreach ((RecurrentCell cell, int h, int b, int t) in vanilla.Concat(OtherCells))
        {
            var shape = new ModelShape(VocabularySize, h, cell);
            var step = new StepOptions { HiddenSize = h, BatchSize = b, SequenceLength = t };
            PlanKind chosen = ExecutionPlan.Choose(shape, step, device.Traits).Kind;
            IEnumerable<string> times =
                from kind in ExecutionPlan.All(device.Kind)
                where kind != PlanKind.ManySteps || options.GetValue(ManySteps)
                let measured = Microseconds(device, shape, step, kind, options.GetValue(Seconds))
                let estimate = kind == PlanKind.ManySteps ? "" : Bracketed(GpuEstimate.Seconds(kind, shape, step, device.Traits) * 1e6)
                select string.Create(
                    CultureInfo.InvariantCulture, $"{(kind == chosen ? "*" : " ")}{ExecutionPlan.Word(kind)} {measured,7:F0}{estimate}");
            Console.WriteLine($"{$"{cell.ToString().ToLowerInvariant()} {h}, {b}, {t}",-18} {string.Join("   ", times)}");
        }

        foreach ((int inputs, int[] hidden, int outputs, int batch) in Networks)
        {
            var shape = new NetworkShape(
                inputs,
                [.. hidden.Select(width => new Layer(width, ActivationFunction.Tanh)), new Layer(outputs, ActivationFunction.Identity)],
                NetworkLoss.CrossEntropy);
            NetworkPlan chosen = NetworkPlan.Choose(shape, batch, device.Traits);
            IEnumerable<string> times =
                from plan in NetworkPlan.All(device.Traits)
                let measured = Microseconds(device, shape, batch, plan, options.GetValue(Seconds))
                let name = plan.ManySteps ? "many-steps" : "layers"
                select string.Create(
                    CultureInfo.InvariantCulture, $"{(plan.ManySteps == chosen.ManySteps ? "*" : " ")}{name} {measured,7:F0}");
            Console.WriteLine($"{$"{string.Join('-', (int[])[inputs, .. hidden, outputs])}, {batch}",-18} {string.Join("   ", times)}");
        }

        return 0;
    }

    private static string Bracketed(double microseconds) => string.Create(CultureInfo.InvariantCulture, $" ({microseconds,6:F0})");

    private static double Microseconds(ComputeDevice device, NetworkShape shape, int batch, NetworkPlan plan, double seconds)
    {
        int rows = 64 * batch;
        float[] x = [.. Enumerable.Range(0, rows * shape.Inputs).Select(i => (float)Philox.Normal(7, 1, (ulong)i))];
        var data = new LabelledData(new InputRows(shape.Inputs, x), [.. Enumerable.Range(0, rows).Select(i => i % shape.Outputs)]);
        using var engine = new NetworkEngine(
            device, InitialNetwork.Create(shape, 1), data, new NetworkOptions { LearningRate = 0.01f, BatchSize = batch }, plan);
        double Measure(double limit)
        {
            (long before, long started) = (engine.Iteration, Stopwatch.GetTimestamp());
            do
            {
                engine.RunSteps(long.MaxValue);
            }
            while (Stopwatch.GetElapsedTime(started).TotalSeconds < limit);
            return Stopwatch.GetElapsedTime(started).TotalMicroseconds / (engine.Iteration - before);
        }

        Measure(seconds / 4);
        return Measure(seconds);
    }

    private static double Microseconds(ComputeDevice device, ModelShape shape, StepOptions step, PlanKind kind, double seconds)
    {
        using var model = new DeviceModel(device, InitialWeights.Create(shape, 1));
        var text = new SyntheticText(shape.VocabularySize, step.BatchSize * ((64L * step.SequenceLength) + 3));
        using var engine = new TrainingEngine(model, text, step)
        {
            Plan = ExecutionPlan.Of(kind, shape, step, device.Traits, "as told").Fixed,
        };
        Throughput.OfTraining(engine, step, seconds / 4); // compiles the kernels, and learns how many steps a call takes
        return 1e6 * step.BatchSize * step.SequenceLength / Throughput.OfTraining(engine, step, seconds).CharactersPerSecond;
    }
}
