using System.Globalization;
using System.Text;
using CharRnn.Model;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>Shows a training run as plain lines: a line per report, the samples as they come.</summary>
/// <param name="words">How reports read.</param>
/// <param name="json">Whether a report is a line of metrics.jsonl, and samples are not shown.</param>
internal sealed class TrainingDisplay(ReportWords words, bool json) : ITrainingObserver
{
    public void Reported(TrainingReport report)
    {
        if (json)
            Output.AlongTheWay(() => Output.Raw(MetricsLog.Line(report)));
        else if (!Output.IsQuiet)
            Output.AlongTheWay(() => Output.Line(Describe(report)));
    }

    public void Sampled(long iteration, ReadOnlyMemory<byte> text)
    {
        if (json || Output.IsQuiet)
            return;
        Output.AlongTheWay(() =>
        {
            Output.Line(string.Create(CultureInfo.InvariantCulture, $"--- sample at iteration {iteration} ---"));
            Output.ModelText(text.Span);
            Output.Line("\n---");
        });
    }

    private string Describe(TrainingReport report)
    {
        var line = new StringBuilder();
        line.Append(CultureInfo.InvariantCulture, $"epoch {report.Epoch} iteration {report.Iteration}: loss {words.Loss(report.Loss)}");
        if (words.IsSmoothed)
            line.Append(CultureInfo.InvariantCulture, $", smoothed {report.SmoothLoss:F3}");
        if (!double.IsNaN(report.GradientNorm))
            line.Append(CultureInfo.InvariantCulture, $", gradient {report.GradientNorm:G4}");
        if (!double.IsNaN(report.ValidationLoss))
            line.Append(CultureInfo.InvariantCulture, $", validation {words.Loss(report.ValidationLoss)}");
        if (!double.IsNaN(report.CharactersPerSecond))
            line.Append(CultureInfo.InvariantCulture, $", {report.CharactersPerSecond:N0} {words.Examples}/s");
        return line.ToString();
    }
}

/// <summary>Several observers, told in order.</summary>
internal sealed class ObserverList(params ITrainingObserver[] observers) : ITrainingObserver
{
    public void Progressed(TrainingReport now, long totalIterations) => Array.ForEach(observers, o => o.Progressed(now, totalIterations));

    public void Ending() => Array.ForEach(observers, o => o.Ending());

    public void Reported(TrainingReport report) => Array.ForEach(observers, o => o.Reported(report));

    public void Improved(long iteration, ParameterSet<float> weights) => Array.ForEach(observers, o => o.Improved(iteration, weights));

    public void Sampled(long iteration, ReadOnlyMemory<byte> text) => Array.ForEach(observers, o => o.Sampled(iteration, text));

    public void Checkpointed(TrainingSnapshot snapshot) => Array.ForEach(observers, o => o.Checkpointed(snapshot));
}
