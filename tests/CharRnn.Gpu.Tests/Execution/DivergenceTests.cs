using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;
using ILGPU;
using ILGPU.Runtime;

namespace CharRnn.Gpu.Tests.Execution;

/// <summary>A step whose loss or gradient is not finite changes nothing, and neither do those after it.</summary>
[Collection(typeof(DeviceTests))]
public class DivergenceTests
{
    private const int V = 17, H = 33, B = 5, T = 9;

    public static MatrixTheoryData<DeviceKind, RecurrentCell, bool> Cells =>
        new(Enum.GetValues<DeviceKind>(), Enum.GetValues<RecurrentCell>(), [false, true]);

    [Theory]
    [MemberData(nameof(Cells))]
    public void A_weight_that_is_NaN_stops_training_before_its_first_update(DeviceKind kind, RecurrentCell cell, bool fused)
    {
        foreach (int layers in (int[])[1, 2])
        {
            var shape = new ModelShape(V, H, cell, layers);
            for (int i = 0; i < shape.Tensors.Count; i++)
            {
                ParameterSet<float> weights = CaseData.TrainedWeights(shape);
                float[] values = weights.Tensors[i].Values;
                values[values.Length / 2] = float.NaN;
                // The text begins with the character of that row.
                ExpectDivergence(kind, fused, Case(weights, position => (position + 8) * 3 % V), completed: 0);
            }
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.KindsAndPlans), MemberType = typeof(TestDevices))]
    public void An_infinite_logit_stops_training(DeviceKind kind, bool fused)
    {
        ParameterSet<float> weights = CaseData.TrainedWeights(new(V, H));
        weights.By[3] = float.PositiveInfinity;
        ExpectDivergence(kind, fused, Case(weights, position => position * 3 % V), completed: 0);
    }

    [Theory]
    [MemberData(nameof(TestDevices.KindsAndPlans), MemberType = typeof(TestDevices))]
    public void Steps_before_a_bad_one_count_and_steps_after_it_do_nothing(DeviceKind kind, bool fused)
    {
        // The last character, whose input row is NaN, is first read in the fourth step; the steps after it do without.
        ParameterSet<float> weights = CaseData.TrainedWeights(new(V, H));
        weights.Layer(0).Wxh[^1] = float.NaN;
        ExpectDivergence(kind, fused, Case(weights, position => position == (3 * T) + 2 ? V - 1 : position * 5 % (V - 1)), completed: 3);
    }

    [Theory]
    [MemberData(nameof(TestDevices.KindsAndPlans), MemberType = typeof(TestDevices))]
    public void An_absurd_learning_rate_ends_in_divergence_not_in_weights_that_are_not_finite(DeviceKind kind, bool fused)
    {
        TrainingCase sizes = Case(CaseData.TrainedWeights(new(V, H)), position => position * 5 % V);
        sizes = sizes with { Options = sizes.Options with { LearningRate = 1e38f } };
        ExpectDivergence(kind, fused, sizes, completed: 1);
    }

    [Fact]
    public void Workers_who_meet_in_every_time_step_stop_together()
    {
        using ComputeDevice device = DeviceCatalog.OpenCpu(3);
        TrainingCase sizes = Case(CaseData.TrainedWeights(new(V, H, RecurrentCell.Lstm, 2)), position => position * 5 % V);
        sizes = sizes with { Options = sizes.Options with { LearningRate = 1e38f } };
        ExecutionPlan plan = TestDevices.Plan(true, device, sizes.Weights.Sizes, sizes.Options);
        ExpectDivergence(device, plan with { HiddenGrid = new(1, 3) }, sizes, completed: 1);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Groups_that_meet_within_a_launch_stop_together(DeviceKind kind)
    {
        Assert.SkipUnless(ExecutionPlan.All(kind).Contains(PlanKind.Persistent), $"{kind} cannot let groups wait for each other");
        ComputeDevice device = TestDevices.Get(kind);
        foreach (RecurrentCell cell in Enum.GetValues<RecurrentCell>())
        {
            TrainingCase sizes = Case(CaseData.TrainedWeights(new(V, H, cell, 2)), position => position * 5 % V);
            sizes = sizes with { Options = sizes.Options with { LearningRate = 1e38f } };
            ExecutionPlan plan = ExecutionPlan.Of(PlanKind.Persistent, sizes.Weights.Sizes, sizes.Options, device.Traits, "test");
            ExpectDivergence(device, plan, sizes, completed: 1);
        }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void A_state_that_is_restored_after_a_divergence_knows_nothing_of_it(DeviceKind kind, RecurrentCell cell, bool fused)
    {
        ComputeDevice device = TestDevices.Get(kind);
        TrainingCase sizes = TrainingCase.Streams.Of(cell, 2);
        using TestRun run = new(device, sizes, fused), other = new(device, sizes, fused);
        EngineState start = run.Engine.ReadState();
        run.Engine.Restore(start with { Weights = start.Weights.Convert(_ => float.NaN) });
        Assert.True(run.Engine.RunSteps(1).Diverged);
        run.Engine.Restore(start);
        Assert.Equal(other.Steps(5).Bits(), run.Steps(5).Bits());
    }

    /// <summary>Products read whole lines, so that anything behind the last unit would reach every gradient.</summary>
    [Theory]
    [MemberData(nameof(Cells))]
    public void What_lies_behind_the_units_of_a_row_stays_zero(DeviceKind kind, RecurrentCell cell, bool fused)
    {
        using TestRun run = new(TestDevices.Get(kind), TrainingCase.Streams.Of(cell, 2), fused);
        TrainingViews views = run.Steps(2).Engine.Views;
        int gates = new ModelShape(V, H, cell).Gates;
        ExpectZeros(views.Forward.H, 1);
        ExpectZeros(views.Forward.X, 1);
        ExpectZeros(views.Deltas, gates);
        ExpectZeros(views.RecurrentDeltas, gates);
        if (cell == RecurrentCell.Lstm)
            ExpectZeros(views.Forward.C, 1);

        static void ExpectZeros(ArrayView<float> rows, int gates)
        {
            HashSet<int> used =
            [
                .. from gate in Enumerable.Range(0, gates)
                   from unit in Enumerable.Range(0, H)
                   select GateColumns.Of(unit, gate, gates),
            ];
            var values = new float[rows.Length];
            rows.CopyToCPU(values);
            int row = RnnDims.PaddedRow(GateColumns.Count(H, gates));
            Assert.Equal(0, values.Length % row);
            Assert.Contains(values, value => value != 0);
            Assert.All(values.Where((_, i) => !used.Contains(i % row)), value => Assert.Equal(0, value));
        }
    }

    private static TrainingCase Case(ParameterSet<float> weights, Func<int, int> token) => new(V, H, B, T, 200)
    {
        Weights = weights,
        Text = new TokenArray([.. Enumerable.Range(0, B * 200).Select(i => token(i % 200))]),
    };

    private static void ExpectDivergence(DeviceKind kind, bool fused, TrainingCase sizes, int completed)
    {
        ComputeDevice device = TestDevices.Get(kind);
        ExpectDivergence(device, TestDevices.Plan(fused, device, sizes.Weights.Sizes, sizes.Options), sizes, completed);
    }

    private static void ExpectDivergence(ComputeDevice device, ExecutionPlan plan, TrainingCase sizes, int completed)
    {
        using TestRun run = new(device, sizes, plan), before = new(device, sizes, plan);
        List<float> losses = [];
        bool diverged = false;
        while (!diverged && losses.Count < 10)  // a call ends early where its steps take long
        {
            StepsResult result = run.Engine.RunSteps(10 - losses.Count);
            losses.AddRange(result.Losses.Span);
            diverged = result.Diverged;
        }

        Assert.True(diverged);
        Assert.Equal(completed, losses.Count);
        Assert.All(losses, loss => Assert.True(float.IsFinite(loss)));

        TextState expected = before.Steps(completed).Engine.ReadState(), actual = run.Engine.ReadState();
        Assert.Equal(before.Losses, losses);
        Assert.Equal(TestRun.Bits(expected.Weights), TestRun.Bits(actual.Weights));
        Assert.Equal(TestRun.Bits(expected.Moments[0].Values), TestRun.Bits(actual.Moments[0].Values));

        StepsResult next = before.Engine.RunSteps(1);
        Assert.Equal((true, 0), (next.Diverged, next.Losses.Length));

        // Who does not look at the result hears of it at the next call, and goes on from a state that he restores.
        string message = Assert.Throws<CharRnnException>(() => run.Engine.RunSteps(10)).Message;
        Assert.StartsWith("training: has diverged", message, StringComparison.Ordinal);
        before.Engine.Restore(expected);
        Assert.Equal((true, 0), (before.Engine.RunSteps(1) is var again && again.Diverged, again.Losses.Length));
    }
}
