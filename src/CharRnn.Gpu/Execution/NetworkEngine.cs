using System.Diagnostics;
using CharRnn.Gpu.Devices;
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

    /// <summary>With all rows in one step: the step whose gradient has a smaller norm is the last. 0 to go on.</summary>
    public float GradientTolerance { get; init => field = Limits.NotNegative(value); }

    /// <summary>With all rows in one step: the step that changed J by less is the last. 0 to go on.</summary>
    public float LossTolerance { get; init => field = Limits.NotNegative(value); }

    /// <summary>Rows of a step, of data of so many.</summary>
    internal int BatchOf(int rows) => BatchSize == 0 ? rows : Math.Min(BatchSize, rows);
}

/// <summary>What some steps brought.</summary>
/// <param name="Losses">J of each completed step's rows, in order, before its update.</param>
/// <param name="GradientNorms">Its gradient's Euclidean norm.</param>
/// <param name="End">
/// Why there is no next step: <see cref="DescentEnd.NotFinite"/>, where the step after these was not applied, or one of the tolerances;
/// null if there is one.
/// </param>
public readonly record struct NetworkSteps(float[] Losses, float[] GradientNorms, DescentEnd? End);

/// <summary>Trains a feed-forward network on a device. All memory is allocated here, once; many steps are one call.</summary>
public sealed class NetworkEngine : IDisposable
{
    private const int MaxStepsPerCall = 8192;
    private const double SecondsPerCall = 0.1;

    // GPU drivers of desktops stop a kernel that runs for seconds.
    private const double SecondsPerGpuLaunch = 0.025;

    // Of the order of rows, so many epochs lie on the device at once.
    private const int MostOrdered = 1 << 20;

    private readonly ComputeDevice _device;
    private readonly DeviceLife _life;
    private readonly NetworkOptions _options;
    private readonly NetworkBuffers _buffers;
    private readonly NetworkPlan _plan;
    private readonly Pace _pace;
    private readonly int _rows, _batch, _epochsOrdered;
    private long _firstOrdered = -1;
    private float _lastLoss = float.PositiveInfinity;
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
        StepsPerEpoch = (_rows + _batch - 1) / _batch;
        _epochsOrdered = StepsPerEpoch == 1 ? MaxStepsPerCall : Math.Clamp(MostOrdered / _rows, 1, MaxStepsPerCall);
        _plan = plan ?? NetworkPlan.Choose(shape, _batch, device.Traits);
        _pace = new Pace(guess: shape.TrainingFlops * _batch / 5e9);
        _buffers = new NetworkBuffers(
            device, shape, _rows, _batch, StepsPerEpoch == 1 ? _rows : _rows * _epochsOrdered, MaxStepsPerCall, options);
        _buffers.WriteData(data);
        _buffers.WriteParameters(initial);
    }

    /// <summary>Checks, before anything is allocated, that a network and its data have room on a device.</summary>
    /// <exception cref="CharRnnException">They have not; says what is needed and what there is.</exception>
    public static void RequireMemory(ComputeDevice device, NetworkShape shape, int rows, NetworkOptions options) =>
        NetworkBuffers.Require(device, shape, rows, options.BatchOf(rows), options);

    /// <summary>Steps so far.</summary>
    public long Step { get; private set; }

    /// <summary>Steps that take every row once.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>Rows of a step.</summary>
    /// <param name="step">Its number, from 0.</param>
    public int RowsOf(long step) => Math.Min(_batch, _rows - ((int)(step % StepsPerEpoch) * _batch));

    /// <summary>How steps are put on the device, for people.</summary>
    public string Plan => _plan.Reason;

    /// <summary>Makes some of the next steps: as many as a tenth of a second takes.</summary>
    /// <param name="maxSteps">At most so many, at least 1.</param>
    /// <exception cref="CharRnnException">A call before ended with <see cref="DescentEnd.NotFinite"/>: there is no next step.</exception>
    /// <exception cref="ObjectDisposedException">The engine or its device is disposed of.</exception>
    public NetworkSteps RunSteps(long maxSteps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSteps, 1);
        using Lock.Scope held = _life.Enter();
        if (_diverged)
            throw new CharRnnException("training", "has diverged: the next step is not finite", "start anew with a lower learning rate");
        Turn turn = _pace.Next(_plan.ManySteps && _plan.Teams > 1);
        int most = (int)Math.Min(Math.Min(maxSteps, turn.MaxSteps), Math.Clamp((long)(SecondsPerCall / turn.SecondsPerStep), 1, MaxStepsPerCall));
        int first = Order(ref most);
        _buffers.BeginCall(_lastLoss);
        _buffers.WriteRates(Step, most, _ => _options.LearningRate);
        long started = Stopwatch.GetTimestamp();
        int steps = 0;
        while (steps < most && Stopwatch.GetElapsedTime(started).TotalSeconds < 2 * SecondsPerCall)
            steps += Launch(turn, Arguments(first + steps, steps, turn.Alone ? 1 : _plan.Teams), most - steps);

        (int completed, DescentEnd? end) = _buffers.ReadStatus(steps);
        (float[] losses, float[] squares) = completed == 0 ? ([], []) : _buffers.ReadSteps(completed);
        _pace.Measured(turn, steps, Stopwatch.GetElapsedTime(started).TotalSeconds);
        if (completed > 0 && end != DescentEnd.NotFinite)
        {
            float before = completed > 1 ? losses[^2] : _lastLoss;
            bool isLast = StepsPerEpoch == 1 && Kernels.StoppingCriterion.IsMet(squares[^1], before, losses[^1], _options.GradientTolerance, _options.LossTolerance);
            end = !isLast ? null : Math.Sqrt(squares[^1]) < _options.GradientTolerance ? DescentEnd.SmallGradient : DescentEnd.SmallChange;
        }

        _diverged = end == DescentEnd.NotFinite;
        Step += completed;
        _lastLoss = completed > 0 ? losses[^1] : _lastLoss;
        return new NetworkSteps(losses, [.. squares.Select(MathF.Sqrt)], end);
    }

    /// <summary>The parameters as they are.</summary>
    /// <exception cref="ObjectDisposedException">The engine or its device is disposed of.</exception>
    public ParameterSet<float> ReadParameters()
    {
        using Lock.Scope held = _life.Enter();
        return _buffers.ReadParameters();
    }

    /// <summary>
    /// J and the gradient of the next step, which is made: for tests and verification. J is NaN where the step is not finite.
    /// </summary>
    internal (float Loss, ParameterSet<float> Gradient) Trace()
    {
        using Lock.Scope held = _life.Enter();
        return (RunSteps(1).Losses is [float loss] ? loss : float.NaN, _buffers.ReadGradient());
    }

    /// <summary>How far the gradient of the next step, which is made, is off the reference's: norm of the difference over norm, the worst array's.</summary>
    public double GradientError(ParameterSet<double> expected) => expected.Tensors.Zip(Trace().Gradient.Tensors)
        .Max(pair => Norm(pair.First.Values.Zip(pair.Second.Values, (e, a) => e - a)) / Norm(pair.First.Values));

    /// <summary>Frees the device memory; the device stays.</summary>
    public void Dispose() => _life.End(_buffers.Dispose);

    private NetworkArguments Arguments(int first, int slot, int teams) => StepsPerEpoch == 1
        ? new NetworkArguments(_rows, _batch, 1, 0, slot, _buffers.Update, _options.GradientTolerance, _options.LossTolerance, teams)
        : new NetworkArguments(_rows, _batch, StepsPerEpoch * _epochsOrdered, first, slot, _buffers.Update, 0, 0, teams);

    private int Launch(Turn turn, NetworkArguments step, int most)
    {
        KernelSet kernels = _device.Kernels;
        if (_plan.ManySteps)
        {
            double seconds = _device.Kind == DeviceKind.Cpu ? SecondsPerCall : SecondsPerGpuLaunch;
            int steps = (int)Math.Clamp((long)(seconds / turn.SecondsPerStep), 1, most);
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
        if (StepsPerEpoch == 1)
        {
            if (_firstOrdered < 0)
                _buffers.WriteOrder([.. Enumerable.Range(0, _rows)]);
            _firstOrdered = 0;
            return 0; // the one epoch, again and again
        }

        long epoch = Step / StepsPerEpoch;
        if (_firstOrdered < 0 || epoch >= _firstOrdered + _epochsOrdered)
        {
            _firstOrdered = epoch;
            var order = new int[_rows * _epochsOrdered];
            for (int i = 0; i < _epochsOrdered; i++)
                Shuffle(order.AsSpan(i * _rows, _rows), _options.Seed, epoch + i);
            _buffers.WriteOrder(order);
        }

        int first = (int)(Step - (_firstOrdered * StepsPerEpoch));
        most = Math.Min(most, (_epochsOrdered * StepsPerEpoch) - first);
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
