using System.CommandLine;
using System.CommandLine.Parsing;
using CharRnn.Gpu.Cli.Commands;
using CharRnn.Gpu.Cli.Terminal;

namespace CharRnn.Gpu.Cli;

/// <summary>The program: parses, runs a verb, and turns every failure into one line and an exit code.</summary>
internal static class CommandLine
{
    private const int Done = 0, Failed = 1, WrongUsage = 2;

    public static int Run(string[] args)
    {
        bool verbose = args.Contains("--verbose");
        try
        {
            RootCommand root = Build();
            ParseResult result = root.Parse(ConfigurationArguments.Expand(args, root), new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (UsageError(result) is { } error)
            {
                Output.Error(error);
                return WrongUsage;
            }

            return result.Invoke(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // Interrupts lets a run save itself
            });
        }
        catch (UsageException e)
        {
            Output.Error(e.Message);
            return WrongUsage;
        }
        catch (OutputClosedException)
        {
            return Done; // the reader of our output has had enough
        }
        catch (OperationCanceledException)
        {
            return Interrupts.ExitCode;
        }
        catch (CharRnnException e)
        {
            Output.Error(e.Message);
            if (verbose)
                Output.Note(e.ToString());
            return Failed;
        }
        catch (Exception e)
        {
            Output.Error($"charrnn: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}; run again with --verbose and report this");
            if (verbose)
                Output.Note(e.ToString());
            return Failed;
        }
    }

    public static RootCommand Build() => new("Trains character-level recurrent networks on text and writes new text with them, on CUDA, OpenCL or the CPU.")
    {
        TrainCommand.Create(),
        SampleCommand.Create(),
        EvalCommand.Create(),
        DevicesCommand.Create(),
        VerifyCommand.Create(),
        BenchCommand.Create(),
    };

    /// <summary>What is wrong with the command line alone; null if nothing is.</summary>
    private static string? UsageError(ParseResult result)
    {
        // A mistyped option looks like an input to the parser, so it is found here, with the option that was meant.
        IEnumerable<string> inputs = result.CommandResult.Command.Arguments
            .Select(result.GetResult).OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).Select(token => token.Value);
        foreach (string token in inputs.Concat(result.UnmatchedTokens))
            if (token.StartsWith("--", StringComparison.Ordinal) && !result.Tokens.Any(t => t.Type == TokenType.DoubleDash))
                return UnknownOption(token.Split('=')[0], OptionNames(result.CommandResult.Command), "option");
        if (result.Errors.Count == 0)
            return null;
        string message = result.Errors[0].Message.Split('\n')[0].TrimEnd('\r', '.');
        return message.StartsWith('-') ? message : $"charrnn: {message}; see charrnn {string.Join(' ', Verb(result))} --help".Replace("  ", " ");
    }

    /// <summary>The message for a name that is none, with the nearest that is.</summary>
    public static string UnknownOption(string name, IEnumerable<string> known, string kind)
    {
        string? nearest = known.Where(other => Distance(name, other) <= Math.Max(2, name.Length / 3)).MinBy(other => Distance(name, other));
        return $"{name}: is no {kind} of this command; {(nearest is null ? "see --help for those there are" : $"did you mean {nearest}?")}";
    }

    public static IEnumerable<string> OptionNames(Command command) => command.Options.Select(option => option.Name);

    private static IEnumerable<string> Verb(ParseResult result) =>
        result.CommandResult.Command is RootCommand ? [] : [result.CommandResult.Command.Name];

    /// <summary>Levenshtein's distance.</summary>
    private static int Distance(string a, string b)
    {
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

/// <summary>An error that the command line, with the configuration it names, shows by itself.</summary>
internal sealed class UsageException(string message) : Exception(message);
