using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;

namespace CharRnn.Gpu.Tests.Execution;

[Collection(typeof(DeviceTests))]
public class BufferTests
{
    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void A_buffer_begins_zeroed_and_returns_what_was_written(DeviceKind kind)
    {
        for (int round = 0; round < 50; round++)
        {
            using var buffer = new AlignedBuffer<float>(TestDevices.Get(kind), 1001 + round);
            Assert.All(buffer.Read(0, 1001), value => Assert.Equal(0f, value));
            float[] values = [.. Enumerable.Range(1, 500).Select(i => (float)i)];
            buffer.Write(values, 250);
            Assert.Equal([.. new float[250], .. values, .. new float[251]], buffer.Read(0, 1001));
        }
    }
}
