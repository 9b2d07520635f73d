using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Verification;
using CharRnn.Text;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>Options that several verbs have, and how values are read: invariant numbers, each error in one form.</summary>
internal static class SharedOptions
{
    public static Option<DeviceSelection> Device() => new("--device")
    {
        Description = "auto, cpu, cuda[:i] or opencl[:i]. auto takes CUDA, then an OpenCL GPU, then the CPU; cpu touches no GPU driver.",
        HelpName = "DEVICE",
        DefaultValueFactory = _ => DeviceSelection.Auto,
        CustomParser = result =>
        {
            string text = Text(result);
            if (!DeviceSelection.TryParse(text, out DeviceSelection selection))
                result.AddError($"--device: '{text}' is no device; give auto, cpu, cuda, cuda:1, opencl or opencl:1, or see charrnn devices");
            return selection;
        },
    };

    public static Option<bool> Verbose() => new("--verbose") { Description = "Show timings, and stack traces of errors." };

    public static Option<bool> Quiet() => new("--quiet") { Description = "Show nothing but results and errors." };

    public static Option<bool> Json() => new("--json") { Description = "Write results as JSON, a line each." };

    public static Option<UnknownCharacters> Unknown() => Choice(
        "--unknown", UnknownCharacters.Error, "What to do with characters that the model does not know.", ("error", UnknownCharacters.Error), ("skip", UnknownCharacters.Skip));

    /// <summary>A number within bounds.</summary>
    /// <param name="name">With its dashes.</param>
    /// <param name="defaultValue">Where it is not given; null if it then has no value.</param>
    /// <param name="expected">The bounds in words, for the error.</param>
    /// <param name="isValid">The bounds.</param>
    /// <param name="description">For the help.</param>
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
                bool isNumber = T.TryParse(text, NumberStyles.Float & ~NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out T value);
                if (isNumber && isValid(value))
                    return value;
                result.AddError($"{name}: '{text}' is out of range; give {expected}");
                return null;
            },
        };
        if (defaultValue is { } value)
            option.DefaultValueFactory = _ => value;
        return option;
    }

    /// <summary>One of some words.</summary>
    public static Option<T> Choice<T>(string name, T defaultValue, string description, params (string Word, T Value)[] choices)
    {
        string words = string.Join(" or ", choices.Select(choice => choice.Word));
        var option = new Option<T>(name)
        {
            Description = description,
            HelpName = words.Replace(" or ", "|", StringComparison.Ordinal),
            DefaultValueFactory = _ => defaultValue,
            CustomParser = result =>
            {
                string text = Text(result);
                foreach ((string word, T value) in choices)
                    if (word == text)
                        return value;
                result.AddError($"{name}: '{text}' is unknown; give {words}");
                return defaultValue;
            },
        };
        option.CompletionSources.Add(_ => choices.Select(choice => new System.CommandLine.Completions.CompletionItem(choice.Word)));
        return option;
    }

    /// <summary>Opens the device and checks it quickly against the reference.</summary>
    public static ComputeDevice Open(DeviceSelection selection) =>
        selection.Open(DeviceVerification.QuickCheck, warning => Output.Note($"warning: {warning}"));

    private static string Text(ArgumentResult result) => result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
}
