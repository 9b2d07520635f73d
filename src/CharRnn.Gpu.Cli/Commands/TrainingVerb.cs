using System.CommandLine;
using System.Globalization;
using CharRnn.Files;
using CharRnn.Gpu.Devices;
using CharRnn.Runs;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>What becomes of an option's value when the run is resumed.</summary>
internal enum OnResume
{
    /// <summary>It concerns one start only: config.json does not hold it.</summary>
    Forgotten,

    /// <summary>config.json holds it for people to read; a resume does not use it.</summary>
    Recorded,

    /// <summary>A resume takes it from config.json unless the command line gives another.</summary>
    Taken,

    /// <summary>A resume takes it from config.json, and refuses another.</summary>
    Kept,
}

/// <summary>Something that config.json records of a run besides its options.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Value">Its value, as <see cref="TrainingVerb.Save"/> takes it.</param>
internal readonly record struct Fact<T>(string Name, Func<T, object?> Value);

/// <summary>
/// A verb that trains. Each of its options is declared once: in the order of the help, with what a resume makes of its value, how
/// config.json holds it, and which other option it belongs to.
/// </summary>
/// <param name="kind">What it trains on.</param>
/// <param name="path">The words that call it.</param>
/// <param name="input">Its input, which config.json holds, too.</param>
/// <param name="facts">Names that config.json records besides those of the options.</param>
internal sealed class TrainingVerb(RunKind kind, IReadOnlyList<string> path, Argument input, IEnumerable<string> facts)
{
    /// <summary>The name of the input in config.json.</summary>
    public const string InputName = "input";

    private const string KindName = "kind", VersionName = "version", DeviceName = "device-name";

    private readonly List<Declaration> _declared = [];

    /// <summary>What it trains on.</summary>
    public RunKind Kind => kind;

    /// <summary>The words that call it.</summary>
    public IReadOnlyList<string> Path => path;

    /// <summary>The command as a user types it.</summary>
    public string Name => $"charrnn {string.Join(' ', path)}";

    /// <summary>Its input.</summary>
    public Argument Input => input;

    /// <summary>Names that config.json has besides those of the options and the input.</summary>
    public IReadOnlyList<string> RecordedNames { get; } = [KindName, VersionName, DeviceName, .. facts];

    /// <summary>Named sets of its options, which <c>--preset</c> chooses.</summary>
    public IReadOnlyList<Preset> Presets { get; init; } = [];

    /// <summary>The names, without dashes, of the options that a resume does not change.</summary>
    public IEnumerable<string> KeptNames => _declared.Where(one => one.OnResume == OnResume.Kept).Select(one => one.Name);

    /// <summary>The names, without dashes, of all that a resume takes from config.json.</summary>
    public IEnumerable<string> TakenNames =>
        _declared.Where(one => one.OnResume >= OnResume.Taken).Select(one => one.Name).Append(InputName);

    /// <summary>Declares an option.</summary>
    /// <param name="option">The option.</param>
    /// <param name="onResume">What becomes of its value when the run is resumed.</param>
    /// <param name="stored">The value that config.json gets; the option's own if this is null.</param>
    public Option<T> Add<T>(Option<T> option, OnResume onResume, Func<T, object?>? stored = null)
    {
        _declared.Add(new(option, onResume, Value, _ => null));
        return option;

        object? Value(ParseResult given) => given.GetValue(option) is { } value ? stored is null ? value : stored(value) : null;
    }

    /// <summary>Declares an option that has a meaning only with some values of another one.</summary>
    /// <param name="option">The option.</param>
    /// <param name="onResume">What becomes of its value when the run is resumed.</param>
    /// <param name="with">The other one.</param>
    /// <param name="values">Its values.</param>
    public Option<T> Add<T, TChoice>(Option<T> option, OnResume onResume, Option<Choice<TChoice>> with, params TChoice[] values)
        where TChoice : struct, Enum
    {
        _declared.Add(new(option, onResume, given => given.GetValue(option), Misfit));
        return option;

        string? Misfit(ParseResult given) => given.GetValue(with) is var choice && values.Contains(choice.Value) ? null
            : $"is not used by {with.Name} {choice}; leave it out, or give {with.Name} "
                + string.Join(" or ", values.Select(value => SharedOptions.WordOf(value)));
    }

    /// <summary>The command, with all that was declared.</summary>
    /// <param name="description">See <see cref="Symbol.Description"/>.</param>
    public Command Create(string description)
    {
        var command = new Command(path[^1], description) { input };
        _declared.ForEach(one => command.Add(one.Option));
        return command;
    }

    /// <summary>Refuses options that have no meaning beside the others.</summary>
    /// <exception cref="UsageException">There is one.</exception>
    public void RequireUsed(ParseResult given)
    {
        foreach (Declaration one in _declared)
            if (given.GetResult(one.Option) is { Implicit: false } && one.Misfit(given) is { } misfit)
                throw new UsageException($"{one.Option.Name}: {misfit}");
    }

    /// <summary>Writes config.json: what a resume needs, and what a report shows.</summary>
    /// <param name="run">The run.</param>
    /// <param name="given">The command line.</param>
    /// <param name="device">The device that the run uses.</param>
    /// <param name="facts">What else is recorded: names of <see cref="RecordedNames"/>.</param>
    /// <param name="from">What these are facts of.</param>
    /// <param name="resolved">Values of options that are not those of the command line.</param>
    public void Save<T>(
        RunDirectory run, ParseResult given, ComputeDevice device, IEnumerable<Fact<T>> facts, T from,
        params IReadOnlyList<(Option Option, object? Value)> resolved)
    {
        var configuration = new RunConfiguration { Kind = kind };
        configuration.Set(VersionName, VersionAction.Version);
        // A resume may come from another directory.
        string[] inputs = [.. (given.GetResult(input)?.Tokens ?? []).Select(token => token.Value)];
        configuration.Set(InputName, [.. inputs.Select(one => StandardStreams.IsInput(one) ? one : System.IO.Path.GetFullPath(one))]);
        foreach (Fact<T> fact in facts)
            Store(configuration, fact.Name, fact.Value(from));
        foreach (Declaration one in _declared.Where(one => one.OnResume != OnResume.Forgotten && one.Misfit(given) is null))
        {
            (Option option, object? value) = resolved.FirstOrDefault(pair => pair.Option == one.Option);
            Store(configuration, one.Name, option is null ? one.Value(given) : value);
        }

        configuration.Set(DeviceName, device.Name);
        configuration.Write(run.ConfigurationPath);
    }

    private static void Store(RunConfiguration configuration, string name, object? value)
    {
        switch (value)
        {
            case null or false or "":
                break;
            case IReadOnlyList<string> list:
                if (list.Count > 0)
                    configuration.Set(name, list);
                break;
            case true:
                configuration.Set(name, true);
                break;
            case int or long:
                configuration.Set(name, Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case double number:
                configuration.Set(name, number);
                break;
            case Choice<double> { Value: var number } when double.IsFinite(number):
                configuration.Set(name, number);
                break;
            default:
                // A seed, too: programs that read JSON numbers as doubles would change it.
                configuration.Set(name, Convert.ToString(value, CultureInfo.InvariantCulture)!);
                break;
        }
    }

    private sealed record Declaration(Option Option, OnResume OnResume, Func<ParseResult, object?> Value, Func<ParseResult, string?> Misfit)
    {
        public string Name => Option.Name[2..];
    }
}
