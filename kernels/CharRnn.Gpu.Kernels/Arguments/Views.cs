using ILGPU;

namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>
/// The tensors of a character model in an arena: the weights, or their gradients. Whh and Why are in panels, as products read them
/// (<see cref="Layout.Panels"/>), and the others are in rows. The padding is zero.
/// </summary>
public readonly struct ParameterViews(
    ArrayView<float> wxh, ArrayView<float> whh, ArrayView<float> bh, ArrayView<float> why, ArrayView<float> by)
{
    /// <summary>Wxh, <c>[V, HRow]</c>.</summary>
    public readonly ArrayView<float> Wxh = wxh;

    /// <summary>Whh, <c>[H, H]</c> in panels.</summary>
    public readonly ArrayView<float> Whh = whh;

    /// <summary>bh, <c>[HRow]</c>.</summary>
    public readonly ArrayView<float> Bh = bh;

    /// <summary>Why, <c>[H, V]</c> in panels.</summary>
    public readonly ArrayView<float> Why = why;

    /// <summary>by, <c>[VRow]</c>.</summary>
    public readonly ArrayView<float> By = by;
}

/// <summary>What the forward pass reads and writes. Everything is time-major: the streams of one time step are side by side.</summary>
public readonly struct ForwardViews(
    ArrayView<int> window, ArrayView<int> tokens, ArrayView<float> h, ArrayView<float> z, ArrayView<float> losses, ParameterViews weights)
{
    /// <summary>A piece of the text of every stream, <c>[B, window length]</c>; the host refills it.</summary>
    public readonly ArrayView<int> Window = window;

    /// <summary>The characters of a step, <c>[T+1, B]</c>: row t is the input x[t] and the target y[t-1].</summary>
    public readonly ArrayView<int> Tokens = tokens;

    /// <summary>Hidden states, <c>[T+1, B, HRow]</c>: row 0 is the carried state h[-1], row t+1 is h[t].</summary>
    public readonly ArrayView<float> H = h;

    /// <summary>Logits, which dz replaces, <c>[T, B, VRow]</c>.</summary>
    public readonly ArrayView<float> Z = z;

    /// <summary>The losses in nats, before they are summed (E3), <c>[T, B]</c>.</summary>
    public readonly ArrayView<float> Losses = losses;

    /// <summary>The weights.</summary>
    public readonly ParameterViews Weights = weights;
}

/// <summary>What a training step reads and writes beyond the forward pass.</summary>
public readonly struct TrainingViews(
    ForwardViews forward, ArrayView<float> da, ParameterViews gradient, UpdateViews update,
    ArrayView<float> whhTransposed, ArrayView<float> whyTransposed, ArrayView<float> stepLosses)
{
    /// <summary>What the forward pass reads and writes.</summary>
    public readonly ForwardViews Forward = forward;

    /// <summary>dh (E6), which da (E7) replaces, <c>[T, B, HRow]</c>.</summary>
    public readonly ArrayView<float> Da = da;

    /// <summary>The gradients of E5 and E8, before they are clipped.</summary>
    public readonly ParameterViews Gradient = gradient;

    /// <summary>What the update reads and writes.</summary>
    public readonly UpdateViews Update = update;

    /// <summary>Whhᵀ, <c>[H, H]</c> in panels, for E6; the update writes it.</summary>
    public readonly ArrayView<float> WhhTransposed = whhTransposed;

    /// <summary>Whyᵀ, <c>[V, H]</c> in panels, for E6; the update writes it.</summary>
    public readonly ArrayView<float> WhyTransposed = whyTransposed;

    /// <summary>The loss of each slot in nats (E3: the sum over T, the mean over B).</summary>
    public readonly ArrayView<float> StepLosses = stepLosses;

    /// <summary>The words of <see cref="StepStatus"/>.</summary>
    public ArrayView<int> Status => Update.Status;
}

/// <summary>The words of <see cref="TrainingViews.Status"/>.</summary>
public static class StepStatus
{
    // Each word has a cache line of its own: counting one must not disturb a team that waits for another.
    private const int Line = 16;

    /// <summary>
    /// Slot + 1 of the first step whose loss or gradient was not finite: its update and all later steps are skipped. 0 if there is none.
    /// </summary>
    public const int Diverged = 0;

    /// <summary>How often teams have arrived at meetings; see <see cref="Primitives.Team.Meet"/>.</summary>
    public const int Arrivals = 1 * Line;

    /// <summary>How many stretches of hidden states are ready; see <see cref="TrainStreamKernel"/>.</summary>
    public const int HiddenReady = 2 * Line;

    /// <summary>How many teams' shares of the outputs (E2–E4, E6's dz·Whyᵀ) are ready.</summary>
    public const int OutputsReady = 3 * Line;

    /// <summary>How many teams' shares of the way back (E6, E7) are ready.</summary>
    public const int ChainsReady = 4 * Line;

    /// <summary>How many tasks of E5 were taken; see <see cref="Primitives.Team.Take"/>.</summary>
    public const int OutputTasks = 5 * Line;

    /// <summary>How many tasks of E8 were taken.</summary>
    public const int RecurrentTasks = 6 * Line;

    /// <summary>
    /// Slot + 1 of the step that met the stopping criterion: all later steps are skipped. 0 if there is none; a character model has no
    /// such criterion.
    /// </summary>
    public const int Converged = 7 * Line;

    /// <summary>1 if the loss, or any of the gradient, of the step is not finite.</summary>
    public const int NonFinite = 8 * Line;

    /// <summary>The number of words.</summary>
    public const int Count = 9 * Line;
}

/// <summary>The arguments of a step.</summary>
public readonly struct StepArguments(
    long position, long windowLength, int startsOver, int slot, UpdateArguments update, int teams, GradientGrids gradientGrids)
{
    /// <summary>p, relative to the begin of the window.</summary>
    public readonly long Position = position;

    /// <summary>Number of characters of each stream in the window.</summary>
    public readonly long WindowLength = windowLength;

    /// <summary>1 if the carried state is set to zero first.</summary>
    public readonly int StartsOver = startsOver;

    /// <summary>The slot of this step.</summary>
    public readonly int Slot = slot;

    /// <summary>The optimizer.</summary>
    public readonly UpdateArguments Update = update;

    /// <summary>Number of teams in this launch.</summary>
    public readonly int Teams = teams;

    /// <summary>How the gradients are divided into tasks; this changes no result.</summary>
    public readonly GradientGrids GradientGrids = gradientGrids;

    /// <summary>The arguments of the n-th step after this one, if p does not return to 0 in between.</summary>
    public StepArguments Later(int n, int sequenceLength) =>
        new(Position + ((long)n * sequenceLength), WindowLength, n == 0 ? StartsOver : 0, Slot + n, Update, Teams, GradientGrids);
}
