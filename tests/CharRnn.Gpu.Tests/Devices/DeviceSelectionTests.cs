using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using ILGPU.Runtime.OpenCL;

namespace CharRnn.Gpu.Tests.Devices;

public class DeviceSelectionTests
{
    [Fact]
    public void A_driver_that_fails_in_the_check_is_a_device_that_cannot_be_used()
    {
        CharRnnException e = Assert.Throws<CharRnnException>(() => Open("cpu", _ => throw new CLException(CLError.CL_OUT_OF_RESOURCES)));
        Assert.StartsWith("cpu (CPU): fails its check: CL_OUT_OF_RESOURCES; ", e.Message, StringComparison.Ordinal);
        Assert.IsType<CLException>(e.InnerException);
    }

    [Fact]
    public void A_wrong_result_is_an_error_that_says_so() =>
        Assert.StartsWith(
            "cpu (CPU): is wrong; ",
            Assert.Throws<CharRnnException>(() => Open("cpu", _ => "is wrong")).Message, StringComparison.Ordinal);

    [Fact]
    public void Auto_passes_over_every_device_that_fails()
    {
        var warnings = new List<string>();
        using ComputeDevice device = DeviceSelection.Auto.Open(
            d => d.Kind == DeviceKind.Cpu ? null : throw new CLException(CLError.CL_OUT_OF_RESOURCES), warnings.Add);
        Assert.Equal(DeviceKind.Cpu, device.Kind);
        int rejected = Enum.GetValues<DeviceKind>().SelectMany(DeviceCatalog.List).Count(d => d.IsGpu && d.Rejection is not null);
        Assert.Equal(DeviceSelection.AutoOrder().Count() - 1 + rejected, warnings.Count);
    }

    [Fact]
    public void A_device_that_fails_in_the_middle_of_a_run_is_named_with_its_reason() => Assert.Equal(
        "OpenCL: the device failed (CL_OUT_OF_RESOURCES); what was saved is whole: "
            + "try again, a training with --resume, or with another --device",
        Failure.Describe(new CLException(CLError.CL_OUT_OF_RESOURCES)));

    private static ComputeDevice Open(string selection, Func<ComputeDevice, string?> check)
    {
        Assert.True(DeviceSelection.TryParse(selection, out DeviceSelection parsed));
        return parsed.Open(check, _ => { });
    }
}
