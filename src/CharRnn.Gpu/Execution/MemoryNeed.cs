using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels;
using CharRnn.Model;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>What a training run allocates on its device, known before anything is allocated.</summary>
/// <param name="Bytes">All buffers together; a double, since a mistyped size may exceed any integer.</param>
/// <param name="LargestBuffer">Elements of the largest buffer.</param>
public readonly record struct MemoryNeed(double Bytes, double LargestBuffer)
{
    // Kernels index with 32 bits, and so do the host's arrays.
    private const double MaxElements = int.MaxValue - 1024;

    /// <summary>Counts for a model, a step and a text.</summary>
    /// <param name="shape">V and H.</param>
    /// <param name="options">T and B.</param>
    /// <param name="textLength">Tokens of the training text.</param>
    public static MemoryNeed Of(ModelShape shape, StepOptions options, long textLength)
    {
        double v = shape.VocabularySize, h = shape.HiddenSize, rows = (double)options.SequenceLength * options.BatchSize;
        double hRow = RnnDims.PaddedRow((long)shape.HiddenSize), vRow = RnnDims.PaddedRow((long)shape.VocabularySize);
        double parameters = (v * hRow) + (h * hRow) + (h * vRow);
        double states = (rows + options.BatchSize) * hRow, logits = rows * vRow;
        double window = Math.Min(textLength, TrainingEngine.DefaultWindowTokens);
        double measuring = (double)Evaluator.RowsPerLaunch(shape, TrainingEngine.ValidationStreams) * (hRow + vRow);
        return new MemoryNeed(
            4 * ((3 * parameters) + (h * hRow) + (v * hRow) + (2 * states) + logits + window + measuring),
            Math.Max(Math.Max(parameters, states), logits));
    }

    /// <summary>Refuses a run that does not fit.</summary>
    /// <exception cref="CharRnnException">The device, or the index range of a buffer, is too small.</exception>
    public void Check(ModelShape shape, StepOptions options, ComputeDevice device)
    {
        string sizes = string.Create(
            CultureInfo.InvariantCulture, $"--hidden-size {shape.HiddenSize} --batch-size {options.BatchSize} --seq-length {options.SequenceLength}");
        if (Bytes > device.MemorySize)
            throw new CharRnnException(sizes, $"needs {Readable(Bytes)}, {device.Name} has {Readable(device.MemorySize)}", "lower one of them");
        if (LargestBuffer > MaxElements)
            throw new CharRnnException(sizes, $"needs a buffer of {LargestBuffer:E1} values, at most {MaxElements:E1} can be indexed", "lower one of them");
    }

    private static string Readable(double bytes)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
        int unit = 0;
        for (; bytes >= 1000 && unit + 1 < units.Length; unit++)
            bytes /= 1000;
        return string.Create(CultureInfo.InvariantCulture, $"{bytes:G3} {units[unit]}");
    }
}
