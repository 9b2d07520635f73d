using System.Diagnostics;
using System.Globalization;
using System.Text;
using CharRnn.Files;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Gpu.Tests.Storage;
using CharRnn.Runs;
using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Runs;

public class RunDirectoryTests
{
    private const string Configuration = """{"hidden-size": 100}""";

    [Fact]
    public void A_missing_directory_is_made_with_its_parents()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("runs/first");
        using var run = RunDirectory.Create(path);

        Assert.Equal(path, run.Root);
        Assert.Equal(
            ["config.json", "model.safetensors", "best.safetensors", "checkpoint.safetensors", "metrics.jsonl", "samples.txt"],
            new[] { run.ConfigurationPath, run.ModelPath, run.BestModelPath, run.CheckpointPath, run.MetricsPath, run.SamplesPath }
                .Select(Path.GetFileName));
        Assert.All([run.ConfigurationPath, run.SamplesPath], p => Assert.Equal(path, Path.GetDirectoryName(p)));
    }

    [Fact]
    public void A_second_run_is_refused_and_told_the_process_of_the_first()
    {
        using var directory = new TemporaryDirectory();
        string found = $"is in use by process {Environment.ProcessId}";
        using (var first = RunDirectory.Create(directory.Root))
        {
            Errors.Expect(directory.Root, found, () => RunDirectory.Create(directory.Root));
            Errors.Expect(directory.Root, found, () => RunDirectory.Create(directory.Root, overwrite: true));
            File.WriteAllText(first.ConfigurationPath, Configuration);
            File.WriteAllText(first.CheckpointPath, "");
            Errors.Expect(directory.Root, found, () => RunDirectory.Create(directory.Root));
            Errors.Expect(directory.Root, found, () => RunDirectory.Resume(directory.Root));
            Assert.True(File.Exists(first.CheckpointPath));
        }

        Assert.Equal(["checkpoint.safetensors", "config.json", "run.lock"], directory.Names());
        RunDirectory.Resume(directory.Root).Dispose();
    }

    [Fact]
    public void A_damaged_checkpoint_is_put_aside_and_the_last_whole_one_takes_its_place()
    {
        using var directory = new TemporaryDirectory();
        string root = Saved(directory, 10, 20, 30);
        byte[] damaged = File.ReadAllBytes(Path.Combine(root, "checkpoint.safetensors"));
        damaged[^1] ^= 1;
        File.WriteAllBytes(Path.Combine(root, "checkpoint.safetensors"), damaged);
        File.WriteAllText(Path.Combine(root, "checkpoint-1.safetensors"), "cut off");

        var warnings = new List<string>();
        using RunDirectory run = RunDirectory.Resume(root);
        Assert.Equal(10, run.LoadCheckpoint(warnings.Add).Snapshot.Iteration);
        Assert.Contains("going on from the checkpoint of iteration 10", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal(10, run.LoadCheckpoint(Assert.Fail).Snapshot.Iteration);
        Assert.Equal(damaged, File.ReadAllBytes(Path.Combine(root, "checkpoint-damaged.safetensors")));
    }

    [Fact]
    public void Where_no_checkpoint_is_whole_the_error_is_the_last_ones_and_all_stay()
    {
        using var directory = new TemporaryDirectory();
        string root = Saved(directory, 10, 20);
        foreach (string name in (string[])["checkpoint.safetensors", "checkpoint-1.safetensors"])
            File.WriteAllText(Path.Combine(root, name), "cut off");
        using RunDirectory run = RunDirectory.Resume(root);
        Assert.StartsWith(
            run.CheckpointPath,
            Assert.Throws<CharRnnException>(() => run.LoadCheckpoint(Assert.Fail)).Message, StringComparison.Ordinal);
        Assert.True(File.Exists(run.OlderCheckpointPath(1)));
    }

    [Fact]
    public void A_kill_between_the_renames_of_a_save_loses_nothing()
    {
        using var directory = new TemporaryDirectory();
        string root = Saved(directory, 10);
        File.Move(Path.Combine(root, "checkpoint.safetensors"), Path.Combine(root, "checkpoint-1.safetensors"));
        Errors.Expect(root, "holds the checkpoint-1.safetensors of a run", () => RunDirectory.Create(root));
        using RunDirectory run = RunDirectory.Resume(root);
        Assert.Equal(10, run.LoadCheckpoint(Assert.Fail).Snapshot.Iteration);
    }

    [Fact]
    public void Overwriting_gives_up_the_older_checkpoints_too()
    {
        using var directory = new TemporaryDirectory();
        string root = Saved(directory, 10, 20, 30);
        RunDirectory.Create(root, overwrite: true).Dispose();
        Assert.Empty(Directory.GetFiles(root, "*.safetensors"));
    }

    [Fact]
    public void What_is_put_aside_replaces_nothing_that_was_put_aside_before()
    {
        using var directory = new TemporaryDirectory();
        string root = Saved(directory, 10, 20, 30);
        foreach (string content in (string[])["first", "second"])
        {
            File.WriteAllText(Path.Combine(root, "checkpoint.safetensors"), content);
            using RunDirectory run = RunDirectory.Resume(root);
            run.LoadCheckpoint(_ => { });
        }

        Assert.Equal("first", File.ReadAllText(Path.Combine(root, "checkpoint-damaged.safetensors")));
        Assert.Equal("second", File.ReadAllText(Path.Combine(root, "checkpoint-damaged-2.safetensors")));
        RunDirectory.Create(root, overwrite: true).Dispose();
        Assert.Equal(["run.lock"], Directory.GetFileSystemEntries(root).Select(Path.GetFileName));
    }

    [Fact]
    public void A_checkpoint_of_a_newer_version_or_another_kind_is_refused_and_not_put_aside()
    {
        using var directory = new TemporaryDirectory();
        string root = Saved(directory, 10, 20), path = Path.Combine(root, "checkpoint.safetensors");
        foreach ((string old, string changed, string found) in (ReadOnlySpan<(string, string, string)>)
        [
            ("\"version\":\"2\"", "\"version\":\"3\"", "is of format version 3, newer than this program's 2"),
            ("\"cell\":\"rnn\"", "\"cell\":\"mgu\"", "metadata key cell is \"mgu\", not rnn or lstm or gru"),
        ])
        {
            byte[] good = File.ReadAllBytes(path);
            File.WriteAllBytes(
                path, Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(good).Replace(old, changed, StringComparison.Ordinal)));
            byte[] newer = File.ReadAllBytes(path);
            Assert.NotEqual(good, newer);
            using (RunDirectory run = RunDirectory.Resume(root))
                Errors.Expect(path, found, () => run.LoadCheckpoint(Assert.Fail));
            Assert.Equal(newer, File.ReadAllBytes(path));
            Assert.True(File.Exists(Path.Combine(root, "checkpoint-1.safetensors")));
            File.WriteAllBytes(path, good);
        }
    }

    [Theory]
    [InlineData("best.safetensors")]
    [InlineData("best-mine.safetensors")]
    [InlineData("best-of-iteration-20.safetensors")]
    [InlineData("best-before-end.safetensors")]
    [InlineData("checkpoint-2.safetensors")]
    [InlineData("checkpoint-mine.safetensors")]
    [InlineData("checkpoint-5000.safetensors")]
    [InlineData("checkpoint-damaged.safetensors")]
    [InlineData("other.safetensors")]
    public void Whatever_holds_weights_makes_a_directory_taken(string name)
    {
        using var directory = new TemporaryDirectory();
        directory.Write(name, "weights");
        Errors.Expect(directory.Root, $"holds a {name} that does not belong to a run", () => RunDirectory.Create(directory.Root));
        Assert.Equal([name], directory.Names());

        directory.Write("config.json", Configuration);
        Errors.Expect(directory.Root, $"holds the {name} of a run", () => RunDirectory.Create(directory.Root));
        Assert.Equal(((string[])[name, "config.json", "run.lock"]).Order(StringComparer.Ordinal), directory.Names());
        RunDirectory.Create(directory.Root, overwrite: true).Dispose();
        bool stays = name is "best-mine.safetensors" or "checkpoint-mine.safetensors" or "checkpoint-5000.safetensors"
            or "other.safetensors";
        Assert.Equal(stays ? [name, "run.lock"] : ["run.lock"], directory.Names());
    }

    [Fact]
    public void A_users_copy_of_a_checkpoint_is_not_the_runs()
    {
        using var directory = new TemporaryDirectory();
        string root = Saved(directory, 10, 20, 30);
        File.Copy(Path.Combine(root, "checkpoint.safetensors"), Path.Combine(root, "checkpoint-5000.safetensors"));
        using RunDirectory run = RunDirectory.Resume(root);
        run.AgeCheckpoints(1);
        Assert.Equal(
            ["checkpoint-5000.safetensors", "checkpoint.safetensors"],
            Directory.GetFiles(root, "checkpoint*").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_best_model_goes_back_to_that_of_an_iteration_wherever_a_kill_left_it()
    {
        using var directory = new TemporaryDirectory();
        using RunDirectory run = RunDirectory.Create(directory.Root);
        Measured(10);
        Measured(20);
        run.KeepBest(20); // and killed before the better model has its name
        run.TakeBackBest(20, hadBest: true);
        Assert.Equal(["best-of-iteration-10", "best = 20"], Bests());

        Measured(30);
        run.TakeBackBest(30, hadBest: true); // killed after the checkpoint that knows it, and before the earlier ones were removed
        Assert.Equal(["best-of-iteration-10", "best-of-iteration-20", "best = 30"], Bests());
        run.TakeBackBest(10, hadBest: true);
        run.TakeBackBest(10, hadBest: true);
        Assert.Equal(["best = 10"], Bests());

        Measured(40);
        run.TakeBackBest(0, hadBest: false);
        Assert.Empty(Bests());

        // What a program before these names left at the end of a run.
        File.WriteAllText(run.BestModelPath, "17");
        File.WriteAllText(directory.File("best-before-end.safetensors"), "5");
        run.TakeBackBest(5, hadBest: true);
        Assert.Equal(["best = 5"], Bests());

        void Measured(long iteration)
        {
            if (File.Exists(run.BestModelPath))
                run.KeepBest(long.Parse(File.ReadAllText(run.BestModelPath), CultureInfo.InvariantCulture));
            File.WriteAllText(run.BestModelPath, iteration.ToString(CultureInfo.InvariantCulture));
        }

        IEnumerable<string> Bests() =>
            Directory.GetFiles(directory.Root, "best*").Order(StringComparer.Ordinal).Select(path =>
                Path.GetFileNameWithoutExtension(path) + (path == run.BestModelPath ? $" = {File.ReadAllText(path)}" : ""));
    }

    [Fact]
    public void An_earlier_best_model_stays_as_long_as_a_checkpoint_needs_it()
    {
        using var directory = new TemporaryDirectory();
        using RunDirectory run = RunDirectory.Create(directory.Root);
        foreach (long iteration in (long[])[10, 20, 30])
            File.WriteAllText(run.EarlierBestPath(iteration), "weights");
        foreach ((string path, string best) in ((string, string)[])[(run.CheckpointPath, "30"), (run.OlderCheckpointPath(2), "10")])
            File.WriteAllText(path, best);
        directory.Write("best-of-iteration-20-mine.safetensors", "mine");
        run.RemoveEarlierBests(path => long.Parse(File.ReadAllText(path), CultureInfo.InvariantCulture));
        Assert.Equal([10, 30], run.EarlierBestIterations.Order());
        Assert.True(File.Exists(directory.File("best-of-iteration-20-mine.safetensors")));
        run.RemoveEarlierBests(_ => null);
        Assert.Empty(run.EarlierBestIterations);
    }

    [Fact]
    public void Kills_that_left_gaps_among_the_checkpoints_lose_none()
    {
        using var directory = new TemporaryDirectory();
        string root = Saved(directory, 10, 20, 30, 40); // the last, -1, -2 and -3
        File.Delete(Path.Combine(root, "checkpoint.safetensors"));
        File.Delete(Path.Combine(root, "checkpoint-1.safetensors"));
        Assert.Contains(
            "give --resume",
            Errors.Expect(root, "holds the checkpoint-2.safetensors of a run", () => RunDirectory.Create(root)), StringComparison.Ordinal);
        using RunDirectory run = RunDirectory.Resume(root);
        Assert.Equal(20, run.LoadCheckpoint(Assert.Fail).Snapshot.Iteration);

        // A damaged one goes to the next that there is; a save fills the gap.
        File.WriteAllText(run.CheckpointPath, "cut off");
        Assert.Equal(10, run.LoadCheckpoint(_ => { }).Snapshot.Iteration);
        File.Copy(run.CheckpointPath, run.OlderCheckpointPath(2));
        File.Copy(run.CheckpointPath, run.OlderCheckpointPath(7));
        run.AgeCheckpoints(int.MaxValue);
        Assert.Equal(["checkpoint-1", "checkpoint-2", "checkpoint-7", "checkpoint-damaged"], Weights());
        run.AgeCheckpoints(2);
        Assert.Equal(["checkpoint-1", "checkpoint-7", "checkpoint-damaged"], Weights()); // so many gaps no kills leave

        IEnumerable<string?> Weights() =>
            Directory.GetFiles(root, "*.safetensors").Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal);
    }

    [Fact(Skip = "links need a right there", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_link_in_a_runs_directory_is_refused_or_replaced_and_its_target_stays()
    {
        using var directory = new TemporaryDirectory();
        string root = Saved(directory, 10), target = directory.Write("target", "mine\n");
        string Link(string name)
        {
            File.Delete(Path.Combine(root, name));
            File.CreateSymbolicLink(Path.Combine(root, name), target);
            return Path.Combine(root, name);
        }

        // The process's number is written anew; the lock is the file itself.
        string processId = Link("run.pid");
        using (RunDirectory run = RunDirectory.Resume(root))
        {
            Assert.Equal($"{Environment.ProcessId}\n", File.ReadAllText(processId));
            Link("metrics.jsonl");
            Errors.Expect(run.MetricsPath, "is a symbolic link", () => run.TruncateLogs(0, 0));
        }

        Assert.False(File.Exists(processId));
        string lockPath = Link("run.lock");
        Errors.Expect(lockPath, "is a symbolic link", () => RunDirectory.Resume(root));
        File.Delete(lockPath);

        // The events of other runs may lie where a link leads.
        Directory.CreateDirectory(directory.File("shared"));
        string events = directory.Write("shared/events.out.tfevents.1.charrnn", "theirs"), tensorBoard = Path.Combine(root, "tensorboard");
        Directory.CreateSymbolicLink(tensorBoard, directory.File("shared"));
        Errors.Expect(
            tensorBoard, "is a symbolic link",
            () => _ = new TensorBoardLog(tensorBoard, null, smoothed: false, TimeProvider.System));
        RunDirectory.Create(root, overwrite: true).Dispose();
        Assert.Equal("theirs", File.ReadAllText(events));
        Assert.Equal("mine\n", File.ReadAllText(target));
    }

    [Fact(Skip = "links need a right there", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_runs_directory_may_be_a_link_itself()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateSymbolicLink(directory.File("link"), Saved(directory, 10));
        using (RunDirectory run = RunDirectory.Resume(directory.File("link")))
            Assert.Equal(10, run.LoadCheckpoint(Assert.Fail).Snapshot.Iteration);
        RunDirectory.Create(directory.File("link"), overwrite: true).Dispose();
        Assert.Equal(["run.lock"], Directory.GetFileSystemEntries(directory.File("run")).Select(Path.GetFileName));
    }

    [Fact(Skip = "elsewhere a pipe is replaced", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void What_cannot_be_removed_or_replaced_is_named()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory.File("model.safetensors"));
        Errors.Expect(directory.File("model.safetensors"), "is a directory", () => RunDirectory.Create(directory.Root, overwrite: true));

        string root = Saved(directory, 10), best = NamedPipe.Make(Path.Combine(root, "best.safetensors"));
        Errors.Expect(best, "is a pipe or device", () => RunDirectory.Resume(root));
    }

    /// <summary>A run's directory with these iterations' checkpoints.</summary>
    private static string Saved(TemporaryDirectory directory, params int[] iterations)
    {
        using RunDirectory run = RunDirectory.Create(directory.File("run"));
        File.WriteAllText(run.ConfigurationPath, Configuration);
        foreach (int iteration in iterations)
            CheckpointFile.Save(
                run.CheckpointPath, Samples.Description, Samples.Snapshot(Samples.State() with { Iteration = iteration }),
                () => run.AgeCheckpoints(5));
        return run.Root;
    }

    [Fact(Skip = "holds the lock with sleep and flock", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void The_lock_dies_with_its_process()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("run.lock", "");
        directory.Write("run.pid", "12345\n");
        Process holder;
        try
        {
            // An independent program takes the lock the way the operating system knows it.
            string[] arguments = ["--no-fork", directory.File("run.lock"), "sh", "-c", "echo held; exec sleep 60"];
            holder = Process.Start(new ProcessStartInfo("flock", arguments) { RedirectStandardOutput = true })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("no flock command here");
            return;
        }

        using (holder)
        {
            Assert.Equal("held", holder.StandardOutput.ReadLine());
            Errors.Expect(directory.Root, "is in use by process 12345", () => RunDirectory.Create(directory.Root));
            directory.Write("run.pid", "not a number");
            Errors.Expect(directory.Root, "is in use by another process", () => RunDirectory.Create(directory.Root));
            holder.Kill();
            holder.WaitForExit();
        }

        RunDirectory.Create(directory.Root).Dispose();
        Assert.Equal(["run.lock"], directory.Names());
    }

    [Theory]
    [InlineData("checkpoint.safetensors", "holds the checkpoint.safetensors of a run")]
    [InlineData("model.safetensors", "holds the model.safetensors of a run")]
    public void A_run_with_saved_work_is_refused_unless_overwritten(string saved, string found)
    {
        using var directory = new TemporaryDirectory();
        directory.Write("config.json", Configuration);
        directory.Write(saved, "work");
        Errors.Expect(directory.Root, found, () => RunDirectory.Create(directory.Root));
        // The refusal released the lock and changed nothing.
        Errors.Expect(directory.Root, found, () => RunDirectory.Create(directory.Root));
        Assert.Equal("work", File.ReadAllText(directory.File(saved)));

        foreach (string name in new[] { "best.safetensors", "metrics.jsonl", "samples.txt", "report.html", "notes.txt" })
            directory.Write(name, "");
        RunDirectory.Create(directory.Root, overwrite: true).Dispose();
        Assert.Equal(["notes.txt", "run.lock"], directory.Names());
    }

    [Fact]
    public void A_run_killed_before_its_first_checkpoint_is_started_over()
    {
        using var directory = new TemporaryDirectory();
        string[] names =
        [
            "run.lock", "run.pid", "metrics.jsonl", "samples.txt",
            ".checkpoint.safetensors.tmp-1-1", ".config.json.tmp-77-2", "notes.txt", ".mine.tmp-1-1",
        ];
        foreach (string name in names)
            directory.Write(name, "");
        directory.Write("config.json", Configuration);
        RunDirectory.Create(directory.Root).Dispose();
        Assert.Equal([".mine.tmp-1-1", "notes.txt", "run.lock"], directory.Names());
    }

    [Fact]
    public void Without_its_lock_a_run_is_known_by_its_configuration()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("config.json", Configuration);
        directory.Write("metrics.jsonl", "{}\n");
        RunDirectory.Create(directory.Root).Dispose();
        Assert.Equal(["run.lock"], directory.Names());
    }

    [Theory]
    [InlineData("config.json", """{"port": 80}""")]
    [InlineData("config.json", "not JSON")]
    [InlineData("samples.txt", "mine")]
    [InlineData("model.safetensors", "mine")]
    public void Files_that_come_from_no_run_are_not_taken_for_one(string name, string content)
    {
        using var directory = new TemporaryDirectory();
        directory.Write(name, content);
        for (int attempt = 0; attempt < 2; attempt++)
            Errors.Expect(directory.Root, $"holds a {name} that does not belong to a run", () => RunDirectory.Create(directory.Root));
        Assert.Equal([name], directory.Names());
        Assert.Equal(content, File.ReadAllText(directory.File(name)));
        RunDirectory.Create(directory.Root, overwrite: true).Dispose();
        Assert.Equal(["run.lock"], directory.Names());
    }

    [Fact]
    public void Other_files_are_no_obstacle_and_stay()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("notes.txt", "mine");
        RunDirectory.Create(directory.Root).Dispose();
        Assert.Equal("mine", File.ReadAllText(directory.File("notes.txt")));
    }

    [Fact]
    public void A_file_in_the_directory_s_place_is_refused()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write("file", "mine");
        Errors.Expect(path, "is a file where a directory was expected", () => RunDirectory.Create(path));
        Errors.Expect(path, "is a file where a run's directory was expected", () => RunDirectory.Resume(path));
        Errors.Expect(Path.Combine(path, "inner"), "which is a file", () => RunDirectory.Create(Path.Combine(path, "inner")));
        Errors.Expect("\"\"", "is not a path", () => RunDirectory.Create(""));
        Assert.Equal("mine", File.ReadAllText(path));
    }

    [Fact(Skip = "Windows has permissions of its own", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_read_only_directory_is_refused()
    {
        Assert.SkipWhen(Environment.UserName == "root", "needs a user whom permissions stop");
        using var directory = new TemporaryDirectory();
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(directory.Root, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            Errors.Expect(directory.File("run.lock"), "may not be written", () => RunDirectory.Create(directory.Root));
            Errors.Expect(directory.File("new"), "may not be written", () => RunDirectory.Create(directory.File("new")));
            File.SetUnixFileMode(directory.Root, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
        }
    }

    [Fact(Skip = "needs Linux's /proc", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void A_file_system_that_takes_no_files_is_refused()
    {
        Errors.Expect("/proc/charrnn", "could not be written", () => RunDirectory.Create("/proc/charrnn"));
        Errors.Expect("/proc/self/run.lock", "could not be written", () => RunDirectory.Create("/proc/self"));
    }

    [Fact(Skip = "other systems have no such names", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsWindows))]
    public void A_device_of_Windows_is_no_place_for_a_run()
    {
        foreach (string name in (string[])["NUL", "con", "COM1", @"\\.\pipe\run"])
            Errors.Expect(name, "is the name of a device on Windows", () => RunDirectory.Create(name));
        Errors.Expect("AUX", "is the name of a device on Windows", () => AtomicFile.Write("AUX", _ => { }));
    }

    [Fact]
    public void A_resume_needs_a_run_with_a_checkpoint()
    {
        using var directory = new TemporaryDirectory();
        Errors.Expect(directory.File("none"), "does not exist", () => RunDirectory.Resume(directory.File("none")));
        Errors.Expect(directory.Root, "is empty", () => RunDirectory.Resume(directory.Root));
        directory.Write("notes.txt", "");
        Errors.Expect(directory.Root, "holds no checkpoint.safetensors", () => RunDirectory.Resume(directory.Root));
        directory.Write("checkpoint.safetensors", "");
        Errors.Expect(directory.Root, "holds a checkpoint.safetensors but no config.json", () => RunDirectory.Resume(directory.Root));
        Assert.Equal(["checkpoint.safetensors", "notes.txt"], directory.Names());
    }

    [Fact]
    public void A_resume_removes_what_a_killed_writer_left_and_nothing_else()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("config.json", Configuration);
        foreach (string name in new[] { "checkpoint.safetensors", "model.safetensors", "metrics.jsonl", ".model.safetensors.tmp-5-1" })
            directory.Write(name, "");
        RunDirectory.Resume(directory.Root).Dispose();
        Assert.Equal(["checkpoint.safetensors", "config.json", "metrics.jsonl", "model.safetensors", "run.lock"], directory.Names());
    }

    [Theory]
    [InlineData("one\ntwo\nthree\n", 8, "one\ntwo\n")]
    [InlineData("one\ntwo\nthr", 8, "one\ntwo\n")]
    [InlineData("one\ntwo\nthr", 14, "one\ntwo\n")]
    [InlineData("one\ntwo\n", 6, "one\n")]
    [InlineData("one\ntwo\n", 100, "one\ntwo\n")]
    [InlineData("one\n", 0, "")]
    [InlineData("torn", 4, "")]
    [InlineData("", 4, "")]
    public void Logs_are_cut_back_to_whole_lines(string content, long length, string expected)
    {
        using var directory = new TemporaryDirectory();
        using var run = RunDirectory.Create(directory.Root);
        directory.Write("metrics.jsonl", content);
        run.TruncateLogs(length, 0);
        Assert.Equal(expected, File.ReadAllText(run.MetricsPath));
        Assert.False(File.Exists(run.SamplesPath));

        directory.Write("samples.txt", content);
        run.TruncateLogs(0, length);
        Assert.Equal(expected, File.ReadAllText(run.SamplesPath));
    }

    [Theory]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(20_000)]
    public void A_torn_line_of_any_length_is_dropped(int length)
    {
        using var directory = new TemporaryDirectory();
        using var run = RunDirectory.Create(directory.Root);
        directory.Write("metrics.jsonl", "whole\n" + new string('x', length));
        run.TruncateLogs(long.MaxValue, 0);
        Assert.Equal("whole\n", File.ReadAllText(run.MetricsPath));
    }

    [Fact]
    public void A_model_is_found_in_a_run_or_as_a_file()
    {
        using var directory = new TemporaryDirectory();
        Errors.Expect(directory.Root, "holds no model.safetensors", () => RunSearch.FindModel(directory.Root));
        Errors.Expect(directory.Root, "holds no best.safetensors", () => RunSearch.FindModel(directory.Root, best: true));
        Errors.Expect(directory.File("none"), "does not exist", () => RunSearch.FindModel(directory.File("none")));
        Assert.Equal(directory.Write("model.safetensors", ""), RunSearch.FindModel(directory.Root));
        Assert.Equal(directory.Write("best.safetensors", ""), RunSearch.FindModel(directory.Root, best: true));
        Assert.Equal(directory.Write("other", ""), RunSearch.FindModel(directory.File("other")));
    }
}
