using System.CommandLine;
using System.CommandLine.Parsing;
using CharRnn.Gpu.Cli.Commands;
using CharRnn.Gpu.Cli.Terminal;

namespace CharRnn.Gpu.Cli;

/// <summary>The program: parses, runs a verb, and turns every failure into one line and an exit code.</summary>
internal static class CommandLine
{
    private const int Done = 0, Failed = 1, WrongUsage = 2;

    /// <summary>There are no response files: an argument that begins with @ is the name of a file.</summary>
    public static ParserConfiguration ParserConfiguration { get; } = new() { ResponseFileTokenReplacer = null };

    public static int Run(string[] args)
    {
        int exitCode = Execute(args);
        if (exitCode is Failed or WrongUsage && Ranks.MayJoin(args))
            Ranks.EndThoseThatWait();
        return exitCode;
    }

    private static int Execute(string[] args)
    {
        Output.IsVerbose = args.Contains("--verbose");
        Output.IsSilent = Ranks.IsSilent(args);
        Ranks.ForwardPlainText();
        Output.Prepare();
        Interrupts.OutliveLargeFiles();
        IReadOnlyDictionary<string, string> fileOfOption = new Dictionary<string, string>();
        try
        {
            RequireCurrentDirectory();
            if (Ranks.Follows(args))
                return Ranks.Follow();
            RootCommand root = Build();
            ParseResult result = root.Parse(ConfigurationArguments.Expand(args, root, out fileOfOption), ParserConfiguration);
            Output.IsVerbose = HasFlag(result, "--verbose");
            Output.IsQuiet = HasFlag(result, "--quiet");
            if (!IsDirective(result) && UsageError(result) is { } error)
            {
                Output.Error(WithFile(error));
                return WrongUsage;
            }

            KeepSummaries(result.CommandResult.Command);
            using var help = new StringWriter();
            int exitCode = Output.Timed("in all", () => result.Invoke(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // Interrupts lets a run save itself
                Output = help,
            }));
            Output.Help(help.ToString());
            return exitCode;
        }
        catch (UsageException e)
        {
            Output.Error(WithFile(e.Message));
            return WrongUsage;
        }
        catch (OutputClosedException)
        {
            return Done; // the reader of our output has had enough
        }
        catch (OperationCanceledException) when (Interrupts.ExitCode != 0)
        {
            return Interrupts.ExitCode;
        }
        catch (Exception e)
        {
            Output.Error(Failure.Describe(e));
            if (Output.IsVerbose)
                Output.Note(e.ToString());
            return Failed;
        }

        // An option that came from a file is named as it stands there.
        string WithFile(string error) => fileOfOption.TryGetValue(error.Split(':')[0], out string? file) ? $"{file}: {error[2..]}" : error;
    }

    /// <summary>
    /// Refuses to start in a directory that was deleted: relative paths have no meaning there, and ILGPU asks for it, too.
    /// </summary>
    private static void RequireCurrentDirectory()
    {
        try
        {
            _ = Directory.GetCurrentDirectory();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CharRnnException(
                "charrnn", "the current directory does not exist any more, or cannot be reached", "change to another directory first", e);
        }
    }

    public static RootCommand Build()
    {
        RootCommand root = Commands();
        root.Options.OfType<VersionOption>().Single().Action = new VersionAction();
        return root;
    }

    private static RootCommand Commands() => new(
        "Trains character-level recurrent networks on text and writes new text with them, on CUDA, OpenCL or the CPU.")
    {
        TrainCommand.Create(),
        SampleCommand.Create(),
        EvalCommand.Create(),
        ReportCommand.Create(),
        DashboardCommand.Create(),
        InspectCommand.Create(),
        ExchangeCommands.CreateExport(),
        ExchangeCommands.CreateImport(),
        MlpCommands.Create(),
        DevicesCommand.Create(),
        VerifyCommand.Create(),
        BenchCommand.Create(),
    };

    /// <summary>The message for an unknown name, with the nearest known one.</summary>
    /// <param name="name">The given name.</param>
    /// <param name="kind">What it should have been, with its article.</param>
    /// <param name="known">The known names.</param>
    /// <param name="otherwise">What to do if no known name is near.</param>
    public static string UnknownName(string name, string kind, IEnumerable<string> known, string otherwise)
    {
        string? nearest = known.Where(other => Distance(name, other) <= Math.Max(2, name.Length / 3)).MinBy(other => Distance(name, other));
        return $"{name}: is not {kind}; {(nearest is null ? otherwise : $"did you mean {nearest}?")}";
    }

    private static string FullName(CommandResult result) =>
        result.Parent is CommandResult parent ? $"{FullName(parent)} {result.Command.Name}" : "charrnn";

    /// <summary>Whether a shell asks, with [suggest], how an unfinished line may go on.</summary>
    private static bool IsDirective(ParseResult result) => result.Tokens.Any(token => token.Type == TokenType.Directive);

    private static bool HasFlag(ParseResult result, string name) => result.Errors.Count == 0
        && result.CommandResult.Command.Options.OfType<Option<bool>>().FirstOrDefault(option => option.Name == name) is { } flag
        && result.GetValue(flag);

    public static IEnumerable<string> OptionNames(Command command) => command.Options.Select(option => option.Name);

    /// <summary>What is wrong with the command line by itself; null if nothing is.</summary>
    private static string? UsageError(ParseResult result)
    {
        Command command = result.CommandResult.Command;
        string name = FullName(result.CommandResult), help = $"{name} --help";

        // A mistyped option looks like an input to the parser, so it is found here, with the option that was meant.
        IEnumerable<string> inputs = command.Arguments
            .Select(result.GetResult).OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).Select(token => token.Value);
        if (!result.Tokens.Any(token => token.Type == TokenType.DoubleDash)
            && inputs.Concat(result.UnmatchedTokens).FirstOrDefault(token => token.Length > 1 && token[0] == '-') is { } stray)
        {
            string option = stray.Split('=')[0];
            if (Path.Exists(stray))
                return $"{stray}: is not an option of {name}; write ./{stray} for the file of that name";
            return OptionNames(command).Contains(option)
                ? $"{option}: stands before the command; put it behind: {name} {option}"
                : UnknownName(option, $"an option of {name}", OptionNames(command), $"see {help}");
        }

        bool isGroup = command.Subcommands.Count > 0;
        if (isGroup && result.UnmatchedTokens is [var verb, ..])
            return UnknownName(verb, "a command", command.Subcommands.Select(c => c.Name), $"see {help}");
        if (result.Errors.Count == 0)
            return null;
        if (isGroup)
            return $"{name}: no command is given; give one of {string.Join(", ", command.Subcommands.Select(c => c.Name))}, or see {help}";
        if (result.UnmatchedTokens is [var extra, ..])
            return $"{extra}: is one argument too many; see {help}";

        ParseError error = result.Errors[0];
        if (error.Message.StartsWith('-'))
            return error.Message; // a message of this program
        return (Option(error.SymbolResult), error.SymbolResult) switch
        {
            ({ IdentifierTokenCount: 0 } option, _) =>
                $"{option.Option.Name}: is missing; give {option.Option.Name} {option.Option.HelpName}",
            ({ Tokens.Count: 0 } option, _) => $"{option.Option.Name}: has no value; give {option.Option.HelpName} behind it",
            ({ Tokens.Count: > 1 } option, _) => $"{option.Option.Name}: is given {option.Tokens.Count} times; give it once",
            ({ } option, _) => $"{option.Option.Name}: takes no value, and has '{option.Tokens[0].Value}'; leave that out",
            (null, ArgumentResult argument) => $"{argument.Argument.Name}: is missing; see {help}",
            _ => $"charrnn: {error.Message.TrimEnd('.')}; see {help}",
        };
    }

    private static OptionResult? Option(SymbolResult? result) =>
        result is null or OptionResult ? result as OptionResult : Option(result.Parent);

    /// <summary>Keeps the first line of each description for the list of commands.</summary>
    private static void KeepSummaries(Command group)
    {
        foreach (Command command in group.Subcommands)
            command.Description = command.Description!.Split('\n')[0];
    }

    /// <summary>Levenshtein's distance; a name cut short counts as one letter off.</summary>
    private static int Distance(string a, string b)
    {
        if (a.Length > 3 && b.StartsWith(a, StringComparison.Ordinal))
            return b.Length == a.Length ? 0 : 1;
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }

        return row[^1];
    }
}
