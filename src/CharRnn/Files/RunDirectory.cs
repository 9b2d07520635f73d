using System.Globalization;

namespace CharRnn.Files;

/// <summary>
/// A run's directory, locked for as long as it is open: config.json, model.safetensors, best.safetensors,
/// checkpoint.safetensors and some older ones, metrics.jsonl, samples.txt. A run writes config.json first and saves its
/// checkpoint before its model, so a directory without a checkpoint holds no finished work.
/// </summary>
public sealed class RunDirectory : IDisposable
{
    private const string ConfigurationName = "config.json";
    private const string ModelName = "model.safetensors";
    private const string BestModelName = "best.safetensors";
    private const string CheckpointName = "checkpoint.safetensors";
    private const string MetricsName = "metrics.jsonl";
    private const string SamplesName = "samples.txt";
    private const string ReportName = "report.html";
    private const string TensorBoardName = "tensorboard", TensorBoardPattern = "events.out.tfevents*.charrnn";
    private const int FindDepth = 6;
    private const string OlderPattern = "checkpoint-*.safetensors", DamagedName = "checkpoint-damaged.safetensors";

    // In the order of removal: without its checkpoint a directory can be started over, and config.json keeps it
    // recognisable as a run to the end, so a kill in between does no harm.
    private static readonly string[] s_runFiles =
        [CheckpointName, ModelName, BestModelName, MetricsName, SamplesName, ReportName, ConfigurationName];

    private readonly RunLock _lock;

    private RunDirectory(string root, RunLock held) => (Root, _lock) = (root, held);

    /// <summary>The directory, as it was given.</summary>
    public string Root { get; }

    /// <summary>config.json: <see cref="RunConfiguration"/>.</summary>
    public string ConfigurationPath => Path.Combine(Root, ConfigurationName);

    /// <summary>model.safetensors: the weights now, a <see cref="ModelFile"/>.</summary>
    public string ModelPath => Path.Combine(Root, ModelName);

    /// <summary>best.safetensors: the weights at the best validation loss, a <see cref="ModelFile"/>.</summary>
    public string BestModelPath => Path.Combine(Root, BestModelName);

    /// <summary>checkpoint.safetensors: <see cref="CheckpointFile"/>.</summary>
    public string CheckpointPath => Path.Combine(Root, CheckpointName);

    /// <summary>checkpoint-1.safetensors is the checkpoint before the last, and so on.</summary>
    public string OlderCheckpointPath(int age) => Older(Root, age);

    /// <summary>metrics.jsonl: <see cref="MetricsLog"/>.</summary>
    public string MetricsPath => Path.Combine(Root, MetricsName);

    /// <summary>samples.txt: <see cref="SamplesLog"/>.</summary>
    public string SamplesPath => Path.Combine(Root, SamplesName);

    /// <summary>tensorboard: <see cref="Exchange.TensorBoardLog"/>'s files.</summary>
    public string TensorBoardPath => Path.Combine(Root, TensorBoardName);

    /// <summary>report.html: what the run did, for people.</summary>
    public string ReportPath => Path.Combine(Root, ReportName);

    /// <summary>
    /// Opens a directory for a new run, and makes it if need be. What an older run left there is removed, so check all
    /// else (corpus, options, device) before; files of other names stay.
    /// </summary>
    /// <param name="path">The directory.</param>
    /// <param name="overwrite">Whether to give up an older run's checkpoint and models, or files that only look like a run's.</param>
    /// <exception cref="CharRnnException">
    /// The path is a file or cannot be written, another run is at work in it, or, without <paramref name="overwrite"/>,
    /// it holds a checkpoint, a model, or files of a run's names that come from no run.
    /// </exception>
    public static RunDirectory Create(string path, bool overwrite = false)
    {
        string full = FileErrors.FullPath(path);
        if (File.Exists(full))
            throw new CharRnnException(path, "is a file where a directory was expected", "choose another directory");
        for (string? parent = Path.GetDirectoryName(full); parent is not null; parent = Path.GetDirectoryName(parent))
            if (File.Exists(parent))
                throw new CharRnnException(path, $"lies below {parent}, which is a file", "choose another directory");
        try
        {
            Directory.CreateDirectory(full);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Writing(path, e);
        }

        // Before the lock, which itself would make any directory look like a run's.
        if (!overwrite && !IsRun(full) && Array.Find(s_runFiles, name => Path.Exists(Path.Combine(full, name))) is { } foreign)
            throw new CharRnnException(path, $"holds a {foreign} that is no run's", "choose another directory, or give --overwrite to replace it");

        return Locked(path, () =>
        {
            if (!overwrite && Array.Find([CheckpointName, Path.GetFileName(Older(full, 1)), ModelName], name => Path.Exists(Path.Combine(full, name))) is { } saved)
            {
                string resume = saved != ModelName ? "give --resume to go on, " : "";
                throw new CharRnnException(path, $"holds the {saved} of a run", $"{resume}--overwrite to start anew, or choose another directory");
            }

            RemoveLeftovers(full);
            foreach (string older in Directory.GetFiles(full, OlderPattern))
                File.Delete(older);
            if (Directory.Exists(Path.Combine(full, TensorBoardName)))
                foreach (string events in Directory.GetFiles(Path.Combine(full, TensorBoardName), TensorBoardPattern))
                    File.Delete(events);
            foreach (string name in s_runFiles)
                File.Delete(Path.Combine(full, name));
        });
    }

    /// <summary>Opens a run's directory to go on from its checkpoint.</summary>
    /// <exception cref="CharRnnException">The directory is missing, empty, no run's or without a checkpoint, cannot be written, or another run is at work in it.</exception>
    public static RunDirectory Resume(string path)
    {
        string full = FileErrors.FullPath(path);
        const string remedy = "give the directory of a run that saved a checkpoint, or leave --resume out";
        if (File.Exists(full))
            throw new CharRnnException(path, "is a file where a run's directory was expected", remedy);
        if (!Directory.Exists(full))
            throw new CharRnnException(path, "does not exist", remedy);
        if (!File.Exists(Path.Combine(full, CheckpointName)) && !File.Exists(Older(full, 1)))
        {
            bool isEmpty = !Directory.EnumerateFileSystemEntries(full).Any();
            throw new CharRnnException(path, isEmpty ? "is empty" : $"holds no {CheckpointName}", remedy);
        }

        if (!File.Exists(Path.Combine(full, ConfigurationName)))
            throw new CharRnnException(path, $"holds a {CheckpointName} but no {ConfigurationName}", remedy);
        return Locked(path, () =>
        {
            RemoveLeftovers(full);

            // Killed between the two renames of a save.
            if (!File.Exists(Path.Combine(full, CheckpointName)))
                File.Move(Older(full, 1), Path.Combine(full, CheckpointName));
        });
    }

    /// <summary>The last checkpoint; if that is damaged, the last one before it that is not, which then takes its place.</summary>
    /// <param name="warn">Takes a line about a damaged one, which is put aside.</param>
    /// <exception cref="CharRnnException">As for <see cref="CheckpointFile.Load"/>, of the last one, where none is whole.</exception>
    public Checkpoint LoadCheckpoint(Action<string> warn)
    {
        try
        {
            return CheckpointFile.Load(CheckpointPath);
        }
        catch (CharRnnException e) when (e.InnerException is null || !FileErrors.IsFileFailure(e.InnerException))
        {
            for (int age = 1; File.Exists(OlderCheckpointPath(age)); age++)
            {
                Checkpoint older;
                try
                {
                    older = CheckpointFile.Load(OlderCheckpointPath(age));
                }
                catch (CharRnnException)
                {
                    continue;
                }

                try
                {
                    string aside = Path.Combine(Root, DamagedName);
                    File.Move(CheckpointPath, aside, overwrite: true);
                    File.Move(OlderCheckpointPath(age), CheckpointPath);
                    warn($"{e.Message}; going on from the checkpoint of iteration {older.Snapshot.Iteration}, and {aside} keeps the damaged one");
                    return older;
                }
                catch (Exception refusal) when (FileErrors.IsFileFailure(refusal))
                {
                    throw FileErrors.Writing(Root, refusal);
                }
            }

            throw;
        }
    }

    /// <summary>To be called when a new checkpoint is whole on the disk: the others become older by one.</summary>
    /// <param name="keep">Checkpoints to keep with the new one, at least 1; what is older goes.</param>
    public void AgeCheckpoints(int keep)
    {
        for (int age = keep; File.Exists(OlderCheckpointPath(age)); age++)
            File.Delete(OlderCheckpointPath(age));
        for (int age = keep - 1; age >= 1; age--)
        {
            string younger = age == 1 ? CheckpointPath : OlderCheckpointPath(age - 1);
            if (File.Exists(younger))
                AtomicFile.Replace(OlderCheckpointPath(age), by: younger);
        }
    }

    /// <summary>The weights' file that a MODEL on the command line means: the file itself, or the one in a run's directory.</summary>
    /// <param name="path">A run's directory or any file.</param>
    /// <param name="best">Of a directory, whether to take best.safetensors and not model.safetensors.</param>
    /// <exception cref="CharRnnException">There is nothing at the path, or the directory has no such model.</exception>
    public static string FindModel(string path, bool best = false)
    {
        string full = FileErrors.FullPath(path);
        if (!Directory.Exists(full))
            return File.Exists(full) ? path : throw new CharRnnException(path, "does not exist", "give a run's directory or a model file");

        string name = best ? BestModelName : ModelName;
        if (File.Exists(Path.Combine(full, name)))
            return Path.Combine(path, name);
        string remedy = best ? "leave --best out, or train with a validation part" : "give the directory of a run that saved a model";
        throw new CharRnnException(path, $"holds no {name}", remedy);
    }

    /// <summary>Whether a path is one of a run's files that nothing else may write: all but its report.</summary>
    public static bool IsRunFile(string path)
    {
        string full = FileErrors.FullPath(path), name = Path.GetFileName(full);
        const StringComparison anyCase = StringComparison.OrdinalIgnoreCase; // one file on most disks of Windows and macOS
        bool isOlderCheckpoint = name.StartsWith("checkpoint-", anyCase) && name.EndsWith(".safetensors", anyCase);
        return (isOlderCheckpoint || s_runFiles.Contains(name, StringComparer.FromComparison(anyCase)))
            && !name.Equals(ReportName, anyCase) && IsRun(Path.GetDirectoryName(full) ?? "");
    }

    /// <summary>The files of a run, finished or at work, to be read.</summary>
    /// <exception cref="CharRnnException">There is no directory, or it is no run's.</exception>
    public static RunFiles FilesOf(string path)
    {
        const string remedy = "give the directory of a run";
        string full = FileErrors.FullPath(path);
        if (!Directory.Exists(full))
            throw new CharRnnException(path, File.Exists(full) ? "is a file where a run's directory was expected" : "does not exist", remedy);
        return IsRun(full)
            ? new RunFiles(Path.Combine(path, ConfigurationName), Path.Combine(path, MetricsName), Path.Combine(path, SamplesName), Path.Combine(path, ReportName))
            : throw new CharRnnException(path, "is no run's directory", remedy);
    }

    /// <summary>The directories of the runs that lie in a directory or up to six levels below it, links left out, and the directory itself if it is one; in ordinal order.</summary>
    /// <exception cref="CharRnnException">There is no such directory.</exception>
    public static IReadOnlyList<string> Find(string path)
    {
        if (!Directory.Exists(FileErrors.FullPath(path)))
            throw new CharRnnException(path, File.Exists(path) ? "is a file where a directory was expected" : "does not exist", "give a run's directory, or one with runs in it");
        try
        {
            var below = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = FindDepth, IgnoreInaccessible = true };
            below.AttributesToSkip |= FileAttributes.ReparsePoint; // a link may lead anywhere, or round in a circle
            return [.. Directory.EnumerateFiles(path, ConfigurationName, below).Select(file => Path.GetDirectoryName(file)!).Where(IsRun).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Reading(path, e);
        }
    }

    /// <summary>Whether the process that trains in a directory, or last did, is still there.</summary>
    public static bool IsAtWork(string path) => RunLock.IsHeld(path);

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

    /// <summary>Releases the lock.</summary>
    public void Dispose() => _lock.Dispose();

    private static string Older(string directory, int age) =>
        Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"checkpoint-{age}.safetensors"));

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
        foreach (string name in s_runFiles)
            AtomicFile.RemoveLeftovers(Path.Combine(directory, name));
    }

    /// <summary>Whether a directory is a run's: config.json alone proves nothing, other programs have one, too.</summary>
    private static bool IsRun(string directory)
    {
        if (File.Exists(Path.Combine(directory, RunLock.LockName)) || File.Exists(Path.Combine(directory, CheckpointName)))
            return true;
        try
        {
            return RunConfiguration.Read(Path.Combine(directory, ConfigurationName)).Has("hidden-size");
        }
        catch (CharRnnException)
        {
            return false;
        }
    }
}

/// <summary>Paths of what a run writes down for people.</summary>
/// <param name="Configuration">config.json.</param>
/// <param name="Metrics">metrics.jsonl.</param>
/// <param name="Samples">samples.txt.</param>
/// <param name="Report">report.html.</param>
public readonly record struct RunFiles(string Configuration, string Metrics, string Samples, string Report);
