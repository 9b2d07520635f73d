using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// How training steps are run on a device. This is the one place that chooses. A plan changes no result on a CPU, and on a GPU only the
/// rounding.
/// </summary>
/// <param name="Kind">The kernels that run.</param>
/// <param name="Teams">The number of teams per launch.</param>
/// <param name="HiddenGrid">How a launch divides the hidden states: shares of the streams by shares of the units.</param>
/// <param name="GradientGrids">How the gradients are divided into tasks.</param>
/// <param name="Reason">Why the plan was chosen, for people.</param>
public sealed record ExecutionPlan(PlanKind Kind, int Teams, BlockGrid HiddenGrid, GradientGrids GradientGrids, string Reason)
{
    // With fewer rows (t, b) than this, taking tasks costs CPU workers more time than waiting for one that is late.
    private const int FewRows = 64;

    // With fewer panels of columns per task than this, a task's strips of the left side cost more than reading the right side again.
    private const int FewPanels = 4;

    // Megabytes of Whh that repay a meeting of CPU workers after each time step, for each stream that a worker would have otherwise, and
    // the most such streams: more of them keep a worker busy while it reads Whh.
    private const double SharedMegabytesPerStream = 0.5;
    private const int SharedStreams = 8;

    // The shortest side of a group's block: 16 tiles of 16 threads each.
    private const int BlockSide = 16;

    /// <summary>Chooses a plan for a model, a step and a device.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="options">The step; its streams are those of this device.</param>
    /// <param name="device">The device.</param>
    /// <param name="isShared">Whether other ranks have a share of the streams.</param>
    public static ExecutionPlan Choose(ModelShape shape, StepOptions options, DeviceTraits device, bool isShared = false)
    {
        double flops = shape.TrainingFlops * options.SequenceLength * options.BatchSize;
        string figures = string.Create(CultureInfo.InvariantCulture, $"{flops / 1e9:0.###} GFLOP a step");
        if (device.Kind == DeviceKind.Cpu && isShared)
        {
            bool sharesUnits = WorkersHiddenGrid(shape, options.BatchSize, device.Teams).Columns > 1;
            return Of(
                sharesUnits ? PlanKind.Persistent : PlanKind.Phases, shape, options, device,
                $"{figures}: a launch for each phase, because the ranks meet before the update");
        }

        if (device.Kind == DeviceKind.Cpu)
            return Of(PlanKind.ManySteps, shape, options, device, $"{figures}: many steps a launch, workers meet between phases");

        PlanKind kind = Candidates(device.Kind).MinBy(one => GpuEstimate.Seconds(one, shape, options, device));
        string reason = kind switch
        {
            PlanKind.Phases => "each group takes its streams through all time steps",
            PlanKind.Persistent => "groups share the units of streams, and meet after each time step",
            _ => "a launch for each time step, whose groups share the units of streams",
        };
        double seconds = GpuEstimate.Seconds(kind, shape, options, device);
        return Of(
            kind, shape, options, device,
            string.Create(CultureInfo.InvariantCulture, $"{figures}, estimated {seconds * 1e6:F0} us: {reason}"));
    }

    /// <summary>
    /// The kinds that <see cref="Choose"/> may choose. Where ranks meet before the update, no launch goes on beyond the gradient. One group
    /// of a GPU that runs many steps a launch was never faster on an H100: 74 us a step against 69 with 16 units, and 192 against 69 with
    /// 100. Where groups can meet, a launch for each time step is not worth it.
    /// </summary>
    /// <param name="device">The kind of the device.</param>
    /// <param name="isShared">Whether other ranks have a share of the streams.</param>
    public static PlanKind[] Candidates(DeviceKind device, bool isShared = false) => device switch
    {
        DeviceKind.Cpu when isShared => [PlanKind.Phases, PlanKind.Persistent],
        DeviceKind.Cpu => [PlanKind.ManySteps],
        DeviceKind.Cuda => [PlanKind.Phases, PlanKind.Persistent],
        _ => [PlanKind.Phases, PlanKind.TimeSteps],
    };

    /// <summary>
    /// The kinds that a device can run. Where groups meet, all of them have to run at once. CUDA runs as many as there is room for, but
    /// OpenCL may run one after the other.
    /// </summary>
    public static IEnumerable<PlanKind> All(DeviceKind device) =>
        Enum.GetValues<PlanKind>().Where(kind => kind != PlanKind.Persistent || device != DeviceKind.OpenCl);

    /// <summary>A plan of the given kind, for measurements and tests.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The device has no team.</exception>
    public static ExecutionPlan Of(PlanKind kind, ModelShape shape, StepOptions options, DeviceTraits device, string reason)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(device.Teams, 1, nameof(device));
        int teams = kind == PlanKind.ManySteps && device.Kind != DeviceKind.Cpu ? 1 : device.Teams;
        ExecutionPlan plan = With(kind, teams, shape, options, device, reason);
        bool waits = kind == PlanKind.ManySteps && teams > 1;
        return waits ? plan with { Alone = With(PlanKind.ManySteps, 1, shape, options, device, reason) } : plan;
    }

    /// <summary>The kind, the number of teams, and how the work is divided, for people.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Word(Kind)}, {Teams} teams, hidden states {Text(HiddenGrid)}, dWhh {Text(GradientGrids.Recurrent)}, "
            + $"dWhy {Text(GradientGrids.Output)}, dWxh {Text(GradientGrids.Input)}; {Reason}");

    /// <summary>The word for a kind.</summary>
    public static string Word(PlanKind kind) => kind switch
    {
        PlanKind.Phases => "phases",
        PlanKind.TimeSteps => "time-steps",
        PlanKind.Persistent => "persistent",
        _ => "many-steps",
    };

    /// <summary>
    /// Checks that a device can run this plan. If the plan had more teams than the device, a launch would wait for them for ever.
    /// </summary>
    /// <exception cref="ArgumentException">The device cannot run it.</exception>
    public void RequireFits(DeviceTraits device)
    {
        bool isWhole = new[] { HiddenGrid, GradientGrids.Output, GradientGrids.Recurrent, GradientGrids.Input, InputGrid, BelowGrid }
            .All(grid => grid.Rows > 0 && grid.Columns > 0);

        // Teams that meet run side by side, each with at most one block. Else no block of a GPU waits for another, and those that find no
        // free group run later.
        bool meets = Kind == PlanKind.ManySteps || (Kind != PlanKind.TimeSteps && HiddenGrid.Columns > 1);
        bool canMeet = device.Kind == DeviceKind.Cpu
            || (Kind == PlanKind.ManySteps ? Teams == 1 : HiddenGrid.Columns == 1 || device.Kind == DeviceKind.Cuda);
        int most = meets || device.Kind == DeviceKind.Cpu ? Teams : int.MaxValue;
        bool hasTeams = Teams >= 1 && Teams <= device.Teams && HiddenGrid.Count <= most && (canMeet || !meets);
        if (!hasTeams || !isWhole)
            throw new ArgumentException($"cannot be run by {device.Teams} teams: {this}");
    }

    /// <summary>
    /// How a launch between two layers divides the upper one's gates: shares of the rows (t, b) by shares of the columns.
    /// </summary>
    public BlockGrid InputGrid { get; private init; }

    /// <summary>How such a launch divides what the upper layer sends back to the lower one.</summary>
    public BlockGrid BelowGrid { get; private init; }

    /// <summary>The same plan, which does not switch to a single team when other programs use the cores.</summary>
    public ExecutionPlan Fixed => this with { Alone = null };

    /// <summary>
    /// The plan that runs the same steps on one team, for when other programs use the cores; only a plan of many steps has one, and only
    /// if it has several teams.
    /// </summary>
    internal ExecutionPlan? Alone { get; init; }

    private static string Text(BlockGrid grid) => string.Create(CultureInfo.InvariantCulture, $"{grid.Rows}x{grid.Columns}");

    private static ExecutionPlan With(PlanKind kind, int teams, ModelShape shape, StepOptions options, DeviceTraits device, string reason)
    {
        (int v, int h, int b, int rows) =
            (shape.VocabularySize, shape.HiddenSize, options.BatchSize, options.BatchSize * options.SequenceLength);
        int columns = GateColumns.Count(h, shape.Gates);
        if (device.Kind == DeviceKind.Cpu)
        {
            int tasks = CpuTasks(teams, rows);
            BlockGrid hiddenGrid = kind switch
            {
                PlanKind.ManySteps => WorkersHiddenGrid(shape, b, teams),
                PlanKind.TimeSteps or PlanKind.Persistent => new BlockGrid(1, teams),
                _ => new BlockGrid(teams, 1),
            };
            var inputGrid = new BlockGrid(1, Math.Min(tasks, Layout.PanelCount(columns)));
            return new ExecutionPlan(
                kind, teams, hiddenGrid, new GradientGrids(WorkerGrid(h, v, tasks), WorkerGrid(h, columns, tasks), inputGrid), reason)
            {
                InputGrid = new BlockGrid(teams, 1),
                BelowGrid = new BlockGrid(teams, 1),
            };
        }

        return new ExecutionPlan(
            kind, teams,
            kind is PlanKind.TimeSteps or PlanKind.Persistent ? GroupGrid(b, h, teams) : new BlockGrid(Math.Min(teams, b), 1),
            new GradientGrids(GroupGrid(h, v, teams), GroupGrid(h, columns, teams), GroupGrid(v, columns, teams)), reason)
        {
            InputGrid = GroupGrid(rows, columns, teams),
            BelowGrid = GroupGrid(rows, h, teams),
        };
    }

    /// <summary>
    /// How CPU workers divide the hidden states. Streams of their own let them work without meetings. But where there are few streams,
    /// each worker reads all of Whh in each time step for little work, or has no stream at all; if Whh is large, they share its columns.
    /// </summary>
    internal static BlockGrid WorkersHiddenGrid(ModelShape shape, int streams, int teams)
    {
        int streamsOfTeam = Parts(streams, teams), panels = Layout.PanelCount(shape.HiddenSize);
        double megabytes = sizeof(float) * (double)shape.Gates * shape.HiddenSize * shape.HiddenSize / (1 << 20);
        if (streamsOfTeam > SharedStreams || megabytes < SharedMegabytesPerStream * streamsOfTeam)
            return new BlockGrid(teams, 1);
        int columns = Math.Min(teams, panels);
        return new BlockGrid(Math.Min(streams, teams / columns), columns);
    }

    /// <summary>
    /// The number of tasks of the gradients for CPU workers: two for each, so that a worker that is late does not keep the others
    /// waiting for long.
    /// </summary>
    internal static int CpuTasks(int teams, int rows) => teams == 1 || rows < FewRows ? teams : 2 * teams;

    /// <summary>
    /// A grid for CPU workers, which are fastest on long rows: it divides the rows as long as tiles stay full, and only then the
    /// columns. But a share of the rows reads all of the product's right side, which no cache holds when it has thousands of
    /// columns. Such a matrix is divided by columns alone, so that its right side is read once.
    /// </summary>
    internal static BlockGrid WorkerGrid(int rows, int columns, int tasks)
    {
        if (columns >= 2 * rows && Layout.PanelCount(columns) >= FewPanels * tasks)
            return new BlockGrid(1, tasks);
        int shares = Math.Min(tasks, (rows + Product.MaxTileRows - 1) / Product.MaxTileRows);
        return new BlockGrid(shares, Math.Min(tasks / shares, Layout.PanelCount(columns)));
    }

    /// <summary>
    /// A grid for groups. It has no more blocks than there are groups, since one more would take as long as a second round. Of
    /// such grids it has the smallest blocks, and of these the ones with the shortest sides, which read the least of both operands.
    /// </summary>
    internal static BlockGrid GroupGrid(int rows, int columns, int groups) => (
        from height in Enumerable.Range(1, Parts(rows, BlockSide)).Select(i => i * BlockSide)
        let shares = Parts(rows, height)
        where shares <= groups
        let width = Parts(Parts(columns, groups / shares), BlockSide) * BlockSide // the narrowest blocks of which there are so few
        select (Grid: new BlockGrid(shares, Parts(columns, width)), Size: ((long)height * width, height + width)))
        .MinBy(one => one.Size).Grid;

    private static int Parts(int length, int part) => (length + part - 1) / part;
}

/// <summary>The kernels that run training steps.</summary>
public enum PlanKind
{
    /// <summary>
    /// A launch for each phase of a step: hidden states, outputs, the way back, gradients, update; of the states and the way back one for
    /// each layer, and one between two layers.
    /// </summary>
    Phases,

    /// <summary>The same with a launch for each time step, over blocks of the hidden states.</summary>
    TimeSteps,

    /// <summary>
    /// A launch for each phase, over blocks of the hidden states. Teams that share the units of streams meet after each time step.
    /// </summary>
    Persistent,

    /// <summary>
    /// Many whole steps in each launch: on the CPU by all teams, which meet between phases, or after each time step where they share the
    /// units of streams; on a GPU by one team.
    /// </summary>
    ManySteps,
}
