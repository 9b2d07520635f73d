using ILGPU.Runtime;

namespace CharRnn.Gpu.Devices;

/// <summary>The device's time in each kernel, by marks that the device itself makes before and after a launch.</summary>
internal sealed class KernelProfile(Accelerator accelerator) : IDisposable
{
    private readonly List<(string Kernel, ProfilingMarker Begin, ProfilingMarker End)> _launches = [];

    /// <summary>Marks the start of a launch; disposing of the result marks its end.</summary>
    public Launch Begin(string kernel) => new(this, kernel, accelerator.DefaultStream.AddProfilingMarker());

    /// <summary>Launches and seconds of each kernel, in the order of their first launches.</summary>
    public IEnumerable<(string Kernel, int Launches, double Seconds)> Read()
    {
        accelerator.Synchronize();
        return _launches.GroupBy(launch => launch.Kernel).Select(
            group => (group.Key, group.Count(), group.Sum(launch => launch.End.MeasureFrom(launch.Begin).TotalSeconds)));
    }

    public void Dispose()
    {
        foreach ((_, ProfilingMarker begin, ProfilingMarker end) in _launches)
        {
            begin.Dispose();
            end.Dispose();
        }
    }

    private void End(string kernel, ProfilingMarker begin) =>
        _launches.Add((kernel, begin, accelerator.DefaultStream.AddProfilingMarker()));

    /// <summary>A launch that is being measured; empty without a profile.</summary>
    internal readonly struct Launch(KernelProfile profile, string kernel, ProfilingMarker begin) : IDisposable
    {
        public void Dispose() => profile?.End(kernel, begin);
    }
}
