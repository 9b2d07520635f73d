using System.Globalization;
using System.Text;
using CharRnn.Model;
using CharRnn.Storage;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>Shows a training run as plain lines: a line per report, the samples as they come.</summary>
internal sealed class TrainingDisplay(Vocabulary vocabulary, bool json) : ITrainingObserver
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

    private static string Describe(TrainingReport report)
    {
        var line = new StringBuilder();
        double smooth = report.SmoothLossPerCharacter;
        line.Append(
            CultureInfo.InvariantCulture,
            $"epoch {report.Epoch} iteration {report.Iteration}: smoothed loss {report.SmoothLoss:F3} ({smooth:F4} nats, {Loss.BitsPerCharacter(smooth):F4} bits per character)");
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

    public void Reported(TrainingReport report) => Array.ForEach(observers, o => o.Reported(report));

    public void Improved(ParameterSet<float> weights) => Array.ForEach(observers, o => o.Improved(weights));

    public void Sampled(long iteration, int[] tokens) => Array.ForEach(observers, o => o.Sampled(iteration, tokens));

    public void Checkpointed(TrainingSnapshot snapshot) => Array.ForEach(observers, o => o.Checkpointed(snapshot));
}
