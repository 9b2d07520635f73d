using ILGPU;

namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>A layer of a feed-forward network: its sizes and functions, and where its values begin in the buffers.</summary>
public readonly struct NetworkLayer(
    int inputs, int outputs, int activation, int loss, int weights, int bias, int transposed, int below, int above, int delta,
    BlockGrid gradientGrid)
{
    /// <summary>Number of inputs, and of neurons.</summary>
    public readonly int Inputs = inputs, Outputs = outputs;

    /// <summary>Padded lengths of a row of inputs, and of outputs.</summary>
    public readonly int InputRow = RnnDims.PaddedRow(inputs), OutputRow = RnnDims.PaddedRow(outputs);

    /// <summary>σ, a number of <see cref="Primitives.Activation"/>; the identity where the outputs go through a softmax.</summary>
    public readonly int Activation = activation;

    /// <summary>The loss, a number of <see cref="Primitives.OutputLoss"/>; a hidden layer has none.</summary>
    public readonly int Loss = loss;

    /// <summary>Where W[l]ᵀ begins, <c>[in, out]</c> in panels, in the arenas.</summary>
    public readonly int Weights = weights;

    /// <summary>Where b[l] begins, a padded row, in the arenas.</summary>
    public readonly int Bias = bias;

    /// <summary>
    /// Where W[l] begins, <c>[out, in]</c> in panels, in <see cref="UpdateViews.Transposed"/>. The first layer has none, because nobody
    /// needs the gradient of the data.
    /// </summary>
    public readonly int Transposed = transposed;

    /// <summary>Where h[l-1] and h[l] begin, <c>[rows, padded]</c>, in <see cref="NetworkViews.H"/>. Training needs no h[L].</summary>
    public readonly int Below = below, Above = above;

    /// <summary>Where δ[l] begins, <c>[rows, padded]</c>, in <see cref="NetworkViews.Delta"/>; it replaces z in the last layer.</summary>
    public readonly int Delta = delta;

    /// <summary>How ∇W[l] is divided into tasks.</summary>
    public readonly BlockGrid GradientGrid = gradientGrid;
}

/// <summary>What a step of a feed-forward network reads and writes.</summary>
public readonly struct NetworkViews(
    ArrayView<NetworkLayer> layers, UpdateViews update, ArrayView<float> h, ArrayView<float> delta,
    ArrayView<float> data, ArrayView<float> targets, ArrayView<int> classes, ArrayView<int> order,
    ArrayView<float> batchTargets, ArrayView<int> batchClasses, ArrayView<float> losses, ArrayView<float> stepLosses,
    ArrayView<float> stepSquares)
{
    /// <summary>The L layers.</summary>
    public readonly ArrayView<NetworkLayer> Layers = layers;

    /// <summary>The parameters, their gradient, and all else that the update reads and writes.</summary>
    public readonly UpdateViews Update = update;

    /// <summary>h[0] to h[L] of the batch; only evaluation writes h[L].</summary>
    public readonly ArrayView<float> H = h;

    /// <summary>δ[1] to δ[L] of the batch.</summary>
    public readonly ArrayView<float> Delta = delta;

    /// <summary>All rows of the data, <c>[n, padded]</c>.</summary>
    public readonly ArrayView<float> Data = data;

    /// <summary>y of all rows, <c>[n, padded]</c>; only a line where y are classes.</summary>
    public readonly ArrayView<float> Targets = targets;

    /// <summary>y of all rows as classes, <c>[n]</c>; only a word where y are numbers.</summary>
    public readonly ArrayView<int> Classes = classes;

    /// <summary>The indices of rows in the order in which steps take them, epoch after epoch.</summary>
    public readonly ArrayView<int> Order = order;

    /// <summary>y of the batch.</summary>
    public readonly ArrayView<float> BatchTargets = batchTargets;

    /// <summary>y of the batch as classes.</summary>
    public readonly ArrayView<int> BatchClasses = batchClasses;

    /// <summary>The loss of each row of the batch.</summary>
    public readonly ArrayView<float> Losses = losses;

    /// <summary>J (N2) of each slot, from index 1 on; index 0 has J of the step before the first slot.</summary>
    public readonly ArrayView<float> StepLosses = stepLosses;

    /// <summary>The squared norm of the gradient of each slot.</summary>
    public readonly ArrayView<float> StepSquares = stepSquares;

    /// <summary>The words of <see cref="NetworkStatus"/>.</summary>
    public ArrayView<int> Status => Update.Status;
}

/// <summary>The words of <see cref="NetworkViews.Status"/>, in the places of <see cref="StepStatus"/>.</summary>
public static class NetworkStatus
{
    /// <summary>Slot + 1 of the first step whose loss or gradient was not finite.</summary>
    public const int Diverged = StepStatus.Diverged;

    /// <summary>Slot + 1 of the step that met the stopping criterion: all later steps are skipped.</summary>
    public const int Converged = StepStatus.Converged;

    /// <summary>How many tasks of N5 were taken.</summary>
    public const int Tasks = StepStatus.OutputTasks;

    /// <summary>1 if the loss, or any of the gradient, of the step is not finite.</summary>
    public const int NonFinite = StepStatus.NonFinite;

    /// <summary>The number of words.</summary>
    public const int Count = StepStatus.Count;
}

/// <summary>The arguments of a launch that runs steps of a feed-forward network.</summary>
public readonly struct NetworkArguments(
    int rows, int batch, int ordered, int first, int slot, UpdateArguments update, float gradientTolerance, float lossTolerance, int teams)
{
    /// <summary>n, the number of rows of an epoch.</summary>
    public readonly int Rows = rows;

    /// <summary>The number of rows of a step; the last step of an epoch has those that are left.</summary>
    public readonly int Batch = batch;

    /// <summary>The number of steps that the order lists, after which it begins again.</summary>
    public readonly int Ordered = ordered;

    /// <summary>The number of the first step in the order.</summary>
    public readonly int First = first % ordered;

    /// <summary>The slot of the first step.</summary>
    public readonly int Slot = slot;

    /// <summary>The optimizer.</summary>
    public readonly UpdateArguments Update = update;

    /// <summary>The step whose gradient has a smaller norm is the last; 0 lets training go on.</summary>
    public readonly float GradientTolerance = gradientTolerance;

    /// <summary>The step that changed J by less is the last; 0 lets training go on.</summary>
    public readonly float LossTolerance = lossTolerance;

    /// <summary>Number of teams in this launch.</summary>
    public readonly int Teams = teams;

    /// <summary>Number of steps of an epoch.</summary>
    public int StepsPerEpoch => (Rows + Batch - 1) / Batch;

    /// <summary>Where the rows of the first step begin in the order.</summary>
    public int Begin => (First / StepsPerEpoch * Rows) + (First % StepsPerEpoch * Batch);

    /// <summary>Number of rows of the first step.</summary>
    public int Count => Rows - (First % StepsPerEpoch * Batch) < Batch ? Rows - (First % StepsPerEpoch * Batch) : Batch;

    /// <summary>Whether the batch holds these rows already: a batch of all rows is fetched by the first step of a call.</summary>
    public bool IsFetched => Ordered == 1 && Slot > 0;

    /// <summary>The arguments of the n-th step after the first.</summary>
    public NetworkArguments Later(int n) => new(Rows, Batch, Ordered, First + n, Slot + n, Update, GradientTolerance, LossTolerance, Teams);
}
