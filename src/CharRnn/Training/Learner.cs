using CharRnn.Sampling;
using CharRnn.Text;

namespace CharRnn.Training;

/// <summary>What a training loop trains: an engine, and what the loop must know and measure of it between its steps.</summary>
/// <param name="engine">Runs the steps.</param>
public abstract class Learner(ITrainingEngine engine)
{
    /// <summary>Runs the steps.</summary>
    public ITrainingEngine Engine { get; } = engine;

    /// <summary>Whether there are data to measure on.</summary>
    public abstract bool HasValidation { get; }

    /// <summary>
    /// The number of losses that are summed in the loss of a step: T on a text, whose losses are shown per character, otherwise 1.
    /// </summary>
    public virtual int LossTerms => 1;

    /// <summary>The value at which the classic smoothed loss starts; NaN if there is none.</summary>
    public virtual double InitialSmoothLoss => double.NaN;

    /// <summary>
    /// The loss of a step, smoothed or averaged, above which training has diverged although the loss is finite: a huge rate saturates
    /// every hidden unit, and then nothing overflows any more and nothing is learned.
    /// </summary>
    public abstract double AbsurdLoss { get; }

    /// <summary>The number of characters or rows that the first steps train on.</summary>
    /// <param name="steps">The number of these steps.</param>
    public abstract long ExamplesIn(long steps);

    /// <summary>The weight of a step's loss in the mean of several.</summary>
    /// <param name="completedSteps">The number of steps before it.</param>
    public virtual long WeightOf(long completedSteps) => 1;

    /// <summary>The loss of the model as it is now on the validation data; training is not disturbed.</summary>
    /// <returns>Nats per character, or J.</returns>
    /// <exception cref="OperationCanceledException">It was asked to stop.</exception>
    public abstract double Evaluate(CancellationToken cancellation);

    /// <summary>A text that the model writes as it is now, as bytes; null if it writes none. Training is not disturbed.</summary>
    /// <param name="iteration">The number of completed steps; each has its own random numbers.</param>
    /// <param name="cancellation">Checked between launches.</param>
    /// <exception cref="OperationCanceledException">It was asked to stop.</exception>
    public virtual byte[]? Sample(long iteration, CancellationToken cancellation) => null;
}

/// <summary>A character model that is trained on a text.</summary>
/// <param name="engine">Runs the steps.</param>
/// <param name="options">T and B.</param>
/// <param name="schedule">The length of samples and their seed.</param>
/// <param name="vocabulary">The characters.</param>
/// <param name="validation">The validation text; null for none.</param>
public sealed class TextLearner(
    ITextEngine engine, StepOptions options, TrainingSchedule schedule, Vocabulary vocabulary, ITokenSource? validation) : Learner(engine)
{
    // Nats per character: a model that knows nothing has ln V, at most 14; one that a bold rate shakes, some hundreds.
    private const double AbsurdCharacterLoss = 1e6;

    /// <inheritdoc/>
    public override bool HasValidation => validation is not null;

    /// <inheritdoc/>
    public override int LossTerms => options.SequenceLength;

    /// <inheritdoc/>
    public override double InitialSmoothLoss => Loss.InitialSmooth(options.SequenceLength, vocabulary.Size);

    /// <inheritdoc/>
    public override double AbsurdLoss => AbsurdCharacterLoss * LossTerms;

    /// <inheritdoc/>
    public override long ExamplesIn(long steps) => steps * options.SequenceLength * options.BatchSize;

    /// <inheritdoc/>
    public override double Evaluate(CancellationToken cancellation) => engine.Evaluate(validation!, cancellation);

    /// <inheritdoc/>
    public override byte[] Sample(long iteration, CancellationToken cancellation) => vocabulary.Decode(
        engine.Sample(schedule.SampleLength, vocabulary.StartToken, new SamplingOptions(), schedule.Seed, (ulong)iteration, cancellation));
}
