using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Randomness;
using CharRnn.Sampling;
using CharRnn.Text;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// Writes text with a model, many characters per launch. It may be at work on several texts at once, on any threads: each has a
/// state of its own, and one launch is made at a time.
/// </summary>
public sealed class Sampler : IDisposable
{
    // Characters per launch: some milliseconds of work, so that text appears as it is written.
    internal const int Chunk = 128;

    private readonly DeviceModel _model;
    private readonly DeviceLife _life;
    private readonly ForwardBuffers _buffers;
    private readonly AlignedBuffer<float> _uniforms;
    private TextState? _onDevice;

    /// <param name="model">The model, as it is at each launch.</param>
    /// <exception cref="ObjectDisposedException">The model or its device is disposed of.</exception>
    public Sampler(DeviceModel model)
    {
        (_model, _life) = (model, new DeviceLife(this, model.Life));
        using Lock.Scope held = _life.Enter();
        _buffers = new ForwardBuffers(model, Chunk, StreamShare.All(1), windowLength: 1);
        _uniforms = new AlignedBuffer<float>(model.Device, Chunk);
    }

    /// <summary>Writes text from zero state.</summary>
    /// <param name="inputs">The characters to read first, at least one, as they are now; what is written follows the last of them.</param>
    /// <param name="length">New characters to write.</param>
    /// <param name="options">How characters are drawn.</param>
    /// <param name="seed">The seed of the draws.</param>
    /// <param name="sequence">Which sequence of random numbers under that seed.</param>
    /// <returns>The new characters, in pieces as they are written, and from the beginning each time they are enumerated.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// There is no input, or one that is no token of the model's; the length is negative.
    /// </exception>
    /// <exception cref="ObjectDisposedException">
    /// The sampler, its model or the device is disposed of, or will be when a piece is asked for.
    /// </exception>
    public IEnumerable<int[]> Write(int[] inputs, long length, SamplingOptions options, ulong seed, ulong sequence)
    {
        ArgumentOutOfRangeException.ThrowIfZero(inputs.Length, nameof(inputs));
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        int[] copy = [.. inputs];
        Vocabulary.RequireTokens(copy, _model.Shape.VocabularySize, nameof(inputs));
        _life.Enter().Dispose();

        // The likeliest of all at any temperature: divided by a high one, logits are no longer told from each other.
        float temperature = options.TopK == 1 ? 0 : options.Temperature;
        return Pieces(copy, length, new DrawArguments(temperature, options.TopK, options.TopP), seed, sequence);
    }

    private IEnumerable<int[]> Pieces(int[] inputs, long length, DrawArguments draw, ulong seed, ulong sequence)
    {
        var state = new TextState { Values = [.. _model.Shape.States.Select(_ => new float[_model.Shape.HiddenSize])] };
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

            int[] chunk = Launch(state, tokens, givenHere, uniforms, draw);
            last = chunk[^1];
            read += givenHere;
            if (givenHere < steps)
                yield return chunk[givenHere..];
        }
    }

    /// <summary>Some steps of a text, from its own state.</summary>
    /// <returns>The tokens behind the first.</returns>
    private int[] Launch(TextState state, int[] tokens, int given, float[] uniforms, DrawArguments draw)
    {
        using Lock.Scope held = _life.Enter();
        if (_onDevice != state)
        {
            _onDevice?.Values = _buffers.ReadState(0);
            _buffers.WriteState(state.Values, 0);
            _onDevice = state;
        }

        _buffers.WriteTokens(tokens);
        _uniforms.Write(uniforms);
        _model.Device.Kernels.Sample(_buffers.Views, _uniforms.View, _buffers.Dims, draw, given, uniforms.Length);
        return _buffers.ReadTokens(1, uniforms.Length);
    }

    /// <summary>Frees the device memory.</summary>
    public void Dispose() => _life.End(() =>
    {
        _buffers.Dispose();
        _uniforms.Dispose();
    });

    /// <summary>The state of a text that is being written, while another one's lies on the device.</summary>
    private sealed class TextState
    {
        /// <summary>An array <c>[H]</c> for each of <see cref="ModelShape.States"/>.</summary>
        public required float[][] Values { get; set; }
    }
}
