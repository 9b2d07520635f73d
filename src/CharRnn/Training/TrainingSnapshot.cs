using CharRnn.Model;

namespace CharRnn.Training;

/// <summary>
/// All that training needs to go on exactly where it stood. The sampling random numbers are a function of
/// (seed, iteration) and need no state.
/// </summary>
public sealed record TrainingSnapshot
{
    /// <summary>The weights.</summary>
    public required ParameterSet<float> Weights { get; init; }

    /// <summary>What the optimizer remembers, as <see cref="UpdateOptions.Moments"/> lists it.</summary>
    public required IReadOnlyList<Moment> Moments { get; init; }

    /// <summary>The carried hidden state, <c>[B, H]</c>.</summary>
    public required float[] HiddenState { get; init; }

    /// <summary>The part that an engine holds.</summary>
    public EngineState Engine => new(Weights, Moments, HiddenState, Position, Epoch, Iteration);

    /// <summary>B, the number of streams.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Completed steps.</summary>
    public required long Iteration { get; init; }

    /// <summary>p, where the next step begins before any wrap; -1 before the first step.</summary>
    public required long Position { get; init; }

    /// <summary>Passes of p begun.</summary>
    public required long Epoch { get; init; }

    /// <summary>Whether the reports, samples and saves of this iteration are still to come.</summary>
    public required bool EventsDue { get; init; }

    /// <summary>
    /// How training ended here; null where it did not. The reports, samples and measurements of the end are then in the logs, and
    /// in no part of this state: for whoever goes on to a later end they were not raised yet.
    /// </summary>
    public required TrainingOutcome? EndedBy { get; init; }

    /// <summary>The loss of the last step, nats, a sum over T; NaN before the first.</summary>
    public required double LastLoss { get; init; }

    /// <summary>The sum of the losses of the steps since the last report, nats, sums over T.</summary>
    public required double LossSum { get; init; }

    /// <summary>Steps since the last report.</summary>
    public required long LossCount { get; init; }

    /// <summary>The classic smoothed loss, nats, a sum over T.</summary>
    public required double SmoothLoss { get; init; }

    /// <summary>The best validation loss so far, nats per character; NaN if there was none.</summary>
    public required double BestValidationLoss { get; init; }

    /// <summary>The iteration of <see cref="BestValidationLoss"/>; 0 if there was none.</summary>
    public required long BestIteration { get; init; }

    /// <summary>Measurements since then, of those that <see cref="TrainingSchedule.Patience"/> counts.</summary>
    public required long EvaluationsSinceBest { get; init; }

    /// <summary>What a plateau's decay of the learning rate has seen.</summary>
    public required PlateauState Plateau { get; init; }

    /// <summary>Bytes of metrics.jsonl written so far; a resume cuts the file back to them.</summary>
    public required long MetricsLength { get; init; }

    /// <summary>Bytes of samples.txt written so far; a resume cuts the file back to them.</summary>
    public required long SamplesLength { get; init; }
}
