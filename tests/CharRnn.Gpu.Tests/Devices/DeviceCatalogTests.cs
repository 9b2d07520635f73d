using CharRnn.Gpu.Devices;

namespace CharRnn.Gpu.Tests.Devices;

public class DeviceCatalogTests
{
    // The first to ask in a process loads the drivers: to be run alone, too.
    [Fact]
    public void Threads_that_ask_at_once_see_the_same_devices()
    {
        using var start = new Barrier(4);
        IReadOnlyList<DeviceDescription>[] seen = new IReadOnlyList<DeviceDescription>[start.ParticipantCount];
        Thread[] threads = [.. seen.Select((_, i) => new Thread(() =>
        {
            start.SignalAndWait(TestContext.Current.CancellationToken);
            seen[i] = DeviceCatalog.List(DeviceKind.OpenCl);
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());

        Assert.All(seen, devices => Assert.Equal(seen[0], devices));
    }
}
