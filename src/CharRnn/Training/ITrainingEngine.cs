using CharRnn.Model;
using CharRnn.Sampling;
using CharRnn.Text;

namespace CharRnn.Training;

/// <summary>What the training loop needs from a device: to run the next steps, and to read the model between them.</summary>
public interface ITrainingEngine : IDisposable
{
    /// <summary>The number of steps in one pass over the data, at least 1.</summary>
    long StepsPerEpoch { get; }

    /// <summary>
    /// Gives η of a step, from the number of completed steps of the whole run before it: at least 0, and finite. A call of the engine
    /// asks for the rates of its steps, any number of times, and must get the same rate for the same step.
    /// </summary>
    Func<long, double> LearningRateAt { get; set; }

    /// <summary>
    /// Runs the next steps with no host involvement between them: at most <paramref name="maxSteps"/>, and no more
    /// than take about 100 ms. Their number never changes a result. Where data have to be read first, a call may have no step.
    /// </summary>
    /// <param name="maxSteps">The number of steps until the next event, at least 1.</param>
    /// <exception cref="CharRnnException">
    /// The result of an earlier call was <see cref="StepsResult.Diverged"/>, and no state was restored since.
    /// </exception>
    StepsResult RunSteps(long maxSteps);

    /// <summary>Reads the current weights.</summary>
    ParameterSet<float> ReadWeights();

    /// <summary>Reads all that an engine needs to go on from here.</summary>
    EngineState ReadState();

    /// <summary>Sets the engine to an earlier or later state.</summary>
    /// <exception cref="ArgumentException">It is the state of another kind of engine, or of other sizes.</exception>
    void Restore(EngineState state);
}

/// <summary>An engine that trains a character model on a text.</summary>
public interface ITextEngine : ITrainingEngine
{
    /// <summary>Measures the loss of the current model on another text, from zero state; training is not disturbed.</summary>
    /// <param name="text">The text.</param>
    /// <param name="cancellation">Checked between launches.</param>
    /// <returns>The loss in nats per character.</returns>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    double Evaluate(ITokenSource text, CancellationToken cancellation);

    /// <summary>Writes text with the current model, from zero state; training is not disturbed.</summary>
    /// <param name="length">The number of characters.</param>
    /// <param name="firstInput">The token that the model reads first; the text follows it.</param>
    /// <param name="options">How characters are drawn.</param>
    /// <param name="seed">The seed of the draws.</param>
    /// <param name="sequence">The number of the sequence of random numbers under that seed.</param>
    /// <param name="cancellation">Checked between launches.</param>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    int[] Sample(int length, int firstInput, SamplingOptions options, ulong seed, ulong sequence, CancellationToken cancellation);
}

/// <summary>The results of some steps.</summary>
/// <param name="Losses">
/// The loss of each completed step, in order, before its update. On a text it is in nats, summed over T and averaged over B.
/// </param>
/// <param name="End">
/// How training ends after these steps, if the engine knows it. <see cref="TrainingOutcome.Diverged"/> means that the next step had a
/// loss or gradient that is not finite, so its update was skipped, no later step ran, and the next call throws.
/// <see cref="TrainingOutcome.SmallGradient"/> and <see cref="TrainingOutcome.SmallChange"/> mean that training has converged. Otherwise
/// null.
/// </param>
public readonly record struct StepsResult(ReadOnlyMemory<float> Losses, TrainingOutcome? End = null)
{
    /// <summary>The Euclidean norm of each completed step's gradient; empty if the engine does not measure it.</summary>
    public ReadOnlyMemory<float> GradientNorms { get; init; }

    /// <summary>Whether the step after these is not finite.</summary>
    public bool Diverged => End == TrainingOutcome.Diverged;
}

/// <summary>The part of a <see cref="TrainingSnapshot"/> that lives on the device, and the place in the data.</summary>
/// <param name="Weights">θ.</param>
/// <param name="Moments">What the optimizer remembers, as <see cref="UpdateOptions.Moments"/> lists it.</param>
/// <param name="Iteration">The number of completed steps of the whole run.</param>
public abstract record EngineState(ParameterSet<float> Weights, IReadOnlyList<Moment> Moments, long Iteration)
{
    /// <summary>Checks that a model and an optimizer can go on from here.</summary>
    /// <exception cref="ArgumentException">The state is of another shape or optimizer, or its iteration is below 0.</exception>
    public void RequireFits(IModelShape shape, UpdateOptions options)
    {
        if (!Moments.Select(moment => moment.Name).SequenceEqual(options.Moments))
            throw new ArgumentException($"the state is of another optimizer than {options.Optimizer}");
        if (!Moments.Select(moment => moment.Values).Prepend(Weights).All(values => values.Shape.Equals(shape)))
            throw new ArgumentException($"the state is of other sizes than {shape}");
        ArgumentOutOfRangeException.ThrowIfNegative(Iteration);
    }
}

/// <summary>The state of an engine that trains on a text.</summary>
/// <param name="Weights">See <see cref="EngineState"/>.</param>
/// <param name="Moments">See <see cref="EngineState"/>.</param>
/// <param name="Iteration">See <see cref="EngineState"/>.</param>
/// <param name="States">The carried state: an array <c>[B, H]</c> for each of <see cref="ModelShape.States"/>.</param>
/// <param name="Position">
/// p of the <see cref="StreamCursor"/>, at which the next step begins unless it returns to 0; -1 before the first step.
/// </param>
/// <param name="Epoch">The number of passes over the text that have begun.</param>
public sealed record TextState(
    ParameterSet<float> Weights, IReadOnlyList<Moment> Moments, long Iteration, IReadOnlyList<float[]> States, long Position, long Epoch)
    : EngineState(Weights, Moments, Iteration)
{
    /// <summary>B, the number of streams.</summary>
    public int BatchSize => States[0].Length / Weights.Sizes.HiddenSize;
}

/// <summary>The state of an engine that trains on a table.</summary>
/// <param name="Weights">See <see cref="EngineState"/>.</param>
/// <param name="Moments">See <see cref="EngineState"/>.</param>
/// <param name="Iteration">See <see cref="EngineState"/>.</param>
/// <param name="Progress">What decides when training has converged.</param>
public sealed record TableState(ParameterSet<float> Weights, IReadOnlyList<Moment> Moments, long Iteration, EpochProgress Progress)
    : EngineState(Weights, Moments, Iteration);

/// <summary>The sums over the steps of an epoch that may still go on, for the tolerances that end training.</summary>
/// <param name="LossBefore">J of the epoch before, or of the step before where a step has all rows; NaN if there was none.</param>
/// <param name="LossSum">The sum of J over the epoch's steps so far, each times the number of its rows.</param>
/// <param name="NormSum">The sum of the norms of their gradients, each times the number of the step's rows.</param>
/// <param name="Rows">The number of rows of these steps.</param>
public readonly record struct EpochProgress(double LossBefore, double LossSum, double NormSum, long Rows)
{
    /// <summary>The progress before the first step.</summary>
    public static EpochProgress Start => new(double.NaN, 0, 0, 0);
}
