using System.Globalization;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>A run that is to be resumed: its last checkpoint, and what its config.json says.</summary>
internal sealed class EarlierRun
{
    private const string Remedy = "restore the config.json and the checkpoint that the run wrote";

    private readonly ModelDescription _description;

    /// <param name="run">The run's directory.</param>
    /// <exception cref="CharRnnException">There is no intact checkpoint, or config.json cannot be read.</exception>
    public EarlierRun(RunDirectory run)
    {
        Checkpoint checkpoint = run.LoadCheckpoint(Output.Warning);
        (Directory, CheckpointPath, _description, Snapshot) = (run.Root, run.CheckpointPath, checkpoint.Description, checkpoint.Snapshot);
        Configuration = RunConfiguration.Read(run.ConfigurationPath);
    }

    /// <summary>The run's directory.</summary>
    public string Directory { get; }

    /// <summary>Its last checkpoint's file.</summary>
    public string CheckpointPath { get; }

    /// <summary>The state of training there.</summary>
    public TrainingSnapshot Snapshot { get; }

    /// <summary>Its config.json.</summary>
    public RunConfiguration Configuration { get; }

    /// <summary>What makes a model of the weights.</summary>
    /// <exception cref="CharRnnException">It is a model of another kind than the run's.</exception>
    public T Describe<T>()
        where T : ModelDescription =>
        _description as T ?? throw Foreign(_description.WritesText
            ? "holds a character model, and the run's config.json is of a run on a table"
            : "holds a feed-forward network, and the run's config.json is of a run on text");

    /// <summary>The error of a checkpoint that does not fit the run's config.json.</summary>
    public CharRnnException Foreign(string found) => new(CheckpointPath, found, Remedy);

    /// <summary>Refuses data that are not those of the run.</summary>
    /// <param name="name">The name of the data.</param>
    /// <param name="kind">What they are.</param>
    /// <param name="fact">The name of their hash in config.json.</param>
    /// <param name="hash">The hash now.</param>
    /// <param name="anew">How to start anew with these.</param>
    /// <exception cref="CharRnnException">The hashes differ.</exception>
    public void RequireSameData(string name, string kind, string fact, string hash, string anew)
    {
        if (Configuration.Has(fact) && Configuration.GetText(fact) is var before && before != hash)
            throw new CharRnnException(
                name, $"is not the {kind} that {Directory} was trained on (hash {hash}, was {before})", $"give the same {kind}, or {anew}");
    }

    /// <summary>Checks that the run can go on with an optimizer and a schedule, and says how it is finished.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="schedule">The schedule.</param>
    /// <param name="stepsPerEpoch">Steps in an epoch.</param>
    /// <param name="length">The options that say how long it is.</param>
    /// <param name="anew">How to start anew where it cannot go on.</param>
    /// <returns>What a user is told of a finished run, behind its name; null if the run is not finished.</returns>
    /// <exception cref="CharRnnException">It cannot.</exception>
    public string? Finish(UpdateOptions optimizer, TrainingSchedule schedule, long stepsPerEpoch, string length, string anew)
    {
        if (!Snapshot.Engine.Moments.Select(moment => moment.Name).SequenceEqual(optimizer.Moments))
            throw Foreign("was written with another optimizer than the run's config.json says");
        ScheduleOptions.RequireSameTotal(Directory, Configuration, schedule, stepsPerEpoch, $"leave {length} out, or {anew}");

        // The snapshot was taken before the measurement at which training stopped early, so it does not count that one.
        long total = schedule.TotalIterations(stepsPerEpoch);
        if (Snapshot.EndedBy == TrainingOutcome.StoppedEarly && Snapshot.Iteration < total)
        {
            long waited = Snapshot.EvaluationsSinceBest + 1;
            return schedule.Patience > 0 && waited >= schedule.Patience
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $": it stopped early at iteration {Snapshot.Iteration}; give a --patience over {waited}, or 0, to go on")
                : null;
        }

        if (Snapshot.Iteration < total || (Snapshot.EndedBy is null && Snapshot.EventsDue))
            return null;
        string remedy = schedule.LearningRates.DependsOnTotal
            ? $"its schedule has ended; {anew}"
            : $"give more {length.Replace("and", "or", StringComparison.Ordinal)} to go on";
        return string.Create(CultureInfo.InvariantCulture, $" at iteration {Snapshot.Iteration}; {remedy}");
    }
}
