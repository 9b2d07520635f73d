using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Randomness;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>How a feed-forward network is trained; the default is plain gradient descent.</summary>
/// <exception cref="ArgumentOutOfRangeException">
/// A number is negative or not finite, or a number of the optimizer is outside its bounds.
/// </exception>
public sealed record NetworkOptions : UpdateOptions
{
    /// <summary>Gradient descent (N6).</summary>
    public NetworkOptions()
        : base(UpdateRule.Sgd)
    {
    }

    /// <summary>The number of rows of a step; with 0 a step has all rows.</summary>
    public int BatchSize { get; init => field = Limits.NotNegative(value); }

    /// <summary>
    /// The seed of the order of the rows in each epoch; it has no effect where a step has all rows. Where a device has only a window of the
    /// rows, blocks of consecutive rows are shuffled, and then the rows of each window.
    /// </summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>p, the share of the values of hidden layers that a step drops (E12): from 0, below 1.</summary>
    public double Dropout { get; init => field = Limits.Part(value); }

    /// <summary>
    /// Training ends with the first step whose gradient has a smaller norm than this, or with mini-batches with the first epoch whose
    /// mean norm is smaller; with 0 it never does.
    /// </summary>
    public float GradientTolerance { get; init => field = Limits.NotNegative(value); }

    /// <summary>
    /// Training ends with the first step, or with mini-batches with the first epoch, that changes J by less than this; with 0 it never
    /// does.
    /// </summary>
    public float LossTolerance { get; init => field = Limits.NotNegative(value); }

    /// <summary>What steps drop: the layers are numbered from the first hidden one, and rows from the begin of a batch.</summary>
    internal DropoutMask Mask => new(Dropout, Seed);

    /// <summary>The number of rows of a step, if the data have this many.</summary>
    internal int BatchOf(int rows) => BatchSize == 0 ? rows : Math.Min(BatchSize, rows);
}

/// <summary>Trains a feed-forward network on a device. All memory is allocated here, once; many steps are one call.</summary>
public sealed class NetworkEngine : ITrainingEngine
{
    /// <summary>
    /// The default for the bytes of the rows that are on the device at once: 256 MB, as much as of the cells of a table lies in memory. Of
    /// more rows only a window is there at a time, or those of a step if that has more. A window changes the order in which steps take
    /// rows, so that its size is the same on every machine.
    /// </summary>
    public const long DefaultWindowBytes = 256 << 20;

    private readonly ComputeDevice _device;
    private readonly DeviceLife _life;
    private readonly NetworkOptions _options;
    private readonly NetworkBuffers _buffers;
    private readonly NetworkPlan _plan;
    private readonly StepRunner _runner;
    private readonly RowWindow _window;
    private readonly int _rows, _batch, _stepsPerEpoch;
    private EpochProgress _progress = EpochProgress.Start;
    private bool _diverged;

    /// <param name="device">The device.</param>
    /// <param name="initial">The network before the first step.</param>
    /// <param name="data">The rows that it learns; those of one window after the other are read where not all are in memory.</param>
    /// <param name="options">The optimizer, the batches, and when training ends.</param>
    /// <exception cref="ArgumentException">There are no rows, or the network cannot learn them.</exception>
    /// <exception cref="CharRnnException">The device has no room for the network and the data.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed of.</exception>
    public NetworkEngine(ComputeDevice device, ParameterSet<float> initial, LabelledData data, NetworkOptions options)
        : this(device, initial, data, options, null)
    {
    }

    /// <summary>The same with a given plan, for tests and verification; null lets the engine choose one.</summary>
    internal NetworkEngine(
        ComputeDevice device, ParameterSet<float> initial, LabelledData data, NetworkOptions options, NetworkPlan? plan,
        long windowBytes = DefaultWindowBytes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(data.Count, nameof(data));
        NetworkShape shape = initial.Network;
        data.RequireFits(shape, mustAnswer: true);
        (_device, _options, _rows, _life) = (device, options, data.Count, new DeviceLife(this, device.Life));
        using Lock.Scope held = _life.Enter();
        _batch = options.BatchOf(_rows);
        LearningRateAt = _ => options.LearningRate;
        _stepsPerEpoch = StepsPerEpochOf(_rows, options);
        _plan = plan ?? NetworkPlan.Choose(shape, _batch, device.Traits);
        _runner = new StepRunner(guess: shape.TrainingFlops * _batch / 5e9);
        DataSizes sizes = DataSizes.Of(data).Window(shape, _batch, windowBytes);
        _buffers = new NetworkBuffers(
            device, shape, sizes, _batch, RowWindow.OrderLength(_rows, sizes.Rows, _batch), StepRunner.MaxSteps, options);
        RowsOnDevice = sizes.Rows;
        _window = new RowWindow(_buffers, data, RowsOnDevice, _batch, options.Seed);
        _buffers.WriteParameters(initial);
    }

    /// <summary>Checks, before anything is allocated, that a device has room for a network and its data.</summary>
    /// <exception cref="CharRnnException">It has not; the message says what is needed and what there is.</exception>
    public static void RequireMemory(ComputeDevice device, NetworkShape shape, LabelledData data, NetworkOptions options)
    {
        int batch = options.BatchOf(data.Count);
        NetworkBuffers.Require(device, shape, DataSizes.Of(data).Window(shape, batch, DefaultWindowBytes), batch, options);
    }

    /// <summary>Whether a device has all rows at once, and not one window of them after the other.</summary>
    /// <param name="shape">The network.</param>
    /// <param name="columns">What its inputs are.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="isWeighted">Whether they have weights.</param>
    /// <param name="batchSize">See <see cref="NetworkOptions.BatchSize"/>: a step's rows are on the device together.</param>
    /// <param name="windowBytes">See <see cref="DefaultWindowBytes"/>.</param>
    public static bool HoldsAll(
        NetworkShape shape, InputColumns columns, int rows, bool isWeighted, int batchSize, long windowBytes = DefaultWindowBytes)
    {
        int batch = new NetworkOptions { BatchSize = batchSize }.BatchOf(rows);
        return new DataSizes(columns, rows, isWeighted).Window(shape, batch, windowBytes).Rows == rows;
    }

    /// <summary>The number of completed steps of the whole run.</summary>
    public long Iteration { get; private set; }

    /// <inheritdoc/>
    public long StepsPerEpoch => _stepsPerEpoch;

    /// <inheritdoc/>
    public Func<long, double> LearningRateAt { get; set; }

    /// <summary>The number of steps in an epoch of this many rows.</summary>
    public static int StepsPerEpochOf(int rows, NetworkOptions options) => (rows + options.BatchOf(rows) - 1) / options.BatchOf(rows);

    /// <summary>
    /// The number of rows that this many steps from the first on train on. The last step of an epoch may have fewer rows than the
    /// others.
    /// </summary>
    public long RowsIn(long steps) => (steps / _stepsPerEpoch * _rows) + (steps % _stepsPerEpoch * _batch);

    /// <summary>The number of rows that are on the device at once: all of them, or those of a window.</summary>
    public int RowsOnDevice { get; }

    /// <summary>How steps are run on the device, for people.</summary>
    public string Plan => _plan.Reason;

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The number of steps is below 1, or a learning rate is below 0 or not finite.
    /// </exception>
    /// <exception cref="CharRnnException">Rows cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The engine or its device is disposed of.</exception>
    public StepsResult RunSteps(long maxSteps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSteps, 1);
        using Lock.Scope held = _life.Enter();
        if (_diverged)
            throw StepRunner.Diverged;
        if (_stepsPerEpoch > 1 && (_options.GradientTolerance > 0 || _options.LossTolerance > 0))
            maxSteps = Math.Min(maxSteps, _stepsPerEpoch - (Iteration % _stepsPerEpoch)); // the epoch may be the last
        if (!_window.Read(Iteration))
            return default;
        Turn turn = _runner.Begin(_plan.ManySteps && _plan.Teams > 1, maxSteps, out int most);
        (int rows, int ordered, int first) = _window.Order(Iteration, ref most);
        _buffers.BeginCall((float)_progress.LossBefore);
        _buffers.WriteRates(Iteration, most, LearningRateAt);
        int steps = _runner.Launch(
            most, (done, left) => Launch(turn, Arguments(rows, ordered, first + done, done, turn.Alone ? 1 : _plan.Teams), left));

        (int completed, bool diverged) = _buffers.ReadStatus(steps);
        (float[] losses, float[] squares) = completed == 0 ? ([], []) : _buffers.ReadSteps(completed);
        _runner.End(turn, steps);
        TrainingOutcome? converged = null;
        foreach ((float loss, float square) in losses.Zip(squares))
            converged = Advance(loss, square);
        _diverged = diverged;
        return new StepsResult(losses, diverged ? TrainingOutcome.Diverged : converged)
        {
            GradientNorms = squares.Select(MathF.Sqrt).ToArray(),
        };
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
        (Iteration, _progress, _diverged) = (state.Iteration, table.Progress, false);
    }

    /// <summary>
    /// Runs the next step and returns its J and its gradient, for tests and verification. J is NaN if the step is not finite.
    /// </summary>
    internal (float Loss, ParameterSet<float> Gradient) Trace()
    {
        using Lock.Scope held = _life.Enter();
        StepsResult step;
        do
            step = RunSteps(1);
        while (step.Losses.IsEmpty && !step.Diverged); // rows were read
        return (step.Losses.Span is [float loss] ? loss : float.NaN, _buffers.ReadGradient());
    }

    /// <summary>
    /// Runs the next step and returns the relative error of its gradient: the norm of the difference from the reference's gradient,
    /// divided by the norm of that, for the tensor where this is largest.
    /// </summary>
    public double GradientError(ParameterSet<double> expected) => expected.Tensors.Zip(Trace().Gradient.Tensors)
        .Max(pair => Norm(pair.First.Values.Zip(pair.Second.Values, (e, a) => e - a)) / Norm(pair.First.Values));

    /// <summary>Frees the device memory; the device stays.</summary>
    public void Dispose() => _life.End(_buffers.Dispose);

    private NetworkArguments Arguments(int rows, int ordered, int first, int slot, int teams)
    {
        DropoutMask mask = _options.Mask;
        var dropout = new DropoutArguments(
            mask.Threshold, mask.Scale, (uint)mask.Seed, (uint)(mask.Seed >> 32), (uint)(Iteration + slot));
        (float gradientTolerance, float lossTolerance) =
            _stepsPerEpoch == 1 ? (_options.GradientTolerance, _options.LossTolerance) : (0, 0);
        return new NetworkArguments(
            rows, _batch, ordered, first, slot, _buffers.Update, dropout, gradientTolerance, lossTolerance, teams);
    }

    /// <summary>Counts a step, and decides whether training has converged with it.</summary>
    /// <returns>How training converged; null if it did not.</returns>
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
        for (int l = 0; l < last; l++)
            kernels.NetworkLayer(v, step, l, back: false, _plan.LayerGrid(step.Count, _buffers.WidthOf(l)));
        kernels.NetworkLayer(v, step, last, back: false, new BlockGrid(Math.Min(_plan.Teams, step.Count), 1));
        for (int l = last; l > 0; l--)
            kernels.NetworkLayer(v, step, l, back: true, _plan.LayerGrid(step.Count, _buffers.WidthOf(l - 1)));
        kernels.NetworkGradient(v, step);
        kernels.Update(v.Update, step.Update, step.Slot, step.Teams);
        return 1;
    }

    private static double Norm(IEnumerable<double> values) => Math.Sqrt(values.Sum(value => value * value));
}
