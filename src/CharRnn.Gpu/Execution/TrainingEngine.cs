using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Model;
using CharRnn.Randomness;
using CharRnn.Reference;
using CharRnn.Sampling;
using CharRnn.Text;
using CharRnn.Training;
using ILGPU;
using ILGPU.Runtime;

namespace CharRnn.Gpu.Execution;

/// <summary>Trains a model on a device. All memory is allocated here, once; nothing happens on the host per time step.</summary>
public sealed class TrainingEngine : ITextEngine
{
    /// <summary>
    /// The default for the number of tokens, of all streams together, that are on the device at once: 64 MB. Of a longer text only a
    /// window is there at a time.
    /// </summary>
    public const long DefaultWindowTokens = 16 << 20;

    // A validation text is read in this many streams, whatever B is, so that val_loss can be compared between runs.
    internal const int ValidationStreams = 16;

    /// <summary>The shortest validation text that can be measured on: two characters a stream.</summary>
    public const int MinValidationLength = 2 * ValidationStreams;

    private readonly DeviceLife _life;
    private readonly ITokenSource _text;
    private readonly StepOptions _options;
    private readonly ICollective? _ranks;
    private readonly StreamShare _streams;
    private readonly ForwardBuffers _forward;
    private readonly AlignedBuffer<float> _dh, _carry;
    private readonly DeviceOptimizer _optimizer;
    private readonly SharedGradient? _shared;
    private readonly AlignedBuffer<float> _stepLosses;
    private readonly AlignedBuffer<int> _status;
    private readonly TrainingViews _views;
    private readonly StepRunner _runner;
    private readonly Evaluator _evaluator;
    private readonly Sampler _sampler;
    private readonly int[] _windowRow;
    private long _windowBegin = -1;

    // Why no further step is possible; null if one is.
    private CharRnnException? _end;

    /// <param name="model">The model to train, in place.</param>
    /// <param name="text">The training text, at least B·(T+2) tokens.</param>
    /// <param name="options">Sizes and rates.</param>
    /// <param name="windowTokens">
    /// The number of tokens of the text that may be on the device at once; if a step needs more, that many.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The text is too short, or the options are for another number of hidden units than the model's.
    /// </exception>
    /// <exception cref="CharRnnException">The device has no room for a step of these sizes.</exception>
    /// <exception cref="ObjectDisposedException">The model or its device is disposed of.</exception>
    public TrainingEngine(DeviceModel model, ITokenSource text, StepOptions options, long windowTokens = DefaultWindowTokens)
        : this(model, text, options, null, windowTokens)
    {
    }

    /// <summary>The engine of a rank, which trains by <see cref="RunShared"/> and makes every call together with the others.</summary>
    /// <param name="model">The model to train, the same on every rank.</param>
    /// <param name="text">The training text, which all ranks read alike.</param>
    /// <param name="options">The sizes of a step, with the streams of all ranks, and rates.</param>
    /// <param name="ranks">The ranks that share the B streams; null where there are none.</param>
    /// <param name="windowTokens">The tokens of all ranks together that may be on the devices at once.</param>
    /// <param name="leastPiece">The floats of the gradient that are worth a message of their own.</param>
    internal TrainingEngine(
        DeviceModel model, ITokenSource text, StepOptions options, ICollective? ranks, long windowTokens = DefaultWindowTokens,
        int leastPiece = SharedGradient.LeastPiece)
    {
        if (options.HiddenSize != model.Shape.HiddenSize)
            throw new ArgumentException($"are for {options.HiddenSize} units, and the model has {model.Shape.HiddenSize}", nameof(options));
        TextSplit.RequireLength(text, options.BatchSize, options.SequenceLength);
        ArgumentOutOfRangeException.ThrowIfNegative(windowTokens);
        (Model, _text, _options, _ranks, _life) = (model, text, options, ranks, new DeviceLife(this, model.Life));
        _streams = ranks is null ? StreamShare.All(options.BatchSize) : StreamShare.Of(options.BatchSize, ranks.Rank, ranks.Size);
        ArgumentOutOfRangeException.ThrowIfZero(_streams.Count, nameof(ranks));
        LearningRateAt = _ => options.LearningRate;
        using Lock.Scope held = _life.Enter();
        Cursor = new StreamCursor(text.Length / options.BatchSize, options.SequenceLength);
        Plan = ExecutionPlan.Choose(
            model.Shape, options with { BatchSize = _streams.Count }, model.Device.Traits, isShared: ranks is not null);

        long needed = options.SequenceLength + 1L;
        long window = Math.Clamp(windowTokens / options.BatchSize, needed, Math.Max(Cursor.StreamLength, needed));
        _forward = new ForwardBuffers(model, options.SequenceLength, _streams, window, options.Dropout > 0);
        _windowRow = new int[window];
        RnnDims d = _forward.Dims;
        var sizes = new StateSizes(model.Shape, d.T, d.B, options.Dropout > 0);
        _dh = new AlignedBuffer<float>(model.Device, sizes.HiddenGradient);
        _carry = new AlignedBuffer<float>(model.Device, Math.Max(sizes.Carry, Layout.PanelWidth));
        _stepLosses = new AlignedBuffer<float>(model.Device, StepRunner.MaxSteps);
        _status = new AlignedBuffer<int>(model.Device, StepStatus.CountFor(model.Device.Teams));
        _optimizer = new DeviceOptimizer(
            model.Device, model.Layout, model.Parameters, options, StepRunner.MaxSteps, _status, isMeasured: false,
            isShared: ranks is not null);
        if (ranks is not null)
        {
            int[] parts = [.. Enumerable.Range(0, d.Layers + 1).Select(part => (int)model.Layout.Places[model.Shape.WxhOf(part)].Offset)];
            _shared = new SharedGradient(
                model.Device, ranks, _optimizer.GradientBuffer, _status, parts, (int)model.Layout.WeightsLength, leastPiece);
        }

        ForwardViews forward = _forward.Views;
        _views = new TrainingViews(
            forward, _dh.View, sizes.HasGates ? forward.Gates : _dh.View, sizes.HasGates ? forward.Recurrent : _dh.View, _carry.View,
            _optimizer.Gradient(model.Shape), _optimizer.Views, _optimizer.Transposed(model.Shape.Why),
            _shared?.Loss ?? _stepLosses.View);
        _evaluator = new Evaluator(model, ValidationStreams, ranks);
        _sampler = new Sampler(model);

        _runner = new StepRunner(guess: model.Shape.TrainingFlops * d.T * d.B / 5e9);
        _optimizer.WriteTransposes(model.Read());
    }

    /// <summary>The model it trains.</summary>
    public DeviceModel Model { get; }

    internal TrainingViews Views => _views;

    /// <summary>The streams that this engine trains on, of all.</summary>
    internal StreamShare Streams => _streams;

    /// <summary>The names of the moments of its optimizer.</summary>
    internal IReadOnlyList<string> Moments => _options.Moments;

    /// <summary>The place in the text that training has reached.</summary>
    public StreamCursor Cursor { get; private set; }

    /// <inheritdoc/>
    public long StepsPerEpoch => Cursor.StepsPerEpoch;

    /// <summary>How steps are run on the device.</summary>
    /// <exception cref="ArgumentException">The device cannot run the plan.</exception>
    public ExecutionPlan Plan
    {
        get;
        init
        {
            value.RequireFits(Model.Device.Traits);
            field = value;
        }
    }

    /// <inheritdoc/>
    public Func<long, double> LearningRateAt { get; set; }

    /// <summary>The number of completed steps of the whole run.</summary>
    public long Iteration { get; private set; }

    /// <summary>The number of kernel launches on this device so far.</summary>
    public long Launches => Model.Device.Kernels.Launches;

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The number of steps is below 1, the text has a token that is not in the model's vocabulary, or a learning rate is below 0 or not
    /// finite.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The engine, its model or the device is disposed of.</exception>
    public StepsResult RunSteps(long maxSteps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSteps, 1);
        using Lock.Scope held = _life.Enter();
        if (_end is not null)
            throw _end;
        if (_ranks is not null)
            throw new InvalidOperationException("the steps of ranks have one gradient: see RunShared");
        Turn turn = _runner.Begin(Plan.Alone is not null, maxSteps, out int most);
        _status.Clear();
        _optimizer.WriteRates(Iteration, most, LearningRateAt);
        int steps = _runner.Launch(most, (done, left) => Launch(turn, done, left));

        // The host waits for the device only here, once per call, to read the status and the losses.
        int divergedSlot = ReadStatus()[StepStatus.Diverged] - 1;
        int completed = divergedSlot < 0 ? steps : divergedSlot;
        float[] losses = completed == 0 ? [] : _stepLosses.Read(0, completed);
        _runner.End(turn, steps);
        bool diverged = divergedSlot >= 0;
        _end = diverged ? StepRunner.Diverged : null;
        Iteration += completed;
        return new StepsResult(losses, diverged ? TrainingOutcome.Diverged : null);
    }

    /// <summary>Runs the next steps together with the other ranks, which must call it with the same rates.</summary>
    /// <param name="rates">η of each step, at least one.</param>
    /// <param name="end">Whether this rank wants no further step now; asked in each step.</param>
    /// <returns>
    /// The results of all steps, or of those up to the first after which a rank wanted no further one, the same on every rank; and whether
    /// another rank wanted that.
    /// </returns>
    /// <exception cref="ObjectDisposedException">The engine, its model or the device is disposed of.</exception>
    internal (StepsResult Result, bool AnotherEnds) RunShared(ReadOnlySpan<double> rates, Func<bool> end)
    {
        using Lock.Scope held = _life.Enter();
        if (_end is not null)
            throw _end;
        var losses = new List<float>();
        bool anotherEnds = false;
        foreach (double rate in rates)
        {
            _status.Clear();
            _optimizer.WriteRates(Iteration, 1, _ => rate);
            StreamCursor begun = Cursor.BeginStep(out bool startsOver);
            EnsureWindow(begun.Position);
            StepArguments step = Arguments(begun, startsOver, 0, Plan);
            BackPropagate(Plan, step);
            bool own = end();
            (float loss, int ends) = _shared!.Sum(own);
            anotherEnds = ends > (own ? 1 : 0);
            Model.Device.Kernels.Update(_optimizer.Views, step.Update, step.Slot, step.Teams);
            Cursor = begun.Advance(1);
            if (ReadStatus()[StepStatus.Diverged] != 0)
            {
                _end = StepRunner.Diverged;
                return (new StepsResult(losses.ToArray(), TrainingOutcome.Diverged), anotherEnds);
            }

            losses.Add(loss);
            Iteration++;
            if (ends > 0)
                break;
        }

        return (new StepsResult(losses.ToArray()), anotherEnds);
    }

    /// <summary>Tells weights apart: XxHash3 of their bytes on the device.</summary>
    internal ulong HashOfWeights()
    {
        using Lock.Scope held = _life.Enter();
        return Model.Parameters.Hash();
    }

    /// <inheritdoc/>
    public ParameterSet<float> ReadWeights() => Model.Read();

    EngineState ITrainingEngine.ReadState() => ReadState();

    /// <inheritdoc cref="ITrainingEngine.ReadState"/>
    /// <exception cref="ObjectDisposedException">The engine, its model or the device is disposed of.</exception>
    public TextState ReadState()
    {
        using Lock.Scope held = _life.Enter();
        return new TextState(
            Model.Read(), _optimizer.ReadMoments(), Iteration, ReadCarriedState(), Cursor.Position, Cursor.Epoch);
    }

    /// <summary>The state that the next step takes up, as <see cref="TextState.States"/> has it.</summary>
    internal float[][] ReadCarriedState()
    {
        using Lock.Scope held = _life.Enter();
        return _forward.ReadState(_forward.Dims.T);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The state's place is outside the text.</exception>
    /// <exception cref="ObjectDisposedException">The engine, its model or the device is disposed of.</exception>
    public void Restore(EngineState state)
    {
        var text = state as TextState ?? throw new ArgumentException("is of another kind of engine", nameof(state));
        state.RequireFits(Model.Shape, _options);
        int length = _streams.Count * Model.Shape.HiddenSize;
        if (text.States.Count != Model.Shape.States.Count || text.States.Any(values => values.Length != length))
            throw new ArgumentException($"is of other sizes than {Model.Shape} and {_streams.Count} streams", nameof(state));
        if (text.Position < -1 || text.Position > Cursor.StreamLength || text.Epoch < 0)
            throw new ArgumentOutOfRangeException(
                nameof(state), (text.Position, text.Epoch), $"is not a position and epoch in streams of {Cursor.StreamLength} tokens");
        using Lock.Scope held = _life.Enter();
        Model.Write(state.Weights);
        _optimizer.WriteTransposes(state.Weights);
        _optimizer.WriteMoments(state.Moments);
        _forward.WriteState(text.States, _forward.Dims.T);
        Cursor = Cursor with { Position = text.Position, Epoch = text.Epoch };
        Iteration = state.Iteration;
        _end = null;
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The engine, its model or the device is disposed of.</exception>
    public double Evaluate(ITokenSource text, CancellationToken cancellation)
    {
        using Lock.Scope held = _life.Enter();
        return _evaluator.Evaluate(text, cancellation).Loss;
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The engine, its model or the device is disposed of.</exception>
    public int[] Sample(int length, int firstInput, SamplingOptions options, ulong seed, ulong sequence, CancellationToken cancellation)
    {
        using Lock.Scope held = _life.Enter();
        var text = new List<int>();
        foreach (int[] chunk in _sampler.Write([firstInput], length, options, seed, sequence))
        {
            cancellation.ThrowIfCancellationRequested();
            text.AddRange(chunk);
        }

        return [.. text];
    }

    /// <summary>
    /// Computes the next step without its update and returns every intermediate result, for tests and verification. The plan divides
    /// the work as in training, and the state stays as it is.
    /// </summary>
    internal StepTrace Trace()
    {
        using Lock.Scope held = _life.Enter();
        StreamCursor cursor = Cursor.BeginStep(out bool startsOver);
        EnsureWindow(cursor.Position);
        _status.Clear();
        float[][] carried = _forward.ReadState(_forward.Dims.T);
        BackPropagate(Plan, Arguments(cursor, startsOver, 0, Plan));
        ReadStatus();
        RnnDims d = _forward.Dims;
        float[][] deltas =
        [
            .. _forward.Layers.Select(layer => Padding.Separate(
                Padding.Remove(Read(_views.Deltas, layer.Deltas, d.T * d.B * d.GateRow), d.T * d.B, d.Columns), d.T * d.B, d.H, d.Gates)),
        ];
        var trace = new StepTrace(
            _forward.ReadStates(), _forward.ReadDz(), deltas, _stepLosses.Read(0, 1)[0], _optimizer.ReadGradient());
        _forward.WriteState(carried, d.T);
        return trace;

        static float[] Read(ArrayView<float> values, int begin, int length)
        {
            var read = new float[length];
            values.SubView(begin, length).CopyToCPU(read);
            return read;
        }
    }

    /// <summary>
    /// The relative error of the next step's gradient: the norm of the difference from the reference's gradient, divided by the norm
    /// of that, for the tensor where this is largest.
    /// </summary>
    public double GradientError(ReferencePass expected) => expected.Gradient.Tensors.Zip(Trace().Gradient.Tensors)
        .Max(pair => Norm(pair.First.Values.Zip(pair.Second.Values, (e, a) => e - a)) / Norm(pair.First.Values));

    /// <summary>Waits for the device, and reads its status.</summary>
    /// <exception cref="CharRnnException">Groups of a launch that have to run at once do not.</exception>
    private int[] ReadStatus()
    {
        int[] status = _status.Read(0, StepStatus.Stuck + 1);
        if (status[StepStatus.Stuck] == 0)
            return status;
        _end = new CharRnnException(
            $"{DeviceCatalog.IdOf(Model.Device.Kind)} ({Model.Device.Name})", "does not run all thread groups of a launch at once",
            "end other programs that use it, or use another --device");
        throw _end;
    }

    /// <summary>Launches some of the next steps: until the epoch or the window ends, or as many as one launch may take.</summary>
    private int Launch(Turn turn, int slot, int maxSteps)
    {
        ExecutionPlan plan = turn.Alone ? Plan.Alone! : Plan;
        StreamCursor begun = Cursor.BeginStep(out bool startsOver);
        EnsureWindow(begun.Position); // before the cursor moves: if the text cannot be read, the step has not begun
        StepArguments step = Arguments(begun, startsOver, slot, plan);
        Cursor = begun;
        int steps = 1;
        if (plan.Kind == PlanKind.ManySteps)
        {
            long untilWindowEnds = (_forward.WindowLength - 1 - step.Position) / _options.SequenceLength;
            long perLaunch = StepRunner.StepsOfLaunch(turn, Model.Device.Kind);
            steps = (int)Math.Clamp(Math.Min(perLaunch, Math.Min(untilWindowEnds, Cursor.StepsBeforeWrap)), 1, maxSteps);
            Model.Device.Kernels.TrainSteps(_views, _forward.Dims, step, steps);
        }
        else
        {
            BackPropagate(plan, step);
            Model.Device.Kernels.Update(_optimizer.Views, step.Update, step.Slot, step.Teams);
        }

        Cursor = Cursor.Advance(steps);
        return steps;
    }

    /// <summary>E1–E8 of one step, by a launch for each phase or for each time step.</summary>
    private void BackPropagate(ExecutionPlan plan, StepArguments step)
    {
        (KernelSet kernels, RnnDims d) = (Model.Device.Kernels, _forward.Dims);
        bool byTimeSteps = plan.Kind == PlanKind.TimeSteps;
        int perLaunch = byTimeSteps ? 1 : d.T; // time steps
        int met = step.Slot * 2 * d.Layers * (d.T - 1); // by groups that share the units of streams
        bool fetchesApart = byTimeSteps || plan.HiddenGrid.Columns > 1; // because only whole rows of states are fetched
        if (fetchesApart)
            kernels.Hidden(_views, d, step, 0, fetch: true, 0, 0, new BlockGrid(Math.Min(plan.Teams, d.B), 1), 0);
        for (int l = 0; l < d.Layers; l++)
        {
            if (l > 0)
                kernels.Input(_views, d, step, l, back: false, plan.InputGrid);
            for (int t = 0; t < d.T; t += perLaunch)
                kernels.Hidden(_views, d, step, l, fetch: l == 0 && !fetchesApart, t, t + perLaunch, plan.HiddenGrid, met);
            met += d.T - 1;
        }

        kernels.Output(_views, d, step);
        int computed = d.Layers + 1; // parts of the gradient: the layers, and the output above them
        Gradient(d.Layers);
        for (int l = d.Layers - 1; l >= 0; l--)
        {
            for (int t = d.T; t > 0; t -= perLaunch)
                kernels.Chain(_views, d, step, l, t - perLaunch, t, plan.HiddenGrid, met);
            met += d.T - 1;
            if (l > 0)
                kernels.Input(_views, d, step, l, back: true, plan.BelowGrid);
            Gradient(l);
        }

        // In as few launches as there are pieces that other ranks wait for.
        void Gradient(int part)
        {
            if (part > 0 && _shared?.BeginsWith(part) != true)
                return;
            kernels.Gradient(_views, d, step, part, computed);
            _shared?.Launched(part);
            computed = part;
        }
    }

    private StepArguments Arguments(StreamCursor cursor, bool startsOver, int slot, ExecutionPlan plan) => new(
        cursor.Position - _windowBegin, _forward.WindowLength, startsOver ? 1 : 0, slot, _optimizer.Arguments, plan.Teams,
        plan.HiddenGrid, plan.GradientGrids, Dropout(slot));

    private DropoutArguments Dropout(int slot)
    {
        DropoutMask mask = _options.Mask;
        return new DropoutArguments(
            mask.Threshold, mask.Scale, (uint)mask.Seed, (uint)(mask.Seed >> 32), (uint)(Iteration + slot));
    }

    /// <summary>Writes the window that a step at this position needs to the device, if it is not there.</summary>
    private void EnsureWindow(long position)
    {
        long needed = _options.SequenceLength + 1;
        if (_windowBegin >= 0 && position >= _windowBegin && position + needed <= _windowBegin + _forward.WindowLength)
            return;
        _windowBegin = -1; // until all of the window is written: reading the text may fail
        long begin = _forward.WindowLength >= Cursor.StreamLength ? 0 : position;
        Span<int> row = _windowRow.AsSpan(0, (int)Math.Min(_forward.WindowLength, Cursor.StreamLength - begin));
        for (int b = 0; b < _options.BatchSize; b++)
        {
            _text.Read((b * Cursor.StreamLength) + begin, row);
            if (_streams.Has(b))
                _forward.WriteWindow(b - _streams.First, row);
        }

        _windowBegin = begin;
    }

    private static double Norm(IEnumerable<double> values) => Math.Sqrt(values.Sum(value => value * value));

    /// <summary>Frees the device memory; the model and the device stay.</summary>
    public void Dispose() => _life.End(() =>
    {
        _evaluator.Dispose();
        _sampler.Dispose();
        _forward.Dispose();
        _dh.Dispose();
        _carry.Dispose();
        _shared?.Dispose();
        _optimizer.Dispose();
        _stepLosses.Dispose();
        _status.Dispose();
    });
}

/// <summary>
/// The intermediate results of one step, in the unpadded layout of the reference: see <see cref="ReferencePass"/>.
/// </summary>
internal sealed record StepTrace(float[][] States, float[] Dz, float[][] Da, float Loss, ParameterSet<float> Gradient);
