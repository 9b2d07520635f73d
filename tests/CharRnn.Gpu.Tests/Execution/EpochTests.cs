using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Reference;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Execution;

[Collection(typeof(DeviceTests))]
public class EpochTests
{
    [Theory]
    [MemberData(nameof(TestDevices.KindsAndPlans), MemberType = typeof(TestDevices))]
    public void Losses_over_the_edge_of_an_epoch_equal_the_references(DeviceKind kind, bool fused)
    {
        foreach (TrainingCase sizes in (TrainingCase[])[TrainingCase.OneStream, TrainingCase.Streams])
        {
            // So slow that rounding has nothing to grow on.
            StepOptions options = sizes.Options with { LearningRate = 1e-4f };
            using var run = new TestRun(TestDevices.Get(kind), sizes with { Options = options }, fused);
            int steps = (int)run.Engine.Cursor.StepsPerEpoch + 3;
            run.Steps(steps);
            Assert.Equal(2, run.Engine.Cursor.Epoch);

            var reference = new ReferenceTrainer(sizes.Weights, sizes.Text, options);
            for (int n = 0; n < steps; n++)
                Agreement.Within(2e-6, reference.Step().Loss, run.Losses[n], $"loss of step {n + 1} of {steps}");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(6)]
    public void A_stream_ends_where_the_next_step_would_lack_a_target(int spare)
    {
        // L = 3 T + 2 + spare: three steps, p + T + 1 < L.
        TrainingCase sizes = new(17, 33, 5, 7, (3 * 7) + 2 + spare);
        using var run = new TestRun(TestDevices.Get(DeviceKind.Cpu), sizes, fused: true);
        Assert.Equal(3, run.Engine.Cursor.StepsPerEpoch);
        Assert.Equal(1, run.Steps(3).Engine.Cursor.Epoch);
        Assert.Equal(2, run.Steps(1).Engine.Cursor.Epoch);
    }
}
