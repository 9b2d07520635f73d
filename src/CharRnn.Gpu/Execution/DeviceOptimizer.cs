using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Model;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// An optimizer on a device: the gradient, the moments of its rule, the transposes of the weights, and the rates of the next steps.
/// </summary>
internal sealed class DeviceOptimizer : IDisposable
{
    private readonly UpdateOptions _options;
    private readonly ParameterLayout _layout;
    private readonly DeviceParameters _gradient;
    private readonly DeviceParameters[] _moments;
    private readonly AlignedBuffer<float> _transposed, _squares, _rates, _none;
    private readonly AlignedBuffer<TransposedMatrix> _matrices;

    /// <param name="device">The device.</param>
    /// <param name="layout">The layout of the model's parameters.</param>
    /// <param name="theta">The parameters.</param>
    /// <param name="options">The rule and its numbers.</param>
    /// <param name="slots">The number of steps whose rates are on the device at once.</param>
    /// <param name="status">The status of the steps.</param>
    /// <param name="isMeasured">Whether the gradient's norm is needed, even if it clips nothing.</param>
    /// <param name="isShared">Whether the gradient is summed with others before an update, which is then read with the line behind.</param>
    /// <exception cref="CharRnnException">The device has no room for the optimizer.</exception>
    public DeviceOptimizer(
        ComputeDevice device, ParameterLayout layout, DeviceParameters theta, UpdateOptions options, int slots, AlignedBuffer<int> status,
        bool isMeasured, bool isShared = false)
    {
        (_options, _layout) = (options, layout);
        _gradient = new DeviceParameters(device, layout, isShared ? SharedGradient.Behind : 0);
        _moments = [.. options.Moments.Select(_ => new DeviceParameters(device, layout))];
        _transposed = new AlignedBuffer<float>(device, Math.Max(layout.TransposedLength, Layout.PanelWidth));
        TransposedMatrix[] matrices = layout.Transposes;
        _matrices = new AlignedBuffer<TransposedMatrix>(device, matrices.Length);
        _matrices.Write(matrices);
        _squares = new AlignedBuffer<float>(device, layout.Segments);
        _rates = new AlignedBuffer<float>(device, slots * StepRates.Count);
        _none = new AlignedBuffer<float>(device, Layout.PanelWidth);
        Views = new UpdateViews(
            theta.View, _gradient.View, _moments.Length > 0 ? _moments[0].View : _none.View,
            _moments.Length > 1 ? _moments[1].View : _none.View, _transposed.View, _matrices.View, _squares.View, _rates.View, status.View);
        Arguments = ArgumentsOf(options, (int)layout.WeightsLength, isMeasured, isShared);
    }

    public UpdateViews Views { get; }

    /// <summary>The gradient, and what lies behind it if it is shared.</summary>
    public AlignedBuffer<float> GradientBuffer => _gradient.Buffer;

    /// <summary>The views of parameters that nothing updates.</summary>
    /// <param name="theta">The parameters.</param>
    /// <param name="none">A line, in the place of all that an update needs.</param>
    /// <param name="matrices">A matrix, in the place of those whose transposes are kept.</param>
    /// <param name="status">The status of the steps.</param>
    public static UpdateViews ViewsOf(
        DeviceParameters theta, AlignedBuffer<float> none, AlignedBuffer<TransposedMatrix> matrices, AlignedBuffer<int> status) =>
        new(theta.View, none.View, none.View, none.View, none.View, matrices.View, none.View, none.View, status.View);

    public UpdateArguments Arguments { get; }

    /// <summary>The gradients of a character model's tensors.</summary>
    public ParameterViews Gradient(ModelShape shape) => _gradient.Views(shape);

    /// <summary>The gradient of the last step.</summary>
    public ParameterSet<float> ReadGradient() => _gradient.Read();

    /// <summary>Replaces the gradient by one that no step has computed; tests need this.</summary>
    public void WriteGradient(ParameterSet<float> gradient) => _gradient.Write(gradient);

    /// <summary>The sums of the squares of the last step's gradient, segment by segment.</summary>
    public float[] ReadSquares() => _squares.Read(0, _layout.Segments);

    /// <summary>The moments: what the rule remembers of each parameter.</summary>
    public IReadOnlyList<Moment> ReadMoments() => [.. _options.Moments.Zip(_moments, (name, values) => new Moment(name, values.Read()))];

    /// <summary>Replaces the moments by those of an earlier or later state.</summary>
    public void WriteMoments(IReadOnlyList<Moment> moments)
    {
        foreach ((DeviceParameters to, Moment from) in _moments.Zip(moments))
            to.Write(from.Values);
    }

    /// <summary>Computes the transposes of weights that do not come from a step.</summary>
    public void WriteTransposes(ParameterSet<float> weights)
    {
        foreach ((ParameterTensor<float> tensor, ParameterLayout.Place place) in weights.Tensors.Zip(_layout.Places))
            if (place.Transposed >= 0)
                _transposed.Write(place.ToTransposed(tensor.Values), place.Transposed);
    }

    /// <summary>The transpose of a tensor that has one.</summary>
    public ILGPU.ArrayView<float> Transposed(int tensor)
    {
        ParameterLayout.Place place = _layout.Places[tensor];
        return _transposed.View.SubView(place.Transposed, place.TransposedLength);
    }

    /// <summary>Sets the rates of the next steps.</summary>
    /// <param name="done">The number of completed steps of the run.</param>
    /// <param name="count">The number of steps to set rates for.</param>
    /// <param name="rateAt">Gives η of a step, from the number of completed steps before it.</param>
    /// <exception cref="ArgumentOutOfRangeException">A rate is below 0, or not finite.</exception>
    public void WriteRates(long done, int count, Func<long, double> rateAt)
    {
        var rates = new float[count * StepRates.Count];
        bool isAdam = _options.Optimizer is UpdateRule.Adam or UpdateRule.AdamW;
        for (int i = 0; i < count; i++)
        {
            (double eta, long t) = (Limits.NotNegative(rateAt(done + i), "LearningRateAt"), done + i + 1);
            Span<float> step = rates.AsSpan(i * StepRates.Count);
            step[0] = (float)(isAdam ? eta / (1 - Math.Pow(_options.Beta1, t)) : eta);
            step[1] = (float)(isAdam ? 1 / Math.Sqrt(1 - Math.Pow(_options.Beta2, t)) : 1);
            step[2] = (float)(_options.Optimizer == UpdateRule.AdamW ? 1 - (eta * _options.WeightDecay) : 1);
        }

        _rates.Write(rates);
    }

    public void Dispose()
    {
        foreach (IDisposable buffer in (IDisposable[])[_gradient, .. _moments, _transposed, _matrices, _squares, _rates, _none])
            buffer.Dispose();
    }

    private static UpdateArguments ArgumentsOf(UpdateOptions options, int weights, bool isMeasured, bool isShared)
    {
        (int rule, double first, double second) = options.Optimizer switch
        {
            UpdateRule.Adagrad => (ParameterUpdate.Adagrad, 0, 0),
            UpdateRule.RmsProp => (ParameterUpdate.RmsProp, 0, options.RmsDecay),
            UpdateRule.Sgd when options.Momentum > 0 => (ParameterUpdate.Momentum, options.Momentum, 0),
            UpdateRule.Sgd => (ParameterUpdate.Descent, 0, 0),
            _ => (ParameterUpdate.Adam, options.Beta1, options.Beta2),
        };

        // A sum over ranks may be too large though no rank's own gradient is: its norm tells, and an infinite N scales nothing.
        double clipNorm = options.ClipNorm ?? (isShared ? double.PositiveInfinity : 0);
        return new UpdateArguments(
            rule, (float)(options.Clip ?? double.PositiveInfinity), (float)clipNorm, (float)first, (float)(1 - first),
            (float)second, (float)(1 - second), (float)options.Epsilon,
            options.Optimizer == UpdateRule.AdamW ? 0 : (float)options.WeightDecay,
            options.WeightDecay > 0 ? weights : 0, isMeasured ? 1 : 0);
    }
}
