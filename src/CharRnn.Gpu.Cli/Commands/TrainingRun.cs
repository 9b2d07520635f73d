using System.CommandLine;
using System.Globalization;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>Trains into a run's directory, whatever is trained: records it, shows it, and goes back where it diverges.</summary>
/// <param name="options">The command line.</param>
/// <param name="declared">The options of a run.</param>
/// <param name="run">The run's directory.</param>
/// <param name="learner">What is trained; restored to <paramref name="resumeFrom"/>.</param>
/// <param name="description">What makes a model of the weights.</param>
/// <param name="resumeFrom">The state from which training goes on; null at the start.</param>
internal sealed class TrainingRun(
    ParseResult options, RunOptions declared, RunDirectory run, Learner learner, ModelDescription description, TrainingSnapshot? resumeFrom)
{
    // The rate is halved each time: a run that needs more rollbacks has another problem.
    private const int MaxRollbacks = 10;

    /// <summary>How reports read.</summary>
    public required ReportWords Words { get; init; }

    /// <summary>Writes config.json for these rates.</summary>
    public required Action<double, LearningRateSchedule> SaveConfiguration { get; init; }

    /// <summary>The best validation loss and its iteration.</summary>
    public (double ValidationLoss, long Iteration) Best { get; private set; }

    /// <summary>Trains to the end, or to a stop; everything is saved then.</summary>
    /// <param name="learningRate">η.</param>
    /// <param name="schedule">When what is due.</param>
    /// <param name="more">Hears of everything, too.</param>
    /// <param name="stop">Ends training early: see <see cref="RunOptions.Stop"/>.</param>
    /// <exception cref="CharRnnException">
    /// Training diverged, and cannot or should not go back; or the last checkpoint is not on the disk.
    /// </exception>
    public TrainingOutcome Train(double learningRate, TrainingSchedule schedule, ITrainingObserver? more, CancellationToken stop)
    {
        // A run that diverges before its first checkpoint goes back to this state.
        EngineState? start = declared.RollsBack(options) && !File.Exists(run.CheckpointPath) ? learner.Engine.ReadState() : null;
        long rolledBackTo = -1;
        SaveConfiguration(learningRate, schedule.LearningRates);
        for (int rollbacks = 0; ; rollbacks++)
        {
            var loop = new TrainingLoop(learner, learningRate, schedule, resumeFrom);
            TrainingOutcome outcome = TrainOnce(loop, more, stop);
            Best = loop.Best;
            if (outcome != TrainingOutcome.Diverged)
                return outcome;

            bool saved = File.Exists(run.CheckpointPath), replaces = saved || File.Exists(run.BestModelPath);
            double half = learningRate / 2;
            if (!declared.RollsBack(options) || rollbacks == MaxRollbacks || (float)half == 0)
                throw new CharRnnException(
                    run.Root,
                    $"training diverged: {loop.Divergence}, "
                    + (saved ? "so the last checkpoint and model are kept" : "before the first checkpoint"),
                    $"start anew with {(replaces ? "--overwrite and " : "")}a lower --learning-rate or --clip");

            learningRate = half;
            LearningRateSchedule rates = schedule.LearningRates;
            schedule = schedule with { LearningRates = rates with { MinLearningRate = rates.MinLearningRate / 2 } };
            resumeFrom = saved ? GoBack(rolledBackTo, mayStartAnew: start is not null) : null;
            rolledBackTo = resumeFrom?.Iteration ?? 0;
            learner.Engine.Restore(resumeFrom?.Engine ?? start!);
            SaveConfiguration(learningRate, schedule.LearningRates);

            string from = resumeFrom is null ? "the start" : $"the checkpoint of iteration {resumeFrom.Iteration}";
            Output.Warning(string.Create(
                CultureInfo.InvariantCulture,
                $"training diverged: {loop.Divergence}; going on from {from} with --learning-rate {learningRate}"));
        }
    }

    /// <summary>
    /// The checkpoint to go on from. One from which training diverged again, before it saved another, was ruined when it was saved: it is
    /// put aside, and the one before it takes its place.
    /// </summary>
    /// <param name="rolledBackTo">The iteration of the last rollback.</param>
    /// <param name="mayStartAnew">Whether the state of the start is known.</param>
    /// <returns>Null for the state of the start.</returns>
    private TrainingSnapshot? GoBack(long rolledBackTo, bool mayStartAnew)
    {
        TrainingSnapshot last = CheckpointFile.Load(run.CheckpointPath).Snapshot;
        if (last.Iteration != rolledBackTo)
            return last;
        if (run.OlderCheckpointAges is not [var age, ..])
        {
            if (mayStartAnew)
                run.FallBack(null);
            return mayStartAnew ? null : last;
        }

        run.FallBack(age);
        return CheckpointFile.Load(run.CheckpointPath).Snapshot;
    }

    private TrainingOutcome TrainOnce(TrainingLoop loop, ITrainingObserver? more, CancellationToken stop)
    {
        TensorBoardLog? tensorBoard = declared.HasTensorBoard(options)
            ? new TensorBoardLog(run.TensorBoardPath, resumeFrom, Words.IsSmoothed, TimeProvider.System)
            : null;
        using var recorder = new RunRecorder(run, description, resumeFrom, declared.KeepCheckpoints(options), Output.Warning, tensorBoard);
        var report = new ReportWriter(run.Root, Output.Warning);
        bool json = declared.IsJson(options);
        ITrainingObserver[] heard = [recorder, report, .. more is null ? (ITrainingObserver[])[] : [more]];
        TrainingOutcome outcome = Output.Timed("training", () =>
        {
            if (Output.IsQuiet || json || Output.LiveConsole(isError: false) is not { } console)
                return loop.Run(new ObserverList([.. heard, new TrainingDisplay(Words, json)]), stop);
            var screen = new TrainingScreen(console, Words, resumeFrom);
            return screen.Run(() => loop.Run(new ObserverList([.. heard, screen]), stop));
        });
        report.Write();
        if (outcome != TrainingOutcome.Diverged)
            recorder.RequireSaved();
        return outcome;
    }
}
