using CharRnn.Files;

namespace CharRnn.Runs;

/// <summary>
/// A run's directory, locked for as long as it is open: config.json, model.safetensors, best.safetensors and some earlier ones,
/// checkpoint.safetensors and some older ones, metrics.jsonl, samples.txt. A run writes config.json first and saves its
/// checkpoint before its model. A directory that holds any weights is not used for a new run unless that is asked for.
/// </summary>
public sealed class RunDirectory : RunPaths, IDisposable
{
    private const string TensorBoardPattern = "events.out.tfevents*.charrnn";

    private readonly RunLock _lock;

    // The directories that were made for the run, the innermost first.
    private List<string> _made = [];

    private RunDirectory(string root, RunLock held)
        : base(root) => _lock = held;

    /// <summary>
    /// Opens a directory for a new run, and makes it if need be. What an older run left there is removed, so check all
    /// else (corpus, options, device) before; files of other names stay, a user's copy of a checkpoint among them.
    /// </summary>
    /// <param name="path">The directory.</param>
    /// <param name="overwrite">Whether to replace an older run's checkpoints and models, or files that only look like a run's.</param>
    /// <exception cref="CharRnnException">
    /// The path is a file or cannot be written, another run uses it, or, without <paramref name="overwrite"/>,
    /// it holds weights of any name, or files that only look like a run's.
    /// </exception>
    public static RunDirectory Create(string path, bool overwrite = false)
    {
        RunDirectory run = Reserve(path, overwrite);
        try
        {
            run.Clear();
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>The same, but what an older run left there is removed by <see cref="Clear"/>.</summary>
    /// <inheritdoc cref="Create"/>
    public static RunDirectory Reserve(string path, bool overwrite = false)
    {
        string full = FileErrors.FullPath(path);
        var paths = new RunPaths(full);
        if (File.Exists(full))
            throw new CharRnnException(path, "is a file where a directory was expected", "choose another directory");
        for (string? parent = Path.GetDirectoryName(full); parent is not null; parent = Path.GetDirectoryName(parent))
            if (File.Exists(parent))
                throw new CharRnnException(path, $"lies below {parent}, which is a file", "choose another directory");
        List<string> made = [];
        for (string? missing = full; missing is not null && !Directory.Exists(missing); missing = Path.GetDirectoryName(missing))
            made.Add(missing);
        try
        {
            Directory.CreateDirectory(full);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Writing(path, e);
        }

        // Before the lock, which itself would make any directory look like a run's.
        if (!overwrite && !RunSearch.IsRun(full)
            && (Names.FirstOrDefault(name => Path.Exists(Path.Combine(full, name))) ?? FindWeights(paths)) is { } foreign)
            throw new CharRnnException(
                path, $"holds a {foreign} that does not belong to a run",
                $"choose another directory, or give --overwrite {(IsOwn(foreign) ? "to replace it" : "to train beside it")}");

        RunDirectory reserved = Locked(path, () =>
        {
            if (!overwrite && FindWeights(paths) is { } saved)
            {
                bool canResume = paths.LastCheckpoint is not null && File.Exists(paths.ConfigurationPath);
                string remedy = $"give {(canResume ? "--resume to go on, " : "")}--overwrite to start anew, or choose another directory";
                throw new CharRnnException(path, $"holds the {saved} of a run", remedy);
            }
        });
        reserved._made = made;
        return reserved;
    }

    /// <summary>
    /// Releases the lock of a run that came to nothing before <see cref="Clear"/>, and removes the directories that were made for it, as
    /// long as nothing else is in them.
    /// </summary>
    public void Withdraw()
    {
        if (_made.Count == 0)
        {
            Dispose();
            return;
        }

        try
        {
            _lock.Remove(_made[0]);
            foreach (string directory in _made)
                Directory.Delete(directory);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            // A next run takes the directory as it is.
        }
    }

    /// <summary>Removes what an older run left.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void Clear()
    {
        try
        {
            RemoveLeftovers(FileErrors.FullPath(Root));
            IEnumerable<string> checkpoints = OlderCheckpointAges.Select(OlderCheckpointPath).Concat(DamagedPaths).Append(CheckpointPath);

            // The checkpoints go first: one that is left by a kill must find the best model that it needs.
            foreach (string weights in checkpoints.Concat(EarlierBestIterations.Select(EarlierBestPath)))
                Named(weights, File.Delete);
            if (new DirectoryInfo(TensorBoardPath) is { Exists: true, LinkTarget: null })
                foreach (string events in Directory.GetFiles(TensorBoardPath, TensorBoardPattern))
                    Named(events, File.Delete);
            foreach (string name in Names)
                Named(Path.Combine(Root, name), File.Delete);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Writing(Root, e);
        }
    }

    /// <summary>Checks, before the directory is locked, that a run can go on from its checkpoint.</summary>
    /// <returns>The run's paths.</returns>
    /// <exception cref="CharRnnException">The directory is missing, empty, not a run's or without a checkpoint.</exception>
    public static RunPaths RequireResumable(string path)
    {
        string full = FileErrors.FullPath(path);
        var paths = new RunPaths(path);
        const string remedy = "give the directory of a run that saved a checkpoint, or leave --resume out";
        if (File.Exists(full))
            throw new CharRnnException(path, "is a file where a run's directory was expected", remedy);
        if (!Directory.Exists(full))
            throw new CharRnnException(path, "does not exist", remedy);
        if (paths.LastCheckpoint is not { } last)
        {
            bool isEmpty = !Directory.EnumerateFileSystemEntries(full).Any();
            throw new CharRnnException(path, isEmpty ? "is empty" : $"holds no {CheckpointName}", remedy);
        }

        return File.Exists(paths.ConfigurationPath)
            ? paths
            : throw new CharRnnException(path, $"holds a {Path.GetFileName(last)} but no {ConfigurationName}", remedy);
    }

    /// <summary>Opens a run's directory to go on from its checkpoint.</summary>
    /// <exception cref="CharRnnException">
    /// As <see cref="RequireResumable"/>; it cannot be written, or another run uses it.
    /// </exception>
    public static RunDirectory Resume(string path)
    {
        RunPaths paths = RequireResumable(path);
        string full = FileErrors.FullPath(path);
        return Locked(path, () =>
        {
            RemoveLeftovers(full);
            foreach (string name in Names)
                Named(Path.Combine(path, name), RegularFile.RequireReplaceable); // now, and not at the first save

            // Killed between the two renames of a save.
            if (paths.LastCheckpoint is { } now && Path.GetFileName(now) != CheckpointName)
                Named(Path.Combine(path, CheckpointName), last => File.Move(now, last));
        });
    }

    /// <summary>Puts the last checkpoint aside under a name that no other file has, and an older one in its place.</summary>
    /// <param name="age">The age of the older one; null for none.</param>
    /// <returns>The path at which the last one is now.</returns>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public string FallBack(int? age)
    {
        try
        {
            string aside = NewDamagedPath;
            File.Move(CheckpointPath, aside);
            if (age is { } older)
                File.Move(OlderCheckpointPath(older), CheckpointPath);
            return aside;
        }
        catch (Exception refusal) when (FileErrors.IsFileFailure(refusal))
        {
            throw FileErrors.Writing(Root, refusal);
        }
    }

    /// <summary>Makes the other checkpoints older by one. Call it when a new checkpoint is complete on the disk.</summary>
    /// <param name="keep">Checkpoints to keep with the new one, at least 1; older ones are removed.</param>
    public void AgeCheckpoints(int keep)
    {
        IReadOnlyList<int> ages = OlderCheckpointAges;
        foreach (int age in ages.Where(age => age >= keep))
            File.Delete(OlderCheckpointPath(age));
        int free = 1 + ages.Where((age, i) => age == i + 1).Count(); // the first age that none has
        for (int age = Math.Min(free, keep - 1); age >= 1; age--)
        {
            string younger = age == 1 ? CheckpointPath : OlderCheckpointPath(age - 1);
            if (File.Exists(younger))
                AtomicFile.Replace(OlderCheckpointPath(age), by: younger);
        }
    }

    /// <summary>
    /// Cuts metrics.jsonl and samples.txt back to the lengths that a checkpoint recorded, and drops a torn last line.
    /// Call it before opening the logs. A file that is shorter (after a power cut) or missing keeps what it has.
    /// </summary>
    /// <param name="metricsLength">Bytes of metrics.jsonl to keep.</param>
    /// <param name="samplesLength">Bytes of samples.txt to keep.</param>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void TruncateLogs(long metricsLength, long samplesLength)
    {
        AppendOnlyFile.CutBack(MetricsPath, metricsLength);
        AppendOnlyFile.CutBack(SamplesPath, samplesLength);
    }

    /// <summary>Keeps the best model under the name of its iteration. Call it when a better one is complete on the disk.</summary>
    /// <param name="iteration">The iteration of the best model that there is.</param>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void KeepBest(long iteration)
    {
        if (File.Exists(BestModelPath))
            AtomicFile.Replace(EarlierBestPath(iteration), by: BestModelPath);
    }

    /// <summary>
    /// The best model becomes again that of an iteration, or is removed where there was none, and those that were kept of later
    /// iterations are removed: a run that goes on measures again what it measured since.
    /// </summary>
    /// <param name="iteration">The iteration of the best model up to where the run goes on from.</param>
    /// <param name="hadBest">Whether anything was measured up to there.</param>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void TakeBackBest(long iteration, bool hadBest) => Named(Root, _ =>
    {
        // Where nothing was kept, no better model has taken the place of that one.
        foreach (string kept in (string[])[BestBeforeEndPath, EarlierBestPath(iteration)])
            if (File.Exists(kept))
                AtomicFile.Replace(BestModelPath, by: kept);
        if (!hadBest)
            Named(BestModelPath, File.Delete);
        foreach (long later in EarlierBestIterations.Where(other => other > iteration))
            Named(EarlierBestPath(later), File.Delete);
    });

    /// <summary>Removes the earlier best models that no checkpoint needs.</summary>
    /// <param name="bestOf">The iteration of the best model of the checkpoint with this path; null if it needs none.</param>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void RemoveEarlierBests(Func<string, long?> bestOf) => Named(Root, _ =>
    {
        HashSet<long?> needed = [.. Checkpoints.Select(bestOf)];
        foreach (long iteration in EarlierBestIterations.Where(iteration => !needed.Contains(iteration)))
            Named(EarlierBestPath(iteration), File.Delete);
    });

    /// <summary>Releases the lock.</summary>
    public void Dispose() => _lock.Dispose();

    /// <summary>The name of a file in a directory that holds weights: a checkpoint first, then the model.</summary>
    private static string? FindWeights(RunPaths paths) =>
        Path.GetFileName(paths.LastCheckpoint) ?? Directory.GetFileSystemEntries(paths.Root, WeightsPattern)
            .Select(path => Path.GetFileName(path))
            .OrderBy(name => name != ModelName).ThenBy(name => !IsOwn(name)).ThenBy(name => name, StringComparer.Ordinal)
            .FirstOrDefault();

    /// <summary>A refusal names the file, not the directory.</summary>
    private static void Named(string path, Action<string> action)
    {
        try
        {
            action(path);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Writing(path, e);
        }
    }

    private static RunDirectory Locked(string path, Action prepare)
    {
        RunLock? held = RunLock.Acquire(path);
        try
        {
            prepare();
            var opened = new RunDirectory(path, held);
            held = null;
            return opened;
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Writing(path, e);
        }
        finally
        {
            held?.Dispose();
        }
    }

    private static void RemoveLeftovers(string directory)
    {
        foreach (string name in Names)
            AtomicFile.RemoveLeftovers(Path.Combine(directory, name));
    }
}
