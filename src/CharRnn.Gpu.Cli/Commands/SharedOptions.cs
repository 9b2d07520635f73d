using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Text;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>Options that several verbs have, and how values are read: invariant numbers, each error in one form.</summary>
internal static class SharedOptions
{
    public static Option<DeviceSelection> Device() => new("--device")
    {
        Description = "The device: auto, cpu, cuda[:i] or opencl[:i]. auto takes CUDA, then an OpenCL GPU, then the CPU; "
            + "cpu touches no GPU driver.",
        HelpName = "DEVICE",
        DefaultValueFactory = _ => DeviceSelection.Auto,
        CustomParser = result =>
        {
            string text = Text(result);
            if (!DeviceSelection.TryParse(text, out DeviceSelection selection))
                result.AddError(
                    $"--device: is '{text}'; give auto, cpu, cuda, cuda:1, opencl or opencl:1 (charrnn devices lists what is here)");
            return selection;
        },
    };

    public static Option<bool> Verbose() => new("--verbose") { Description = "Show timings, and stack traces of errors." };

    public static Option<bool> Quiet() => new("--quiet") { Description = "Show only results, warnings and errors." };

    public static Option<bool> Json() => new("--json") { Description = "Write each result as a line of JSON." };

    public static Option<bool> Best() => new("--best")
    {
        Description = "Use the weights with the best validation loss instead of the latest; MODEL must be a run's directory.",
    };

    public static Argument<string> Model(string description) => new("MODEL") { Description = description };

    /// <summary>The option of a model's layers.</summary>
    public static Option<int?> Layers(int otherwise = 1) => Number<int>(
        "--layers", otherwise, $"a whole number from 1 to {ModelShape.MostLayers}", n => n is >= 1 and <= ModelShape.MostLayers,
        "N, the number of recurrent layers, one upon the other.");

    /// <summary>The option of the cell of a model's layers.</summary>
    public static Option<Choice<RecurrentCell>> Cell(RecurrentCell otherwise = default) =>
        OneOf("--cell", "The cell of the recurrent layers.", otherwise);

    public static Option<Choice<TextEncoding>> Encoding() => OneOf<TextEncoding>(
        "--encoding", "What a character is: a Unicode scalar value of UTF-8 text, or a byte.",
        new("utf-8", TextEncoding.Utf8), new("bytes", TextEncoding.Bytes));

    public static Option<Choice<UnknownCharacters>> Unknown() => OneOf<UnknownCharacters>(
        "--unknown", "What to do with characters that the model does not know.",
        new("error", UnknownCharacters.Error), new("skip", UnknownCharacters.Skip));

    /// <summary>A whole number.</summary>
    /// <param name="name">The name with its dashes.</param>
    /// <param name="defaultValue">The value if the option is not given; null for none.</param>
    /// <param name="least">The smallest valid number.</param>
    /// <param name="description">The description in the help.</param>
    public static Option<T?> WholeNumber<T>(string name, T? defaultValue, T least, string description)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T> =>
        Number(
            name, defaultValue, string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {T.MaxValue}"),
            n => n >= least, description);

    /// <summary>A number within bounds.</summary>
    /// <param name="name">The name with its dashes.</param>
    /// <param name="defaultValue">The value if the option is not given; null for none.</param>
    /// <param name="expected">The bounds in words, for the error.</param>
    /// <param name="isValid">The bounds.</param>
    /// <param name="description">The description in the help.</param>
    public static Option<T?> Number<T>(string name, T? defaultValue, string expected, Func<T, bool> isValid, string description)
        where T : struct, INumber<T>
    {
        var option = new Option<T?>(name)
        {
            Description = description,
            HelpName = "N",
            CustomParser = result =>
            {
                string text = Text(result);
                if (T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T value) && isValid(value))
                    return value;
                result.AddError($"{name}: is '{text}'; give {expected}");
                return null;
            },
        };
        if (defaultValue is { } value)
            option.DefaultValueFactory = _ => value;
        return option;
    }

    /// <summary>One of some words, the first where none is given.</summary>
    public static Option<Choice<T>> OneOf<T>(string name, string description, params Choice<T>[] choices) =>
        Words(name, description, choices[0], choices);

    /// <summary>One of the values of an enumeration, by its name in lower case.</summary>
    /// <param name="name">The name with its dashes.</param>
    /// <param name="description">The description in the help.</param>
    /// <param name="otherwise">The value if the option is not given.</param>
    public static Option<Choice<T>> OneOf<T>(string name, string description, T otherwise)
        where T : struct, Enum =>
        Words(name, description, ChoiceOf(otherwise), [.. Enum.GetValues<T>().Select(ChoiceOf)]);

    /// <summary>The word for a value of an enumeration.</summary>
    public static string WordOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private static Choice<T> ChoiceOf<T>(T value)
        where T : struct, Enum => new(WordOf(value), value);

    private static Option<Choice<T>> Words<T>(string name, string description, Choice<T> otherwise, Choice<T>[] choices)
    {
        var option = new Option<Choice<T>>(name)
        {
            Description = description,
            HelpName = string.Join('|', choices),
            DefaultValueFactory = _ => otherwise,
            CustomParser = result =>
            {
                int i = Array.FindIndex(choices, choice => choice.Word == Text(result));
                if (i < 0)
                    result.AddError($"{name}: is '{Text(result)}'; give {string.Join(" or ", choices)}");
                return choices[Math.Max(i, 0)];
            },
        };
        option.CompletionSources.Add(_ => choices.Select(choice => new CompletionItem(choice.Word)));
        return option;
    }

    /// <summary>Loads the model that MODEL and <c>--best</c> name.</summary>
    public static CharacterModel LoadModel(string path, bool best) => LoadModel(path, best, ModelFile.Load);

    /// <summary>The same, in another way.</summary>
    public static T LoadModel<T>(string path, bool best, Func<string, T> load)
    {
        if (best && File.Exists(path))
            throw new CharRnnException(
                path, "is a file, and --best chooses between those of a run", "give the run's directory, or leave --best out");
        return Output.Waited("reading the model", () => load(RunSearch.FindModel(path, best)));
    }

    /// <summary>Reads a text; a person who waits sees how far it is.</summary>
    /// <param name="read">Reads it with these options.</param>
    /// <param name="options">How the text is read.</param>
    public static Corpus ReadText(Func<CorpusOptions, Corpus> read, CorpusOptions options) =>
        Read("reading the text", progress => read(options with { Progress = progress }), corpus => corpus.Notes);

    /// <summary>Reads a text or a table, and tells what is to be noted of it; a person who waits sees how far it is.</summary>
    /// <param name="work">What is done, for people.</param>
    /// <param name="read">Reads it, and reports how far it is.</param>
    /// <param name="notes">What is to be noted.</param>
    public static T Read<T>(string work, Func<IProgress<ReadingProgress>, T> read, Func<T, IReadOnlyList<string>> notes)
    {
        var progress = new Latest();
        T result = Output.Waited(work, () => read(progress), progress.ToString);
        if (!Output.IsQuiet)
            foreach (string note in notes(result))
                Output.Note(note);
        return result;
    }

    /// <summary>A file that may be written: neither one that this command also reads or writes, nor a run's own.</summary>
    /// <param name="option">The option that names it.</param>
    /// <param name="path">The file.</param>
    /// <param name="others">The other files that the command reads or writes.</param>
    /// <exception cref="CharRnnException">The file may not be written.</exception>
    public static string NewFile(Option<string> option, string path, params ReadOnlySpan<string?> others)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            throw new CharRnnException(option.Name, "is not a path", "give a file");
        if (path == "-")
            throw new CharRnnException(
                option.Name, "is '-', and stdout is not written to here", "give a file; write ./- for one of that name");
        // On most disks of Windows and macOS case does not matter.
        StringComparison names = OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;
        foreach (string? other in others)
            if (other is { Length: > 0 } && Path.GetFullPath(other).Equals(Path.GetFullPath(path), names))
                throw new CharRnnException(path, "is also read or written by this command", $"give another {option.Name}");
        return RunSearch.IsRunFile(path) ? throw new CharRnnException(path, "is a run's own file", $"give another {option.Name}") : path;
    }

    /// <summary>A name of the second; another run of the same second has it taken.</summary>
    public static string NewRunDirectory()
    {
        string name = Path.Combine("runs", DateTime.Now.ToString("yyyy-MM-dd'T'HH-mm-ss", CultureInfo.InvariantCulture));
        return Enumerable.Range(1, int.MaxValue).Select(n => n == 1 ? name : $"{name}-{n}").First(n => !Path.Exists(n));
    }

    /// <summary>Opens the device and checks quickly that it evaluates and samples from such a model as the reference does.</summary>
    public static ComputeDevice Open(DeviceSelection selection, ModelShape shape) =>
        Open(selection, device => DeviceVerification.QuickCheck(device, shape));

    /// <summary>Opens the device.</summary>
    /// <param name="selection">The value of <c>--device</c>.</param>
    /// <param name="check">Says what is wrong with an open device; null if nothing is.</param>
    /// <param name="profiling">Whether kernels can be timed.</param>
    /// <param name="workers">The number of workers of the CPU; that of its cores if it is left out.</param>
    public static ComputeDevice Open(
        DeviceSelection selection, Func<ComputeDevice, string?> check, bool profiling = false, int? workers = null) =>
        Output.Waited("opening the device", () => selection.Open(check, Output.Warning, profiling, workers));

    /// <summary>The last that was reported of a reading, for people.</summary>
    private sealed class Latest : IProgress<ReadingProgress>
    {
        private readonly long _started = Stopwatch.GetTimestamp();
        private StrongBox<ReadingProgress> _now = new();

        public void Report(ReadingProgress value) => Volatile.Write(ref _now, new(value));

        public override string ToString()
        {
            ReadingProgress now = Volatile.Read(ref _now).Value;
            double perSecond = now.Bytes / Stopwatch.GetElapsedTime(_started).TotalSeconds;
            string of = now.TotalBytes > 0 ? $" of {now.TotalBytes / 1e6:N0} MB, {(double)now.Bytes / now.TotalBytes:P0}" : " MB";
            return string.Create(CultureInfo.InvariantCulture, $"{now.Bytes / 1e6:N0}{of}, {perSecond / 1e6:N0} MB/s");
        }
    }

    public static string Text(ArgumentResult result) => result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
}

/// <summary>A word on the command line and what it stands for.</summary>
internal readonly record struct Choice<T>(string Word, T Value)
{
    /// <summary>The word, as the help shows it.</summary>
    public override string ToString() => Word;
}
