using CharRnn.Gpu.Execution;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>
/// What holds in a training on a table where nothing is said. It was chosen by benchmarks/table_accuracy.py, beside scikit-learn's
/// networks and linear models.
/// </summary>
internal static class TableDefaults
{
    /// <summary>
    /// A table of fewer rows is trained on whole, and measured by cross-validation: a part that is held out is missed in training, and is
    /// too small to tell which network is the best.
    /// </summary>
    public const int FewRows = 5000;

    /// <summary>AdamW's weight decay without a cross-validation.</summary>
    public const double WeightDecay = 0.01;

    /// <summary>
    /// The weight decays of which a cross-validation chooses one, in order: what is right differs more between tables than anything else.
    /// </summary>
    public static readonly IReadOnlyList<double> WeightDecays = [WeightDecay, 0.3, 1.5, 6];

    /// <summary>The neurons of the one hidden layer.</summary>
    public const int Neurons = 64;

    /// <summary>The measurements in a row without a better loss that end a training with a validation part.</summary>
    public const long Patience = 20;

    /// <summary>The folds of a small table's cross-validation.</summary>
    public const int Folds = 5;

    // Steps of a training, as long as it has at least and at most so many epochs.
    private const long Steps = 20_000, LeastEpochs = 10, MostEpochs = 300;

    /// <summary>The optimizer. A rule that a user chooses has its own numbers; AdamW's are ours.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="isLinear">Whether the network has no hidden layer, and then few weights to restrain.</param>
    public static NetworkOptions Optimizer(UpdateRule rule, bool isLinear) => rule != UpdateRule.AdamW ? new() { Optimizer = rule }
        : isLinear ? new() { Optimizer = rule, LearningRate = 0.01, WeightDecay = 0 }
        : new() { Optimizer = rule, LearningRate = 0.003, WeightDecay = WeightDecay };

    /// <summary>The share of the rows to measure on.</summary>
    /// <param name="rows">The rows of the table.</param>
    /// <param name="isMeasured">Whether an option needs measurements.</param>
    public static double ValidationFraction(int rows, bool isMeasured) => rows >= FewRows ? 0.1 : isMeasured ? 0.2 : 0;

    /// <summary>The rows of a step.</summary>
    public static int BatchSize(int rows) => Math.Clamp(rows / 50, 32, 256);

    /// <summary>The passes over the rows.</summary>
    public static long Epochs(long stepsPerEpoch) => Math.Clamp(Steps / stepsPerEpoch, LeastEpochs, MostEpochs);
}
