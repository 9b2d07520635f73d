using System.Globalization;
using System.Text.RegularExpressions;

namespace CharRnn.Files;

/// <summary>
/// A directory that keeps what large files were read as, so that the next start reads such a file only to see that it is the same. A file
/// in it is named by the length and hash of what was read and by the format's version, is in the safetensors format, and is checked whole
/// before it is used. It may be deleted at any time without loss.
/// </summary>
public abstract partial class FileCache
{
    private const string Version = "1", Mark = "charrnn-", PartMark = "-part";

    // No reading of a file takes a day.
    private static readonly TimeSpan UnusedFor = TimeSpan.FromDays(30), WrittenFor = TimeSpan.FromDays(1);

    private readonly string _directory, _kind, _what;

    /// <param name="directory">The directory, which is created when it is first needed.</param>
    /// <param name="kind">What is kept, in a word that no other kind of cache has.</param>
    /// <param name="what">What is kept, and what it is of, in messages.</param>
    internal FileCache(string directory, string kind, string what) => (_directory, _kind, _what) = (directory, kind, what);

    /// <summary>This program's folder in the operating system's folder for a user's caches; null if there is none.</summary>
    public static string? DefaultDirectory
    {
        get
        {
            string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            string? caches = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Path.IsPathRooted(Environment.GetEnvironmentVariable("XDG_CACHE_HOME"))
                    ? Environment.GetEnvironmentVariable("XDG_CACHE_HOME")
                : home.Length == 0 ? null
                : Path.Combine(home, OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache");
            return string.IsNullOrEmpty(caches) ? null : Path.Combine(caches, "charrnn");
        }
    }

    private string Format => $"charrnn-{_kind}";

    private string Extension => $".v{Version}.{_kind}";

    /// <summary>Whether it may hold what a file of this many bytes was read as, so that hashing the file is worth while.</summary>
    internal bool MayHold(long bytes)
    {
        try
        {
            return Directory.Exists(_directory) && Directory.EnumerateFiles(_directory, $"{Mark}{Number(bytes)}-*{Extension}").Any();
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            return false;
        }
    }

    /// <summary>What a file was read as, if the cache has it and it is intact.</summary>
    /// <param name="bytes">The length of the file, or of all that were joined.</param>
    /// <param name="hash">The hash of the bytes and of how they are read, 32 lower-case hexadecimal digits.</param>
    /// <param name="read">Reads it; the checksum is right.</param>
    /// <param name="notes">Takes a line about what was found.</param>
    /// <param name="cancellation">Ends the checking.</param>
    internal T? Find<T>(long bytes, string hash, Func<SafetensorsFile, T> read, List<string> notes, CancellationToken cancellation)
        where T : class
    {
        string path = PathOf(bytes, hash);
        if (!File.Exists(path))
            return null;
        try
        {
            using var file = SafetensorsFile.Open(path);
            string? Key(string key) => file.Metadata.GetValueOrDefault(key);
            if (Key("format") != Format || Key("version") != Version || Key("hash") != hash
                || Key("checksum") != file.ReadChecksum(cancellation))
                throw FileErrors.Damaged(path, "its metadata describe something else");
            T found = read(file);
            Touch(path);
            notes.Add($"{path}: has {_what}");
            return found;
        }
        catch (Exception e) when (e is CharRnnException || FileErrors.IsFileFailure(e))
        {
            notes.Add($"{path}: cannot be used and is made again");
            return null;
        }
    }

    /// <summary>Opens what is kept, to read the chunks in it.</summary>
    internal PackedFile OpenChunks(SafetensorsFile file) =>
        new(RegularFile.OpenHandle(file.Path), 0, e => Unreadable(file.Path, e), e => Unreadable(file.Path, e));

    /// <summary>Begins to keep what a file is read as; tidies the directory.</summary>
    /// <param name="needed">The most bytes that it may need.</param>
    /// <param name="notes">Takes a line about why it cannot be kept.</param>
    /// <returns>Null if it cannot be kept.</returns>
    internal CacheEntry? Begin(long needed, List<string> notes)
    {
        try
        {
            string full = Path.GetFullPath(_directory);
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(full);
            else // what it keeps may be private
                Directory.CreateDirectory(full, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            RemoveUnused(full);
            long free = FreeSpace(full);
            if (free < needed)
                throw new IOException($"needs up to {needed / 1e6:F1} MB, {free / 1e6:F1} MB are free");
            return new CacheEntry(this, Path.Combine(full, $"{Mark}{Path.GetRandomFileName()}.{_kind}{PartMark}"));
        }
        catch (Exception e) when (e is ArgumentException || FileErrors.IsFileFailure(e))
        {
            notes.Add(NotKept(e));
            return null;
        }
    }

    /// <summary>Why it is not kept.</summary>
    internal string NotKept(Exception e) =>
        $"{_directory}: {_what} are not kept for the next start ({e.Message.TrimEnd('.')})";

    /// <summary>The error for what is kept, and cannot be read.</summary>
    internal CharRnnException Unreadable(string path, Exception e) => new(
        path, $"the {_kind} that it keeps cannot be read ({e.Message.TrimEnd('.')})",
        "delete it and go on with --resume: it is made again", e);

    /// <summary>Gives what was collected its name.</summary>
    /// <param name="part">The file, whose header is still to be written.</param>
    /// <param name="bytes">See <see cref="Find"/>.</param>
    /// <param name="hash">See <see cref="Find"/>.</param>
    /// <returns>The path with the name.</returns>
    internal string Keep(string part, long bytes, string hash)
    {
        string path = PathOf(bytes, hash);
        File.Move(part, path, overwrite: true);
        return path;
    }

    /// <summary>A line about where it is kept.</summary>
    internal string Kept(string path) => $"{path}: keeps {_what} for the next start";

    /// <summary>What the header of a file of this cache says.</summary>
    internal Dictionary<string, string> Metadata(string hash, string checksum) => new()
    {
        ["format"] = Format,
        ["version"] = Version,
        ["hash"] = hash,
        ["checksum"] = checksum,
    };

    private static void Touch(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            // Another's file, or a read-only one: it is only removed sooner.
        }
    }

    /// <summary>Deletes what was not used for a month, and what killed processes left.</summary>
    private static void RemoveUnused(string directory)
    {
        foreach (string path in Directory.EnumerateFiles(directory, $"{Mark}*"))
        {
            try
            {
                string name = Path.GetFileName(path);
                TimeSpan age = DateTime.UtcNow - File.GetLastWriteTimeUtc(path);
                if ((PartName().IsMatch(name) && age > WrittenFor) || (EntryName().IsMatch(name) && age > UnusedFor))
                    File.Delete(path);
            }
            catch (Exception e) when (FileErrors.IsFileFailure(e))
            {
                // In use.
            }
        }
    }

    private static long FreeSpace(string directory)
    {
        try
        {
            return new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(directory)! : directory).AvailableFreeSpace;
        }
        catch (Exception e) when (e is ArgumentException || FileErrors.IsFileFailure(e))
        {
            return long.MaxValue; // a network share does not tell
        }
    }

    private string PathOf(long bytes, string hash) => Path.Combine(_directory, $"{Mark}{Number(bytes)}-{hash}{Extension}");

    private static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^charrnn-\d+-[0-9a-f]{32}\.v\d+\.(tokens|columns)$")]
    private static partial Regex EntryName();

    [GeneratedRegex(@"^charrnn-\w{8}\.\w{3}\.(tokens|columns)-part$")]
    private static partial Regex PartName();
}
