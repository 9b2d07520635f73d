using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels;
using CharRnn.Sampling;

namespace CharRnn.Gpu.Execution;

/// <summary>Writes text with a model, many characters per launch.</summary>
public sealed class Sampler : IDisposable
{
    // Characters per launch: some milliseconds of work, so that text appears as it is written.
    private const int Chunk = 128;

    private readonly DeviceModel _model;
    private readonly RnnDims _dims;
    private readonly AlignedBuffer<int> _tokens;
    private readonly AlignedBuffer<float> _uniforms;
    private readonly AlignedBuffer<float> _h;
    private readonly AlignedBuffer<float> _z;
    private readonly SampleViews _views;

    /// <param name="model">The model, as it is at each call.</param>
    public Sampler(DeviceModel model)
    {
        _model = model;
        ComputeDevice device = model.Device;
        _dims = new RnnDims(Chunk, 1, model.Shape.HiddenSize, model.Shape.VocabularySize);
        _tokens = new AlignedBuffer<int>(device, Chunk + 1);
        _uniforms = new AlignedBuffer<float>(device, Chunk);
        _h = new AlignedBuffer<float>(device, (Chunk + 1) * _dims.HRow);
        _z = new AlignedBuffer<float>(device, _dims.VRow);
        _views = new SampleViews(_tokens.View, _uniforms.View, _h.View, _z.View, model.Weights);
    }

    /// <summary>Writes text from zero state.</summary>
    /// <param name="inputs">The characters to read first, at least one; what is written follows the last of them.</param>
    /// <param name="length">New characters to write.</param>
    /// <param name="options">How characters are drawn.</param>
    /// <param name="seed">The seed of the draws.</param>
    /// <param name="sequence">Which sequence of random numbers under that seed.</param>
    /// <returns>The new characters, in pieces as they are written.</returns>
    public IEnumerable<int[]> Write(int[] inputs, long length, SamplingOptions options, ulong seed, ulong sequence)
    {
        ArgumentOutOfRangeException.ThrowIfZero(inputs.Length, nameof(inputs));
        _h.Clear();
        var draw = new DrawArguments(options.Temperature, options.TopK, options.TopP);
        int last = inputs[0];
        int read = 1;
        long written = 0;
        while (read < inputs.Length || written < length)
        {
            int givenHere = Math.Min(Chunk, inputs.Length - read);
            int steps = givenHere + (int)Math.Min(Chunk - givenHere, length - written);
            var tokens = new int[steps + 1];
            tokens[0] = last;
            inputs.AsSpan(read, givenHere).CopyTo(tokens.AsSpan(1));

            var uniforms = new float[steps];
            for (int i = givenHere; i < steps; i++)
                uniforms[i] = Philox.Uniform(seed, sequence, (ulong)written++);

            _tokens.Write(tokens);
            _uniforms.Write(uniforms);
            _model.Device.Kernels.Sample(_views, _dims, draw, givenHere, steps);
            int[] chunk = _tokens.Read(1, steps);
            last = chunk[^1];
            read += givenHere;
            if (givenHere < steps)
                yield return chunk[givenHere..];
        }
    }

    /// <summary>Frees the device memory.</summary>
    public void Dispose()
    {
        _tokens.Dispose();
        _uniforms.Dispose();
        _h.Dispose();
        _z.Dispose();
    }
}
