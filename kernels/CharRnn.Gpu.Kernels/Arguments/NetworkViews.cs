using ILGPU;

namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>A layer of a feed-forward network: its sizes, and where what belongs to it begins.</summary>
public readonly struct NetworkLayer(
    int inputs, int outputs, int activation, int loss, int weights, int bias, int transposed, int below, int above, int delta,
    BlockGrid gradientGrid)
{
    /// <summary>Numbers that it reads, and neurons.</summary>
    public readonly int Inputs = inputs, Outputs = outputs;

    /// <summary>Padded lengths of rows of these.</summary>
    public readonly int InputRow = RnnDims.PaddedRow(inputs), OutputRow = RnnDims.PaddedRow(outputs);

    /// <summary>The layer's σ, an <see cref="Primitives.Activation"/>; the identity where the loss is the softmax's.</summary>
    public readonly int Activation = activation;

    /// <summary>The last layer's loss, an <see cref="Primitives.OutputLoss"/>; <see cref="Primitives.OutputLoss.None"/> in a hidden layer.</summary>
    public readonly int Loss = loss;

    /// <summary>W[l]ᵀ, <c>[in, out]</c> in panels, in θ and in the gradient.</summary>
    public readonly int Weights = weights;

    /// <summary>b[l], a padded row, there.</summary>
    public readonly int Bias = bias;

    /// <summary>W[l], <c>[out, in]</c> in panels, in <see cref="UpdateViews.Transposed"/>; of the first layer nothing: nobody asks for the data's gradient.</summary>
    public readonly int Transposed = transposed;

    /// <summary>h[l-1] and h[l], <c>[rows, padded]</c>, in <see cref="NetworkViews.H"/>; training needs no h[L].</summary>
    public readonly int Below = below, Above = above;

    /// <summary>δ[l], <c>[rows, padded]</c>, in <see cref="NetworkViews.Delta"/>; the last layer's z before it.</summary>
    public readonly int Delta = delta;

    /// <summary>How ∇W[l] is divided into tasks; this changes no result.</summary>
    public readonly BlockGrid GradientGrid = gradientGrid;
}

/// <summary>What a step of a feed-forward network reads and writes.</summary>
public readonly struct NetworkViews(
    ArrayView<NetworkLayer> layers, UpdateViews update, ArrayView<float> h, ArrayView<float> delta,
    ArrayView<float> data, ArrayView<float> targets, ArrayView<int> classes, ArrayView<int> order,
    ArrayView<float> batchTargets, ArrayView<int> batchClasses, ArrayView<float> losses, ArrayView<float> stepLosses,
    ArrayView<float> stepSquares)
{
    /// <summary>L layers.</summary>
    public readonly ArrayView<NetworkLayer> Layers = layers;

    /// <summary>The parameters, their gradient, and what else the update reads and writes.</summary>
    public readonly UpdateViews Update = update;

    /// <summary>h[0] to h[L] of the batch; the last is for who asks the network.</summary>
    public readonly ArrayView<float> H = h;

    /// <summary>δ[1] to δ[L] of the batch.</summary>
    public readonly ArrayView<float> Delta = delta;

    /// <summary>All rows of the data, <c>[n, padded]</c>.</summary>
    public readonly ArrayView<float> Data = data;

    /// <summary>y of all rows, <c>[n, padded]</c>; one line where there are classes.</summary>
    public readonly ArrayView<float> Targets = targets;

    /// <summary>y of all rows as classes, <c>[n]</c>; one word where there are targets.</summary>
    public readonly ArrayView<int> Classes = classes;

    /// <summary>The rows in the order in which steps take them, epoch after epoch.</summary>
    public readonly ArrayView<int> Order = order;

    /// <summary>y of the batch.</summary>
    public readonly ArrayView<float> BatchTargets = batchTargets;

    /// <summary>y of the batch as classes.</summary>
    public readonly ArrayView<int> BatchClasses = batchClasses;

    /// <summary>The loss of each row of the batch.</summary>
    public readonly ArrayView<float> Losses = losses;

    /// <summary>J of each step (N2) since the host last looked, from index 1 on; at 0 that of the step before.</summary>
    public readonly ArrayView<float> StepLosses = stepLosses;

    /// <summary>The gradient's norm, squared, of each step since the host last looked.</summary>
    public readonly ArrayView<float> StepSquares = stepSquares;

    /// <summary>See <see cref="NetworkStatus"/>.</summary>
    public ArrayView<int> Status => Update.Status;
}

/// <summary>The words of <see cref="NetworkViews.Status"/>; they are <see cref="StepStatus"/>'s.</summary>
public static class NetworkStatus
{
    /// <summary>Slot + 1 of the first step whose loss or gradient was not finite.</summary>
    public const int Diverged = StepStatus.Diverged;

    /// <summary>Slot + 1 of the step that was small enough to be the last: all later ones are skipped.</summary>
    public const int Converged = StepStatus.Converged;

    /// <summary>Tasks of N5 that were taken.</summary>
    public const int Tasks = StepStatus.OutputTasks;

    /// <summary>From here on one word per team, see <see cref="StepStatus.TeamFlags"/>.</summary>
    public const int TeamFlags = StepStatus.TeamFlags;
}

/// <summary>What a launch of steps is told.</summary>
public readonly struct NetworkArguments(
    int rows, int batch, int ordered, int first, int slot, UpdateArguments update, float gradientTolerance, float lossTolerance, int teams)
{
    /// <summary>n: rows of an epoch.</summary>
    public readonly int Rows = rows;

    /// <summary>Rows of a step; an epoch's last has what is left.</summary>
    public readonly int Batch = batch;

    /// <summary>Steps that the order lists; then it begins again.</summary>
    public readonly int Ordered = ordered;

    /// <summary>The first step's number within the order.</summary>
    public readonly int First = first % ordered;

    /// <summary>Where its loss goes.</summary>
    public readonly int Slot = slot;

    /// <summary>The optimizer.</summary>
    public readonly UpdateArguments Update = update;

    /// <summary>The norm of a gradient below which a step is the last; 0 to go on.</summary>
    public readonly float GradientTolerance = gradientTolerance;

    /// <summary>The change of J below which a step is the last; 0 to go on.</summary>
    public readonly float LossTolerance = lossTolerance;

    /// <summary>Teams in this launch.</summary>
    public readonly int Teams = teams;

    /// <summary>Steps of an epoch.</summary>
    public int StepsPerEpoch => (Rows + Batch - 1) / Batch;

    /// <summary>Where this step's rows begin in the order.</summary>
    public int Begin => (First / StepsPerEpoch * Rows) + (First % StepsPerEpoch * Batch);

    /// <summary>Rows of this step.</summary>
    public int Count => Rows - (First % StepsPerEpoch * Batch) < Batch ? Rows - (First % StepsPerEpoch * Batch) : Batch;

    /// <summary>Whether the batch holds these rows already: all of them, from the call's first step.</summary>
    public bool IsFetched => Ordered == 1 && Slot > 0;

    /// <summary>The n-th step after this one.</summary>
    public NetworkArguments Later(int n) => new(Rows, Batch, Ordered, First + n, Slot + n, Update, GradientTolerance, LossTolerance, Teams);
}
