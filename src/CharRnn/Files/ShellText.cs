namespace CharRnn.Files;

/// <summary>Commands that a program advises, so that they work as they stand.</summary>
public static class ShellText
{
    /// <summary>A path as one word for a shell, in quotes where anything in it would mean something else there, and that is no option.</summary>
    public static string Quote(string path)
    {
        if (path.StartsWith('-'))
            path = $"./{path}";
        return path.Length > 0 && path.All(c => char.IsLetterOrDigit(c) || "/._-+,:@%\\".Contains(c, StringComparison.Ordinal))
            ? path
            : $"'{path.Replace("'", @"'\''", StringComparison.Ordinal)}'";
    }
}
