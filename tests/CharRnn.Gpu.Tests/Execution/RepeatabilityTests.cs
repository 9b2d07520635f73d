using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Model;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Execution;

/// <summary>
/// How steps were cut into calls never changes a byte of the result; on the CPU, neither does by how many and by which plan they were done.
/// </summary>
[Collection(typeof(DeviceTests))]
public class RepeatabilityTests
{
    private static readonly TrainingCase[] Cases =
    [
        TrainingCase.OneStream, TrainingCase.Streams,
        .. Enum.GetValues<RecurrentCell>().SelectMany(
            cell => (TrainingCase[])[TrainingCase.OneStream.Of(cell, 2), TrainingCase.Streams.Of(cell, 3)]),
    ];

    [Theory]
    [MemberData(nameof(TestDevices.KindsAndPlans), MemberType = typeof(TestDevices))]
    public void The_same_run_twice_gives_the_same_bytes(DeviceKind kind, bool fused)
    {
        foreach (TrainingCase sizes in Cases)
            Assert.Equal(Train(TestDevices.Get(kind), sizes, fused), Train(TestDevices.Get(kind), sizes, fused));
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Ten_steps_in_a_call_are_ten_calls_of_a_step_with_every_plan(DeviceKind deviceKind)
    {
        ComputeDevice device = TestDevices.Get(deviceKind);
        foreach (TrainingCase sizes in Cases)
        {
            int[]? ofAllPlans = null;
            ExecutionPlan[] plans = [.. ExecutionPlan.All(deviceKind).Select(
                kind => ExecutionPlan.Of(kind, sizes.Weights.Sizes, sizes.Options, device.Traits, "test"))];
            foreach (ExecutionPlan plan in plans.Concat(plans.Select(plan => plan.Alone).OfType<ExecutionPlan>()))
            {
                int[]? ofThisPlan = null;
                foreach (int perCall in (int[])[10, 3, 1])
                {
                    using var run = new TestRun(device, sizes, plan);
                    long before = run.Engine.Launches;
                    int[] bits = run.Steps(10, perCall).Bits();
                    Assert.Equal(ofThisPlan ??= bits, bits);
                    long launches = run.Engine.Launches - before;
                    int layers = sizes.Weights.Sizes.Layers;
                    switch (plan.Kind)
                    {
                        case PlanKind.Phases: Assert.Equal(10 * ((4 * layers) + 1), launches); break;
                        case PlanKind.Persistent:
                            Assert.Equal(10 * ((4 * layers) + (plan.HiddenGrid.Columns > 1 ? 2 : 1)), launches);
                            break;
                        case PlanKind.TimeSteps: Assert.Equal(10 * ((2 * sizes.T * layers) + (2 * layers) + 2), launches); break;
                        default: Assert.InRange(launches, (10 + perCall - 1) / perCall, 10); break;
                    }
                }

                // A group's sums are cut as its blocks are; a CPU worker's are the same however the work is cut.
                if (deviceKind == DeviceKind.Cpu)
                    Assert.Equal(ofAllPlans ??= ofThisPlan, ofThisPlan);
            }
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.KindsAndPlans), MemberType = typeof(TestDevices))]
    public void Every_step_has_its_own_learning_rate_however_the_work_is_cut(DeviceKind kind, bool fused)
    {
        // Each rate twice in a row, so that some steps share a launch and others do not.
        static double RateOf(long step) => step == 9 ? 0 : 0.01 / (1 + (step / 2));
        foreach (TrainingCase sizes in Cases)
        {
            int[]? expected = null;
            foreach (int perCall in (int[])[10, 3, 1])
            {
                using var run = new TestRun(TestDevices.Get(kind), sizes, fused);
                run.Engine.LearningRateAt = RateOf;
                int[] bits = run.Steps(10, perCall).Bits();
                Assert.Equal(expected ??= bits, bits);
                Assert.Equal(10, run.Engine.Iteration);
            }

            // As if each step were alone, with a rate that stays what it is; and on from a state, with the rates that come there.
            using TestRun one = new(TestDevices.Get(kind), sizes, fused), resumed = new(TestDevices.Get(kind), sizes, fused);
            for (int step = 0; step < 10; step++)
            {
                double rate = RateOf(step);
                one.Engine.LearningRateAt = _ => rate;
                TextState before = one.Engine.ReadState();
                one.Steps(1);
                Assert.Equal(step == 9, TestRun.Bits(before.Weights).SequenceEqual(TestRun.Bits(one.Engine.ReadWeights())));
                if (step != 5)
                    continue;
                resumed.Engine.LearningRateAt = RateOf;
                resumed.Engine.Restore(one.Engine.ReadState());
            }

            Assert.Equal(expected, one.Bits());
            Assert.Equal(one.Bits(firstLoss: 6), resumed.Steps(4).Bits());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_number_of_CPU_workers_changes_nothing(bool fused)
    {
        // Beside the usual sizes, those whose gradients are cut into several tasks a worker, by rows and by columns, and one
        // that has hardly any.
        foreach (TrainingCase sizes in (TrainingCase[])
            [.. Cases, new(65, 100, 3, 25, 90), new(20, 300, 4, 70, 150), new(300, 17, 3, 25, 60), new(3, 7, 1, 90, 200)])
        {
            int[]? expected = null;
            foreach (int workers in (int[])[1, 2, 3, 5])
            {
                using ComputeDevice device = DeviceCatalog.OpenCpu(workers);
                int[] bits = Train(device, sizes, fused);
                Assert.Equal(expected ??= bits, bits);
                if (!fused)
                    continue;

                // Workers who share the units of streams, and some who have nothing.
                ExecutionPlan plan = TestDevices.Plan(fused, device, sizes.Weights.Sizes, sizes.Options);
                foreach (BlockGrid grid in (BlockGrid[])[new(1, workers), new(2, 2), new(1, Math.Max(2, workers - 1))])
                    if (grid.Count <= workers)
                        Assert.Equal(expected, Train(device, sizes, plan with { HiddenGrid = grid }));
            }
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.KindsAndPlans), MemberType = typeof(TestDevices))]
    public void A_text_that_passes_by_in_windows_is_the_whole_text(DeviceKind kind, bool fused)
    {
        ComputeDevice device = TestDevices.Get(kind);
        foreach (TrainingCase sizes in Cases)
        {
            int[] expected = Train(device, sizes, fused);

            // Of each stream: less than a step needs, exactly that, odd windows, all but one token, all, and more.
            foreach (int window in (int[])
                [1, sizes.T + 1, (2 * sizes.T) + 3, sizes.StreamLength - 1, sizes.StreamLength, 2 * sizes.StreamLength])
                Assert.Equal(expected, Train(device, sizes, fused, window * sizes.B));
        }
    }

    private static int[] Train(
        ComputeDevice device, TrainingCase sizes, bool fused, long windowTokens = TrainingEngine.DefaultWindowTokens) =>
        Train(device, sizes, TestDevices.Plan(fused, device, sizes.Weights.Sizes, sizes.Options), windowTokens);

    /// <summary>Two epochs and a half.</summary>
    private static int[] Train(
        ComputeDevice device, TrainingCase sizes, ExecutionPlan plan, long windowTokens = TrainingEngine.DefaultWindowTokens)
    {
        using var run = new TestRun(device, sizes, plan, windowTokens);
        return run.Steps(run.Engine.Cursor.StepsPerEpoch * 5 / 2).Bits();
    }
}
