using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Kernels;
using CharRnn.Model;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Execution;

public class ExecutionPlanTests
{
    private const int V = 65;

    // Two groups a multiprocessor: a data centre's GPU, a desktop's, a laptop's, and one that has groups of 64 only.
    private static readonly DeviceTraits H200 = new(DeviceKind.Cuda, 264, 256), Desktop = new(DeviceKind.Cuda, 56, 256),
        Laptop = new(DeviceKind.OpenCl, 16, 256), Small = new(DeviceKind.OpenCl, 8, 64);

    private static readonly (DeviceTraits Device, int H, int B, int T, PlanKind Kind)[] Choices =
    [
        (H200, 100, 1, 25, PlanKind.ManySteps),
        (H200, 128, 50, 50, PlanKind.Phases),
        (H200, 256, 64, 50, PlanKind.Phases),
        (H200, 512, 64, 100, PlanKind.TimeSteps),
        (H200, 1024, 128, 100, PlanKind.TimeSteps),
        (H200, 2048, 256, 100, PlanKind.TimeSteps),
        (Desktop, 100, 1, 25, PlanKind.ManySteps),
        (Desktop, 128, 50, 50, PlanKind.Phases),
        (Desktop, 1024, 128, 100, PlanKind.TimeSteps),
        (Laptop, 100, 1, 25, PlanKind.ManySteps),
        (Laptop, 1024, 128, 100, PlanKind.Phases),
        (Small, 100, 1, 25, PlanKind.ManySteps),
        (new(DeviceKind.Cpu, 1, 1), 100, 1, 25, PlanKind.ManySteps),
        (new(DeviceKind.Cpu, 2, 1), 100, 1, 25, PlanKind.Stream),
        (new(DeviceKind.Cpu, 2, 1), 128, 50, 50, PlanKind.ManySteps),
        (new(DeviceKind.Cpu, 64, 1), 2048, 256, 100, PlanKind.ManySteps),
    ];

    [Fact]
    public void Each_regime_has_its_plan()
    {
        foreach ((DeviceTraits device, int h, int b, int t, PlanKind kind) in Choices)
            Assert.Equal((device, h, b, t, kind), (device, h, b, t, Plan(device, h, b, t).Kind));
    }

    [Fact]
    public void Every_group_of_a_large_GPU_has_a_block_and_none_is_shorter_than_a_tile_needs()
    {
        foreach ((DeviceTraits device, int h, int b, int t, PlanKind kind) in Choices.Where(choice => choice.Kind == PlanKind.TimeSteps))
        {
            ExecutionPlan plan = Plan(device, h, b, t);
            foreach ((Shares shares, int rows, int columns) in ((Shares, int, int)[])[(plan.Blocks, b, h), (plan.Cuts.Recurrent, h, h), (plan.Cuts.Output, h, V), (plan.Cuts.Input, V, h)])
            {
                Assert.InRange(shares.Count, 1, 2 * device.Teams);
                Assert.True(shares.Count >= device.Teams / 3 || rows * columns / shares.Count <= 256, $"{plan}");
                Assert.InRange(rows / shares.Rows, Math.Min(rows, 8), rows);
            }
        }
    }

    [Fact]
    public void Blocks_leave_nothing_out_and_share_nothing()
    {
        foreach ((DeviceTraits device, int h, int b, int t, _) in Choices)
            foreach (PlanKind kind in ExecutionPlan.Kinds(device, b))
            {
                var d = new RnnDims(t, b, h, V);
                Shares shares = ExecutionPlan.Of(kind, new(V, h), Options(h, b, t), device, "test").Blocks;
                var owners = new int[b * h];
                for (int team = 0; team < shares.Count; team++)
                {
                    Part part = Part.Of(d, 0, 1, team, shares);
                    for (int stream = part.First; stream < part.First + part.Count; stream++)
                        for (int unit = part.Unit; unit < part.Unit + part.Units; unit++)
                            owners[(stream * h) + unit]++;
                }

                Assert.All(owners, count => Assert.Equal(1, count));
            }
    }

    [Fact]
    public void A_plan_says_what_it_is() => Assert.Matches(
        "^time-steps, 264 teams, hidden states 4x32, dWhh 16x16, dWhy 32x5, dWxh 5x32; 11[.]3[0-9]* GFLOP a step, estimated [0-9]+ us: .+$",
        Plan(H200, 512, 64, 100).ToString());

    private static ExecutionPlan Plan(DeviceTraits device, int h, int b, int t) => ExecutionPlan.Choose(new ModelShape(V, h), Options(h, b, t), device);

    private static StepOptions Options(int h, int b, int t) => new() { HiddenSize = h, BatchSize = b, SequenceLength = t };
}
