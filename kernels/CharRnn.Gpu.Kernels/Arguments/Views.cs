using ILGPU;

namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>
/// The tensors of a character model in an arena: the weights, or their gradients. Those of a layer begin where its <see
/// cref="RecurrentLayer"/> says. Matrices are in panels, as products read them (<see cref="Layout.Panels"/>); the lowest Wxh, whose rows
/// are looked up, and biases are in rows. The padding is zero.
/// </summary>
public readonly struct ParameterViews(ArrayView<float> arena, ArrayView<float> why, ArrayView<float> by)
{
    /// <summary>The whole arena.</summary>
    public readonly ArrayView<float> Arena = arena;

    /// <summary>Why, <c>[H, V]</c> in panels.</summary>
    public readonly ArrayView<float> Why = why;

    /// <summary>by, <c>[VRow]</c>.</summary>
    public readonly ArrayView<float> By = by;

    /// <summary>The arena from a place on.</summary>
    public ArrayView<float> From(int offset) => Arena.SubView(offset, Arena.IntLength - offset);
}

/// <summary>What the forward pass reads and writes. Everything is time-major: the streams of one time step are side by side.</summary>
public readonly struct ForwardViews(
    ArrayView<int> window, ArrayView<int> tokens, ArrayView<float> h, ArrayView<float> c, ArrayView<float> gates,
    ArrayView<float> recurrent, ArrayView<float> x, ArrayView<float> z, ArrayView<float> losses, ArrayView<RecurrentLayer> layers,
    ParameterViews weights)
{
    /// <summary>A piece of the text of every stream, <c>[B, window length]</c>; the host refills it.</summary>
    public readonly ArrayView<int> Window = window;

    /// <summary>The characters of a step, <c>[T+1, B]</c>: row t is the input x[t] and the target y[t-1].</summary>
    public readonly ArrayView<int> Tokens = tokens;

    /// <summary>Hidden states of each layer, <c>[T+1, B, HRow]</c>: row 0 is the carried state h[-1], row t+1 is h[t].</summary>
    public readonly ArrayView<float> H = h;

    /// <summary>Cell states of each layer, <c>[T+1, B, HRow]</c> in the same way; only a line in cells without them.</summary>
    public readonly ArrayView<float> C = c;

    /// <summary>
    /// Gates of each layer, <c>[T, B, GateRow]</c>: first the input's part of their pre-activations, then their values. A vanilla cell has
    /// them in the place of its hidden states.
    /// </summary>
    public readonly ArrayView<float> Gates = gates;

    /// <summary>
    /// The state's part of the pre-activations in the same shape: the same memory as <see cref="Gates"/>, to which it is added, except in a
    /// GRU.
    /// </summary>
    public readonly ArrayView<float> Recurrent = recurrent;

    /// <summary>
    /// What the layer above, or the output, reads of each layer, <c>[T, B, HRow]</c>: the same memory as <see cref="H"/>, unless some of it
    /// is dropped (E12).
    /// </summary>
    public readonly ArrayView<float> X = x;

    /// <summary>Logits, which dz replaces, <c>[T, B, VRow]</c>.</summary>
    public readonly ArrayView<float> Z = z;

    /// <summary>The losses in nats, before they are summed (E3), <c>[T, B]</c>.</summary>
    public readonly ArrayView<float> Losses = losses;

    /// <summary>The recurrent layers, from the lowest on.</summary>
    public readonly ArrayView<RecurrentLayer> Layers = layers;

    /// <summary>The weights.</summary>
    public readonly ParameterViews Weights = weights;

    /// <summary>Rows (t, b) of what the output reads, from one of them on.</summary>
    public ArrayView<float> Top(RnnDims d, int row, int rows) => X.SubView(Layers[d.Layers - 1].Above + (row * d.HRow), rows * d.HRow);
}

/// <summary>What a training step reads and writes beyond the forward pass.</summary>
public readonly struct TrainingViews(
    ForwardViews forward, ArrayView<float> dh, ArrayView<float> deltas, ArrayView<float> recurrentDeltas, ArrayView<float> carry,
    ParameterViews gradient, UpdateViews update, ArrayView<float> whyTransposed, ArrayView<float> stepLosses)
{
    /// <summary>What the forward pass reads and writes.</summary>
    public readonly ForwardViews Forward = forward;

    /// <summary>dh (E6), <c>[T, B, HRow]</c>; of each layer in a vanilla cell, of the layer at work in others.</summary>
    public readonly ArrayView<float> Dh = dh;

    /// <summary>
    /// The gradient at the input's part of the pre-activations (E7) of each layer, <c>[T, B, GateRow]</c>. It replaces dh in a vanilla
    /// cell, and the values of the gates in others.
    /// </summary>
    public readonly ArrayView<float> Deltas = deltas;

    /// <summary>The gradient at the state's part: the same memory as <see cref="Deltas"/>, except in a GRU.</summary>
    public readonly ArrayView<float> RecurrentDeltas = recurrentDeltas;

    /// <summary>
    /// What a time step sends back beside its gates, <c>[B, HRow]</c>: the gradient of c in an LSTM, a part of that of h in a GRU; only a
    /// line in a vanilla cell.
    /// </summary>
    public readonly ArrayView<float> Carry = carry;

    /// <summary>The gradients of E5 and E8, before they are clipped.</summary>
    public readonly ParameterViews Gradient = gradient;

    /// <summary>What the update reads and writes.</summary>
    public readonly UpdateViews Update = update;

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
    // Each count has a cache line of its own: counting one must not disturb a team that waits for another.
    private const int Line = 16;

    /// <summary>
    /// Slot + 1 of the first step whose loss or gradient was not finite: its update and all later steps are skipped. 0 if there is none.
    /// </summary>
    public const int Diverged = 0;

    /// <summary>
    /// 1 if a group has waited so long for others that it gave up; see <see cref="Primitives.Team.MeetSideBySide"/>. Then
    /// <see cref="Diverged"/> is set, too, and what was computed is worthless.
    /// </summary>
    public const int Stuck = 1;

    /// <summary>How often teams have arrived at meetings; see <see cref="Primitives.Team.Meet"/>.</summary>
    public const int Arrivals = 1 * Line;

    /// <summary>How many teams' shares of the outputs (E2–E4, E6's dz·Whyᵀ) are ready.</summary>
    public const int OutputsReady = 2 * Line;

    /// <summary>How many teams' shares of the way back (E6, E7) are ready.</summary>
    public const int ChainsReady = 3 * Line;

    /// <summary>How many tasks of E5 were taken; see <see cref="Primitives.Team.Take"/>.</summary>
    public const int OutputTasks = 4 * Line;

    /// <summary>How many tasks of E8 were taken.</summary>
    public const int RecurrentTasks = 5 * Line;

    /// <summary>
    /// Slot + 1 of the step that met the stopping criterion: all later steps are skipped. 0 if there is none; a character model has no
    /// such criterion.
    /// </summary>
    public const int Converged = 6 * Line;

    /// <summary>1 if the loss, or any of the gradient, of the step is not finite.</summary>
    public const int NonFinite = 7 * Line;

    /// <summary>The number of words, without those of time steps.</summary>
    public const int Count = 8 * Line;

    /// <summary>How often the teams that share the units of a share of the streams have arrived after time steps.</summary>
    public static int TimeStepsOf(int share) => Count + (share * Line);

    /// <summary>The number of words where the streams are divided into at most so many shares.</summary>
    public static int CountFor(int shares) => TimeStepsOf(shares);
}

/// <summary>The arguments of a step.</summary>
public readonly struct StepArguments(
    long position, long windowLength, int startsOver, int slot, UpdateArguments update, int teams, BlockGrid hiddenGrid,
    GradientGrids gradientGrids, DropoutArguments dropout)
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

    /// <summary>How a launch of many steps divides the hidden states.</summary>
    public readonly BlockGrid HiddenGrid = hiddenGrid;

    /// <summary>How the gradients are divided into tasks.</summary>
    public readonly GradientGrids GradientGrids = gradientGrids;

    /// <summary>What is dropped.</summary>
    public readonly DropoutArguments Dropout = dropout;

    /// <summary>The same for a launch of another number of teams.</summary>
    public StepArguments On(int teams) =>
        new(Position, WindowLength, StartsOver, Slot, Update, teams, HiddenGrid, GradientGrids, Dropout);

    /// <summary>The arguments of the n-th step after this one, if p does not return to 0 in between.</summary>
    public StepArguments Later(int n, int sequenceLength) => new(
        Position + ((long)n * sequenceLength), WindowLength, n == 0 ? StartsOver : 0, Slot + n, Update, Teams, HiddenGrid, GradientGrids,
        Dropout.Later(n));
}
