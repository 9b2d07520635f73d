using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Randomness;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>How a feed-forward network is trained; by plain gradient descent, unless told otherwise.</summary>
/// <exception cref="ArgumentOutOfRangeException">
/// A number is negative, or not finite, or one of the optimizer's is outside its bounds.
/// </exception>
public sealed record NetworkOptions : UpdateOptions
{
    /// <summary>Gradient descent (N6).</summary>
    public NetworkOptions()
        : base(UpdateRule.Sgd)
    {
    }

    /// <summary>Rows of a step; 0 for all of them, 1 for one.</summary>
    public int BatchSize { get; init => field = Limits.NotNegative(value); }

    /// <summary>The seed of each epoch's order; with all rows in one step there is nothing to order.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>
    /// The step whose gradient has a smaller norm is the last, or with mini-batches the epoch in which that is so on average; 0 is
    /// never.
    /// </summary>
    public float GradientTolerance { get; init => field = Limits.NotNegative(value); }

    /// <summary>The step, or with mini-batches the epoch, that changed J by less is the last; 0 is never.</summary>
    public float LossTolerance { get; init => field = Limits.NotNegative(value); }

    /// <summary>Rows of a step, of data of so many.</summary>
    internal int BatchOf(int rows) => BatchSize == 0 ? rows : Math.Min(BatchSize, rows);
}

/// <summary>Trains a feed-forward network on a device. All memory is allocated here, once; many steps are one call.</summary>
public sealed class NetworkEngine : ITrainingEngine
{
    // Of the order of rows, so many epochs lie on the device at once.
    private const int MostOrdered = 1 << 20;

    private readonly ComputeDevice _device;
    private readonly DeviceLife _life;
    private readonly NetworkOptions _options;
    private readonly NetworkBuffers _buffers;
    private readonly NetworkPlan _plan;
    private readonly StepRunner _runner;
    private readonly int _rows, _batch, _stepsPerEpoch, _epochsOrdered;
    private long _firstOrdered = -1;
    private EpochProgress _progress = EpochProgress.Start;
    private bool _diverged;

    /// <param name="device">Where.</param>
    /// <param name="initial">The network as it begins.</param>
    /// <param name="data">What it learns.</param>
    /// <param name="options">How.</param>
    /// <exception cref="ArgumentException">There are no rows, or the network cannot learn them.</exception>
    /// <exception cref="CharRnnException">The device has no room for network and data.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed of.</exception>
    public NetworkEngine(ComputeDevice device, ParameterSet<float> initial, LabelledData data, NetworkOptions options)
        : this(device, initial, data, options, null)
    {
    }

    /// <summary>The same with a plan as told: for tests and verification.</summary>
    internal NetworkEngine(ComputeDevice device, ParameterSet<float> initial, LabelledData data, NetworkOptions options, NetworkPlan? plan)
    {
        ArgumentOutOfRangeException.ThrowIfZero(data.Count, nameof(data));
        NetworkShape shape = initial.Network;
        data.RequireFits(shape, mustAnswer: true);
        (_device, _options, _rows, _life) = (device, options, data.Count, new DeviceLife(this, device.Life));
        using Lock.Scope held = _life.Enter();
        _batch = options.BatchOf(_rows);
        LearningRateAt = _ => options.LearningRate;
        ConstantLoss = data.ConstantLoss(shape.Loss);
        _stepsPerEpoch = StepsPerEpochOf(_rows, options);
        _epochsOrdered = _stepsPerEpoch == 1 ? StepRunner.MaxSteps : Math.Clamp(MostOrdered / _rows, 1, StepRunner.MaxSteps);
        _plan = plan ?? NetworkPlan.Choose(shape, _batch, device.Traits);
        _runner = new StepRunner(guess: shape.TrainingFlops * _batch / 5e9);
        _buffers = new NetworkBuffers(
            device, shape, _rows, _batch, _stepsPerEpoch == 1 ? _rows : _rows * _epochsOrdered, StepRunner.MaxSteps, options);
        _buffers.WriteData(data);
        _buffers.WriteParameters(initial);
    }

    /// <summary>Checks, before anything is allocated, that a network and its data have room on a device.</summary>
    /// <exception cref="CharRnnException">They have not; says what is needed and what there is.</exception>
    public static void RequireMemory(ComputeDevice device, NetworkShape shape, int rows, NetworkOptions options) =>
        NetworkBuffers.Require(device, shape, rows, options.BatchOf(rows), options);

    /// <summary>Completed steps of the whole run.</summary>
    public long Iteration { get; private set; }

    /// <inheritdoc/>
    public long StepsPerEpoch => _stepsPerEpoch;

    /// <inheritdoc/>
    public Func<long, double> LearningRateAt { get; set; }

    /// <inheritdoc cref="LabelledData.ConstantLoss"/>
    public double ConstantLoss { get; }

    /// <summary>Steps in an epoch of so many rows.</summary>
    public static int StepsPerEpochOf(int rows, NetworkOptions options) => (rows + options.BatchOf(rows) - 1) / options.BatchOf(rows);

    /// <summary>Rows that so many first steps train on: the last step of an epoch may have fewer than the others.</summary>
    public long RowsIn(long steps) => (steps / _stepsPerEpoch * _rows) + (steps % _stepsPerEpoch * _batch);

    /// <summary>How steps are put on the device, for people.</summary>
    public string Plan => _plan.Reason;

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">No step is asked for, or a learning rate is below 0 or not finite.</exception>
    /// <exception cref="ObjectDisposedException">The engine or its device is disposed of.</exception>
    public StepsResult RunSteps(long maxSteps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSteps, 1);
        using Lock.Scope held = _life.Enter();
        if (_diverged)
            throw StepRunner.Diverged;
        if (_stepsPerEpoch > 1 && (_options.GradientTolerance > 0 || _options.LossTolerance > 0))
            maxSteps = Math.Min(maxSteps, _stepsPerEpoch - (Iteration % _stepsPerEpoch)); // the epoch may be the last
        Turn turn = _runner.Begin(_plan.ManySteps && _plan.Teams > 1, maxSteps, out int most);
        int first = Order(ref most);
        _buffers.BeginCall((float)_progress.LossBefore);
        _buffers.WriteRates(Iteration, most, LearningRateAt);
        int steps = _runner.Launch(most, (done, left) => Launch(turn, Arguments(first + done, done, turn.Alone ? 1 : _plan.Teams), left));

        (int completed, bool diverged) = _buffers.ReadStatus(steps);
        (float[] losses, float[] squares) = completed == 0 ? ([], []) : _buffers.ReadSteps(completed);
        _runner.End(turn, steps);
        TrainingOutcome? converged = null;
        foreach ((float loss, float square) in losses.Zip(squares))
            converged = Advance(loss, square);
        _diverged = diverged;
        return new StepsResult(losses, diverged ? TrainingOutcome.Diverged : converged) { GradientNorms = squares.Select(MathF.Sqrt).ToArray() };
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The engine or its device is disposed of.</exception>
    public ParameterSet<float> ReadWeights()
    {
        using Lock.Scope held = _life.Enter();
        return _buffers.ReadParameters();
    }

    EngineState ITrainingEngine.ReadState() => ReadState();

    /// <inheritdoc cref="ITrainingEngine.ReadState"/>
    /// <exception cref="ObjectDisposedException">The engine or its device is disposed of.</exception>
    public TableState ReadState()
    {
        using Lock.Scope held = _life.Enter();
        return new TableState(_buffers.ReadParameters(), _buffers.ReadMoments(), Iteration, _progress);
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The engine or its device is disposed of.</exception>
    public void Restore(EngineState state)
    {
        var table = state as TableState ?? throw new ArgumentException("is of another kind of engine", nameof(state));
        state.RequireFits(_buffers.Shape, _options);
        using Lock.Scope held = _life.Enter();
        _buffers.WriteParameters(state.Weights);
        _buffers.WriteMoments(state.Moments);
        (Iteration, _progress, _firstOrdered, _diverged) = (state.Iteration, table.Progress, -1, false);
    }

    /// <summary>
    /// J and the gradient of the next step, which is made: for tests and verification. J is NaN where the step is not finite.
    /// </summary>
    internal (float Loss, ParameterSet<float> Gradient) Trace()
    {
        using Lock.Scope held = _life.Enter();
        return (RunSteps(1).Losses.Span is [float loss] ? loss : float.NaN, _buffers.ReadGradient());
    }

    /// <summary>How far the gradient of the next step, which is made, is off the reference's: norm of the difference over norm, the worst array's.</summary>
    public double GradientError(ParameterSet<double> expected) => expected.Tensors.Zip(Trace().Gradient.Tensors)
        .Max(pair => Norm(pair.First.Values.Zip(pair.Second.Values, (e, a) => e - a)) / Norm(pair.First.Values));

    /// <summary>Frees the device memory; the device stays.</summary>
    public void Dispose() => _life.End(_buffers.Dispose);

    private NetworkArguments Arguments(int first, int slot, int teams) => _stepsPerEpoch == 1
        ? new NetworkArguments(_rows, _batch, 1, 0, slot, _buffers.Update, _options.GradientTolerance, _options.LossTolerance, teams)
        : new NetworkArguments(_rows, _batch, _stepsPerEpoch * _epochsOrdered, first, slot, _buffers.Update, 0, 0, teams);

    /// <summary>Counts a step.</summary>
    /// <returns>How training converged with it; null if it did not.</returns>
    private TrainingOutcome? Advance(float loss, float square)
    {
        long rows = RowsIn(Iteration + 1) - RowsIn(Iteration++);
        if (_stepsPerEpoch == 1)
        {
            float before = (float)_progress.LossBefore;
            _progress = _progress with { LossBefore = loss };
            return !StoppingCriterion.IsMet(square, before, loss, _options.GradientTolerance, _options.LossTolerance) ? null
                : Math.Sqrt(square) < _options.GradientTolerance ? TrainingOutcome.SmallGradient
                : TrainingOutcome.SmallChange;
        }

        _progress = _progress with
        {
            LossSum = _progress.LossSum + (rows * (double)loss),
            NormSum = _progress.NormSum + (rows * Math.Sqrt(square)),
            Rows = _progress.Rows + rows,
        };
        if (Iteration % _stepsPerEpoch != 0)
            return null;
        (double mean, double norm) = (_progress.LossSum / _progress.Rows, _progress.NormSum / _progress.Rows);
        TrainingOutcome? converged = norm < _options.GradientTolerance ? TrainingOutcome.SmallGradient
            : Math.Abs(_progress.LossBefore - mean) < _options.LossTolerance ? TrainingOutcome.SmallChange
            : null;
        _progress = EpochProgress.Start with { LossBefore = mean };
        return converged;
    }

    private int Launch(Turn turn, NetworkArguments step, int most)
    {
        KernelSet kernels = _device.Kernels;
        if (_plan.ManySteps)
        {
            int steps = (int)Math.Min(StepRunner.StepsOfLaunch(turn, _device.Kind), most);
            kernels.NetworkSteps(_buffers.Views, step, steps);
            return steps;
        }

        NetworkViews v = _buffers.Views;
        int last = v.Layers.IntLength - 1;
        kernels.NetworkBegin(v, step);
        for (int l = 0; l <= last; l++)
            kernels.NetworkLayer(v, step, l, back: false, l < last ? _plan.LayerGrid(step.Count, _buffers.WidthOf(l)) : new BlockGrid(Math.Min(_plan.Teams, step.Count), 1));
        for (int l = last; l > 0; l--)
            kernels.NetworkLayer(v, step, l, back: true, _plan.LayerGrid(step.Count, _buffers.WidthOf(l - 1)));
        kernels.NetworkGradient(v, step);
        kernels.Update(v.Update, step.Update, step.Slot, step.Teams);
        return 1;
    }

    /// <summary>Brings the order of the next epochs onto the device, if it is not there.</summary>
    /// <param name="most">Steps to make; lowered to those whose order is there.</param>
    /// <returns>The next step's number within the order.</returns>
    private int Order(ref int most)
    {
        if (_stepsPerEpoch == 1)
        {
            if (_firstOrdered < 0)
                _buffers.WriteOrder([.. Enumerable.Range(0, _rows)]);
            _firstOrdered = 0;
            return 0; // the one epoch, again and again
        }

        long epoch = Iteration / _stepsPerEpoch;
        if (_firstOrdered < 0 || epoch >= _firstOrdered + _epochsOrdered)
        {
            _firstOrdered = epoch;
            var order = new int[_rows * _epochsOrdered];
            for (int i = 0; i < _epochsOrdered; i++)
                Shuffle(order.AsSpan(i * _rows, _rows), _options.Seed, epoch + i);
            _buffers.WriteOrder(order);
        }

        int first = (int)(Iteration - (_firstOrdered * _stepsPerEpoch));
        most = Math.Min(most, (_epochsOrdered * _stepsPerEpoch) - first);
        return first;
    }

    private static double Norm(IEnumerable<double> values) => Math.Sqrt(values.Sum(value => value * value));

    /// <summary>The order of an epoch: a function of seed and epoch (Fisher and Yates).</summary>
    private static void Shuffle(Span<int> rows, ulong seed, long epoch)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            int j = (int)(Philox.Uniform(seed, (ulong)epoch, (ulong)i) * (i + 1));
            rows[i] = rows[j];
            rows[j] = i;
        }
    }
}
