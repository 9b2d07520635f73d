using System.Globalization;
using System.Text;
using CharRnn.Model;
using CharRnn.Storage;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>Shows a training run as plain lines: a line per report, the samples as they come.</summary>
/// <param name="vocabulary">The characters.</param>
/// <param name="json">Whether a report is a line of metrics.jsonl, and samples are not shown.</param>
/// <param name="smoothed">Whether the classic smoothed loss is shown, too.</param>
internal sealed class TrainingDisplay(Vocabulary vocabulary, bool json, bool smoothed) : ITrainingObserver
{
    public void Reported(TrainingReport report)
    {
        if (json)
            Output.AlongTheWay(() => Output.Raw(MetricsLog.Line(report)));
        else if (!Output.IsQuiet)
            Output.AlongTheWay(() => Output.Line(Describe(report)));
    }

    public void Sampled(long iteration, int[] tokens)
    {
        if (json || Output.IsQuiet)
            return;
        Output.AlongTheWay(() =>
        {
            Output.Line(string.Create(CultureInfo.InvariantCulture, $"--- sample at iteration {iteration} ---"));
            Output.ModelText(vocabulary.Decode(tokens));
            Output.Line("\n---");
        });
    }

    private string Describe(TrainingReport report)
    {
        var line = new StringBuilder();
        line.Append(
            CultureInfo.InvariantCulture,
            $"epoch {report.Epoch} iteration {report.Iteration}: "
            + $"loss {report.Loss:F4} nats, {Loss.BitsPerCharacter(report.Loss):F4} bits per character");
        if (smoothed)
            line.Append(CultureInfo.InvariantCulture, $", smoothed {report.SmoothLoss:F3}");
        if (!double.IsNaN(report.ValidationLoss))
            line.Append(
                CultureInfo.InvariantCulture,
                $", validation {report.ValidationLoss:F4} nats, {Loss.BitsPerCharacter(report.ValidationLoss):F4} bits per character");
        line.Append(CultureInfo.InvariantCulture, $", {report.CharactersPerSecond:N0} characters/s");
        return line.ToString();
    }
}

/// <summary>Several observers, told in order.</summary>
internal sealed class ObserverList(params ITrainingObserver[] observers) : ITrainingObserver
{
    public void Progressed(TrainingReport now, long totalIterations) => Array.ForEach(observers, o => o.Progressed(now, totalIterations));

    public void Ending() => Array.ForEach(observers, o => o.Ending());

    public void Reported(TrainingReport report) => Array.ForEach(observers, o => o.Reported(report));

    public void Improved(ParameterSet<float> weights) => Array.ForEach(observers, o => o.Improved(weights));

    public void Sampled(long iteration, int[] tokens) => Array.ForEach(observers, o => o.Sampled(iteration, tokens));

    public void Checkpointed(TrainingSnapshot snapshot) => Array.ForEach(observers, o => o.Checkpointed(snapshot));
}
