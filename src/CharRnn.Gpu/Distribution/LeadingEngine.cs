using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Sampling;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Distribution;

/// <summary>The engine of all ranks together, on the first rank: the others do with it what it is asked for.</summary>
/// <param name="engine">This rank's engine.</param>
/// <param name="channel">The ranks.</param>
/// <param name="options">The sizes of a step; its streams are those of all ranks.</param>
public sealed class LeadingEngine(TrainingEngine engine, RankChannel channel, StepOptions options) : ITextEngine
{
    private readonly StepRunner _runner = new(
        guess: engine.Model.Shape.TrainingFlops * options.SequenceLength * options.BatchSize / channel.Ranks.Size / 5e9);

    /// <inheritdoc/>
    public long StepsPerEpoch => engine.StepsPerEpoch;

    /// <inheritdoc/>
    public Func<long, double> LearningRateAt { get; set; } = _ => options.LearningRate;

    private ICollective Ranks => channel.Ranks;

    /// <inheritdoc/>
    /// <exception cref="CharRnnException">The weights of the ranks are not the same any more.</exception>
    public StepsResult RunSteps(long maxSteps)
    {
        Turn turn = _runner.Begin(teamsWait: false, maxSteps, out int most);
        double[] rates =
            [.. Enumerable.Range(0, most).Select(i => Limits.NotNegative(LearningRateAt(engine.Iteration + i), nameof(LearningRateAt)))];
        (StepsResult Result, bool AnotherEnds) run = default;
        _runner.Launch(most, (_, left) =>
        {
            run = channel.Lead(RankTask.Steps, () => RankWork.Steps(engine, Ranks, rates, () => _runner.IsOverdue));
            return left; // the rest waits for the next call
        });
        _runner.End(turn, run.Result.Losses.Length + (run.Result.Diverged ? 1 : 0));
        if (run.AnotherEnds)
            channel.Stop(); // followers end only where they are to stop
        return run.Result;
    }

    /// <inheritdoc/>
    public ParameterSet<float> ReadWeights() => engine.ReadWeights();

    /// <inheritdoc/>
    public EngineState ReadState() => channel.Lead(
        RankTask.ReadState, () => engine.ReadState() with { States = RankWork.States(engine, Ranks) });

    /// <inheritdoc/>
    public void Restore(EngineState state) => channel.Lead(RankTask.Restore, () => RankWork.Restore(engine, Ranks, (TextState)state));

    /// <inheritdoc/>
    public double Evaluate(ITokenSource text, CancellationToken cancellation) =>
        channel.Lead(RankTask.Evaluate, () => RankWork.Evaluate(engine, Ranks, text, cancellation))
            ?? throw new OperationCanceledException(cancellation);

    /// <inheritdoc/>
    public int[] Sample(int length, int firstInput, SamplingOptions options, ulong seed, ulong sequence, CancellationToken cancellation) =>
        engine.Sample(length, firstInput, options, seed, sequence, cancellation);

    /// <inheritdoc/>
    public void Dispose() => engine.Dispose();
}
