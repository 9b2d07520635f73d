using CharRnn.Model;
using CharRnn.Sampling;
using CharRnn.Text;

namespace CharRnn.Training;

/// <summary>What the training loop needs of a device: the next steps, and a look at the model between them.</summary>
public interface ITrainingEngine : IDisposable
{
    /// <summary>Where in the text training stands.</summary>
    StreamCursor Cursor { get; }

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
    void Restore(EngineState state);

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
/// <param name="Losses">The loss of each completed step, in order: nats, summed over T, averaged over B.</param>
/// <param name="Diverged">
/// True if the step after these had a loss or gradient that is not finite; its update was skipped, no later step ran, and the
/// next call throws.
/// </param>
public readonly record struct StepsResult(ReadOnlyMemory<float> Losses, bool Diverged);

/// <summary>The part of a <see cref="TrainingSnapshot"/> that lives on the device, and the place in the text.</summary>
/// <param name="Weights">θ.</param>
/// <param name="Moments">What the optimizer remembers, as <see cref="UpdateOptions.Moments"/> lists it.</param>
/// <param name="HiddenState">The carried state, <c>[B, H]</c>.</param>
/// <param name="Position">p of the <see cref="StreamCursor"/>.</param>
/// <param name="Epoch">Passes of p begun.</param>
/// <param name="Iteration">Completed steps of the whole run.</param>
public sealed record EngineState(
    ParameterSet<float> Weights, IReadOnlyList<Moment> Moments, float[] HiddenState, long Position, long Epoch, long Iteration);
