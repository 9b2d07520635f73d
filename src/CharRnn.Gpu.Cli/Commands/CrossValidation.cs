using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>A table's rows as numbers, to train on and to measure on.</summary>
/// <param name="Encoding">How they became numbers.</param>
/// <param name="Training">The rows to train on.</param>
/// <param name="Validation">The rows to measure on; there may be none.</param>
internal sealed record TableParts(TableEncoding Encoding, LabelledData Training, LabelledData Validation);

/// <summary>Measures a training by rows that it has not seen: it is done once for each fold of the rows, without that fold.</summary>
/// <param name="Folds">The number of folds.</param>
/// <param name="Loss">J of the folds.</param>
/// <param name="Measure">The accuracy of each, or the root mean square error of a quantity.</param>
/// <param name="IsQuantity">Which of the two it is.</param>
internal sealed record CrossValidation(int Folds, IReadOnlyList<double> Loss, IReadOnlyList<double> Measure, bool IsQuantity)
{
    /// <summary>Trains and measures in several ways, with the same folds.</summary>
    /// <param name="device">The device.</param>
    /// <param name="initial">The network before the first step.</param>
    /// <param name="ways">The optimizer and the batches of each way; there is at least one.</param>
    /// <param name="scheduleOf">The schedule of a training with so many rows.</param>
    /// <param name="folds">The rows that are not in a fold, and those that are, of each fold.</param>
    /// <param name="stop">Checked between calls of an engine.</param>
    /// <returns>Each way with its results, that of the lowest loss first.</returns>
    /// <exception cref="OperationCanceledException">A stop was requested.</exception>
    public static IReadOnlyList<(NetworkOptions Way, CrossValidation Result)> Run(
        ComputeDevice device, ParameterSet<float> initial, IReadOnlyList<NetworkOptions> ways, Func<int, TrainingSchedule> scheduleOf,
        IReadOnlyList<(TableParts Parts, LabelledData Held)> folds, CancellationToken stop) =>
    [
        .. ways.Select(way => (Way: way, Result: Run(device, initial, way, scheduleOf, folds, stop)))
            .OrderBy(one => one.Result.MeanLoss is var loss && double.IsNaN(loss) ? double.PositiveInfinity : loss),
    ];

    /// <summary>J, the mean of the folds; NaN if a training diverged.</summary>
    public double MeanLoss => Loss.Average();

    private static CrossValidation Run(
        ComputeDevice device, ParameterSet<float> initial, NetworkOptions how, Func<int, TrainingSchedule> scheduleOf,
        IReadOnlyList<(TableParts Parts, LabelledData Held)> folds, CancellationToken stop)
    {
        var (losses, measures) = (new double[folds.Count], new double[folds.Count]);
        bool isQuantity = folds[0].Parts.Encoding.Label.Categories is null;
        for (int fold = 0; fold < folds.Count; fold++)
        {
            ((TableEncoding encoding, LabelledData training, LabelledData validation), LabelledData held) = folds[fold];
            using var engine = new NetworkEngine(device, initial, training, how);
            using var predictor = new NetworkPredictor(device, initial.Network, Math.Max(held.Count, validation.Count));
            var best = new BestWeights();
            var learner = new TableLearner(engine, predictor, validation, training.ConstantLoss(initial.Network.Loss));
            TrainingOutcome outcome = new TrainingLoop(learner, how.LearningRate, scheduleOf(training.Count), null).Run(best, stop);
            stop.ThrowIfCancellationRequested();
            if (outcome == TrainingOutcome.Diverged)
            {
                (losses[fold], measures[fold]) = (double.NaN, double.NaN);
                continue;
            }

            ParameterSet<float> weights = best.Weights ?? engine.ReadWeights();
            NetworkAnswers answers = predictor.Apply(weights, held, stop);
            var measured = new TableAnswers(new NetworkModel(weights, encoding), answers.Outputs);
            losses[fold] = answers.Loss;
            measures[fold] = isQuantity ? measured.RootMeanSquare(held)!.Value : measured.Accuracy(held)!.Value;
        }

        return new(folds.Count, losses, measures, isQuantity);
    }

    /// <summary>The results for people: means, and standard deviations over the folds.</summary>
    public override string ToString()
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        (double loss, double lossSpread) = Spread(Loss);
        (double measure, double spread) = Spread(Measure);
        return string.Create(invariant, $"{Folds} folds, loss {loss:F4} ± {lossSpread:F4}, ")
            + (IsQuantity
                ? string.Create(invariant, $"root mean square error {measure:G6} ± {spread:G3}")
                : string.Create(invariant, $"accuracy {100 * measure:F2} % ± {100 * spread:F2}"));
    }

    /// <summary>The results for programs.</summary>
    public object Json => new
    {
        folds = Folds,
        loss = Loss.Select(Finite),
        accuracy = IsQuantity ? null : Measure.Select(Finite),
        rmse = IsQuantity ? Measure.Select(Finite) : null,
    };

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    private static (double Mean, double Deviation) Spread(IReadOnlyList<double> values)
    {
        double mean = values.Average();
        return (mean, Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / Math.Max(1, values.Count - 1)));
    }

    private sealed class BestWeights : ITrainingObserver
    {
        public ParameterSet<float>? Weights { get; private set; }

        public void Improved(long iteration, ParameterSet<float> weights) => Weights = weights;
    }
}
