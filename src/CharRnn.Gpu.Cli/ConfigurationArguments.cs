using System.Collections;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Commands;
using CharRnn.Runs;

namespace CharRnn.Gpu.Cli;

/// <summary>
/// Options from files: <c>--config FILE</c>, and the run's own config.json with <c>--resume</c>. They become arguments
/// for the options that the command line does not give itself, so every value is checked in one way.
/// </summary>
internal sealed class ConfigurationArguments
{
    private readonly TrainingVerb _verb;
    private readonly Command _command;
    private readonly string[] _given;
    private readonly List<string> _added = [];
    private readonly Dictionary<string, string> _fileOfOption = [];

    private ConfigurationArguments(TrainingVerb verb, Command command, string[] given) =>
        (_verb, _command, _given) = (verb, command, given);

    private IEnumerable<string> All => _added.Concat(_given);

    /// <summary>The arguments, with those of the files added.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="root">The program.</param>
    /// <param name="fileOfOption">The file of each option that came from one.</param>
    public static string[] Expand(string[] args, RootCommand root, out IReadOnlyDictionary<string, string> fileOfOption)
    {
        fileOfOption = new Dictionary<string, string>();
        if (Verbs.FirstOrDefault(verb => args.Take(verb.Path.Count).SequenceEqual(verb.Path)) is not { } verb)
            return args;

        Command command = verb.Path.Aggregate<string, Command>(root, (group, name) => group.Subcommands.First(one => one.Name == name));
        var arguments = new ConfigurationArguments(verb, command, args[verb.Path.Count..]);
        arguments.AddFiles();
        fileOfOption = arguments._fileOfOption;
        return [.. verb.Path, .. arguments.All]; // after the command line's own they could end up after a --
    }

    private void AddFiles()
    {
        string? preset = null, path = Value("--config");
        if (path == "-" && _given.Count(argument => argument == "-") > 1)
            throw new UsageException("--config: is -, and so is another input; give one of them as a file");
        if (path is not null)
        {
            RunConfiguration given = RunConfiguration.Read(path, mayBePipe: true);
            string file = StandardStreams.NameOf(path);
            if (given.Has("kind") && given.Kind is { } other && other != _verb.Kind)
                throw new UsageException($"{file}: is of a run of {VerbOf(other).Name}; give the options of {_verb.Name}");
            Add(given, file, isSavedRun: false);
            if (_verb.RecordedNames.Any(given.Has))
                preset = PresetOf(given);
        }

        if (!Has("--resume") || Has("--overwrite") || Value("--out") is not { } run)
        {
            // There is none, or they contradict each other.
            AddPreset(preset ?? PresetOfModel() ?? Preset.Default.Name);
            return;
        }

        string savedPath = RunDirectory.RequireResumable(run).ConfigurationPath;
        RunConfiguration saved = RunConfiguration.Read(savedPath);
        if (saved.Kind is { } kind && kind != _verb.Kind)
        {
            string name = VerbOf(kind).Name;
            throw new CharRnnException(run, $"is a run of {name}", $"resume it with: {name} --resume --out {ShellText.Quote(run)}");
        }

        RefuseChanges(saved, run);
        if (!HasInput() && saved.Has("input") && saved.GetTexts("input").FirstOrDefault(IsGone) is { } pipe)
            throw new CharRnnException(
                run, $"its {DataWord} came from {StandardStreams.NameOf(pipe)}, which is not kept",
                $"give the same {DataWord} again: a file, or PROGRAM | {_verb.Name} - --resume --out {ShellText.Quote(run)}");
        Add(saved, savedPath, isSavedRun: true);
        AddPreset(PresetOf(saved));
    }

    /// <summary>The preset that a run has recorded; without one it is older than presets.</summary>
    private static string PresetOf(RunConfiguration run) => run.Has("preset") ? run.GetOptionText("preset") : Preset.Classic.Name;

    /// <summary>Adds the options of the preset, or of another one where none is given.</summary>
    private void AddPreset(string otherwise)
    {
        if (_verb.Presets.Count == 0)
            return;
        if (!Has("--preset"))
            _added.Add($"--preset={otherwise}");
        if (_verb.Presets.FirstOrDefault(preset => preset.Name == Value("--preset")) is { } preset)
            _added.AddRange([.. preset.Arguments(Has, Value, Value("--hidden-size") ?? HiddenSizeOfModel())]);
    }

    /// <summary>The hidden size of the model that a run starts from; null if it starts from none.</summary>
    private string? HiddenSizeOfModel()
    {
        try
        {
            return Value("--init-from") is { Length: > 0 } model
                ? SharedOptions.LoadModel(model, best: false).Shape.HiddenSize.ToString(CultureInfo.InvariantCulture)
                : null;
        }
        catch (CharRnnException)
        {
            return null; // The command says what is wrong with the file.
        }
    }

    /// <summary>
    /// The preset of the run whose weights the new one starts from, because its learning rate suits them; null if there is no such run.
    /// </summary>
    private string? PresetOfModel() =>
        Value("--init-from") is { Length: > 0 } model && RunSearch.ConfigurationOf(model) is { } run ? PresetOf(run) : null;

    private static TrainingVerb[] Verbs => [TrainCommand.Verb, MlpTrainCommand.Verb];

    private static TrainingVerb VerbOf(RunKind kind) => Verbs.First(verb => verb.Kind == kind);

    private string DataWord => _verb.Kind == RunKind.Text ? "text" : "table";

    private void Add(RunConfiguration configuration, string path, bool isSavedRun)
    {
        // Either option says how long to train: one on the command line counts before one in a file, and --iterations before --epochs.
        bool hasLength = Has("--iterations") || Has("--epochs");
        foreach (string name in configuration.Names)
        {
            if (isSavedRun ? !_verb.TakenNames.Contains(name) : _verb.RecordedNames.Contains(name))
                continue;
            if (name == "input")
            {
                if (!HasInput())
                    _added.AddRange(configuration.GetTexts(name));
                continue;
            }

            string option = $"--{name}";
            IEnumerable<string> options = CommandLine.OptionNames(_command).Where(one => one is not "--config" and not "--help");
            string[] known = [.. options.Select(one => one[2..]), "input"];
            if (!known.Contains(name))
                throw new UsageException(
                    $"{path}: {CommandLine.UnknownName(name, $"an option of {_verb.Name}", known, $"see {_verb.Name} --help")}");

            if (option == Ranks.Name)
                throw new UsageException($"{path}: {name}: is read by the first process alone; give {Ranks.Name} on the command line");
            if (Has(option)
                || (name is "iterations" or "epochs" && hasLength)
                || (name is "epochs" && configuration.Has("iterations")))
                continue;
            string text = configuration.GetOptionText(name);
            bool isFlag = IsFlag(option);
            if (isFlag && text is not ("true" or "false"))
                throw new UsageException($"{path}: {name}: is '{text}'; give true or false");
            _fileOfOption[option] = path;
            if (!isFlag)
                _added.Add($"{option}={text}"); // whatever the text is, it is no other option
            else if (text == "true")
                _added.Add(option);
        }
    }

    /// <summary>Refuses other values of the options that a resumed run keeps.</summary>
    private void RefuseChanges(RunConfiguration saved, string run)
    {
        Preset? preset = _verb.Presets.FirstOrDefault(preset => preset.Name == PresetOf(saved));
        foreach (string name in _verb.KeptNames)
        {
            // An option that the run does not name has its preset's value there, or else its default.
            string? kept = saved.Has(name) ? saved.GetOptionText(name)
                : name == "preset" ? preset?.Name
                : preset?.Options.FirstOrDefault(one => one.Option == $"--{name}").Value;
            if (Value($"--{name}") is { } given && !IsSame($"--{name}", given, kept))
            {
                string anew = _verb.Kind == RunKind.Text
                    ? $" from these weights with --init-from {ShellText.Quote(run)} and another --out"
                    : " in another --out";
                throw new CharRnnException(
                    $"--{name}", $"is {given} here and {kept ?? "not given"} in the run to resume",
                    "leave it out: a resume may only change how the run goes on, such as how long, on which device and with which reports; "
                    + $"or start a new run{anew}");
            }
        }
    }

    /// <summary>Whether two texts stand for one value of an option; null for its default.</summary>
    private bool IsSame(string option, string one, string? other) => one == other
        || (Parsed(option, one) is { } value
            && StructuralComparisons.StructuralEqualityComparer.Equals(value, other is null ? Parsed(option) : Parsed(option, other)));

    /// <summary>The value of an option that is given with this text, or not given; null if it has no value, or an invalid one.</summary>
    private object? Parsed(string option, params string[] text)
    {
        ParseResult parsed = _command.Parse(text.Length == 0 ? [] : [option, .. text], CommandLine.ParserConfiguration);
        OptionResult? result = parsed.GetResult(_command.Options.First(o => o.Name == option));
        return result is null || result.Errors.Any() ? null : result.GetValueOrDefault<object?>();
    }

    /// <summary>Whether an input of an earlier start was a pipe of that start: stdin, or a descriptor of a shell's &lt;(...).</summary>
    private static bool IsGone(string input) => StandardStreams.IsInput(input)
        || input.StartsWith("/dev/fd/", StringComparison.Ordinal) || input.StartsWith("/proc/", StringComparison.Ordinal);

    private bool IsFlag(string option) => _command.Options.First(o => o.Name == option).ValueType == typeof(bool);

    private bool HasInput() => _command.Parse([.. All], CommandLine.ParserConfiguration).GetResult(_verb.Input)?.Tokens.Count > 0;

    private bool Has(string option) => All.Any(a => Names(a, option));

    private static bool Names(string argument, string option) => argument.StartsWith(option, StringComparison.Ordinal)
        && (argument.Length == option.Length || argument[option.Length] is '=' or ':');

    /// <summary>
    /// The value after an option, as <c>--name value</c>, <c>--name=value</c> or <c>--name:value</c>; a flag needs none to be true.
    /// </summary>
    private string? Value(string option)
    {
        string[] all = [.. All];
        int i = Array.FindLastIndex(all, a => Names(a, option));
        if (i < 0)
            return null;
        if (all[i].Length > option.Length)
            return all[i][(option.Length + 1)..];
        string? next = i + 1 < all.Length ? all[i + 1] : null;
        return IsFlag(option) && next is not ("true" or "false") ? "true" : next;
    }
}
