using System.Globalization;
using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>
/// Ends a training whose loss is absurd though it is finite, before it saves what is left of the model: a huge learning
/// rate saturates every hidden unit, and then nothing overflows any more and nothing is learned.
/// </summary>
internal sealed class DivergenceGuard(RunDirectory run) : ITrainingObserver
{
    // Nats per character, smoothed: a ruined model may still guess the characters of one step. A model that knows nothing
    // has ln V, at most 11; one that a bold rate shakes, some hundreds.
    private const double AbsurdLoss = 1e6;

    /// <summary>What to say of a training that diverged.</summary>
    public static CharRnnException Error(RunDirectory run, string how) => File.Exists(run.CheckpointPath)
        ? new(run.Root, $"training diverged: {how}, so the last checkpoint and model are kept", "start anew with --overwrite and a lower --learning-rate or --clip")
        : new(run.Root, $"training diverged: {how}, before the first checkpoint", "start anew with a lower --learning-rate or --clip");

    public void Progressed(TrainingReport now, long totalIterations)
    {
        if (!(now.SmoothLossPerCharacter <= AbsurdLoss))
            throw Error(run, string.Create(CultureInfo.InvariantCulture, $"its smoothed loss is {now.SmoothLossPerCharacter:0.0e+0} nats per character at iteration {now.Iteration}"));
    }

    public void Reported(TrainingReport report)
    {
    }

    public void Improved(ParameterSet<float> weights)
    {
    }

    public void Sampled(long iteration, int[] tokens)
    {
    }

    public void Checkpointed(TrainingSnapshot snapshot)
    {
    }
}
