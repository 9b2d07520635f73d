using System.IO.Enumeration;
using CharRnn.Files;
using CharRnn.Runs;

namespace CharRnn.Text;

/// <summary>One file to read.</summary>
/// <param name="Path">The path by way of the inputs; <c>-</c> for standard input.</param>
internal readonly record struct InputFile(string Path)
{
    /// <summary>The file as messages name it.</summary>
    public string Name => StandardStreams.NameOf(Path);

    /// <summary>Standard input, which is read as it comes, whatever it is connected to.</summary>
    public bool IsStandardInput => StandardStreams.IsInput(Path);
}

/// <summary>
/// Finds the files that the command line's inputs stand for: files, directories and globs. Globs are expanded here
/// though a Unix shell does it too, so that they mean the same on Windows; so names compare by case everywhere.
/// Links are followed; a run's directory below an input is left out, since what a model wrote is not what it is to learn.
/// </summary>
internal sealed class InputFiles
{
    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = 0, IgnoreInaccessible = false };
    private static readonly char[] Separators = OperatingSystem.IsWindows() ? ['/', '\\'] : ['/'];

    // The files by their real path. If a file has several names, the one without a link counts, otherwise the first.
    private readonly Dictionary<string, Name> _files = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _runs = new(StringComparer.Ordinal), _brokenLinks = new(StringComparer.Ordinal);

    private InputFiles()
    {
    }

    /// <summary>All files of all inputs in ordinal order of their full paths, each once, however the inputs name it.</summary>
    /// <param name="inputs">The given inputs.</param>
    /// <param name="notes">Takes a line for all that was left out.</param>
    /// <exception cref="CharRnnException">
    /// An input is missing, unreadable, a run's, a glob without a match or a directory without text.
    /// </exception>
    public static IReadOnlyList<InputFile> Find(IEnumerable<string> inputs, ICollection<string> notes)
    {
        var found = new InputFiles();
        foreach (string input in inputs)
        {
            try
            {
                found.Add(input);
            }
            catch (Exception e) when (FileErrors.IsFileFailure(e))
            {
                throw CorpusErrors.Unreadable(input, e);
            }
        }

        foreach (string run in found._runs)
            notes.Add($"{run}: a run's directory, left out");
        foreach (string link in found._brokenLinks)
            notes.Add($"{link}: a link that leads nowhere, left out");
        IEnumerable<Name> files = found._files.GroupBy(file => file.Key, StringComparer.OrdinalIgnoreCase).SelectMany(OfOneFile);
        return [.. files.OrderBy(name => name.Full, StringComparer.Ordinal).Select(name => new InputFile(name.Path))];
    }

    // Names that differ only in case are names of one file on most disks of Windows and macOS, and of several files elsewhere.
    private static IEnumerable<Name> OfOneFile(IEnumerable<KeyValuePair<string, Name>> named)
    {
        KeyValuePair<string, Name>[] all = [.. named];
        Name[] real = all.Length == 1 ? [] : [.. all.Where(file => IsNameOnDisk(file.Key)).Select(file => file.Value)];
        return real.Length > 0 ? real : [all[0].Value];
    }

    private static bool IsNameOnDisk(string full)
    {
        try
        {
            return Path.GetDirectoryName(full) is not { } parent
                || (Entries(parent).Any(entry => entry.Name == Path.GetFileName(full)) && IsNameOnDisk(parent));
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            return true; // a directory that may be passed through, but not listed
        }
    }

    private void Add(string input)
    {
        if (new InputFile(input).IsStandardInput)
            _files.TryAdd("-", new Name(false, "-", input));
        else if (File.Exists(input) && Target(new FileInfo(input)) is null)
            throw CorpusErrors.BrokenLink(input);
        else if (File.Exists(input))
            AddFile(input, RealPath(input), IsLink(new FileInfo(input)));
        else if (Directory.Exists(input))
            AddDirectory(input);
        else if (input.AsSpan().ContainsAny('*', '?'))
            AddGlob(input);
        else
            throw CorpusErrors.Missing(input);
    }

    private void AddFile(string path, string real, bool isLinked)
    {
        var name = new Name(isLinked, Path.GetFullPath(path).Replace(Path.DirectorySeparatorChar, '/'), path);
        if (!_files.TryGetValue(real, out Name other) || name.GoesBefore(other))
            _files[real] = name;
    }

    private void AddDirectory(string directory)
    {
        if (RunSearch.IsRun(directory))
            throw CorpusErrors.Run(directory);
        int runs = _runs.Count;
        if (!AddBelow(directory, IsLink(new DirectoryInfo(directory))))
            throw _runs.Count > runs ? CorpusErrors.OnlyRuns(directory) : CorpusErrors.NoText(directory);
    }

    private bool AddBelow(string directory, bool isLinked)
    {
        // Links wait until everything else was seen: they may lead to the same files, or in a circle.
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var links = new SortedSet<string>(StringComparer.Ordinal);
        bool any = AddBelow(directory, RealPath(directory), isLinked, seen, links);
        while (links.Min is { } link)
        {
            links.Remove(link);
            any |= AddBelow(link, RealPath(link), true, seen, links);
        }

        return any;
    }

    // Every file below that is not hidden and not empty. A pipe, socket or device has length 0: it is text only where
    // it is named.
    private bool AddBelow(string directory, string real, bool isLinked, HashSet<string> seen, SortedSet<string> links)
    {
        if (!seen.Add(real) || IsRun(directory))
            return false;

        bool any = false;
        foreach (FileSystemInfo entry in Visible(directory))
        {
            string path = Path.Combine(directory, entry.Name), realPath = Path.Combine(real, entry.Name);
            RequireName(entry, path);
            bool isLink = IsLink(entry);
            if (entry is DirectoryInfo)
            {
                if (isLink)
                    links.Add(path);
                else
                    any |= AddBelow(path, realPath, isLinked, seen, links);
            }
            else if (Target(entry) is not { } target)
            {
                _brokenLinks.Add(path);
            }
            else if (target is FileInfo { Length: > 0 })
            {
                AddFile(path, isLink ? RealPath(path) : realPath, isLinked || isLink);
                any = true;
            }
        }

        return any;
    }

    private void AddGlob(string pattern)
    {
        bool any = false;
        foreach ((string match, bool isLinked) in new Glob(this, pattern).Matches())
        {
            if (match.Length == 0 || Directory.Exists(match))
            {
                any |= AddBelow(match, isLinked);
            }
            else if (Target(new FileInfo(match)) is null)
            {
                _brokenLinks.Add(match);
            }
            else
            {
                AddFile(match, RealPath(match), isLinked);
                any = true;
            }
        }

        if (!any)
            throw CorpusErrors.NoMatch(pattern);
    }

    private bool IsRun(string directory)
    {
        bool isRun = RunSearch.IsRun(directory);
        if (isRun)
            _runs.Add(directory);
        return isRun;
    }

    private static bool IsLink(FileSystemInfo entry) => entry.LinkTarget is not null;

    // The target of an entry, which is itself if it is not a link; null if a link leads nowhere (.NET says that it exists) or in a circle.
    private static FileSystemInfo? Target(FileSystemInfo entry)
    {
        // A shell's <(...) is a descriptor there: a link to something that has no path.
        if (entry.FullName.StartsWith("/dev/fd/", StringComparison.Ordinal)
            || entry.FullName.StartsWith("/proc/", StringComparison.Ordinal))
            return entry;
        try
        {
            FileSystemInfo target = entry.ResolveLinkTarget(returnFinalTarget: true) ?? entry;
            return target.Exists ? target : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    // .NET resolves a link, but none on the way to it.
    private static string RealPath(string path)
    {
        string full = Path.GetFullPath(path.Length == 0 ? "." : path), root = Path.GetPathRoot(full)!;
        string real = root.ToUpperInvariant(); // a drive's letter has no case of its own
        foreach (string name in full[root.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            string next = Path.Combine(real, name);
            FileSystemInfo entry = Directory.Exists(next) ? new DirectoryInfo(next) : new FileInfo(next);
            real = entry.LinkTarget is { } target ? RealPath(Path.GetFullPath(target, real)) : next;
        }

        return real;
    }

    private static IEnumerable<FileSystemInfo> Visible(string directory) =>
        Entries(directory).Where(e => !e.Name.StartsWith('.')
            && !(OperatingSystem.IsWindows() && e.Attributes.HasFlag(FileAttributes.Hidden)));

    private static IEnumerable<FileSystemInfo> Entries(string directory) =>
        new DirectoryInfo(directory.Length == 0 ? "." : directory).EnumerateFileSystemInfos("*", Everything);

    // .NET reads bytes of a name that are not UTF-8 as U+FFFD, and then finds no such file. Ask this before a file is read.
    private static void RequireName(FileSystemInfo entry, string path)
    {
        if (entry.Name.Contains('\uFFFD', StringComparison.Ordinal) && !IsLink(entry) && !Path.Exists(entry.FullName))
            throw CorpusErrors.NameNotUtf8(path);
    }

    /// <summary>One of a file's names.</summary>
    /// <param name="IsLinked">Whether a link lies on the way from the input.</param>
    /// <param name="Full">The full path with forward slashes: the files' order.</param>
    /// <param name="Path">The path as messages show it.</param>
    private readonly record struct Name(bool IsLinked, string Full, string Path)
    {
        public bool GoesBefore(Name other) => IsLinked != other.IsLinked ? other.IsLinked : string.CompareOrdinal(Full, other.Full) < 0;
    }

    /// <summary>
    /// A pattern, which matches as in shells: * and ? stay inside a name and leave out hidden ones unless the pattern
    /// begins with a dot, ** is any depth of directories, none included. A directory that matches stands for the text below it.
    /// </summary>
    private sealed class Glob
    {
        private readonly InputFiles _owner;
        private readonly string _root;
        private readonly string[] _segments;
        private readonly SortedDictionary<string, bool> _matches = new(StringComparer.Ordinal);

        // The places that a ** has visited, and the links that it has not followed yet, each with its segment.
        private readonly HashSet<(string RealPath, int Segment)> _seen = [];
        private readonly SortedSet<(string Path, int Segment)> _links = new(Comparer<(string Path, int Segment)>.Create(
            (a, b) => string.CompareOrdinal(a.Path, b.Path) is not 0 and int order ? order : a.Segment.CompareTo(b.Segment)));

        public Glob(InputFiles owner, string pattern)
        {
            _owner = owner;
            _root = Path.GetPathRoot(pattern) ?? "";
            _segments = pattern[_root.Length..].Split(Separators, StringSplitOptions.RemoveEmptyEntries);
        }

        /// <summary>The matching paths, and whether the way to each has a link.</summary>
        public SortedDictionary<string, bool> Matches()
        {
            Match(_root, 0, isLinked: false);
            while (_links.Count > 0)
            {
                (string path, int segment) = _links.Min;
                _links.Remove((path, segment));
                Match(path, segment, isLinked: true);
            }

            return _matches;
        }

        private void Match(string directory, int i, bool isLinked)
        {
            if (i == _segments.Length)
            {
                _matches.TryAdd(directory, isLinked);
                return;
            }

            string segment = _segments[i];
            bool isLast = i == _segments.Length - 1;
            if (segment == "**")
            {
                if (!_seen.Add((RealPath(directory), i)) || _owner.IsRun(directory))
                    return;
                Match(directory, i + 1, isLinked);
                if (isLast)
                    return;
                foreach (FileSystemInfo entry in Visible(directory).Where(entry => entry is DirectoryInfo))
                {
                    string path = Path.Combine(directory, entry.Name);
                    RequireName(entry, path);
                    if (IsLink(entry))
                        _links.Add((path, i));
                    else
                        Match(path, i, isLinked);
                }
            }
            else if (segment.AsSpan().ContainsAny('*', '?'))
            {
                foreach (FileSystemInfo entry in segment.StartsWith('.') ? Entries(directory) : Visible(directory))
                {
                    string path = Path.Combine(directory, entry.Name);
                    if (!(isLast || entry is DirectoryInfo)
                        || !FileSystemName.MatchesSimpleExpression(segment, entry.Name, ignoreCase: false))
                        continue;
                    RequireName(entry, path);
                    Match(path, i + 1, isLinked || IsLink(entry));
                }
            }
            else
            {
                string path = Path.Combine(directory, segment);
                if (Directory.Exists(path) || (isLast && File.Exists(path)))
                    Match(path, i + 1, isLinked || IsLink(new FileInfo(path)));
            }
        }
    }
}
