using System.Globalization;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Gpu.Tests.Storage;
using CharRnn.Model;
using CharRnn.Runs;
using CharRnn.Sampling;
using CharRnn.Storage;
using CharRnn.Text;
using CharRnn.Training;
using ILGPU.Runtime.OpenCL;

namespace CharRnn.Gpu.Tests.Training;

/// <summary>The order of events, with an engine that only counts.</summary>
public class TrainingLoopTests
{
    private static readonly TrainingSchedule Schedule = new() { Iterations = 20, LogEvery = 3, EvalEvery = 5, SampleEvery = 10, CheckpointEvery = 10 };

    [Fact]
    public void A_stop_in_the_middle_of_an_evaluation_repeats_and_loses_no_event()
    {
        var whole = new Events();
        Assert.Equal(TrainingOutcome.Finished, Loop(new CountingEngine(), null).Run(whole, CancellationToken.None));

        // At each of the four evaluations, also the one at the end.
        for (int stopAt = 1; stopAt <= 4; stopAt++)
        {
            using var stop = new CancellationTokenSource();
            var events = new Events();
            Assert.Equal(TrainingOutcome.Stopped, Loop(new CountingEngine { StopAtEvaluation = (stopAt, stop) }, null).Run(events, stop.Token));
            TrainingSnapshot snapshot = Assert.IsType<TrainingSnapshot>(events.LastSnapshot);
            Assert.True(snapshot.EventsDue);
            Assert.Equal(5 * stopAt, snapshot.Iteration);

            Assert.Equal(TrainingOutcome.Finished, Loop(new CountingEngine { Iteration = snapshot.Iteration }, snapshot).Run(events, CancellationToken.None));
            Assert.Equal(whole.Lines, events.Lines);
        }
    }

    [Fact]
    public void A_stop_before_an_event_leaves_it_due()
    {
        var whole = new Events();
        Loop(new CountingEngine(), null).Run(whole, CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var events = new Events { StopAtIteration = (5, stop) };
        Assert.Equal(TrainingOutcome.Stopped, Loop(new CountingEngine(), null).Run(events, stop.Token));
        events.StopAtIteration = default;
        Loop(new CountingEngine { Iteration = 5 }, events.LastSnapshot).Run(events, CancellationToken.None);
        Assert.Equal(whole.Lines, events.Lines);
    }

    [Fact]
    public void An_absurd_loss_ends_training_before_it_is_saved()
    {
        var events = new Events();
        TrainingLoop loop = Loop(new CountingEngine { LossFactor = 1e12f }, null);
        Assert.Equal(TrainingOutcome.Diverged, loop.Run(events, CancellationToken.None));
        Assert.StartsWith("the smoothed loss is ", loop.Divergence, StringComparison.Ordinal);
        Assert.Empty(events.Lines);
        Assert.Null(events.LastSnapshot);
    }

    [Fact]
    public void A_driver_that_fails_leaves_the_last_checkpoint_whole_and_the_directory_free()
    {
        using var directory = new TemporaryDirectory();
        using (RunDirectory run = RunDirectory.Create(directory.File("run")))
        {
            File.WriteAllText(run.ConfigurationPath, """{"hidden-size": 3}""");
            using var recorder = new RunRecorder(run, Samples.Vocabulary(), null, 2, _ => { });
            Assert.Throws<CLException>(() => Loop(new CountingEngine { FailAt = 14 }, null).Run(recorder, CancellationToken.None));
        }

        using RunDirectory resumed = RunDirectory.Resume(directory.File("run"));
        Assert.Equal(10, resumed.LoadCheckpoint(Assert.Fail).Snapshot.Iteration);
        _ = ModelFile.Load(resumed.ModelPath);
    }

    [Fact]
    public void So_many_epochs_that_their_steps_overflow_are_as_many_as_can_be_counted() =>
        Assert.Equal(long.MaxValue, (Schedule with { Iterations = null, Epochs = long.MaxValue / 2 }).TotalIterations(3));

    private static TrainingLoop Loop(CountingEngine engine, TrainingSnapshot? resumeFrom) =>
        new(engine, new StepOptions(), Schedule, Samples.Vocabulary(), new SyntheticText(5, 100), resumeFrom);

    private sealed class CountingEngine : ITrainingEngine
    {
        private readonly ParameterSet<float> _weights = Samples.Weights(5, 3);
        private int _evaluations;

        public long Iteration { get; set; }

        public long FailAt { get; init; } = long.MaxValue;

        public float LossFactor { get; init; } = 1;

        public (int Evaluation, CancellationTokenSource? Source) StopAtEvaluation { get; init; }

        public StreamCursor Cursor { get; } = new(1000, 25);

        public Func<long, double> LearningRateAfter { get; set; } = _ => 0.1;

        public StepsResult RunSteps(long maxSteps)
        {
            float[] losses = [.. Enumerable.Range(1, (int)maxSteps).Select(n => (100 - Iteration - n) * LossFactor)];
            Iteration += maxSteps;
            if (Iteration >= FailAt)
                throw new CLException(CLError.CL_OUT_OF_RESOURCES);
            return new StepsResult(losses, false);
        }

        public ParameterSet<float> ReadWeights() => _weights;

        public EngineState ReadState() => new(_weights, [new Moment("adagrad", _weights)], new float[3], Iteration, 1, Iteration);

        public void Restore(EngineState state) => throw new NotSupportedException();

        public double Evaluate(ITokenSource text, CancellationToken cancellation)
        {
            if (++_evaluations == StopAtEvaluation.Evaluation)
                StopAtEvaluation.Source!.Cancel();
            cancellation.ThrowIfCancellationRequested();
            return 100 - Iteration;
        }

        public int[] Sample(int length, int firstInput, SamplingOptions options, ulong seed, ulong sequence, CancellationToken cancellation) => [(int)sequence % 5];

        public void Dispose()
        {
        }
    }

    private sealed class Events : ITrainingObserver
    {
        public List<string> Lines { get; } = [];

        public TrainingSnapshot? LastSnapshot { get; private set; }

        public (long Iteration, CancellationTokenSource? Source) StopAtIteration { get; set; }

        public void Progressed(TrainingReport now, long totalIterations)
        {
            if (now.Iteration == StopAtIteration.Iteration)
                StopAtIteration.Source?.Cancel();
        }

        public void Reported(TrainingReport report) =>
            Lines.Add(string.Create(CultureInfo.InvariantCulture, $"report {report with { CharactersPerSecond = 0, Seconds = 0 }}"));

        public void Improved(ParameterSet<float> weights) => Lines.Add("improved");

        public void Sampled(long iteration, int[] tokens) => Lines.Add(string.Create(CultureInfo.InvariantCulture, $"sample {iteration}"));

        // Where a run was stopped it saves, which one that was not does not: no line for it.
        public void Checkpointed(TrainingSnapshot snapshot) => LastSnapshot = snapshot;
    }
}
