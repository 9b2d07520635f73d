using System.Diagnostics;
using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Randomness;
using CharRnn.Reference;
using CharRnn.Sampling;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Benchmarks;

/// <summary>Something that works at a rate.</summary>
internal interface IContestant : IDisposable
{
    /// <summary>Works for about so long.</summary>
    /// <returns>Units of work per second.</returns>
    double Measure(double seconds);
}

/// <summary>A program of its own: it says "ready", then answers each line SECONDS with a rate.</summary>
internal sealed class PeerProcess : IContestant
{
    private readonly Process _process;

    private PeerProcess(Process process) => _process = process;

    /// <summary>Starts a peer; null, with the reason, if there is none on this machine.</summary>
    public static PeerProcess? Start(string[] command, out string reason)
    {
        reason = "";
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            Process process = Process.Start(start)!;
            Task<string> error = process.StandardError.ReadToEndAsync();
            string? line = process.StandardOutput.ReadLine();
            if (line == "ready")
                return new PeerProcess(process);
            process.Kill(entireProcessTree: true);
            reason = error.Result.Split('\n').FirstOrDefault(l => l.Trim().Length > 0) ?? line ?? "it said nothing";
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            reason = e.Message;
        }

        return null;
    }

    public double Measure(double seconds)
    {
        _process.StandardInput.WriteLine(seconds.ToString(CultureInfo.InvariantCulture));
        string line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"{_process.StartInfo.FileName} ended");
        return double.Parse(line, CultureInfo.InvariantCulture);
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(5000))
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }
}

/// <summary>This project's training steps.</summary>
internal sealed class OurTraining : IContestant
{
    private readonly DeviceModel _model;
    private readonly TrainingEngine _engine;
    private readonly StepOptions _step;

    public OurTraining(ComputeDevice device, ModelShape shape, StepOptions step)
    {
        _step = step;
        ParameterSet<float> weights = InitialWeights.Create(shape, 1);
        ITokenSource text = new SyntheticText(shape.VocabularySize, (64L * step.SequenceLength * step.BatchSize) + 1000);
        _model = new DeviceModel(device, weights);
        _engine = new TrainingEngine(_model, text, step);

        var reference = new ReferenceTrainer(weights, text, step);
        ReferencePass expected = reference.Step();
        GradientError = _engine.GradientError(expected);
        if (!(GradientError < 1e-4))
            throw new InvalidOperationException(
                $"the gradients are {GradientError:E1} off the reference's: a wrong result is not worth timing");

        // And a step by the kernels that are timed. Adagrad's first step is ±η whatever the gradient, so tiny ones show in full.
        _engine.RunSteps(1);
        double changeError = reference.Weights.Tensors.Zip(_engine.ReadWeights().Tensors, weights.Tensors).Max(tensors =>
            Norm(tensors.First.Values.Zip(tensors.Second.Values, (e, a) => e - a))
                / Norm(tensors.First.Values.Zip(tensors.Third.Values, (e, from) => e - from)));
        if (!(changeError < 1e-2))
            throw new InvalidOperationException(
                $"the weights change {changeError:E1} off the reference's: a wrong result is not worth timing");
        Measure(0.5);
    }

    /// <summary>The norm of the difference to the reference over the reference's, the worst tensor's.</summary>
    public double GradientError { get; }

    public ExecutionPlan Plan => _engine.Plan;

    public double Measure(double seconds) => Throughput.OfTraining(_engine, _step, seconds).CharactersPerSecond;

    public void Dispose()
    {
        _engine.Dispose();
        _model.Dispose();
    }

    private static double Norm(IEnumerable<double> values) => Math.Sqrt(values.Sum(value => value * value));
}

/// <summary>
/// This project's steps of a feed-forward network: one hidden layer of tanh, softmax, mini-batches in a new order each epoch.
/// </summary>
internal sealed class OurNetwork : IContestant
{
    private const int Batches = 64;

    private readonly NetworkEngine _engine;
    private readonly int _rows;

    public OurNetwork(ComputeDevice device, int inputs, int hidden, int outputs, int rows)
    {
        _rows = rows;
        var shape = new NetworkShape(
            inputs, [new Layer(hidden, ActivationFunction.Tanh), new Layer(outputs, ActivationFunction.Identity)],
            NetworkLoss.CrossEntropy);
        float[] x = [.. Enumerable.Range(0, Batches * rows * inputs).Select(i => Philox.Uniform(1, 1, (ulong)i))];
        var data = new LabelledData(
            new InputRows(inputs, x),
            [.. Enumerable.Range(0, Batches * rows).Select(i => (int)(Philox.Uniform(1, 2, (ulong)i) * outputs))]);
        ParameterSet<float> parameters = InitialNetwork.Create(shape, 1);

        // A step of all rows of one batch, by the kernels that are timed.
        LabelledData one = data.Select([.. Enumerable.Range(0, rows)]);
        ParameterSet<double> expected = ReferenceNetwork.Run(parameters.Convert(value => (double)value), one).Gradient;
        using (var engine = new NetworkEngine(device, parameters, one, new NetworkOptions()))
            GradientError = engine.GradientError(expected);
        if (!(GradientError < 1e-4))
            throw new InvalidOperationException(
                $"the gradients are {GradientError:E1} off the reference's: a wrong result is not worth timing");
        _engine = new NetworkEngine(device, parameters, data, new NetworkOptions { BatchSize = rows, LearningRate = 0.01f });
        Measure(0.5);
    }

    /// <summary>The norm of the difference to the reference over the reference's, the worst array's.</summary>
    public double GradientError { get; }

    public double Measure(double seconds)
    {
        long started = Stopwatch.GetTimestamp(), before = _engine.Iteration;
        do
            _engine.RunSteps(long.MaxValue);
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < seconds);
        return (_engine.Iteration - before) * (double)_rows / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    public void Dispose() => _engine.Dispose();
}

/// <summary>This project's sampling, one stream.</summary>
internal sealed class OurSampling : IContestant
{
    private readonly DeviceModel _model;
    private readonly Sampler _sampler;

    public OurSampling(ComputeDevice device, int hiddenSize)
    {
        ParameterSet<float> weights = InitialWeights.Create(new ModelShape(TableCommand.VocabularySize, hiddenSize), 1);
        _model = new DeviceModel(device, weights);
        _sampler = new Sampler(_model);
        Check(weights.Convert(value => (double)value));
        Measure(0.5);
    }

    public double Measure(double seconds) => Throughput.OfSampling(_sampler, seconds);

    /// <summary>The likeliest characters must be the reference's.</summary>
    private void Check(ParameterSet<double> weights)
    {
        int last = 0;
        double[][] state = ReferenceRnn.ZeroState(weights.Sizes);
        foreach (int drawn in _sampler.Write([0], 30, new SamplingOptions { Temperature = 0 }, 1, 0).SelectMany(chunk => chunk))
        {
            state = ReferenceRnn.Step(weights, last, state);
            double[] z = ReferenceRnn.Logits(weights, state);
            last = Array.IndexOf(z, z.Max());
            if (drawn != last)
                throw new InvalidOperationException(
                    $"character {drawn} was written where the reference has {last}: a wrong result is not worth timing");
        }
    }

    public void Dispose()
    {
        _sampler.Dispose();
        _model.Dispose();
    }
}

/// <summary>This project's matrix product alone, N³, its rows shared by all cores: what the machine gives our tiles.</summary>
internal sealed class OurProduct : IContestant
{
    private const int N = 1024;
    private readonly AlignedBuffer<float> _a;
    private readonly AlignedBuffer<float> _b;
    private readonly AlignedBuffer<float> _c;

    public OurProduct(ComputeDevice device)
    {
        (_a, _b, _c) = (new(device, N * N), new(device, N * N), new(device, N * N));
        float[] values = [.. Enumerable.Range(0, N * N).Select(i => ((i * 31 % 101) - 50) * 0.01f)];
        _a.Write(values);
        _b.Write(values);
        Measure(0.3);
    }

    public double Measure(double seconds)
    {
        int workers = Environment.ProcessorCount;
        long products = 0, started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < seconds)
        {
            Parallel.For(0, workers, worker =>
            {
                int first = Share.Begin(N, worker, workers), count = Share.Begin(N, worker + 1, workers) - first;
                Product.Run(
                    default, _c.View.SubView(first * N, count * N), Layout.Rows(N), _a.View.SubView(first * N, count * N), N,
                    _b.View, Layout.Panels(N), count, N, N, 0, 0);
            });
            products++;
        }

        return 2.0 * N * N * N * products / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    public void Dispose()
    {
        _a.Dispose();
        _b.Dispose();
        _c.Dispose();
    }
}
