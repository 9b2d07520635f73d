using System.Globalization;
using System.Security;
using System.Text;

namespace CharRnn.Files;

/// <summary>The one place that words what a file system refuses and what a damaged file holds.</summary>
internal static class FileErrors
{
    // errno of Linux (28, 122) and macOS (28, 69), and ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL of Windows:
    // .NET hands them on as HResult and has no exception type of its own for a full disk.
    private static readonly int[] s_diskFull = [28, 122, 69, unchecked((int)0x80070070), unchecked((int)0x80070027)];

    // EROFS of Linux and macOS, and ERROR_WRITE_PROTECT of Windows.
    private static readonly int[] s_readOnly = [30, unchecked((int)0x80070013)];

    // EWOULDBLOCK of Linux (11) and macOS (35), and ERROR_SHARING_VIOLATION of Windows.
    private static readonly int[] s_inUse = [11, 35, unchecked((int)0x80070020)];

    /// <summary>Whether an exception is the file system's answer, not a mistake in this program.</summary>
    public static bool IsFileFailure(Exception e)
        => e is IOException or UnauthorizedAccessException or NotSupportedException or SecurityException || IsTooLarge(e);

    /// <summary>The absolute path.</summary>
    /// <exception cref="CharRnnException">
    /// The path is empty, has a NUL, or is a device of Windows, as <c>NUL</c> and <c>CON</c> are in any directory.
    /// </exception>
    public static string FullPath(string path)
    {
        try
        {
            string full = Path.GetFullPath(path);
            bool isDevice = OperatingSystem.IsWindows() && full.StartsWith(@"\\.\", StringComparison.Ordinal);
            return isDevice ? throw new CharRnnException(path, "is the name of a device on Windows", "choose another name") : full;
        }
        catch (Exception e) when (e is ArgumentException || IsFileFailure(e))
        {
            throw new CharRnnException(Quote(path), "is not a path", "give the path of a file or directory", e);
        }
    }

    /// <summary>
    /// Whether a file would grow beyond what <c>ulimit -f</c> or the file system allows:
    /// for EFBIG alone .NET has an exception of another kind.
    /// </summary>
    private static bool IsTooLarge(Exception e) => e is ArgumentOutOfRangeException { ParamName: "value" };

    /// <summary>Whether another handle holds the file's lock.</summary>
    public static bool IsInUse(Exception e) => e is IOException && s_inUse.Contains(e.HResult);

    /// <summary>The error for a file that cannot be read.</summary>
    public static CharRnnException Reading(string path, Exception e) => e switch
    {
        _ when Directory.Exists(path) => new(path, "is a directory where a file was expected", "give the path of a file", e),
        FileNotFoundException or DirectoryNotFoundException => new(path, "does not exist", "check the path", e),
        UnauthorizedAccessException => new(path, "may not be read by this user", "change its permissions or give another file", e),
        NotSupportedException => new(path, "is a pipe or device where a regular file was expected", "copy it to a file first", e),
        _ when IsInUse(e) => new(path, "is in use by another process", "wait for it to end and try again", e),
        _ => new(path, $"could not be read ({OneLine(e.Message)})", "check the path and the disk", e),
    };

    /// <summary>The error for a file or directory that cannot be written.</summary>
    public static CharRnnException Writing(string path, Exception e) => e switch
    {
        NotSupportedException when new FileInfo(path).LinkTarget is not null
            => new(path, "is a symbolic link, and a run's files are not written through links", "move it away or choose another path", e),
        NotSupportedException => new(
            path, "is a pipe or device where a regular file was expected", "choose another path or move it away", e),
        _ when Directory.Exists(path) => new(
            path, "could not be written because it is a directory", "move it away or choose another path", e),
        PathTooLongException => new(path, "could not be written because its name is too long", "choose a shorter one", e),
        DirectoryNotFoundException => new(
            path, "could not be written because its directory does not exist", "create the directory or choose another path", e),
        _ when IsInUse(e) || (e is UnauthorizedAccessException && IsOpen(path)) =>
            new(path, "is in use by another process", "wait for it to end and try again", e),
        UnauthorizedAccessException => new(
            path, "may not be written by this user", "change the directory's permissions or choose another path", e),
        _ when s_diskFull.Contains(e.HResult) => new(
            path, "could not be written because the disk is full", "free some space; what was saved before is whole", e),
        _ when IsTooLarge(e) => new(
            path, "could not be written because it would be larger than a file may be",
            "raise the limit (ulimit -f); what was saved before is whole", e),
        _ when s_readOnly.Contains(e.HResult) => new(
            path, "could not be written because its file system is read-only", "choose another path", e),
        _ => new(path, $"could not be written ({OneLine(e.Message)})", "check the path and the disk", e),
    };

    /// <summary>The error for a temporary file that cannot be made, written or read.</summary>
    /// <param name="directory">The directory of the file.</param>
    /// <param name="what">What goes into the file.</param>
    /// <param name="cause">What was refused.</param>
    public static CharRnnException Spill(string directory, string what, Exception cause) => new(
        directory, $"cannot hold the part of the {what} that exceeds memory ({OneLine(cause.Message)})",
        $"free space there or set {(OperatingSystem.IsWindows() ? "TEMP" : "TMPDIR")} to a directory with room", cause);

    /// <summary>A file that breaks its format's rules.</summary>
    public static CharRnnException Damaged(string path, string found, Exception? cause = null)
        => new(path, found, "the file is damaged or of another kind: give an intact one", cause);

    /// <summary>
    /// A name or value out of a file, fit for one line of an error: in double quotes, control characters escaped
    /// (a name may hold a line break or a terminal's escape sequence), cut after 60 characters.
    /// </summary>
    public static string Quote(string text)
    {
        const int longest = 60;
        var shown = new StringBuilder("\"");
        int length = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (length++ == longest)
            {
                shown.Append(CultureInfo.InvariantCulture, $"…\" ({text.Length} characters)");
                return shown.ToString();
            }

            if (rune.Value is '"' or '\\')
                shown.Append('\\').Append(rune);
            else if (Rune.IsControl(rune) || Rune.GetUnicodeCategory(rune)
                is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
                shown.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:X4}");
            else
                shown.Append(rune);
        }

        return shown.Append('"').ToString();
    }

    public static string OneLine(string message) => message.ReplaceLineEndings(" ").TrimEnd('.', ' ');

    // Windows refuses to replace an open file as it refuses what permissions forbid.
    private static bool IsOpen(string path)
    {
        if (!OperatingSystem.IsWindows())
            return false;
        try
        {
            File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.None).Dispose();
            return false;
        }
        catch (Exception e) when (IsFileFailure(e))
        {
            return IsInUse(e);
        }
    }
}
