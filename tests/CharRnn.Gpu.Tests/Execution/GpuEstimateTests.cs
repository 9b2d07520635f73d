using System.Runtime.InteropServices;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Execution;

/// <summary>What a training step takes, as counted by the simulated CUDA device; other devices count nothing.</summary>
[Collection(typeof(DeviceTests))]
public class GpuEstimateTests
{
    private const int V = 65, GroupsOfH100 = 264;

    [Theory]
    [InlineData(512, 64, 20)]
    [InlineData(1024, 128, 5)]
    public void A_large_model_takes_the_instructions_that_the_estimate_assumes(int h, int b, int t)
    {
        double multiplyAdds = new ModelShape(V, h).TrainingFlops / 2 * b * t / 32;
        Assert.InRange(
            Count(h, b, t) / multiplyAdds, 0.8 * GpuEstimate.InstructionsPerMultiplyAdd, 1.25 * GpuEstimate.InstructionsPerMultiplyAdd);
    }

    /// <summary>Small models take mostly what does not depend on their size.</summary>
    [Theory]
    [InlineData(100, 1, 25, 0.9e6)]
    [InlineData(128, 50, 50, 18e6)]
    public void A_small_model_takes_no_more_instructions_than_it_did(int h, int b, int t, double most)
    {
        Assert.SkipUnless(TestDevices.Get(DeviceKind.Cuda).Teams == GroupsOfH100, "The limits are for 132 multiprocessors.");
        Assert.InRange(Count(h, b, t), most / 2, most);
    }

    /// <summary>Counts the instructions of warps in one step.</summary>
    private static double Count(int h, int b, int t)
    {
        ComputeDevice device = TestDevices.Get(DeviceKind.Cuda);
        Assert.SkipUnless(
            NativeLibrary.TryLoad(DriverLibrary.FileOf(DeviceKind.Cuda)!, out IntPtr library)
                && NativeLibrary.TryGetExport(library, "cusimWarpInstructions", out _),
            "The CUDA driver counts no instructions.");
        var count = Marshal.GetDelegateForFunctionPointer<WarpInstructions>(NativeLibrary.GetExport(library, "cusimWarpInstructions"));
        var options = new StepOptions { HiddenSize = h, BatchSize = b, SequenceLength = t };
        using var model = new DeviceModel(device, InitialWeights.Create(new ModelShape(V, h), 1));
        using var engine = new TrainingEngine(model, new SyntheticText(V, 10 * b * t), options);
        ulong before = count();
        engine.RunSteps(1);
        return count() - before;
    }

    private delegate ulong WarpInstructions();
}
