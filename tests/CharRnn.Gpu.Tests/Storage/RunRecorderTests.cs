using CharRnn.Gpu.Tests.Files;
using CharRnn.Model;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Storage;

public class RunRecorderTests
{
    [Fact]
    public void What_the_disk_refuses_is_told_once_and_saved_later()
    {
        using var directory = new TemporaryDirectory();
        using RunDirectory run = RunDirectory.Create(directory.File("run"));
        TrainingSnapshot snapshot = Samples.Snapshot();
        var warnings = new List<string>();
        using var recorder = new RunRecorder(run, Samples.Description, null, 2, warnings.Add);

        // A directory in its place keeps a file from being written, on every system and as every user.
        Directory.CreateDirectory(run.BestModelPath);
        recorder.Improved(snapshot.Iteration, snapshot.Weights);
        recorder.Checkpointed(snapshot);
        Assert.StartsWith(run.BestModelPath, Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal(run.BestModelPath, Assert.Throws<CharRnnException>(recorder.RequireSaved).Message.Split(": ")[0]);
        Assert.False(File.Exists(run.CheckpointPath));

        Directory.Delete(run.BestModelPath);
        recorder.Checkpointed(snapshot);
        recorder.RequireSaved();
        Assert.Single(warnings);
        Assert.Equal(snapshot.Weights.Layer(0).Whh, ModelFile.Load(run.BestModelPath).Weights.Layer(0).Whh);
        Assert.Equal(snapshot.Iteration, CheckpointFile.Load(run.CheckpointPath).Snapshot.Iteration);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void The_last_checkpoints_are_kept_and_a_state_that_is_not_finite_moves_none(int keep)
    {
        using var directory = new TemporaryDirectory();
        using RunDirectory run = RunDirectory.Create(directory.File("run"));
        using var recorder = new RunRecorder(run, Samples.Description, null, keep, _ => { });
        for (int iteration = 1; iteration <= 5; iteration++)
            recorder.Checkpointed(Samples.Snapshot(Samples.State() with { Iteration = iteration }));
        Assert.Equal(Enumerable.Range(0, keep).Select(age => 5L - age), Iterations());

        TrainingSnapshot bad = Samples.Snapshot();
        bad.Weights.Layer(0).Wxh[0] = float.NaN;
        Assert.Throws<CharRnnException>(() => recorder.Checkpointed(bad));
        Assert.Equal(Enumerable.Range(0, keep).Select(age => 5L - age), Iterations());

        IEnumerable<long> Iterations() => Directory.GetFiles(run.Root, "checkpoint-*").Order(StringComparer.Ordinal)
            .Prepend(run.CheckpointPath)
            .Select(path => CheckpointFile.Load(path).Snapshot.Iteration);
    }

    [Fact]
    public void A_state_that_is_not_finite_is_no_refusal_of_the_disk()
    {
        using var directory = new TemporaryDirectory();
        using RunDirectory run = RunDirectory.Create(directory.File("run"));
        TrainingSnapshot snapshot = Samples.Snapshot();
        snapshot.Engine.Moments[0].Values.Layer(0).Wxh[0] = float.PositiveInfinity;
        using var recorder = new RunRecorder(run, Samples.Description, null, 2, _ => { });
        Assert.Throws<CharRnnException>(() => recorder.Checkpointed(snapshot));
    }
}
