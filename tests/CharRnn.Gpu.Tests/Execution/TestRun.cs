using System.Runtime.InteropServices;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Execution;

/// <summary>Sizes of a training run from trained weights, where a rounding error grows from step to step until all can see it.</summary>
internal sealed record TrainingCase(int V, int H, int B, int T, int StreamLength)
{
    /// <summary>Sizes that divide nothing, of one stream and of several; 10 steps lie before the first wrap.</summary>
    public static readonly TrainingCase OneStream = new(33, 65, 1, 7, 85), Streams = new(17, 33, 7, 9, 113);

    /// <summary>The same sizes of another model, with dropout.</summary>
    public TrainingCase Of(RecurrentCell cell, int layers) => this with
    {
        Weights = CaseData.TrainedWeights(new(V, H, cell, layers)),
        Options = Options with { Dropout = 0.25, Seed = 3 },
    };

    public StepOptions Options { get; init; } = new() { HiddenSize = H, BatchSize = B, SequenceLength = T };

    public ParameterSet<float> Weights { get; init; } = CaseData.TrainedWeights(new(V, H));

    public ITokenSource Text { get; init; } = new SyntheticText(V, (B * StreamLength) + (B / 2));
}

/// <summary>A training run on a device and the losses it had so far.</summary>
internal sealed class TestRun : IDisposable
{
    private readonly DeviceModel _model;
    private readonly List<float> _losses = [];

    public TestRun(ComputeDevice device, TrainingCase sizes, bool fused, long windowTokens = TrainingEngine.DefaultWindowTokens)
        : this(device, sizes, TestDevices.Plan(fused, device, sizes.Weights.Sizes, sizes.Options), windowTokens)
    {
    }

    public TestRun(ComputeDevice device, TrainingCase sizes, ExecutionPlan plan, long windowTokens = TrainingEngine.DefaultWindowTokens)
    {
        _model = new DeviceModel(device, sizes.Weights);
        Engine = new TrainingEngine(_model, sizes.Text, sizes.Options, windowTokens)
        {
            Plan = plan.Fixed,
        };
    }

    public TrainingEngine Engine { get; }

    public IReadOnlyList<float> Losses => _losses;

    /// <summary>Trains some steps, in calls of at most so many; fewer steps than asked for is the engine's right.</summary>
    public TestRun Steps(long count, long perCall = long.MaxValue)
    {
        while (count > 0)
        {
            StepsResult result = Engine.RunSteps(Math.Min(count, perCall));
            Assert.False(result.Diverged);
            Assert.InRange(result.Losses.Length, 1, Math.Min(count, perCall));
            _losses.AddRange(result.Losses.Span);
            count -= result.Losses.Length;
        }

        return this;
    }

    /// <summary>All that training leaves behind, bit by bit: state, place, and the losses from some step on.</summary>
    public int[] Bits(int firstLoss = 0)
    {
        TextState state = Engine.ReadState();
        return
        [
            .. Bits(state.Weights), .. state.Moments.SelectMany(moment => Bits(moment.Values)), .. state.States.SelectMany(Bits),
            (int)state.Position, (int)state.Epoch, .. Bits(_losses.ToArray()[firstLoss..]),
        ];
    }

    public static IEnumerable<int> Bits(ParameterSet<float> values) => values.Tensors.SelectMany(tensor => Bits(tensor.Values));

    private static int[] Bits(float[] values) => MemoryMarshal.Cast<float, int>(values).ToArray();

    public void Dispose()
    {
        Engine.Dispose();
        _model.Dispose();
    }
}
