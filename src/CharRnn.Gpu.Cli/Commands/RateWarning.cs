using System.Globalization;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>
/// Says it when the model stays worse on the validation part than one that knows nothing: a rate that is too high saturates the
/// hidden units, and then the training loss falls, and from zero state the model writes nonsense.
/// </summary>
/// <param name="vocabularySize">V.</param>
/// <param name="warn">Takes the line.</param>
internal sealed class RateWarning(int vocabularySize, Action<string> warn) : ITrainingObserver
{
    // Once may be an accident of the first steps; of a longer time it is said once.
    private const int Times = 2;

    private int _times;

    public void Reported(TrainingReport report)
    {
        if (double.IsNaN(report.ValidationLoss))
            return;
        _times = report.ValidationLoss > Math.Log(vocabularySize) ? _times + 1 : 0;
        if (_times == Times)
            warn(string.Create(
                CultureInfo.InvariantCulture,
                $"at iteration {report.Iteration} the validation loss is above {Math.Log(vocabularySize):F4} nats, that of a model that knows nothing; if it does not fall, start anew with a lower --learning-rate"));
    }
}
