using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>What a training run allocates on its device, known before anything is allocated.</summary>
/// <param name="Bytes">The size of all buffers together; a double, since a mistyped size may exceed any integer.</param>
/// <param name="LargestBuffer">The number of elements of the largest buffer.</param>
public readonly record struct MemoryNeed(double Bytes, double LargestBuffer)
{
    // Kernels index with 32 bits, and so do the host's arrays.
    private const double MaxElements = int.MaxValue - 1024;

    /// <summary>Computes the need of a model, a step and a text.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="options">T, B, the dropout and the optimizer.</param>
    /// <param name="textLength">The number of tokens of the training text.</param>
    /// <param name="ranks">The number of ranks that share the streams; the need is that of one with the most.</param>
    public static MemoryNeed Of(ModelShape shape, StepOptions options, long textLength, int ranks = 1)
    {
        var layout = new ParameterLayout(shape);
        int streams = StreamShare.Most(options.BatchSize, ranks);
        var states = new StateSizes(shape, options.SequenceLength, streams, options.Dropout > 0);
        var measuring = new StateSizes(
            shape, Evaluator.RowsPerLaunch(shape, TrainingEngine.ValidationStreams) / TrainingEngine.ValidationStreams,
            TrainingEngine.ValidationStreams, drops: false);
        var writing = new StateSizes(shape, Sampler.Chunk, 1, drops: false);
        double window = Math.Min(textLength, TrainingEngine.DefaultWindowTokens);
        double arenas = ((2.0 + options.Moments.Count) * layout.Length) + layout.TransposedLength;
        return new MemoryNeed(
            4 * (arenas + states.Forward + states.Backward + window + measuring.Forward + writing.Forward),
            Math.Max(layout.Length, states.Largest));
    }

    /// <summary>The number of bytes, for people.</summary>
    public override string ToString() => Readable(Bytes);

    /// <summary>Computes the need of a run and checks that the device has room for it.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="options">T, B, the dropout and the optimizer.</param>
    /// <param name="textLength">The number of tokens of the training text.</param>
    /// <param name="device">The device that is to run it.</param>
    /// <param name="ranks">The number of ranks that share the streams.</param>
    /// <param name="sharing">The number of ranks that share the device's memory.</param>
    /// <exception cref="CharRnnException">
    /// The device, or the index range of a buffer, is too small; the message says which sizes would fit.
    /// </exception>
    public static MemoryNeed Require(
        ModelShape shape, StepOptions options, long textLength, ComputeDevice device, int ranks = 1, int sharing = 1)
    {
        (long memory, long buffer) = (device.MemorySize / sharing, device.MaxBufferSize);
        MemoryNeed need = Of(shape, options, textLength, ranks);
        if (need.Fits(memory, buffer))
            return need;

        // One size is lowered at a time; the others stay as they are.
        int hidden = Largest(shape.HiddenSize, h => Fits(h, shape.Layers)), layers = Largest(shape.Layers, n => Fits(shape.HiddenSize, n));
        int streams = Largest(options.BatchSize, b => Of(shape, options with { BatchSize = b }, textLength, ranks).Fits(memory, buffer));
        int steps = Largest(
            options.SequenceLength, t => Of(shape, options with { SequenceLength = t }, textLength, ranks).Fits(memory, buffer));
        (string Name, int Size)[] sizes =
            [("--hidden-size", hidden), ("--layers", layers), ("--batch-size", streams), ("--seq-length", steps)];
        string fitting = string.Join(
            " or ",
            from one in sizes
            where one.Size > 0
            select string.Create(CultureInfo.InvariantCulture, $"{one.Name} {one.Size}"));
        throw new CharRnnException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"--hidden-size {shape.HiddenSize}{(shape.Layers > 1 ? $" --layers {shape.Layers}" : "")} "
                    + $"--batch-size {options.BatchSize} --seq-length {options.SequenceLength}"),
            need.Bytes > memory
                ? $"needs {need}, {device.Name} has {Readable(memory)}{(sharing > 1 ? " for each of its ranks" : "")}"
                : $"needs a buffer of {Readable(4 * need.LargestBuffer)}, "
                    + $"{device.Name} has room for {Readable(Math.Min(buffer, 4 * MaxElements))} in one",
            fitting.Length > 0 ? $"{fitting} would fit" : "lower several of them");

        bool Fits(int hiddenSize, int number) =>
            Of(new ModelShape(shape.VocabularySize, hiddenSize, shape.Cell, number), options, textLength, ranks).Fits(memory, buffer);
    }

    private bool Fits(long memory, long buffer) => Bytes <= memory && LargestBuffer <= Math.Min(buffer / sizeof(float), MaxElements);

    /// <summary>The largest size below this one that fits; 0 if none does.</summary>
    private static int Largest(int size, Func<int, bool> fits)
    {
        int largest = 0;
        for (int step = 1 << 30; step > 0; step >>= 1)
            if (largest + step < size && fits(largest + step))
                largest += step;
        return largest;
    }

    /// <summary>A number of bytes for people.</summary>
    internal static string Readable(double bytes)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
        int unit = 0;
        for (; bytes >= 1000 && unit + 1 < units.Length; unit++)
            bytes /= 1000;
        return string.Create(CultureInfo.InvariantCulture, $"{bytes:G3} {units[unit]}");
    }
}
