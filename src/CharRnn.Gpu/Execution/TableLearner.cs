using CharRnn.Networks;
using CharRnn.Training;

namespace CharRnn.Gpu.Execution;

/// <summary>A feed-forward network that is trained on rows of a table.</summary>
/// <param name="engine">Runs the steps.</param>
/// <param name="predictor">Applies the network to the validation rows.</param>
/// <param name="validation">The rows to measure on; there may be none.</param>
/// <param name="constantLoss">The <see cref="LabelledData.ConstantLoss"/> of the data that the engine trains on.</param>
public sealed class TableLearner(NetworkEngine engine, NetworkPredictor predictor, LabelledData validation, double constantLoss)
    : Learner(engine)
{
    // So many times the loss of the best answer that looks at no input.
    private const double Absurd = 1e8;

    /// <inheritdoc/>
    public override bool HasValidation => validation.Count > 0;

    /// <inheritdoc/>
    public override double AbsurdLoss { get; } = constantLoss > 0 ? Absurd * constantLoss : double.PositiveInfinity;

    /// <inheritdoc/>
    public override long ExamplesIn(long steps) => engine.RowsIn(steps);

    /// <summary>The rows of a step: the last of an epoch may have fewer than the others.</summary>
    public override long WeightOf(long completedSteps) => engine.RowsIn(completedSteps + 1) - engine.RowsIn(completedSteps);

    /// <inheritdoc/>
    public override double Evaluate(CancellationToken cancellation) =>
        predictor.Apply(engine.ReadWeights(), validation, (_, _) => { }, cancellation);
}
