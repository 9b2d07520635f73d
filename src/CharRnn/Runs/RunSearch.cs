using CharRnn.Files;

namespace CharRnn.Runs;

/// <summary>Finds the directories of runs and tells them from others. It locks none of them.</summary>
public static class RunSearch
{
    private const int Depth = 6;

    /// <summary>Whether a directory is a run's: config.json alone proves nothing, other programs have one, too.</summary>
    internal static bool IsRun(string directory)
    {
        if (File.Exists(Path.Combine(directory, RunPaths.CheckpointName)))
            return true;
        try
        {
            return RunConfiguration.Read(Path.Combine(directory, RunPaths.ConfigurationName)).Kind is not null;
        }
        catch (CharRnnException)
        {
            return false;
        }
    }

    /// <summary>
    /// The directories of the runs that lie in a directory or up to six levels below it, links left out,
    /// and the directory itself if it is one; in ordinal order.
    /// </summary>
    /// <exception cref="CharRnnException">There is no such directory.</exception>
    public static IReadOnlyList<string> Find(string path)
    {
        if (!Directory.Exists(FileErrors.FullPath(path)))
            throw new CharRnnException(
                path, File.Exists(path) ? "is a file where a directory was expected" : "does not exist",
                "give a run's directory, or one with runs in it");
        try
        {
            var below = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = Depth, IgnoreInaccessible = true };
            below.AttributesToSkip |= FileAttributes.ReparsePoint; // a link may lead anywhere, or round in a circle
            return [.. Directory.EnumerateFiles(path, RunPaths.ConfigurationName, below)
                .Select(file => Path.GetDirectoryName(file)!).Where(IsRun).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Reading(path, e);
        }
    }

    /// <summary>The paths of a finished or running run, for reading.</summary>
    /// <exception cref="CharRnnException">There is no directory, or it is not a run's.</exception>
    public static RunPaths PathsOf(string path)
    {
        const string remedy = "give the directory of a run";
        string full = FileErrors.FullPath(path);
        if (!Directory.Exists(full))
            throw new CharRnnException(
                path, File.Exists(full) ? "is a file where a run's directory was expected" : "does not exist", remedy);
        return IsRun(full)
            ? new RunPaths(path)
            : throw new CharRnnException(path, "is not a run's directory", remedy);
    }

    /// <summary>The configuration of the run that a MODEL on the command line is of; null if it is of none.</summary>
    /// <param name="model">A run's directory or any file.</param>
    /// <exception cref="CharRnnException">The configuration cannot be read.</exception>
    public static RunConfiguration? ConfigurationOf(string model)
    {
        string full = FileErrors.FullPath(model);
        string? directory = Directory.Exists(full) ? full : Path.GetDirectoryName(full);
        if (directory is null || !IsRun(directory))
            return null;
        string path = Path.Combine(directory, RunPaths.ConfigurationName);
        return File.Exists(path) ? RunConfiguration.Read(path) : null;
    }

    /// <summary>The weights' file that a MODEL on the command line means: the file itself, or the one in a run's directory.</summary>
    /// <param name="path">A run's directory or any file.</param>
    /// <param name="best">Whether to take best.safetensors of a directory instead of model.safetensors.</param>
    /// <exception cref="CharRnnException">There is nothing at the path, or the directory has no such model.</exception>
    public static string FindModel(string path, bool best = false)
    {
        string full = FileErrors.FullPath(path);
        if (StandardStreams.IsInput(path))
            throw new CharRnnException(
                StandardStreams.NameOf(path), "was given, and a model is read from a file", "write it to a file, and give that");
        if (!Directory.Exists(full))
            return File.Exists(full) ? path : throw new CharRnnException(path, "does not exist", "give a run's directory or a model file");

        string name = best ? RunPaths.BestModelName : RunPaths.ModelName;
        if (File.Exists(Path.Combine(full, name)))
            return Path.Combine(path, name);
        string remedy = best ? "ask for its last model, not for the best, or train with a validation part"
            : Find(path) is [var run, ..] && !IsRun(full)
                ? $"it has runs in it: give one of them, such as {ShellText.Quote(run)}"
            : "give the directory of a run that saved a model";
        throw new CharRnnException(path, $"holds no {name}", remedy);
    }

    /// <summary>Whether a path is one of a run's files that nothing else may write: all but its report.</summary>
    public static bool IsRunFile(string path)
    {
        string full = FileErrors.FullPath(path), name = Path.GetFileName(full);
        if (!OperatingSystem.IsLinux())
            name = name.ToLowerInvariant(); // on most disks of Windows and macOS case makes no other file
        return RunPaths.IsOwn(name) && name != RunPaths.ReportName && IsRun(Path.GetDirectoryName(full) ?? "");
    }

    /// <summary>Whether the process that trains in a directory, or last did, is still there.</summary>
    public static bool IsAtWork(string path) => RunLock.IsHeld(path);
}
