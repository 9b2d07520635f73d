using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace CharRnn.Gpu.Tests.Examples;

/// <summary>A page of the documentation, read as far as tests need it: headings, links, code.</summary>
internal sealed partial class Page
{
    private const string Fence = "```", Prompt = "$ ";

    private Page(string path)
    {
        Path = path;
        Lines = File.ReadAllLines(System.IO.Path.Combine(Root, path));
        var text = new List<string>();
        var blocks = new List<(string, string[])>();
        for (int i = 0; i < Lines.Length; i++)
        {
            if (!Lines[i].StartsWith(Fence, StringComparison.Ordinal))
            {
                text.Add(Lines[i]);
                continue;
            }

            int end = Array.IndexOf(Lines, Fence, i + 1);
            Assert.True(end > i, $"{path}, line {i + 1}: a block has no end");
            blocks.Add((Lines[i][Fence.Length..], Lines[(i + 1)..end]));
            i = end;
        }

        (Text, Blocks) = (text, blocks);
    }

    /// <summary>The repository.</summary>
    public static string Root { get; } = System.IO.Path.GetFullPath("../../..", Folder());

    /// <summary>Every page of the repository, wherever it is, so that a new one is not forgotten; what git ignores is left out.</summary>
    public static IReadOnlyList<Page> All { get; } = [.. Find(Root, [.. File.ReadAllLines(System.IO.Path.Combine(Root, ".gitignore"))])];

    /// <summary>The page of a path.</summary>
    public static Page Of(string path) => All.Single(page => page.Path == path);

    /// <summary>The file, from the root on, with slashes.</summary>
    public string Path { get; }

    /// <summary>The whole page.</summary>
    public string[] Lines { get; }

    /// <summary>The lines outside blocks of code.</summary>
    public IReadOnlyList<string> Text { get; }

    /// <summary>The blocks of code, with their languages.</summary>
    public IReadOnlyList<(string Language, string[] Lines)> Blocks { get; }

    /// <summary>
    /// The commands that the page shows: the lines of <c>sh</c>, those of <c>console</c> behind a prompt, and every <c>charrnn</c>.
    /// </summary>
    public IEnumerable<string> Commands => Blocks.SelectMany(block => block.Language switch
    {
        "sh" => block.Lines.Where(line => line.Length > 0),
        "console" => block.Lines.Where(line => line.StartsWith(Prompt, StringComparison.Ordinal)).Select(line => line[Prompt.Length..]),
        _ => block.Lines.Where(line => line.StartsWith("charrnn ", StringComparison.Ordinal)),
    });

    /// <summary>The pieces of code within the text.</summary>
    public IEnumerable<string> Code => Paragraphs.SelectMany(text => CodeSpan().Matches(text)).Select(match => match.Groups[1].Value);

    /// <summary>Where its links and pictures lead.</summary>
    public IEnumerable<string> Links =>
        Paragraphs.SelectMany(text => Link().Matches(CodeSpan().Replace(text, ""))).Select(match => match.Groups[1].Value);

    /// <summary>What a link to a heading names, as GitHub makes it of the heading.</summary>
    public IEnumerable<string> Anchors => Text.Where(line => line.StartsWith('#')).Select(AnchorOf);

    /// <summary>The lines below a heading, up to the next one of its level or above.</summary>
    public string[] Section(string heading)
    {
        int begin = Array.IndexOf(Lines, heading), level = heading.TakeWhile(c => c == '#').Count();
        Assert.True(begin >= 0, $"{Path} has no heading '{heading}'");
        return [.. Lines.Skip(begin + 1).TakeWhile(line => !line.StartsWith('#') || line.TakeWhile(c => c == '#').Count() > level)];
    }

    // Code and links may go over the end of a line.
    private string[] Paragraphs => string.Join('\n', Text).Split("\n\n");

    private static IEnumerable<Page> Find(string folder, HashSet<string> ignored)
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*.md").Order(StringComparer.Ordinal))
            yield return new Page(System.IO.Path.GetRelativePath(Root, file).Replace('\\', '/'));
        foreach (DirectoryInfo below in new DirectoryInfo(folder).EnumerateDirectories().OrderBy(one => one.Name, StringComparer.Ordinal))
            if (below.LinkTarget is null && !below.Name.StartsWith('.') && !ignored.Contains($"{below.Name}/"))
                foreach (Page page in Find(below.FullName, ignored))
                    yield return page;
    }

    private static string AnchorOf(string heading)
    {
        string title = heading.TrimStart('#').Trim().ToLowerInvariant();
        return string.Concat(title.Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_')).Replace(' ', '-');
    }

    private static string Folder([CallerFilePath] string path = "") => System.IO.Path.GetDirectoryName(path)!;

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\[[^\]]*\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
