using System.CommandLine;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Commands;

namespace CharRnn.Gpu.Cli;

/// <summary>
/// Options from files: <c>--config FILE</c>, and the run's own config.json with <c>--resume</c>. They become arguments
/// for the options that the command line does not give itself, so every value is checked in one way.
/// </summary>
internal static class ConfigurationArguments
{
    /// <summary>The arguments, with those of the files added.</summary>
    public static string[] Expand(string[] args, RootCommand root)
    {
        if (args.Length == 0 || root.Subcommands.FirstOrDefault(c => c.Name == args[0]) is not { Name: "train" } train)
            return args;

        var all = new List<string>(args);
        if (Value(args, "--config") is { } path)
            Add(all, RunConfiguration.Read(path), path, train, _ => true, _ => false);
        if (args.Contains("--resume") && Value([.. all], "--out") is { } run && File.Exists(Path.Combine(run, "config.json")))
        {
            RunConfiguration saved = RunConfiguration.Read(Path.Combine(run, "config.json"));
            RefuseChanges(all, saved);
            Add(all, saved, run, train, name => TrainCommand.SavedOptions.Contains(name), _ => true);
        }

        return [.. all];
    }

    private static void Add(
        List<string> args, RunConfiguration configuration, string path, Command train, Func<string, bool> takes, Func<string, bool> mayBeUnknown)
    {
        foreach (string name in configuration.Names)
        {
            string option = $"--{name}";
            if (name == "input")
            {
                if (takes(name) && !HasInput(args, train))
                    args.AddRange(configuration.GetTexts(name));
                continue;
            }

            if (!CommandLine.OptionNames(train).Contains(option) || name is "config" or "help")
            {
                if (mayBeUnknown(name))
                    continue;
                string message = CommandLine.UnknownOption(name, [.. CommandLine.OptionNames(train).Select(o => o[2..]), "input"], "key");
                throw new UsageException($"{path}: {message}");
            }

            if (!takes(name) || Value([.. args], option) is not null || args.Contains(option))
                continue;
            string text = configuration.GetOptionText(name);
            if (text == "false")
                continue;
            args.Add(option);
            if (text != "true")
                args.Add(text);
        }
    }

    /// <summary>A run goes on with the sizes and rates it was begun with.</summary>
    private static void RefuseChanges(List<string> args, RunConfiguration saved)
    {
        foreach (string name in TrainCommand.FixedOptions.Where(saved.Has))
            if (Value([.. args], $"--{name}") is { } given && given != saved.GetOptionText(name) && !SameNumber(given, saved.GetOptionText(name)))
                throw new CharRnnException($"--{name}", $"is {given} here and {saved.GetOptionText(name)} in the run to resume", "leave it out, or start a new run in another --out");
    }

    private static bool SameNumber(string a, string b) =>
        double.TryParse(a, System.Globalization.CultureInfo.InvariantCulture, out double x)
        && double.TryParse(b, System.Globalization.CultureInfo.InvariantCulture, out double y) && x == y;

    private static bool HasInput(List<string> args, Command train) =>
        train.Parse([.. args.Skip(1)]).GetResult(TrainCommand.Input)?.Tokens.Count > 0;

    /// <summary>The value behind an option, as <c>--name value</c> or <c>--name=value</c>.</summary>
    private static string? Value(string[] args, string option)
    {
        int i = Array.FindLastIndex(args, a => a == option || a.StartsWith(option + "=", StringComparison.Ordinal));
        if (i < 0)
            return null;
        return args[i].Length > option.Length ? args[i][(option.Length + 1)..] : i + 1 < args.Length ? args[i + 1] : null;
    }
}
