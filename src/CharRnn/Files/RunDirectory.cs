using System.Globalization;
using System.Text.RegularExpressions;

namespace CharRnn.Files;

/// <summary>
/// A run's directory, locked for as long as it is open: config.json, model.safetensors, best.safetensors and what that was before
/// the end, checkpoint.safetensors and some older ones, metrics.jsonl, samples.txt. A run writes config.json first and saves its
/// checkpoint before its model. A directory that holds weights, whoever put them there, is not started over unasked.
/// </summary>
public sealed partial class RunDirectory : IDisposable
{
    private const string ConfigurationName = "config.json";
    private const string ModelName = "model.safetensors";
    private const string BestModelName = "best.safetensors";
    private const string BestBeforeEndName = "best-before-end.safetensors";
    private const string CheckpointName = "checkpoint.safetensors";
    private const string MetricsName = "metrics.jsonl";
    private const string SamplesName = "samples.txt";
    private const string ReportName = "report.html";
    private const string TensorBoardName = "tensorboard", TensorBoardPattern = "events.out.tfevents*.charrnn";
    private const int FindDepth = 6, MostGaps = 3;
    private const string WeightsPattern = "*.safetensors";

    // In the order of removal: config.json keeps the directory recognisable as a run to the end, so a kill in between does no harm.
    private static readonly string[] s_runFiles =
        [CheckpointName, ModelName, BestModelName, BestBeforeEndName, MetricsName, SamplesName, ReportName, ConfigurationName];

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

    /// <summary>
    /// best-before-end.safetensors: what <see cref="BestModelPath"/> was until the measurement at the end of training; there only
    /// where that was the best.
    /// </summary>
    public string BestBeforeEndPath => Path.Combine(Root, BestBeforeEndName);

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
    /// else (corpus, options, device) before; files of other names stay, a user's copy of a checkpoint among them.
    /// </summary>
    /// <param name="path">The directory.</param>
    /// <param name="overwrite">Whether to give up an older run's checkpoints and models, or files that only look like a run's.</param>
    /// <exception cref="CharRnnException">
    /// The path is a file or cannot be written, another run is at work in it, or, without <paramref name="overwrite"/>,
    /// it holds weights of any name, or files of a run's names that come from no run.
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
        if (!overwrite && !IsRun(full) && (Array.Find(s_runFiles, name => Path.Exists(Path.Combine(full, name))) ?? FindWeights(full)) is { } foreign)
            throw new CharRnnException(
                path, $"holds a {foreign} that is no run's",
                $"choose another directory, or give --overwrite {(IsOwn(foreign) ? "to replace it" : "to train beside it")}");

        return Locked(path, () =>
        {
            if (!overwrite && FindWeights(full) is { } saved)
            {
                bool canResume = LastCheckpoint(full) is not null && File.Exists(Path.Combine(full, ConfigurationName));
                string remedy = $"give {(canResume ? "--resume to go on, " : "")}--overwrite to start anew, or choose another directory";
                throw new CharRnnException(path, $"holds the {saved} of a run", remedy);
            }

            RemoveLeftovers(full);
            foreach (string saves in OlderCheckpoints(full).Select(age => Older(path, age)).Concat(Directory.GetFiles(path, WeightsPattern).Where(file => DamagedName().IsMatch(Path.GetFileName(file)))))
                Named(saves, File.Delete);
            string tensorBoard = Path.Combine(path, TensorBoardName);
            if (new DirectoryInfo(tensorBoard) is { Exists: true, LinkTarget: null })
                foreach (string events in Directory.GetFiles(tensorBoard, TensorBoardPattern))
                    Named(events, File.Delete);
            foreach (string name in s_runFiles)
                Named(Path.Combine(path, name), File.Delete);
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
        if (LastCheckpoint(full) is not { } last)
        {
            bool isEmpty = !Directory.EnumerateFileSystemEntries(full).Any();
            throw new CharRnnException(path, isEmpty ? "is empty" : $"holds no {CheckpointName}", remedy);
        }

        if (!File.Exists(Path.Combine(full, ConfigurationName)))
            throw new CharRnnException(path, $"holds a {Path.GetFileName(last)} but no {ConfigurationName}", remedy);
        return Locked(path, () =>
        {
            RemoveLeftovers(full);
            foreach (string name in s_runFiles)
                Named(Path.Combine(path, name), RegularFile.RequireReplaceable); // now, and not at the first save

            // Killed between the two renames of a save.
            if (LastCheckpoint(full) is { } now && Path.GetFileName(now) != CheckpointName)
                Named(Path.Combine(path, CheckpointName), last => File.Move(now, last));
        });
    }

    /// <summary>The last checkpoint; if that is damaged, the last one before it that is not, which then takes its place.</summary>
    /// <param name="warn">Takes a line about a damaged one, which is put aside under a name that no other has.</param>
    /// <exception cref="CharRnnException">
    /// As for <see cref="CheckpointFile.Load"/>, of the last one, where none is whole; of any that cannot be read, or is whole and
    /// of another kind or a newer version.
    /// </exception>
    public Checkpoint LoadCheckpoint(Action<string> warn)
    {
        try
        {
            return CheckpointFile.Load(CheckpointPath);
        }
        catch (CharRnnException e) when (IsDamage(e))
        {
            foreach (int age in OlderCheckpoints(Root))
            {
                Checkpoint older;
                try
                {
                    older = CheckpointFile.Load(OlderCheckpointPath(age));
                }
                catch (CharRnnException another) when (IsDamage(another))
                {
                    continue;
                }

                try
                {
                    string aside = Path.Combine(Root, "checkpoint-damaged.safetensors");
                    for (int count = 2; Path.Exists(aside); count++)
                        aside = Path.Combine(Root, string.Create(CultureInfo.InvariantCulture, $"checkpoint-damaged-{count}.safetensors"));
                    File.Move(CheckpointPath, aside);
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
        List<int> ages = OlderCheckpoints(Root);
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
    /// To be called when a better model of the end of training is whole on the disk: the best one before it is kept under another name.
    /// </summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void KeepBestBeforeEnd()
    {
        if (File.Exists(BestModelPath))
            AtomicFile.Replace(BestBeforeEndPath, by: BestModelPath);
    }

    /// <summary>
    /// The best model becomes what it was before an earlier end of training, or is removed where there was none: a run that goes
    /// on measures again what it measured since.
    /// </summary>
    /// <param name="hadBest">Whether anything was measured up to where the run goes on from.</param>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void TakeBackBest(bool hadBest)
    {
        if (File.Exists(BestBeforeEndPath))
            AtomicFile.Replace(BestModelPath, by: BestBeforeEndPath);
        if (!hadBest)
            Named(BestModelPath, File.Delete);
    }

    /// <summary>The weights' file that a MODEL on the command line means: the file itself, or the one in a run's directory.</summary>
    /// <param name="path">A run's directory or any file.</param>
    /// <param name="best">Of a directory, whether to take best.safetensors and not model.safetensors.</param>
    /// <exception cref="CharRnnException">There is nothing at the path, or the directory has no such model.</exception>
    public static string FindModel(string path, bool best = false)
    {
        string full = FileErrors.FullPath(path);
        if (StandardStreams.IsInput(path))
            throw new CharRnnException(path, "is standard input, and a model is read from a file", "write it to a file, and give that");
        if (!Directory.Exists(full))
            return File.Exists(full) ? path : throw new CharRnnException(path, "does not exist", "give a run's directory or a model file");

        string name = best ? BestModelName : ModelName;
        if (File.Exists(Path.Combine(full, name)))
            return Path.Combine(path, name);
        string remedy = best ? "ask for its last model, not for the best, or train with a validation part"
            : Find(path) is [var run, ..] && !IsRun(full) ? $"it has runs in it: give one of them, such as {ShellText.Quote(run)}"
            : "give the directory of a run that saved a model";
        throw new CharRnnException(path, $"holds no {name}", remedy);
    }

    /// <summary>Whether a path is one of a run's files that nothing else may write: all but its report.</summary>
    public static bool IsRunFile(string path)
    {
        string full = FileErrors.FullPath(path), name = Path.GetFileName(full);
        if (!OperatingSystem.IsLinux())
            name = name.ToLowerInvariant(); // on most disks of Windows and macOS case makes no other file
        return IsOwn(name) && name != ReportName && IsRun(Path.GetDirectoryName(full) ?? "");
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

    /// <summary>Whether a run writes files of this name: the only ones that are ever removed.</summary>
    private static bool IsOwn(string name) => s_runFiles.Contains(name) || OlderName().IsMatch(name) || DamagedName().IsMatch(name);

    /// <summary>
    /// The ages of the checkpoints before the last, ascending from 1; kills may have left gaps. What lies far beyond is not the
    /// program's: a user's checkpoint-5000.safetensors, say.
    /// </summary>
    private static List<int> OlderCheckpoints(string directory)
    {
        IEnumerable<int> all = Directory.GetFiles(directory, WeightsPattern)
            .Select(path => OlderName().Match(Path.GetFileName(path)))
            .Select(match => int.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int age) ? age : 0)
            .Where(age => age > 0);
        return [.. all.Order().TakeWhile((age, i) => age - (i + 1) <= MostGaps)];
    }

    /// <summary>The last checkpoint that a directory has, under whatever name a kill left it.</summary>
    private static string? LastCheckpoint(string directory) => Path.Combine(directory, CheckpointName) is var last && File.Exists(last)
        ? last
        : OlderCheckpoints(directory).Select(age => Older(directory, age)).FirstOrDefault();

    /// <summary>The name of a file in a directory that holds weights: a checkpoint first, then the model.</summary>
    private static string? FindWeights(string directory) => Path.GetFileName(LastCheckpoint(directory)) ?? Directory.GetFileSystemEntries(directory, WeightsPattern)
        .Select(path => Path.GetFileName(path))
        .OrderBy(name => name != ModelName).ThenBy(name => !IsOwn(name)).ThenBy(name => name, StringComparer.Ordinal)
        .FirstOrDefault();

    /// <summary>Whether a file cannot be what it was written as, rather than be of another kind or out of reach.</summary>
    private static bool IsDamage(CharRnnException e) => e.InnerException is not { } cause || !FileErrors.IsFileFailure(cause);

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

    [GeneratedRegex(@"^checkpoint-([1-9][0-9]{0,9})\.safetensors\z")]
    private static partial Regex OlderName();

    [GeneratedRegex(@"^checkpoint-damaged(-[1-9][0-9]*)?\.safetensors\z")]
    private static partial Regex DamagedName();

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
    internal static bool IsRun(string directory)
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
