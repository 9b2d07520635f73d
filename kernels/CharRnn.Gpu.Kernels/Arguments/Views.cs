using ILGPU;

namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>
/// A character model's tensors in an arena: the weights, or their gradients. Whh and Why lie in panels
/// (<see cref="Layout.Panels"/>), as products read them; the others in rows. The padding is zero.
/// </summary>
public readonly struct ParameterViews(
    ArrayView<float> wxh, ArrayView<float> whh, ArrayView<float> bh, ArrayView<float> why, ArrayView<float> by)
{
    /// <summary><c>[V, HRow]</c></summary>
    public readonly ArrayView<float> Wxh = wxh;

    /// <summary><c>[H, H]</c> in panels.</summary>
    public readonly ArrayView<float> Whh = whh;

    /// <summary><c>[HRow]</c></summary>
    public readonly ArrayView<float> Bh = bh;

    /// <summary><c>[H, V]</c> in panels.</summary>
    public readonly ArrayView<float> Why = why;

    /// <summary><c>[VRow]</c></summary>
    public readonly ArrayView<float> By = by;
}

/// <summary>What the forward pass reads and writes. Everything is time-major, the streams of one time step side by side.</summary>
public readonly struct ForwardViews(
    ArrayView<int> window, ArrayView<int> tokens, ArrayView<float> h, ArrayView<float> z, ArrayView<float> losses, ParameterViews weights)
{
    /// <summary>A stretch of every stream's text, <c>[B, window length]</c>; owned by the host, which refills it.</summary>
    public readonly ArrayView<int> Window = window;

    /// <summary>This step's characters, <c>[T+1, B]</c>: row t is the input x[t] and the target y[t-1].</summary>
    public readonly ArrayView<int> Tokens = tokens;

    /// <summary>Hidden states, <c>[T+1, B, HRow]</c>: row 0 is the carried state h[-1], row t+1 is h[t].</summary>
    public readonly ArrayView<float> H = h;

    /// <summary>Logits and, in their place, dz: <c>[T, B, VRow]</c>.</summary>
    public readonly ArrayView<float> Z = z;

    /// <summary>E3 before its sums, nats, <c>[T, B]</c>.</summary>
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

    /// <summary>E6 and, in its place, E7: <c>[T, B, HRow]</c>.</summary>
    public readonly ArrayView<float> Da = da;

    /// <summary>E5 and E8, unclipped.</summary>
    public readonly ParameterViews Gradient = gradient;

    /// <summary>What the update reads and writes.</summary>
    public readonly UpdateViews Update = update;

    /// <summary>Whhᵀ, <c>[H, H]</c> in panels, kept beside Whh for E6; written by the update.</summary>
    public readonly ArrayView<float> WhhTransposed = whhTransposed;

    /// <summary>Whyᵀ, <c>[V, H]</c> in panels.</summary>
    public readonly ArrayView<float> WhyTransposed = whyTransposed;

    /// <summary>The loss of each step since the host last looked (E3: sum over T, mean over B), nats.</summary>
    public readonly ArrayView<float> StepLosses = stepLosses;

    /// <summary>See <see cref="StepStatus"/>.</summary>
    public ArrayView<int> Status => Update.Status;
}

/// <summary>The words of <see cref="TrainingViews.Status"/>.</summary>
public static class StepStatus
{
    // A cache line for each: who waits for one word must not be disturbed by those who count another.
    private const int Line = 16;

    /// <summary>
    /// Slot + 1 of the first step whose loss or gradient was not finite: its update and all later steps are skipped. 0 if none.
    /// </summary>
    public const int Diverged = 0;

    /// <summary>How many teams have come to how many meetings; see <see cref="Primitives.Team.Meet"/>.</summary>
    public const int Arrivals = 1 * Line;

    /// <summary>Stretches of hidden states that are ready; see <see cref="TrainStreamKernel"/>.</summary>
    public const int HiddenReady = 2 * Line;

    /// <summary>Teams whose share of a step's outputs (E2–E4, E6's dz·Whyᵀ) is ready.</summary>
    public const int OutputsReady = 3 * Line;

    /// <summary>Teams whose share of a step's way back (E6, E7) is ready.</summary>
    public const int ChainsReady = 4 * Line;

    /// <summary>Tasks of E5 that were taken; see <see cref="Primitives.Team.Take"/>.</summary>
    public const int OutputTasks = 5 * Line;

    /// <summary>Tasks of E8 that were taken.</summary>
    public const int RecurrentTasks = 6 * Line;

    /// <summary>
    /// Slot + 1 of the step that was small enough to be the last: all later ones are skipped. 0 if none; always of a character model.
    /// </summary>
    public const int Converged = 7 * Line;

    /// <summary>From here on one word per team: 1 if what it computed of the step's gradient is not finite.</summary>
    public const int TeamFlags = 8 * Line;
}

/// <summary>What changes from step to step.</summary>
public readonly struct StepArguments(
    long position, long windowLength, int startsOver, int slot, UpdateArguments update, int teams, GradientGrids gradientGrids)
{
    /// <summary>p within the window.</summary>
    public readonly long Position = position;

    /// <summary>Tokens of each stream in the window.</summary>
    public readonly long WindowLength = windowLength;

    /// <summary>1 if the carried state is zeroed first.</summary>
    public readonly int StartsOver = startsOver;

    /// <summary>Where this step's loss goes.</summary>
    public readonly int Slot = slot;

    /// <summary>The optimizer.</summary>
    public readonly UpdateArguments Update = update;

    /// <summary>Teams in this launch.</summary>
    public readonly int Teams = teams;

    /// <summary>How the gradients are divided into tasks; this changes no result.</summary>
    public readonly GradientGrids GradientGrids = gradientGrids;

    /// <summary>The arguments of the n-th step after this one, with no wrap between.</summary>
    public StepArguments Later(int n, int sequenceLength) =>
        new(Position + ((long)n * sequenceLength), WindowLength, n == 0 ? StartsOver : 0, Slot + n, Update, Teams, GradientGrids);
}
