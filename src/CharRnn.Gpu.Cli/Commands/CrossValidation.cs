using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>Measures a training by rows that it has not seen: it is done once for each fold of the rows, without that fold.</summary>
/// <param name="Folds">The number of folds.</param>
/// <param name="Loss">J of each fold.</param>
/// <param name="Measure">The accuracy of each, balanced where all classes count alike, or the root mean square error of a quantity.</param>
/// <param name="IsQuantity">Whether it is an error.</param>
/// <param name="IsBalanced">Whether all classes count alike.</param>
internal sealed record CrossValidation(int Folds, double[] Loss, double[] Measure, bool IsQuantity, bool IsBalanced)
{
    // By how many standard errors a way may be worse than the best and still count as good.
    private const double MostErrors = 1, MostLoss = 2;

    // The classes of all folds together: a fold need not have rows of a rare one.
    private ClassMeasures? _classes;

    /// <summary>Trains and measures in several ways, with the same folds.</summary>
    /// <param name="device">The device.</param>
    /// <param name="initial">The network before the first step.</param>
    /// <param name="ways">The optimizer and the batches of each way; there is at least one.</param>
    /// <param name="scheduleOf">The schedule of a training with so many rows.</param>
    /// <param name="folds">The number of folds.</param>
    /// <param name="foldOf">The rows that are not in a fold, and those that are.</param>
    /// <param name="label">How the label becomes a number in the training on all rows: losses are of that scale.</param>
    /// <param name="isBalanced">Whether all classes count alike.</param>
    /// <param name="stop">Checked between calls of an engine.</param>
    /// <returns>Each way with its results, in the order of the ways.</returns>
    /// <exception cref="OperationCanceledException">A stop was requested.</exception>
    public static IReadOnlyList<(NetworkOptions Way, CrossValidation Result)> Run(
        ComputeDevice device, ParameterSet<float> initial, IReadOnlyList<NetworkOptions> ways, Func<int, TrainingSchedule> scheduleOf,
        int folds, Func<int, (TableParts Parts, LabelledData Held)> foldOf, ColumnEncoding label, bool isBalanced,
        CancellationToken stop)
    {
        CrossValidation[] results =
        [
            .. ways.Select(_ => new CrossValidation(folds, new double[folds], new double[folds], label.Categories is null, isBalanced)),
        ];
        for (int fold = 0; fold < folds; fold++)
        {
            (TableParts parts, LabelledData held) = foldOf(fold);
            double scale = parts.Encoding.Label.Deviation / label.Deviation;
            foreach ((int i, NetworkOptions way) in ways.Index())
            {
                (double loss, results[i].Measure[fold], ClassMeasures? classes) =
                    Measured(device, initial, way, scheduleOf, parts, held, stop);
                results[i].Loss[fold] = loss * scale * scale;
                results[i]._classes = classes?.Plus(results[i]._classes);
            }
        }

        return [.. ways.Zip(results)];
    }

    /// <summary>J, and the accuracy or the root mean square error, on rows that a training has not seen; NaN if it diverged.</summary>
    private static (double Loss, double Measure, ClassMeasures? Classes) Measured(
        ComputeDevice device, ParameterSet<float> initial, NetworkOptions how, Func<int, TrainingSchedule> scheduleOf, TableParts parts,
        LabelledData held, CancellationToken stop)
    {
        using var engine = new NetworkEngine(device, initial, parts.Training, how);
        using var predictor = new NetworkPredictor(
            device, initial.Network, Math.Max(held.Count, parts.Validation.Count), held.Rows.Columns);
        var best = new BestWeights();
        var learner = new TableLearner(engine, predictor, parts.Validation, parts.Training.ConstantLoss(initial.Network.Loss));
        TrainingOutcome outcome = new TrainingLoop(learner, how.LearningRate, scheduleOf(parts.Training.Count), null).Run(best, stop);
        stop.ThrowIfCancellationRequested();
        if (outcome == TrainingOutcome.Diverged || held.Count == 0)
            return (double.NaN, double.NaN, null);
        ParameterSet<float> weights = best.Weights ?? engine.ReadWeights();
        var measured = TableAnswers.Of(new NetworkModel(weights, parts.Encoding), predictor, held, stop);
        if (measured.Quantities(held) is { } quantities)
            return (measured.Loss, quantities.RootMeanSquare, null);
        ClassMeasures classes = measured.Classes(held)!;
        return (measured.Loss, held.Weights.Length > 0 ? classes.BalancedAccuracy : classes.Accuracy, classes);
    }

    /// <summary>
    /// The last way that is as good as the best one, by what the folds of a small table can tell, because the last restrains the network
    /// most. First it must not make more errors, and among those that do not, it must not have a higher loss, so that its probabilities are
    /// as good.
    /// </summary>
    /// <param name="measured">The ways, by how much they restrain the network, and their results.</param>
    public static (NetworkOptions Way, CrossValidation Result) Best(IReadOnlyList<(NetworkOptions Way, CrossValidation Result)> measured)
    {
        List<(NetworkOptions Way, CrossValidation Result)> alike = Alike(measured, one => one.Errors, MostErrors);
        return Alike(alike, one => one.Loss, MostLoss)[^1];
    }

    /// <summary>
    /// The ways that are as good as the best one. All had the same folds, so it is the differences on each that count: their mean may be
    /// so many of its standard errors.
    /// </summary>
    private static List<(NetworkOptions Way, CrossValidation Result)> Alike(
        IReadOnlyList<(NetworkOptions Way, CrossValidation Result)> ways, Func<CrossValidation, IEnumerable<double>> measure, double most)
    {
        double[] best = [.. ways.Select(one => measure(one.Result)).MinBy(values => Finite(values.Average()) ?? double.PositiveInfinity)!];
        List<(NetworkOptions Way, CrossValidation Result)> alike =
        [
            .. ways.Where(one =>
            {
                (double more, double deviation) = Spread(measure(one.Result).Zip(best, (own, least) => own - least));
                return more <= most * deviation / Math.Sqrt(best.Length);
            }),
        ];
        return alike.Count > 0 ? alike : [ways[0]]; // where all diverged, none is comparable
    }

    /// <summary>
    /// The accuracy, or the root mean square error, for people: the mean over the folds, or over the classes of all of them.
    /// </summary>
    public string MeanMeasure => IsQuantity
        ? string.Create(CultureInfo.InvariantCulture, $"root mean square error {Mean:G6}")
        : string.Create(CultureInfo.InvariantCulture, $"{AccuracyName} {100 * Mean:F2} %");

    private double Mean => IsBalanced && _classes is { } classes && !Measure.Any(double.IsNaN)
        ? classes.BalancedAccuracy
        : Measure.Average();

    private string AccuracyName => IsBalanced ? "balanced accuracy" : "accuracy";

    // What counts as errors: wrong classes, or the losses, which are squares or count all classes alike; NaN where the training diverged.
    private IEnumerable<double> Errors => IsQuantity || IsBalanced ? Loss : Measure.Select(accuracy => 1 - accuracy);

    /// <summary>The results for people: means, and standard deviations over the folds.</summary>
    public override string ToString()
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        (double loss, double lossSpread) = Spread(Loss);
        (double measure, double spread) = (Mean, Spread(Measure).Deviation);
        return string.Create(invariant, $"{Folds} folds, loss {loss:F4} ± {lossSpread:F4}, ")
            + (IsQuantity
                ? string.Create(invariant, $"root mean square error {measure:G6} ± {spread:G3}")
                : string.Create(invariant, $"{AccuracyName} {100 * measure:F2} % ± {100 * spread:F2}"));
    }

    /// <summary>The results for programs.</summary>
    public object Json => new
    {
        folds = Folds,
        loss = Loss.Select(Finite),
        accuracy = IsQuantity || IsBalanced ? null : Measure.Select(Finite),
        balanced_accuracy = IsBalanced ? Measure.Select(Finite) : null,
        rmse = IsQuantity ? Measure.Select(Finite) : null,
    };

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    private static (double Mean, double Deviation) Spread(IEnumerable<double> folds)
    {
        double[] values = [.. folds];
        double mean = values.Average();
        return (mean, Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / Math.Max(1, values.Length - 1)));
    }

    private sealed class BestWeights : ITrainingObserver
    {
        public ParameterSet<float>? Weights { get; private set; }

        public void Improved(long iteration, ParameterSet<float> weights) => Weights = weights;
    }
}
