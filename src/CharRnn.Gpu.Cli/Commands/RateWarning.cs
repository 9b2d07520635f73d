using System.Globalization;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>
/// Warns when the model stays worse on the validation part than a model that knows nothing: a learning rate that is too high
/// saturates the hidden units; then the training loss falls, but the model writes nonsense from zero state.
/// </summary>
/// <param name="vocabularySize">V.</param>
/// <param name="warn">Takes the warning.</param>
internal sealed class RateWarning(int vocabularySize, Action<string> warn) : ITrainingObserver
{
    // One such measurement may be an accident of the first steps; after several, the warning is given once.
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
                $"at iteration {report.Iteration} the validation loss is above {Math.Log(vocabularySize):F4} nats, that of a model that "
                + $"knows nothing; if it does not fall, start anew with a lower --learning-rate"));
    }
}
