using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Model;
using CharRnn.Reference;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Execution;

[Collection(typeof(DeviceTests))]
public class ExecutionPlanTests
{
    private const int V = 65;

    // Two groups a multiprocessor: a data centre's GPU with either driver, a desktop's, a laptop's, and one that has groups of 64 only.
    private static readonly DeviceTraits H200 = new(DeviceKind.Cuda, 264, 256), H200OpenCl = new(DeviceKind.OpenCl, 264, 256),
        Desktop = new(DeviceKind.Cuda, 56, 256), Laptop = new(DeviceKind.OpenCl, 16, 256), Small = new(DeviceKind.OpenCl, 8, 64);

    private static readonly (DeviceTraits Device, int H, int B, int T, PlanKind Kind)[] Choices =
    [
        (H200, 16, 1, 25, PlanKind.Phases),
        (H200, 100, 1, 25, PlanKind.Phases),
        (H200, 128, 50, 50, PlanKind.Phases),
        (H200, 256, 64, 50, PlanKind.Phases),
        (H200, 256, 1, 25, PlanKind.Persistent),
        (H200, 512, 1, 50, PlanKind.Persistent),
        (H200, 512, 64, 100, PlanKind.Persistent),
        (H200, 1024, 128, 100, PlanKind.Persistent),
        (H200, 2048, 256, 100, PlanKind.Persistent),
        (H200OpenCl, 256, 1, 25, PlanKind.Phases),
        (H200OpenCl, 512, 1, 50, PlanKind.TimeSteps),
        (H200OpenCl, 1024, 128, 100, PlanKind.TimeSteps),
        (Desktop, 100, 1, 25, PlanKind.Phases),
        (Desktop, 128, 50, 50, PlanKind.Phases),
        (Desktop, 1024, 128, 100, PlanKind.Persistent),
        (Laptop, 100, 1, 25, PlanKind.Phases),
        (Laptop, 1024, 128, 100, PlanKind.Phases),
        (Small, 100, 1, 25, PlanKind.Phases),
        (new(DeviceKind.Cpu, 1, 1), 100, 1, 25, PlanKind.ManySteps),
        (new(DeviceKind.Cpu, 2, 1), 100, 1, 25, PlanKind.ManySteps),
        (new(DeviceKind.Cpu, 2, 1), 128, 50, 50, PlanKind.ManySteps),
        (new(DeviceKind.Cpu, 64, 1), 2048, 256, 100, PlanKind.ManySteps),
    ];

    [Fact]
    public void Each_regime_has_its_plan()
    {
        foreach ((DeviceTraits device, int h, int b, int t, PlanKind kind) in Choices)
            Assert.Equal((device, h, b, t, kind), (device, h, b, t, Plan(device, h, b, t).Kind));
    }

    /// <summary>With these plans, an H200 was faster than with the other one.</summary>
    [Theory]
    [InlineData(RecurrentCell.Lstm, 128, 1, 50, PlanKind.Phases)]
    [InlineData(RecurrentCell.Gru, 256, 2, 64, PlanKind.Persistent)]
    public void Cells_with_several_gates_have_their_plans(RecurrentCell cell, int h, int layers, int b, PlanKind kind) =>
        Assert.Equal(kind, ExecutionPlan.Choose(new ModelShape(V, h, cell, layers), Options(h, b, 50), H200).Kind);

    [Fact]
    public void A_GPUs_blocks_are_one_round_of_its_groups_and_keep_most_of_them_busy()
    {
        foreach (int groups in (int[])[16, 40, 56, 92, 168, 216, 264])
            foreach (int h in (int[])[100, 128, 200, 300, 512, 1000, 1024, 2048])
            {
                ExecutionPlan plan = ExecutionPlan.Of(
                    PlanKind.TimeSteps, new(V, h), Options(h, 64, 50), new DeviceTraits(DeviceKind.Cuda, groups, 256), "test");
                foreach ((BlockGrid grid, int rows, int columns) in ((BlockGrid, int, int)[])
                [
                    (plan.HiddenGrid, 64, h), (plan.GradientGrids.Recurrent, h, h), (plan.GradientGrids.Output, h, V),
                    (plan.GradientGrids.Input, V, h),
                ])
                {
                    int smallest = (rows + 15) / 16 * ((columns + 15) / 16);
                    Assert.InRange(grid.Count, Math.Min(smallest, groups / 2), groups);
                }
            }
    }

    [Fact]
    public void CPU_workers_share_out_the_longer_side_of_a_gradient()
    {
        var device = new DeviceTraits(DeviceKind.Cpu, 2, 1);
        BlockGrid Output(int v) => ExecutionPlan.Choose(new ModelShape(v, 128), Options(128, 50, 50), device).GradientGrids.Output;
        Assert.Equal(new BlockGrid(4, 1), Output(V));
        Assert.Equal(new BlockGrid(1, 4), Output(2000));
        Assert.Equal(new BlockGrid(1, 4), Output(5000));

        // So many workers that columns would be too narrow for each.
        Assert.Equal(new BlockGrid(22, 5), ExecutionPlan.WorkerGrid(128, 5000, 128));
    }

    [Fact]
    public void CPU_workers_share_a_large_Whh_where_each_would_have_few_streams()
    {
        static BlockGrid Hidden(RecurrentCell cell, int h, int b, int workers) => ExecutionPlan.Choose(
            new ModelShape(V, h, cell), Options(h, b, 25), new DeviceTraits(DeviceKind.Cpu, workers, 1)).HiddenGrid;
        Assert.Equal(new BlockGrid(1, 2), Hidden(RecurrentCell.Lstm, 512, 1, 2));
        Assert.Equal(new BlockGrid(1, 2), Hidden(RecurrentCell.Lstm, 512, 16, 2));
        Assert.Equal(new BlockGrid(2, 1), Hidden(RecurrentCell.Lstm, 512, 17, 2));
        Assert.Equal(new BlockGrid(1, 2), Hidden(RecurrentCell.Gru, 256, 2, 2));
        Assert.Equal(new BlockGrid(2, 1), Hidden(RecurrentCell.Rnn, 256, 1, 2));
        Assert.Equal(new BlockGrid(1, 1), Hidden(RecurrentCell.Lstm, 512, 1, 1));

        // More workers than panels share the streams, too; with one stream some have nothing.
        Assert.Equal(new BlockGrid(3, 16), Hidden(RecurrentCell.Lstm, 256, 5, 48));
        Assert.Equal(new BlockGrid(1, 16), Hidden(RecurrentCell.Lstm, 256, 1, 48));
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Blocks_of_any_shape_compute_the_same(DeviceKind kind)
    {
        ComputeDevice device = TestDevices.Get(kind);
        var sizes = new TrainingCase(9, 47, 19, 4, 40);
        ReferencePass expected = new ReferenceTrainer(sizes.Weights, sizes.Text, sizes.Options).Step();
        ExecutionPlan plan = ExecutionPlan.Of(PlanKind.TimeSteps, sizes.Weights.Sizes, sizes.Options, device.Traits, "test");
        foreach (BlockGrid grid in (BlockGrid[])[new(1, 1), new(3, 2), new(5, 1), new(2, 9)])
        {
            // A launch on the CPU has as many teams as there are workers.
            using ComputeDevice? workers = kind == DeviceKind.Cpu ? DeviceCatalog.OpenCpu(grid.Count) : null;
            using var run = new TestRun(workers ?? device, sizes, plan with
            {
                Teams = workers?.Teams ?? plan.Teams,
                HiddenGrid = grid,
                GradientGrids = new GradientGrids(new(2, 3), new(7, 3), new(workers is null ? 3 : 1, 4)),
            });
            Assert.InRange(run.Engine.GradientError(expected), 0, 1e-4);
        }
    }

    /// <summary>The groups of each share of the streams count their own meetings, over layers, steps and calls.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Teams_that_meet_compute_what_a_launch_for_each_time_step_does(DeviceKind kind)
    {
        ComputeDevice device = TestDevices.Get(kind);
        Assert.SkipUnless(ExecutionPlan.All(kind).Contains(PlanKind.Persistent), $"{kind} cannot let groups wait for each other");
        foreach (RecurrentCell cell in Enum.GetValues<RecurrentCell>())
            foreach (BlockGrid grid in (BlockGrid[])[new(1, 3), new(2, 3), new(4, 1), new(3, 2)])
            {
                TrainingCase sizes = new TrainingCase(17, 47, 19, 4, 60).Of(cell, 2);
                using ComputeDevice? workers = kind == DeviceKind.Cpu ? DeviceCatalog.OpenCpu(grid.Count) : null;
                if (grid.Count > (workers ?? device).Teams)
                    continue;
                int[] Train(PlanKind plan)
                {
                    ExecutionPlan usual = ExecutionPlan.Of(
                        plan, sizes.Weights.Sizes, sizes.Options, (workers ?? device).Traits, "test");
                    using var run = new TestRun(workers ?? device, sizes, usual with { HiddenGrid = grid });
                    return run.Steps(7, 3).Bits();
                }

                Assert.Equal(Train(PlanKind.TimeSteps), Train(PlanKind.Persistent));
            }
    }

    [Fact]
    public void Workers_without_a_block_keep_nobody_waiting()
    {
        using ComputeDevice workers = DeviceCatalog.OpenCpu(5);
        var sizes = new TrainingCase(9, 47, 2, 1, 40);
        ReferencePass expected = new ReferenceTrainer(sizes.Weights, sizes.Text, sizes.Options).Step();
        ExecutionPlan plan = ExecutionPlan.Of(PlanKind.ManySteps, sizes.Weights.Sizes, sizes.Options, workers.Traits, "test");
        using var run = new TestRun(workers, sizes, plan with { HiddenGrid = new(1, 2) });
        Assert.InRange(run.Engine.GradientError(expected), 0, 1e-4);
        Assert.Equal(3, run.Steps(3).Losses.Count);
    }

    [Fact]
    public void Blocks_leave_nothing_out_and_share_nothing()
    {
        foreach ((DeviceTraits device, int h, int b, int t, _) in Choices)
            foreach (PlanKind kind in Enum.GetValues<PlanKind>())
            {
                var d = new RnnDims(t, b, h, V, CellKind.Rnn, 1, b, 0);
                BlockGrid grid = ExecutionPlan.Of(kind, new(V, h), Options(h, b, t), device, "test").HiddenGrid;
                var owners = new int[b * h];
                for (int team = 0; team < grid.Count; team++)
                {
                    HiddenBlock block = HiddenBlock.Of(d, 0, 1, team, grid);
                    for (int stream = block.First; stream < block.First + block.Count; stream++)
                        for (int unit = block.Unit; unit < block.Unit + block.Units; unit++)
                            owners[(stream * h) + unit]++;
                }

                Assert.All(owners, count => Assert.Equal(1, count));
            }
    }

    [Fact]
    public void A_plan_says_what_it_is() => Assert.Matches(
        "^persistent, 264 teams, hidden states 4x32, dWhh 16x16, dWhy 32x5, dWxh 5x32; 11[.]3[0-9]* GFLOP a step, estimated [0-9]+ us: .+$",
        Plan(H200, 512, 64, 100).ToString());

    private static ExecutionPlan Plan(DeviceTraits device, int h, int b, int t) =>
        ExecutionPlan.Choose(new ModelShape(V, h), Options(h, b, t), device);

    private static StepOptions Options(int h, int b, int t) => new() { HiddenSize = h, BatchSize = b, SequenceLength = t };
}
