using CharRnn.Gpu.Devices;
using ILGPU.Runtime;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>Describes exceptions for users.</summary>
internal static class Failure
{
    /// <summary>The line that a user sees for a failure.</summary>
    public static string Describe(Exception e) => e switch
    {
        CharRnnException => e.Message,
        OutOfMemoryException =>
            "charrnn: the memory of this machine is used up; "
                + "give a smaller --hidden-size, --batch-size or --seq-length, or a smaller model",
        IOException or UnauthorizedAccessException =>
            $"charrnn: {e.Message.TrimEnd('.')}; check the paths, their permissions and the disk, or run again with --verbose to see where",
        AcceleratorException a =>
            $"{a.AcceleratorType}: the device failed ({DriverErrors.Reason(a)}); what was saved is whole: "
                + "try again, a training with --resume, or with another --device",
        _ => $"charrnn: {e.GetType().Name}: {e.Message.TrimEnd('.')}; run again with --verbose and report this",
    };
}
