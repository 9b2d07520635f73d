using System.CommandLine;
using System.Text.RegularExpressions;
using CharRnn.Gpu.Cli;

namespace CharRnn.Gpu.Tests.Examples;

/// <summary>What the pages name exists: files, headings, verbs and options.</summary>
public partial class PageTests
{
    private const string CommandPage = "src/CharRnn.Gpu.Cli/README.md";

    // Options of other programs that pages name.
    private static readonly string[] ForeignOptions =
    [
        "--bind-to", "--logdir", "--many-steps", "--mpi", "--only", "--output", "--part", "--project", "--python", "--rounds",
        "--verify-no-changes", "--within",
    ];

    private static readonly RootCommand Program = CommandLine.Build();
    private static readonly Command[] Verbs = [.. Leaves(Program)];

    [Fact]
    public void Every_link_leads_to_a_file_and_a_heading_that_are_there() => Assert.All(Page.All, page => Assert.All(Relative(page), link =>
    {
        (string target, string? anchor) = link;
        Assert.True(Path.Exists(Path.Combine(Page.Root, target)), $"{page.Path} links to {target}, which does not exist");
        if (anchor is not null)
            Assert.Contains(anchor, Page.Of(target).Anchors);
    }));

    [Fact]
    public void Every_page_can_be_reached_from_README()
    {
        var reached = new HashSet<string> { "README.md" };
        for (var next = new Queue<string>(reached); next.TryDequeue(out string? path);)
            foreach ((string target, _) in Relative(Page.Of(path)))
                if (target.EndsWith(".md", StringComparison.Ordinal) && reached.Add(target))
                    next.Enqueue(target);
        Assert.Equal(Page.All.Select(page => page.Path).Order(StringComparer.Ordinal), reached.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_verb_and_option_that_a_page_names_exists()
    {
        string[] code = [.. Page.All.SelectMany(page => page.Code)], verbs = [.. Verbs.Select(Name), "mlp"];
        string[] named = [.. code.SelectMany(Options).Distinct()];
        Assert.Empty(named.Except(Verbs.Append(Program).SelectMany(CommandLine.OptionNames)).Except(ForeignOptions));
        Assert.Empty(ForeignOptions.Except(named));
        Assert.Empty(code.SelectMany(one => VerbName().Matches(one)).Select(match => match.Groups[1].Value).Except(verbs));
    }

    [Fact]
    public void The_commands_page_shows_every_verb_and_explains_all_its_options()
    {
        Page page = Page.Of(CommandPage);
        string common = string.Join('\n', page.Section("## What the verbs have in common"));
        foreach (Command verb in Verbs)
        {
            string name = Name(verb), section = string.Join('\n', page.Section($"## charrnn {name.Split(' ')[0]}"));
            Assert.Contains(page.Commands, command => $"{command} ".StartsWith($"charrnn {name} ", StringComparison.Ordinal));
            string[] missing = [.. CommandLine.OptionNames(verb).Except(Options(common)).Except(Options(section))];
            Assert.True(missing.Length == 0, $"{CommandPage} does not explain {string.Join(", ", missing)} of charrnn {name}");
        }
    }

    /// <summary>The links of a page that lead into the repository: the target from the root on, and the heading.</summary>
    private static IEnumerable<(string Target, string? Anchor)> Relative(Page page) =>
        from link in page.Links
        where !link.Contains(':', StringComparison.Ordinal)
        let parts = link.Split('#')
        let folder = Path.GetDirectoryName(Path.Combine(Page.Root, page.Path))!
        let target = parts[0].Length == 0
            ? page.Path
            : Path.GetRelativePath(Page.Root, Path.GetFullPath(parts[0], folder)).Replace('\\', '/')
        select (target, parts.Length > 1 ? parts[1] : null);

    private static IEnumerable<string> Options(string text) => OptionName().Matches(text).Select(match => match.Value);

    private static IEnumerable<Command> Leaves(Command command) =>
        command.Subcommands.Count == 0 ? [command] : command.Subcommands.SelectMany(Leaves);

    private static string Name(Command verb) =>
        verb.Parents.OfType<Command>().FirstOrDefault() is { } parent and not RootCommand ? $"{parent.Name} {verb.Name}" : verb.Name;

    [GeneratedRegex(@"(?<![\w-])--[a-z][a-z0-9-]*")]
    private static partial Regex OptionName();

    [GeneratedRegex(@"^charrnn (mlp [a-z]+|[a-z]+)")]
    private static partial Regex VerbName();
}
