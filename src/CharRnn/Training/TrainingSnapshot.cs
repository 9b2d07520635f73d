using CharRnn.Model;

namespace CharRnn.Training;

/// <summary>
/// All that training needs to go on exactly where it stood. The sampling random numbers are a function of
/// (seed, iteration) and need no state.
/// </summary>
public sealed record TrainingSnapshot
{
    /// <summary>The part that an engine holds.</summary>
    public required EngineState Engine { get; init; }

    /// <summary>The weights.</summary>
    public ParameterSet<float> Weights => Engine.Weights;

    /// <summary>Completed steps.</summary>
    public long Iteration => Engine.Iteration;

    /// <summary>Whether the reports, samples and saves of this iteration are still to come.</summary>
    public required bool EventsDue { get; init; }

    /// <summary>
    /// How training ended here; null where it did not. The reports, samples and measurements of the end are then in the logs, and
    /// in no part of this state: for whoever goes on to a later end they were not raised yet.
    /// </summary>
    public required TrainingOutcome? EndedBy { get; init; }

    /// <summary>The loss of the last step, on a text in nats and summed over T; NaN before the first step.</summary>
    public required double LastLoss { get; init; }

    /// <summary>The sum of the losses of the steps since the last report, each times its <see cref="Learner.WeightOf"/>.</summary>
    public required double LossSum { get; init; }

    /// <summary>The sum of the weights of these steps.</summary>
    public required long LossCount { get; init; }

    /// <summary>The classic smoothed loss, in nats and summed over T; NaN on a table.</summary>
    public required double SmoothLoss { get; init; }

    /// <summary>The best validation loss so far, on a text in nats per character; NaN if there was none.</summary>
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
