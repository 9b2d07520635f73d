using ILGPU;

namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>A layer of a feed-forward network: its sizes and functions, and where its values begin in the buffers.</summary>
public readonly struct NetworkLayer(
    int inputs, int numbers, int outputs, int activation, int loss, int weights, int bias, int transposed, int below, int above,
    int dropped, int delta, BlockGrid gradientGrid)
{
    /// <summary>Number of inputs, and of neurons.</summary>
    public readonly int Inputs = inputs, Outputs = outputs;

    /// <summary>
    /// Number of the inputs that are numbers, which is all of them above the first layer. The others are 1 or 0, and of them h[0] has only
    /// the places of those that are 1.
    /// </summary>
    public readonly int Numbers = numbers;

    /// <summary>Padded lengths of a row of inputs that are numbers, and of outputs.</summary>
    public readonly int InputRow = RnnDims.PaddedRow(numbers), OutputRow = RnnDims.PaddedRow(outputs);

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

    /// <summary>
    /// Where what the layer reads, and h[l], begin, <c>[rows, padded]</c>, in <see cref="NetworkViews.H"/>. Training needs no h[L].
    /// </summary>
    public readonly int Below = below, Above = above;

    /// <summary>Where h[l] begins with dropout (E12), which the layer above reads; of the last layer, and without dropout, h[l].</summary>
    public readonly int Dropped = dropped;

    /// <summary>Where δ[l] begins, <c>[rows, padded]</c>, in <see cref="NetworkViews.Delta"/>; it replaces z in the last layer.</summary>
    public readonly int Delta = delta;

    /// <summary>How ∇W[l] is divided into tasks.</summary>
    public readonly BlockGrid GradientGrid = gradientGrid;
}

/// <summary>A block of the gradient of the first layer's weights, of inputs that are categories of one column: a task.</summary>
public readonly struct CategoryBlock(int column, int first, int values, int left, int width)
{
    /// <summary>The column.</summary>
    public readonly int Column = column;

    /// <summary>The first input, and how many.</summary>
    public readonly int First = first, Values = values;

    /// <summary>The first neuron, and how many.</summary>
    public readonly int Left = left, Width = width;
}

/// <summary>The rows of the data, or of a window of them, and those of a batch, which a step fetches.</summary>
public readonly struct NetworkRows(
    int columns, int batch, int weighted, ArrayView<float> numbers, ArrayView<int> codes, ArrayView<float> targets,
    ArrayView<int> classes, ArrayView<float> weights, ArrayView<int> batchCodes, ArrayView<float> batchTargets,
    ArrayView<int> batchClasses, ArrayView<float> batchWeights)
{
    /// <summary>Number of columns of categories.</summary>
    public readonly int Columns = columns;

    /// <summary>The most rows of a batch, and the distance between columns of <see cref="BatchCodes"/>.</summary>
    public readonly int Batch = batch;

    /// <summary>Whether rows count in J as their weights say.</summary>
    public readonly int Weighted = weighted;

    /// <summary>The inputs of all rows that are numbers, <c>[n, numbers]</c> without padding.</summary>
    public readonly ArrayView<float> Numbers = numbers;

    /// <summary>The places of the inputs of all rows that are 1, <c>[n, columns]</c>; only a word where there are no categories.</summary>
    public readonly ArrayView<int> Codes = codes;

    /// <summary>y of all rows, <c>[n, outputs]</c> without padding; only a line where y are classes.</summary>
    public readonly ArrayView<float> Targets = targets;

    /// <summary>y of all rows as classes, <c>[n]</c>; only a word where y are numbers.</summary>
    public readonly ArrayView<int> Classes = classes;

    /// <summary>How much each row counts in J, <c>[n]</c>; only a line where all count alike.</summary>
    public readonly ArrayView<float> Weights = weights;

    /// <summary>The places of the inputs of the batch that are 1, <c>[columns, batch]</c>.</summary>
    public readonly ArrayView<int> BatchCodes = batchCodes;

    /// <summary>y of the batch, <c>[batch, padded]</c>.</summary>
    public readonly ArrayView<float> BatchTargets = batchTargets;

    /// <summary>y of the batch as classes.</summary>
    public readonly ArrayView<int> BatchClasses = batchClasses;

    /// <summary>How much each row of the batch counts in J.</summary>
    public readonly ArrayView<float> BatchWeights = batchWeights;
}

/// <summary>What a step of a feed-forward network reads and writes.</summary>
public readonly struct NetworkViews(
    ArrayView<NetworkLayer> layers, ArrayView<CategoryBlock> categories, UpdateViews update, ArrayView<float> h, ArrayView<float> delta,
    NetworkRows rows, ArrayView<int> order, ArrayView<float> losses, ArrayView<float> stepLosses, ArrayView<float> stepSquares)
{
    /// <summary>The L layers.</summary>
    public readonly ArrayView<NetworkLayer> Layers = layers;

    /// <summary>The blocks of the inputs that are categories; one of no inputs where there are none.</summary>
    public readonly ArrayView<CategoryBlock> Categories = categories;

    /// <summary>The parameters, their gradient, and all else that the update reads and writes.</summary>
    public readonly UpdateViews Update = update;

    /// <summary>h[0] to h[L] of the batch; only evaluation writes h[L].</summary>
    public readonly ArrayView<float> H = h;

    /// <summary>δ[1] to δ[L] of the batch.</summary>
    public readonly ArrayView<float> Delta = delta;

    /// <summary>The rows of the data, and those of the batch.</summary>
    public readonly NetworkRows Rows = rows;

    /// <summary>The indices of rows in the order in which steps take them, epoch after epoch.</summary>
    public readonly ArrayView<int> Order = order;

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
    int rows, int batch, int ordered, int first, int slot, UpdateArguments update, DropoutArguments dropout, float gradientTolerance,
    float lossTolerance, int teams)
{
    /// <summary>n, the number of rows of an epoch, or of a window of it, which then is what a step's place is counted in.</summary>
    public readonly int Rows = rows;

    /// <summary>The number of rows of a step; the last step of these rows has those that are left.</summary>
    public readonly int Batch = batch;

    /// <summary>The number of steps that the order lists, after which it begins again.</summary>
    public readonly int Ordered = ordered;

    /// <summary>The number of the first step in the order.</summary>
    public readonly int First = first % ordered;

    /// <summary>The slot of the first step.</summary>
    public readonly int Slot = slot;

    /// <summary>The optimizer.</summary>
    public readonly UpdateArguments Update = update;

    /// <summary>The dropout of the hidden layers.</summary>
    public readonly DropoutArguments Dropout = dropout;

    /// <summary>The step whose gradient has a smaller norm is the last; 0 lets training go on.</summary>
    public readonly float GradientTolerance = gradientTolerance;

    /// <summary>The step that changed J by less is the last; 0 lets training go on.</summary>
    public readonly float LossTolerance = lossTolerance;

    /// <summary>Number of teams in this launch.</summary>
    public readonly int Teams = teams;

    /// <summary>Number of steps of these rows.</summary>
    public int StepsPerEpoch => (Rows + Batch - 1) / Batch;

    /// <summary>Where the rows of the first step begin in the order.</summary>
    public int Begin => (First / StepsPerEpoch * Rows) + (First % StepsPerEpoch * Batch);

    /// <summary>Number of rows of the first step.</summary>
    public int Count => Rows - (First % StepsPerEpoch * Batch) < Batch ? Rows - (First % StepsPerEpoch * Batch) : Batch;

    /// <summary>Whether the batch holds these rows already: a batch of all rows is fetched by the first step of a call.</summary>
    public bool IsFetched => Ordered == 1 && Slot > 0;

    /// <summary>The arguments of the n-th step after the first.</summary>
    public NetworkArguments Later(int n) => new(
        Rows, Batch, Ordered, First + n, Slot + n, Update, Dropout.Later(n), GradientTolerance, LossTolerance, Teams);
}
