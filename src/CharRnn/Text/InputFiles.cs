using System.IO.Enumeration;

namespace CharRnn.Text;

/// <summary>One file to read.</summary>
/// <param name="Path">As shown in messages; <c>-</c> for standard input.</param>
internal readonly record struct InputFile(string Path)
{
    /// <summary>Standard input, which is read as it comes, whatever it is connected to.</summary>
    public bool IsStandardInput => Path is "-" || (Path is "/dev/stdin" && !OperatingSystem.IsWindows());
}

/// <summary>
/// Finds the files that the command line's inputs stand for: files, directories and globs. Globs are expanded here
/// though a Unix shell does it too, so that they mean the same on Windows; so names compare by case everywhere.
/// </summary>
internal static class InputFiles
{
    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = 0, IgnoreInaccessible = false };
    private static readonly char[] Separators = OperatingSystem.IsWindows() ? ['/', '\\'] : ['/'];

    /// <summary>All files of all inputs in ordinal order of their full paths, each once, however the inputs name it.</summary>
    /// <exception cref="CharRnnException">An input is missing, unreadable, a glob without a match or a directory without text.</exception>
    public static IReadOnlyList<InputFile> Find(IEnumerable<string> inputs)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string input in inputs)
        {
            try
            {
                Add(input, files);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw CorpusErrors.Unreadable(input, e);
            }
        }

        var alike = files.GroupBy(file => file.Key, StringComparer.OrdinalIgnoreCase);
        return [.. alike.SelectMany(OfOneFile).Select(path => new InputFile(path))];
    }

    // Names that differ in case only are names of one file on most disks of Windows and macOS, and of as many files elsewhere.
    private static IEnumerable<string> OfOneFile(IEnumerable<KeyValuePair<string, string>> named)
    {
        KeyValuePair<string, string>[] all = [.. named];
        string[] real = all.Length == 1 ? [] : [.. all.Where(file => IsNameOnDisk(file.Key)).Select(file => file.Value)];
        return real.Length > 0 ? real : [all[0].Value];
    }

    private static bool IsNameOnDisk(string full)
    {
        try
        {
            return Path.GetDirectoryName(full) is not { } parent
                || (Entries(parent).Any(entry => entry.Name == Path.GetFileName(full)) && IsNameOnDisk(parent));
        }
        catch (UnauthorizedAccessException)
        {
            return true; // a directory that may be passed through, but not listed
        }
    }

    private static void Add(string input, SortedDictionary<string, string> files)
    {
        if (new InputFile(input).IsStandardInput)
            files.TryAdd("-", input);
        else if (File.Exists(input))
            AddFile(input, files);
        else if (Directory.Exists(input))
            AddDirectory(input, files);
        else if (input.AsSpan().ContainsAny('*', '?'))
            AddGlob(input, files);
        else
            throw CorpusErrors.Missing(input);
    }

    private static void AddFile(string path, SortedDictionary<string, string> files)
    {
        string full = Path.GetFullPath(path), root = Path.GetPathRoot(full)!; // a drive's letter has no case of its own
        files.TryAdd((root.ToUpperInvariant() + full[root.Length..]).Replace(Path.DirectorySeparatorChar, '/'), path);
    }

    private static void AddDirectory(string directory, SortedDictionary<string, string> files)
    {
        if (!AddBelow(directory, files))
            throw CorpusErrors.NoText(directory);
    }

    // Every file below that is not hidden and not empty. A pipe, socket or device has length 0: it is text only where
    // it is named. Links to directories are left out, since they may lead in a circle.
    private static bool AddBelow(string directory, SortedDictionary<string, string> files)
    {
        bool any = false;
        foreach (FileSystemInfo entry in Visible(directory))
        {
            string path = Path.Combine(directory, entry.Name);
            if (entry is DirectoryInfo)
            {
                if (entry.LinkTarget is null)
                    any |= AddBelow(path, files);
            }
            else if (entry.LinkTarget is null ? ((FileInfo)entry).Length > 0 : entry.ResolveLinkTarget(true) is FileInfo { Exists: true, Length: > 0 })
            {
                AddFile(path, files);
                any = true;
            }
        }

        return any;
    }

    private static void AddGlob(string pattern, SortedDictionary<string, string> files)
    {
        string root = Path.GetPathRoot(pattern) ?? "";
        string[] segments = pattern[root.Length..].Split(Separators, StringSplitOptions.RemoveEmptyEntries);

        // Two ** in a row are as one, and must not cost the product of both.
        segments = [.. segments.Where((s, i) => i == 0 || s != "**" || segments[i - 1] != "**")];
        var matches = new HashSet<string>(StringComparer.Ordinal);
        Match(root, segments, matches);

        bool any = false;
        foreach (string match in matches)
        {
            if (match.Length == 0 || Directory.Exists(match))
            {
                any |= AddBelow(match, files);
            }
            else
            {
                AddFile(match, files);
                any = true;
            }
        }

        if (!any)
            throw CorpusErrors.NoMatch(pattern);
    }

    // As shells match: * and ? stay inside a name and leave out hidden ones unless the pattern begins with a dot,
    // ** is any depth of directories, none included. A directory that matches stands for the text below it.
    private static void Match(string directory, ReadOnlySpan<string> segments, HashSet<string> matches)
    {
        if (segments.IsEmpty)
        {
            matches.Add(directory);
            return;
        }

        string segment = segments[0];
        ReadOnlySpan<string> rest = segments[1..];
        if (segment == "**")
        {
            Match(directory, rest, matches);
            if (rest.IsEmpty)
                return;
            foreach (FileSystemInfo entry in Visible(directory))
                if (entry is DirectoryInfo && entry.LinkTarget is null)
                    Match(Path.Combine(directory, entry.Name), segments, matches);
        }
        else if (segment.AsSpan().ContainsAny('*', '?'))
        {
            foreach (FileSystemInfo entry in segment.StartsWith('.') ? Entries(directory) : Visible(directory))
                if ((rest.IsEmpty || entry is DirectoryInfo) && FileSystemName.MatchesSimpleExpression(segment, entry.Name, ignoreCase: false))
                    Match(Path.Combine(directory, entry.Name), rest, matches);
        }
        else
        {
            string path = Path.Combine(directory, segment);
            if (Directory.Exists(path) || (rest.IsEmpty && File.Exists(path)))
                Match(path, rest, matches);
        }
    }

    private static IEnumerable<FileSystemInfo> Visible(string directory) =>
        Entries(directory).Where(e => !e.Name.StartsWith('.') && !(OperatingSystem.IsWindows() && e.Attributes.HasFlag(FileAttributes.Hidden)));

    private static IEnumerable<FileSystemInfo> Entries(string directory) =>
        new DirectoryInfo(directory.Length == 0 ? "." : directory).EnumerateFileSystemInfos("*", Everything);
}
