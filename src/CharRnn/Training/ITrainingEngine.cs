using CharRnn.Model;
using CharRnn.Sampling;
using CharRnn.Text;

namespace CharRnn.Training;

/// <summary>What the training loop needs of a device: the next steps, and a look at the model between them.</summary>
public interface ITrainingEngine : IDisposable
{
    /// <summary>Steps in one pass over the data, at least 1.</summary>
    long StepsPerEpoch { get; }

    /// <summary>
    /// η of the step after so many completed steps of the whole run: from 0, and finite. It is asked for the steps of a call
    /// during that call, any number of times, and must then be the same for the same step.
    /// </summary>
    Func<long, double> LearningRateAt { get; set; }

    /// <summary>
    /// Runs the next steps with no host involvement between them: at most <paramref name="maxSteps"/>, and no more
    /// than about 100 ms of them. How many that are never changes a result.
    /// </summary>
    /// <param name="maxSteps">Steps to the next event, at least 1.</param>
    /// <exception cref="CharRnnException">
    /// An earlier call's result was <see cref="StepsResult.Diverged"/>, and nothing was restored since: there is no next step.
    /// </exception>
    StepsResult RunSteps(long maxSteps);

    /// <summary>The weights now.</summary>
    ParameterSet<float> ReadWeights();

    /// <summary>All that the engine would need to go on from here.</summary>
    EngineState ReadState();

    /// <summary>Goes back, or on, to a state.</summary>
    /// <exception cref="ArgumentException">It is the state of another kind of engine, or of other sizes.</exception>
    void Restore(EngineState state);
}

/// <summary>An engine that trains a character model on a text.</summary>
public interface ITextEngine : ITrainingEngine
{
    /// <summary>
    /// The loss of the model as it is now on a text of its own, from zero state; training is not disturbed.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="cancellation">Looked at between launches.</param>
    /// <returns>Nats per character.</returns>
    /// <exception cref="OperationCanceledException">It was asked to stop.</exception>
    double Evaluate(ITokenSource text, CancellationToken cancellation);

    /// <summary>Text that the model as it is now writes, from zero state; training is not disturbed.</summary>
    /// <param name="length">Number of characters.</param>
    /// <param name="firstInput">The character before the first.</param>
    /// <param name="options">How characters are drawn.</param>
    /// <param name="seed">The seed of the draws.</param>
    /// <param name="sequence">Which sequence of random numbers under that seed.</param>
    /// <param name="cancellation">Looked at between launches.</param>
    /// <exception cref="OperationCanceledException">It was asked to stop.</exception>
    int[] Sample(int length, int firstInput, SamplingOptions options, ulong seed, ulong sequence, CancellationToken cancellation);
}

/// <summary>What some steps brought.</summary>
/// <param name="Losses">The loss of each completed step, in order, before its update: of a text nats, summed over T, averaged over B.</param>
/// <param name="End">
/// How training ends behind these steps, where the engine knows it: <see cref="TrainingOutcome.Diverged"/>, where the next step had a
/// loss or gradient that is not finite, so that its update was skipped, no later step ran, and the next call throws; or
/// <see cref="TrainingOutcome.SmallGradient"/> or <see cref="TrainingOutcome.SmallChange"/>; else null.
/// </param>
public readonly record struct StepsResult(ReadOnlyMemory<float> Losses, TrainingOutcome? End = null)
{
    /// <summary>The Euclidean norm of each completed step's gradient; empty of an engine that does not measure it.</summary>
    public ReadOnlyMemory<float> GradientNorms { get; init; }

    /// <summary>Whether the step after these is not finite.</summary>
    public bool Diverged => End == TrainingOutcome.Diverged;
}

/// <summary>The part of a <see cref="TrainingSnapshot"/> that lives on the device, and the place in the data.</summary>
/// <param name="Weights">θ.</param>
/// <param name="Moments">What the optimizer remembers, as <see cref="UpdateOptions.Moments"/> lists it.</param>
/// <param name="Iteration">Completed steps of the whole run.</param>
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
/// <param name="HiddenState">The carried state, <c>[B, H]</c>.</param>
/// <param name="Position">p of the <see cref="StreamCursor"/>, where the next step begins before any wrap; -1 before the first step.</param>
/// <param name="Epoch">Passes of p begun.</param>
public sealed record TextState(
    ParameterSet<float> Weights, IReadOnlyList<Moment> Moments, long Iteration, float[] HiddenState, long Position, long Epoch)
    : EngineState(Weights, Moments, Iteration)
{
    /// <summary>B, the number of streams.</summary>
    public int BatchSize => HiddenState.Length / Weights.Sizes.HiddenSize;
}

/// <summary>The state of an engine that trains on a table.</summary>
/// <param name="Weights">See <see cref="EngineState"/>.</param>
/// <param name="Moments">See <see cref="EngineState"/>.</param>
/// <param name="Iteration">See <see cref="EngineState"/>.</param>
/// <param name="Progress">What tells when training has converged.</param>
public sealed record TableState(ParameterSet<float> Weights, IReadOnlyList<Moment> Moments, long Iteration, EpochProgress Progress)
    : EngineState(Weights, Moments, Iteration);

/// <summary>What an epoch that may still go on has brought, for the tolerances that end a training.</summary>
/// <param name="LossBefore">J of the epoch before, or with all rows in one step of the step before; NaN where there was none.</param>
/// <param name="LossSum">J of the epoch's steps so far, times their rows.</param>
/// <param name="NormSum">The norms of their gradients, times their rows.</param>
/// <param name="Rows">Rows of these steps.</param>
public readonly record struct EpochProgress(double LossBefore, double LossSum, double NormSum, long Rows)
{
    /// <summary>Before the first step.</summary>
    public static EpochProgress Start => new(double.NaN, 0, 0, 0);
}
