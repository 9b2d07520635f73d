using ILGPU.Runtime.OpenCL;

namespace CharRnn.Gpu.Devices;

/// <summary>Turns failures of drivers into texts for people.</summary>
public static class DriverErrors
{
    /// <summary>The reason in one line. OpenCL's is the code's name: its exceptions carry no message.</summary>
    public static string Reason(Exception e) => (e.InnerException ?? e) switch
    {
        CLException cl => cl.Error.ToString(),
        { } reason => reason.Message.Split('\n')[0].TrimEnd('\r', '.'),
    };
}
