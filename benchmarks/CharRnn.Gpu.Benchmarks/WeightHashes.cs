using System.CommandLine;
using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Randomness;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Benchmarks;

/// <summary>
/// A hash of the weights after 50 steps, for each size and plan of a device: what a change of the code that should change no
/// result is compared by, before and after it, on one machine.
/// </summary>
internal static class WeightHashes
{
    private const int Steps = 50;

    private static readonly Option<string> Device = new("--device")
    {
        Description = "cpu, cuda or opencl.",
        DefaultValueFactory = _ => "cpu",
    };

    private static readonly (int V, int H, int B, int T)[] Sizes =
        [(17, 33, 5, 9), (65, 100, 1, 25), (65, 128, 50, 50), (130, 100, 4, 25), (2000, 64, 6, 10), (20, 300, 6, 20)];

    private static readonly (int Inputs, int[] Hidden, int Outputs, int Rows, int Batch)[] Networks =
        [(19, [], 1, 67, 0), (19, [130, 33], 5, 67, 16), (40, [64], 10, 300, 32)];

    public static int Run(string[] args)
    {
        var command = new RootCommand("Prints a hash of the weights after 50 steps, per size and plan.") { Device };
        command.SetAction(Run);
        return command.Parse(args).Invoke();
    }

    private static int Run(ParseResult options)
    {
        if (!DeviceSelection.TryParse(options.GetValue(Device)!, out DeviceSelection selection))
            return 2;
        using ComputeDevice device = selection.Open(_ => null, Console.Error.WriteLine);
        foreach ((int v, int h, int b, int t) in Sizes)
        {
            var step = new StepOptions { HiddenSize = h, BatchSize = b, SequenceLength = t, LearningRate = 0.05f };
            foreach (PlanKind kind in ExecutionPlan.All(device.Kind))
                Print($"V={v} H={h} B={b} T={t} {ExecutionPlan.Word(kind)}", Recurrent(device, new ModelShape(v, h), step, kind));
        }

        foreach ((int inputs, int[] hidden, int outputs, int rows, int batch) in Networks)
            foreach (NetworkPlan plan in NetworkPlan.All(device.Traits))
                Print(
                    $"{string.Join('-', (int[])[inputs, .. hidden, outputs])} rows={rows} batch={batch} "
                        + (plan.ManySteps ? "many steps" : "layers"),
                    FeedForward(device, inputs, hidden, outputs, rows, batch, plan));
        return 0;
    }

    private static IEnumerable<float[]> Recurrent(ComputeDevice device, ModelShape shape, StepOptions step, PlanKind kind)
    {
        using var model = new DeviceModel(device, InitialWeights.Create(shape, 1));
        var text = new SyntheticText(shape.VocabularySize, step.BatchSize * ((7L * step.SequenceLength) + 3));
        using var engine = new TrainingEngine(model, text, step)
        {
            Plan = ExecutionPlan.Of(kind, shape, step, device.Traits, "as told").Fixed,
        };
        for (int done = 0; done < Steps;)
            done += engine.RunSteps(Steps - done).Losses.Length;
        TextState state = engine.ReadState();
        IEnumerable<ParameterSet<float>> sets = state.Moments.Select(moment => moment.Values).Prepend(state.Weights);
        return [.. sets.SelectMany(set => set.Tensors).Select(tensor => tensor.Values), state.States[0]];
    }

    private static IEnumerable<float[]> FeedForward(
        ComputeDevice device, int inputs, int[] hidden, int outputs, int rows, int batch, NetworkPlan plan)
    {
        var shape = new NetworkShape(
            inputs, [.. hidden.Select(width => new Layer(width, ActivationFunction.Tanh)), new Layer(outputs, ActivationFunction.Identity)],
            outputs == 1 ? NetworkLoss.BinaryCrossEntropy : NetworkLoss.CrossEntropy);
        float[] x = [.. Enumerable.Range(0, rows * inputs).Select(i => (float)Philox.Normal(7, 1, (ulong)i))];
        float[] y = [.. Enumerable.Range(0, rows).Select(i => Philox.Uniform(7, 2, (ulong)i))];
        LabelledData data = outputs == 1
            ? new(new InputRows(inputs, x), 1, [.. y.Select(value => value > 0.5f ? 1f : 0f)])
            : new(new InputRows(inputs, x), [.. y.Select(value => (int)(value * outputs))]);
        var options = new NetworkOptions { LearningRate = 0.1f, BatchSize = batch };
        using var engine = new NetworkEngine(device, InitialNetwork.Create(shape, 1), data, options, plan);
        while (engine.Iteration < Steps)
            engine.RunSteps(Steps - engine.Iteration);
        return [.. engine.ReadWeights().Tensors.Select(NeuronByNeuron)];
    }

    /// <summary>A tensor as files hold it.</summary>
    private static float[] NeuronByNeuron(ParameterTensor<float> tensor) =>
        [
            .. from column in Enumerable.Range(0, tensor.Spec.Columns)
               from row in Enumerable.Range(0, tensor.Spec.Rows)
               select tensor.Values[(row * tensor.Spec.Columns) + column],
        ];

    private static void Print(string name, IEnumerable<float[]> values)
    {
        var hash = new XxHash3();
        foreach (float[] array in values)
            hash.Append(MemoryMarshal.AsBytes(array.AsSpan()));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{hash.GetCurrentHashAsUInt64():x16}  {name}"));
    }
}
