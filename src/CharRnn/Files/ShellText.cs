namespace CharRnn.Files;

/// <summary>Commands that a program advises, so that they work as they stand.</summary>
public static class ShellText
{
    /// <summary>A path as one word for a shell: in quotes where it has characters with a meaning there, and never like an option.</summary>
    public static string Quote(string path)
    {
        if (path.StartsWith('-'))
            path = $"./{path}";
        return path.Length > 0 && path.All(c => char.IsLetterOrDigit(c) || "/._-+,:@%\\".Contains(c, StringComparison.Ordinal))
            ? path
            : $"'{path.Replace("'", @"'\''", StringComparison.Ordinal)}'";
    }
}
