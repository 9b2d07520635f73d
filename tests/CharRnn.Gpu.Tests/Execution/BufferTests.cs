using System.Globalization;
using System.Text.RegularExpressions;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Training;

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

    public static MatrixTheoryData<DeviceKind, RecurrentCell, int> Models =>
        new(Enum.GetValues<DeviceKind>(), Enum.GetValues<RecurrentCell>(), [1, 3]);

    [Theory]
    [MemberData(nameof(Models))]
    public void What_does_not_fit_is_refused_before_it_is_allocated_with_what_would(DeviceKind kind, RecurrentCell cell, int layers)
    {
        ComputeDevice device = TestDevices.Get(kind);
        var shape = new ModelShape(65, 100, cell, layers);
        var options = new StepOptions
        {
            HiddenSize = 100,
            BatchSize = 1 << 17,
            SequenceLength = 1 << 15,
            Dropout = layers > 1 ? 0.5 : 0,
        };
        string message = Assert.Throws<CharRnnException>(() => MemoryNeed.Require(shape, options, 1L << 40, device)).Message;
        Match match = Regex.Match(
            message,
            $"^--hidden-size 100{(layers > 1 ? $" --layers {layers}" : "")} --batch-size 131072 --seq-length 32768: needs [0-9.]+ .B, "
                + $"{Regex.Escape(device.Name)} has [0-9.]+ .B; --batch-size ([0-9]+) or --seq-length ([0-9]+) would fit$");
        Assert.True(match.Success, message);

        // The largest that would is a single buffer's worth, and one more would not.
        foreach ((StepOptions fits, StepOptions exceeds) in (ReadOnlySpan<(StepOptions, StepOptions)>)
            [Around(b => options with { BatchSize = b }, 1), Around(t => options with { SequenceLength = t }, 2)])
        {
            _ = MemoryNeed.Require(shape, fits, 1L << 40, device);
            Assert.Throws<CharRnnException>(() => MemoryNeed.Require(shape, exceeds, 1L << 40, device));
            Assert.InRange(MemoryNeed.Of(shape, fits, 1L << 40).LargestBuffer, 1, device.MaxBufferSize / sizeof(float));
        }

        (StepOptions Fits, StepOptions Exceeds) Around(Func<int, StepOptions> with, int group)
        {
            int size = int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);
            return (with(size), with(size + 1));
        }
    }
}
