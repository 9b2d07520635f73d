using System.Diagnostics;

namespace CharRnn.Gpu.Devices;

/// <summary>
/// Hears what ILGPU traces until it is disposed of. What a driver's compiler says of a kernel that it cannot compile is told in no other
/// way.
/// </summary>
internal sealed class TracedText : TraceListener
{
    private readonly List<string> _lines = [];

    public TracedText() => Trace.Listeners.Add(this);

    /// <summary>What the compiler says first, in brackets behind a space; nothing if it says nothing.</summary>
    public string OfCompiler
    {
        get
        {
            // ILGPU itself says behind ">>" that there is nothing.
            int heading = _lines.FindIndex(line => line.EndsWith("loading failed:", StringComparison.Ordinal));
            string? said = heading < 0
                ? null
                : _lines.Skip(heading + 1).FirstOrDefault(line => line.Length > 0 && !line.StartsWith(">>", StringComparison.Ordinal));
            return said is null ? "" : $" ({said})";
        }
    }

    public override void Write(string? message) => WriteLine(message);

    public override void WriteLine(string? message) =>
        _lines.AddRange((message ?? "").Split('\n').Select(line => line.Trim('\r', '\0', ' ')));

    protected override void Dispose(bool disposing)
    {
        Trace.Listeners.Remove(this);
        base.Dispose(disposing);
    }
}
