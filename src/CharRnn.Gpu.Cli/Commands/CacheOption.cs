using System.CommandLine;
using CharRnn.Files;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>--cache</c>: where what large files were read as is kept for the next start.</summary>
internal static class CacheOption
{
    // A directory of this name is given as ./none.
    private const string NoCache = "none";

    /// <summary>The option.</summary>
    /// <param name="what">What is kept, of files.</param>
    public static Option<string> Create(string what) => new("--cache")
    {
        Description = $"Where to keep {what} over 256 MB for the next start; none does not keep them "
            + "[default: the system's folder for caches].",
        HelpName = "DIR|none",
    };

    /// <summary>The directory of the option as an absolute path, or the word for none: a resume may come from another directory.</summary>
    /// <exception cref="CharRnnException">It is not a path.</exception>
    public static string FullPath(string given)
    {
        try
        {
            return given == NoCache ? given : Path.GetFullPath(given);
        }
        catch (ArgumentException e)
        {
            throw new CharRnnException("--cache", "is not a path", "give a directory, or none", e);
        }
    }

    /// <summary>The directory to keep things in; null to keep nothing.</summary>
    /// <param name="given">The value of the option; null if it is not given.</param>
    /// <exception cref="CharRnnException">It is not a path.</exception>
    public static string? DirectoryOf(string? given) =>
        ((given is null ? null : FullPath(given)) ?? FileCache.DefaultDirectory) is { } directory and not NoCache ? directory : null;
}
