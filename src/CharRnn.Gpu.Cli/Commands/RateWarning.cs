using System.Globalization;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>Warns when a model stays worse than one that knows nothing, because its learning rate is too high.</summary>
/// <param name="limit">The loss above which it is.</param>
/// <param name="loss">The loss of a report; NaN if it has none.</param>
/// <param name="found">A description of a loss above the limit.</param>
/// <param name="warn">Takes the warning.</param>
internal sealed class RateWarning(double limit, Func<TrainingReport, double> loss, string found, Action<string> warn) : ITrainingObserver
{
    // One such loss may be an accident of the first steps; after several, the warning is given once.
    private const int Times = 2;

    private int _times;

    /// <summary>
    /// The warning for a text. A learning rate that is too high saturates the hidden units: the training loss falls, but the model
    /// writes nonsense from zero state, which the validation loss shows.
    /// </summary>
    /// <param name="vocabularySize">V.</param>
    /// <param name="warn">Takes the warning.</param>
    public static RateWarning OfText(int vocabularySize, Action<string> warn)
    {
        double limit = Math.Log(vocabularySize);
        string found = string.Create(
            CultureInfo.InvariantCulture, $"validation loss is above {limit:F4} nats, that of a model that knows nothing");
        return new RateWarning(limit, report => report.ValidationLoss, found, warn);
    }

    public void Reported(TrainingReport report)
    {
        double now = loss(report);
        if (double.IsNaN(now))
            return;
        _times = now > limit ? _times + 1 : 0;
        if (_times == Times)
            warn(string.Create(
                CultureInfo.InvariantCulture,
                $"at iteration {report.Iteration} the {found}; if it does not fall, start anew with a lower --learning-rate"));
    }
}
