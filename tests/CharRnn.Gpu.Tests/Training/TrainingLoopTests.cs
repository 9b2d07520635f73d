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
    private static readonly TrainingSchedule Schedule =
        new() { Iterations = 20, LogEvery = 3, EvalEvery = 5, SampleEvery = 10, CheckpointEvery = 10 };

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
            TrainingLoop stopped = Loop(new CountingEngine { StopAtEvaluation = (stopAt, stop) }, null);
            Assert.Equal(TrainingOutcome.Stopped, stopped.Run(events, stop.Token));
            TrainingSnapshot snapshot = Assert.IsType<TrainingSnapshot>(events.LastSnapshot);
            Assert.True(snapshot.EventsDue);
            Assert.Equal(5 * stopAt, snapshot.Iteration);

            TrainingLoop resumed = Loop(new CountingEngine { Iteration = snapshot.Iteration }, snapshot);
            Assert.Equal(TrainingOutcome.Finished, resumed.Run(events, CancellationToken.None));
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
        Assert.Equal(whole.Lines[..1], events.Lines); // and a stop is no end: nothing more is raised
        events.StopAtIteration = default;
        Loop(new CountingEngine { Iteration = 5 }, events.LastSnapshot).Run(events, CancellationToken.None);
        Assert.Equal(whole.Lines, events.Lines);
    }

    [Fact]
    public void The_loss_of_a_report_is_the_mean_since_the_last()
    {
        // Step n has the loss 100 - n; reports lie at every third step, and at every fifth because of the evaluation.
        var events = new Events();
        Loop(new CountingEngine(), null).Run(events, CancellationToken.None);
        Assert.Equal(
            [(3, 98), (5, 95.5), (6, 94), (9, 92), (10, 90)],
            events.Reports.Take(5).Select(report => (report.Iteration, Math.Round(report.Loss * 25, 9))));
    }

    [Theory]
    [InlineData(5, true)] // an evaluation before the end, and none that brings as much later
    [InlineData(5, false)] // one at 20 that does
    [InlineData(0, true)] // none but that at the end
    public void A_later_end_leaves_no_trace_of_an_earlier_one(int evalEvery, bool isBest)
    {
        using var directory = new TemporaryDirectory();
        TrainingSchedule schedule = Schedule with { EvalEvery = evalEvery };
        double ValidationLoss(long iteration) => iteration == 17 ? 1 : iteration == 20 && !isBest ? 0.5 : 50 + iteration;
        RunDirectory Train(string name, long iterations, TrainingSnapshot? from)
        {
            RunDirectory run = from is null ? RunDirectory.Create(directory.File(name)) : RunDirectory.Resume(directory.File(name));
            File.WriteAllText(run.ConfigurationPath, """{"hidden-size": 3}""");
            using var engine = new CountingEngine { Iteration = from?.Iteration ?? 0, ValidationLoss = ValidationLoss };
            using var recorder = new RunRecorder(run, Samples.Description, from, 3, Assert.Fail);
            TrainingLoop loop = Loop(engine, from, schedule with { Iterations = iterations });
            Assert.Equal(TrainingOutcome.Finished, loop.Run(recorder, CancellationToken.None));
            return run;
        }

        string[] first;
        using (RunDirectory ended = Train("run", 17, null))
        {
            first = Lines(ended);
            TrainingReport last = MetricsLog.Read(ended.MetricsPath).Last();
            Assert.Equal((17, 1), (last.Iteration, last.ValidationLoss));
            Assert.Equal(17, SamplesLog.Read(ended.SamplesPath)[^1].Iteration);
            Samples.AssertEqual(CountingEngine.Weights(17), ModelFile.Load(ended.BestModelPath).Weights);
            Assert.Equal(evalEvery > 0 ? [5L] : [], ended.EarlierBestIterations);
            if (evalEvery > 0)
                Samples.AssertEqual(CountingEngine.Weights(5), ModelFile.Load(ended.EarlierBestPath(5)).Weights);
        }

        // To the same end again, and then to a later one, from the checkpoint of the end as from one that a kill left behind.
        using (RunDirectory again = Train("run", 17, CheckpointFile.Load(directory.File("run/checkpoint.safetensors")).Snapshot))
            Assert.Equal(first, Lines(again));
        using RunDirectory whole = Train("whole", 20, null);
        foreach (string checkpoint in (string[])["run/checkpoint.safetensors", "run/checkpoint-2.safetensors"])
        {
            string name = Path.GetFileNameWithoutExtension(checkpoint);
            Directory.CreateDirectory(directory.File(name));
            foreach (string file in Directory.EnumerateFiles(directory.File("run")))
                File.Copy(file, Path.Combine(directory.File(name), Path.GetFileName(file)));
            using RunDirectory resumed = Train(name, 20, CheckpointFile.Load(directory.File(checkpoint)).Snapshot);
            Assert.Equal(Lines(whole), Lines(resumed));
            Assert.Equal(File.ReadAllBytes(whole.SamplesPath), File.ReadAllBytes(resumed.SamplesPath));
            Assert.Equal(File.ReadAllBytes(whole.BestModelPath), File.ReadAllBytes(resumed.BestModelPath));
            Assert.Equal(whole.EarlierBestIterations, resumed.EarlierBestIterations);
        }

        static string[] Lines(RunDirectory run) =>
            [.. MetricsLog.Read(run.MetricsPath).Select(report => (report with { Seconds = 0, CharactersPerSecond = 0 }).ToString())];
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_that_is_killed_and_resumed_has_the_best_model_of_one_that_was_not(bool isDamaged)
    {
        // Each measurement on the way is the best, and so is that at the end, but not those at earlier ends.
        const int end = 19;
        using var directory = new TemporaryDirectory();
        bool Train(RunDirectory run, long iterations, int events)
        {
            File.WriteAllText(run.ConfigurationPath, """{"hidden-size": 3}""");
            TrainingSnapshot? from = File.Exists(run.CheckpointPath) ? run.LoadCheckpoint(_ => { }).Snapshot : null;
            using var engine = new CountingEngine
            {
                Iteration = from?.Iteration ?? 0,
                ValidationLoss = iteration => iteration % 2 == 0 || iteration == end ? 100 - iteration : 200,
            };
            using var recorder = new RunRecorder(run, Samples.Description, from, 3, Assert.Fail);
            TrainingLoop loop = Loop(engine, from, Schedule with { Iterations = iterations, EvalEvery = 2, CheckpointEvery = 5 });
            return Killed.After(events, recorder, observer => loop.Run(observer, CancellationToken.None));
        }

        var resumedFrom = new HashSet<long>();
        bool killed = true;
        for (int events = 1; killed; events++)
        {
            string left = directory.File($"{events}");
            using (RunDirectory run = RunDirectory.Create(left))
            {
                killed = Train(run, end, events);
                if (isDamaged && File.Exists(run.CheckpointPath))
                    File.WriteAllText(run.CheckpointPath, "cut off");
                if (!run.Checkpoints.Skip(isDamaged ? 1 : 0).Any())
                    continue;
            }

            long from = CheckpointFile.Load(RunSearch.PathsOf(left).Checkpoints.ElementAt(isDamaged ? 1 : 0)).Snapshot.Iteration;
            resumedFrom.Add(from);
            foreach (long iterations in ((long[])[from + 1, from + 2, end]).Where(iterations => iterations > from && iterations <= end))
            {
                string copy = $"{left}-{iterations}";
                Directory.CreateDirectory(copy);
                foreach (string file in Directory.EnumerateFiles(left))
                    File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
                using RunDirectory resumed = RunDirectory.Resume(copy);
                Train(resumed, iterations, int.MaxValue);
                using RunDirectory whole = RunDirectory.Create($"{copy}-whole");
                Train(whole, iterations, int.MaxValue);
                Assert.Equal(Bests(whole), Bests(resumed));
            }
        }

        Assert.Equal(isDamaged ? [5, 10, 15] : [5, 10, 15, 19], resumedFrom);

        static IEnumerable<(string, string)> Bests(RunDirectory run) =>
            Directory.GetFiles(run.Root, "best*").Order(StringComparer.Ordinal)
                .Select(path => (Path.GetFileName(path), Convert.ToHexString(File.ReadAllBytes(path))));
    }

    [Fact]
    public void A_report_tells_the_rate_of_the_last_step()
    {
        TrainingSchedule linear = Schedule with { Iterations = 20, LearningRates = new() { Kind = LearningRateDecay.Linear, Warmup = 5 } };
        using var engine = new CountingEngine();
        var events = new Events();
        Loop(engine, null, linear).Run(events, CancellationToken.None);
        Assert.Equal(20, engine.Rates.Count);
        Assert.Equal((0.1f, 0f), ((float)engine.Rates[4], (float)engine.Rates[19]));
        Assert.All(events.Reports, report => Assert.Equal(engine.Rates[(int)report.Iteration - 1], report.LearningRate));
    }

    // Measurements at 5, 10, ...: better, worse, worse, better, then worse for ever.
    private static double Plateau(long iteration) => iteration switch { 5 => 3, 10 or 15 => 4, 20 => 2, _ => 2.5 };

    [Fact]
    public void A_plateau_lowers_the_rate_from_the_next_step_on_and_a_resume_goes_on_waiting()
    {
        TrainingSchedule schedule = Schedule with
        {
            Iterations = 50,
            LearningRates = new() { Kind = LearningRateDecay.Plateau, DecayPatience = 2 },
        };
        using var engine = new CountingEngine { ValidationLoss = Plateau };
        var whole = new Events();
        Loop(engine, null, schedule).Run(whole, CancellationToken.None);
        float[] rates = [.. engine.Rates.Select(rate => (float)rate)];
        float[] expected =
        [
            .. Enumerable.Repeat(0.1f, 15), .. Enumerable.Repeat(0.05f, 15), .. Enumerable.Repeat(0.025f, 10),
            .. Enumerable.Repeat(0.0125f, 10),
        ];
        Assert.Equal(expected, rates);

        for (int stopAt = 3; stopAt < 50; stopAt++)
        {
            using var stop = new CancellationTokenSource();
            var events = new Events { StopAtIteration = (stopAt, stop) };
            if (Loop(new CountingEngine { ValidationLoss = Plateau }, null, schedule).Run(events, stop.Token) == TrainingOutcome.Finished)
                continue; // no call of the engine ended there
            events.StopAtIteration = default;
            using var resumed = new CountingEngine { Iteration = stopAt, ValidationLoss = Plateau };
            Loop(resumed, events.LastSnapshot, schedule).Run(events, CancellationToken.None);
            Assert.Equal(rates[stopAt..], resumed.Rates.Select(rate => (float)rate));
            Assert.Equal(whole.Lines, events.Lines);
        }
    }

    [Theory]
    [InlineData(1, 10, 5)]
    [InlineData(2, 15, 5)]
    [InlineData(3, 35, 20)]
    [InlineData(6, 50, 20)] // just at the end
    [InlineData(7, 50, 20)]
    [InlineData(0, 50, 20)]
    public void Training_ends_when_its_patience_does(int patience, int end, int best)
    {
        TrainingSchedule schedule = Schedule with { Iterations = 50, Patience = patience };
        using var engine = new CountingEngine { ValidationLoss = Plateau };
        var events = new Events();
        TrainingLoop loop = Loop(engine, null, schedule);
        Assert.Equal(end < 50 ? TrainingOutcome.StoppedEarly : TrainingOutcome.Finished, loop.Run(events, CancellationToken.None));
        Assert.Equal((end, best), (engine.Iteration, loop.Best.Iteration));
        Assert.Equal(Plateau(best), loop.Best.ValidationLoss);
        Assert.Contains($"sample {end}", events.Lines);
        TrainingSnapshot snapshot = Assert.IsType<TrainingSnapshot>(events.LastSnapshot);
        Assert.Equal(end < 50 ? TrainingOutcome.StoppedEarly : TrainingOutcome.Finished, snapshot.EndedBy);

        // With more patience it goes on as if it had never ended, and with as much it ends again.
        foreach (int more in (int[])[patience, 0])
        {
            Events whole = new(), resumed = new();
            TrainingSchedule patient = schedule with { Patience = more };
            Loop(new CountingEngine { ValidationLoss = Plateau }, null, patient).Run(whole, CancellationToken.None);
            Loop(new CountingEngine { Iteration = end, ValidationLoss = Plateau }, snapshot, patient).Run(resumed, CancellationToken.None);
            Assert.Equal(whole.Lines[^resumed.Lines.Count..], resumed.Lines);
            Assert.Equal(whole.Reports[^1].Iteration, resumed.Reports[^1].Iteration);
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(15)] // where an evaluation is due anyway
    public void Training_ends_where_the_engine_has_converged_and_nothing_puts_that_off(int at)
    {
        // A stop that comes with the last step, or while the end is being measured, is too late.
        foreach ((int iteration, int evaluation) in ((int, int)[])[(0, 0), (at, 0), (0, (at / 5) + (at % 5 == 0 ? 0 : 1))])
        {
            using var stop = new CancellationTokenSource();
            var events = new Events { StopAtIteration = (iteration, stop) };
            using var engine = new CountingEngine { ConvergesAt = at, StopAtEvaluation = (evaluation, stop) };
            Assert.Equal(TrainingOutcome.SmallChange, Loop(engine, null).Run(events, stop.Token));
            Assert.Equal((at, 100 - at), (events.Reports[^1].Iteration, events.Reports[^1].ValidationLoss));
            Assert.Contains($"sample {at}", events.Lines);
            TrainingSnapshot snapshot = Assert.IsType<TrainingSnapshot>(events.LastSnapshot);
            Assert.Equal((at, TrainingOutcome.SmallChange), (snapshot.Iteration, snapshot.EndedBy));

            // A smaller tolerance goes on as if training had never ended.
            Events whole = new(), resumed = new();
            Loop(new CountingEngine(), null).Run(whole, CancellationToken.None);
            Loop(new CountingEngine { Iteration = at }, snapshot).Run(resumed, CancellationToken.None);
            Assert.Equal(whole.Lines[^resumed.Lines.Count..], resumed.Lines);
        }
    }

    [Fact]
    public void A_run_that_goes_on_from_its_end_says_so_at_once()
    {
        var events = new Events();
        Loop(new CountingEngine { ConvergesAt = 8 }, null).Run(events, CancellationToken.None);
        Assert.Equal(TrainingOutcome.SmallChange, events.LastSnapshot!.EndedBy);
        using var engine = new CountingEngine { Iteration = 8, FailAt = 9 }; // as if it were killed
        Assert.Throws<CLException>(() => Loop(engine, events.LastSnapshot).Run(events, CancellationToken.None));
        Assert.Equal((8, true, null), (events.LastSnapshot.Iteration, events.LastSnapshot.EventsDue, events.LastSnapshot.EndedBy));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public void An_absurd_loss_ends_training_however_many_steps_a_call_has(int logEvery)
    {
        // The loss of the sixth step alone is absurd; the smoothed loss is, from then on for a while.
        var engine = new CountingEngine { LossOf = iteration => iteration == 6 ? 1e12f : 1 };
        TrainingLoop loop = Loop(engine, null, Schedule with { LogEvery = logEvery, EvalEvery = 0, SampleEvery = 0, CheckpointEvery = 0 });
        Assert.Equal(TrainingOutcome.Diverged, loop.Run(new Events(), CancellationToken.None));
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
            using var recorder = new RunRecorder(run, Samples.Description, null, 2, _ => { });
            Assert.Throws<CLException>(() => Loop(new CountingEngine { FailAt = 14 }, null).Run(recorder, CancellationToken.None));
        }

        using RunDirectory resumed = RunDirectory.Resume(directory.File("run"));
        Assert.Equal(10, resumed.LoadCheckpoint(Assert.Fail).Snapshot.Iteration);
        _ = ModelFile.Load(resumed.ModelPath);
    }

    [Fact]
    public void So_many_epochs_that_their_steps_overflow_are_as_many_as_can_be_counted() =>
        Assert.Equal(long.MaxValue, (Schedule with { Iterations = null, Epochs = long.MaxValue / 2 }).TotalIterations(3));

    private static TrainingLoop Loop(CountingEngine engine, TrainingSnapshot? resumeFrom, TrainingSchedule? schedule = null) =>
        new(
            new TextLearner(engine, new StepOptions(), schedule ?? Schedule, Samples.Vocabulary(), new SyntheticText(5, 100)), 0.1,
            schedule ?? Schedule, resumeFrom);

    /// <summary>Passes some events of a run on, and ends it after the last of them.</summary>
    private sealed class Killed : Exception, ITrainingObserver
    {
        private readonly ITrainingObserver _observer;
        private int _left;

        private Killed(int events, ITrainingObserver observer) => (_left, _observer) = (events, observer);

        /// <returns>Whether the run was killed before its end.</returns>
        public static bool After(int events, ITrainingObserver observer, Action<ITrainingObserver> run)
        {
            try
            {
                run(new Killed(events, observer));
                return false;
            }
            catch (Killed)
            {
                return true;
            }
        }

        public void Ending() => Pass(_observer.Ending);

        public void Reported(TrainingReport report) => Pass(() => _observer.Reported(report));

        public void Improved(long iteration, ParameterSet<float> weights) => Pass(() => _observer.Improved(iteration, weights));

        public void Sampled(long iteration, ReadOnlyMemory<byte> text) => Pass(() => _observer.Sampled(iteration, text));

        public void Checkpointed(TrainingSnapshot snapshot) => Pass(() => _observer.Checkpointed(snapshot));

        private void Pass(Action raise)
        {
            raise();
            if (--_left == 0)
                throw this;
        }
    }

    private sealed class CountingEngine : ITextEngine
    {
        private int _evaluations;

        public long Iteration { get; set; }

        public long FailAt { get; init; } = long.MaxValue;

        public float LossFactor { get; init; } = 1;

        /// <summary>The loss of the step that completes an iteration.</summary>
        public Func<long, float> LossOf { get; init; } = iteration => 100 - iteration;

        public Func<long, double> ValidationLoss { get; init; } = iteration => 100 - iteration;

        public (int Evaluation, CancellationTokenSource? Source) StopAtEvaluation { get; init; }

        public long StepsPerEpoch => 39;

        /// <summary>The step with which training converges.</summary>
        public long ConvergesAt { get; init; } = long.MaxValue;

        public Func<long, double> LearningRateAt { get; set; } = _ => double.NaN;

        /// <summary>The rates of the steps that were run.</summary>
        public List<double> Rates { get; } = [];

        public StepsResult RunSteps(long maxSteps)
        {
            maxSteps = Math.Min(maxSteps, ConvergesAt - Iteration);
            float[] losses = [.. Enumerable.Range(1, (int)maxSteps).Select(n => LossOf(Iteration + n) * LossFactor)];
            Rates.AddRange(Enumerable.Range(0, (int)maxSteps).Select(n => LearningRateAt(Iteration + n)));
            Iteration += maxSteps;
            if (Iteration >= FailAt)
                throw new CLException(CLError.CL_OUT_OF_RESOURCES);
            return new StepsResult(losses, Iteration == ConvergesAt ? TrainingOutcome.SmallChange : null);
        }

        public static ParameterSet<float> Weights(long iteration) => Samples.Weights(5, 3, iteration);

        public ParameterSet<float> ReadWeights() => Weights(Iteration);

        public EngineState ReadState() =>
            new TextState(ReadWeights(), [new Moment("adagrad", ReadWeights())], Iteration, [new float[3]], Iteration, 1);

        public void Restore(EngineState state) => throw new NotSupportedException();

        public double Evaluate(ITokenSource text, CancellationToken cancellation)
        {
            if (++_evaluations == StopAtEvaluation.Evaluation)
                StopAtEvaluation.Source!.Cancel();
            cancellation.ThrowIfCancellationRequested();
            return ValidationLoss(Iteration);
        }

        public int[] Sample(
            int length, int firstInput, SamplingOptions options, ulong seed, ulong sequence, CancellationToken cancellation) =>
            [(int)sequence % 5];

        public void Dispose()
        {
        }
    }

    private sealed class Events : ITrainingObserver
    {
        public List<string> Lines { get; } = [];

        public List<TrainingReport> Reports { get; } = [];

        public TrainingSnapshot? LastSnapshot { get; private set; }

        public (long Iteration, CancellationTokenSource? Source) StopAtIteration { get; set; }

        public void Progressed(TrainingReport now, long totalIterations)
        {
            if (now.Iteration == StopAtIteration.Iteration)
                StopAtIteration.Source?.Cancel();
        }

        public void Reported(TrainingReport report)
        {
            Reports.Add(report);
            Lines.Add(string.Create(CultureInfo.InvariantCulture, $"report {report with { CharactersPerSecond = 0, Seconds = 0 }}"));
        }

        public void Improved(long iteration, ParameterSet<float> weights) => Lines.Add("improved");

        public void Sampled(long iteration, ReadOnlyMemory<byte> text) =>
            Lines.Add(string.Create(CultureInfo.InvariantCulture, $"sample {iteration}"));

        // Where a run was stopped it saves, which one that was not does not: no line for it.
        public void Checkpointed(TrainingSnapshot snapshot) => LastSnapshot = snapshot;
    }
}
