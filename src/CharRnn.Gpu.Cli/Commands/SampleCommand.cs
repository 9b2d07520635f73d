using System.CommandLine;
using System.Text;
using System.Text.Json;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Sampling;
using CharRnn.Text;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn sample</c>: writes text with a trained model, as it is produced.</summary>
internal static class SampleCommand
{
    private static readonly Argument<string> ModelPath = SharedOptions.Model("A run's directory, or a .safetensors file of a run.");
    private static readonly Option<bool> Best = SharedOptions.Best();
    private static readonly Option<long?> Length = SharedOptions.WholeNumber<long>(
        "--length", 500, 0, "Number of new characters to write.");
    private static readonly Option<float?> Temperature = SharedOptions.Number<float>(
        "--temperature", 1, "a number from 0 to 3.4e38", Limits.IsNotNegative,
        "Below 1 the text is safer, above 1 wilder; 0 always takes the likeliest character.");
    private static readonly Option<int?> TopK = SharedOptions.WholeNumber<int>(
        "--top-k", 0, 0, "Draw only from the K likeliest characters; 0 draws from all.");
    private static readonly Option<float?> TopP = SharedOptions.Number<float>(
        "--top-p", 1, "a number over 0, at most 1", Limits.IsProbability,
        "Draw only from the likeliest characters that together reach this probability.");
    private static readonly Option<string> Prime = new("--prime")
    {
        Description = "The text to continue; it is written first.",
        HelpName = "TEXT",
    };
    private static readonly Option<string> PrimeFile = new("--prime-file")
    {
        Description = "A file with the text to continue; - reads stdin.",
        HelpName = "FILE",
    };
    private static readonly Option<string[]> Stop = new("--stop")
    {
        Description = "End before the first place where this text would be written; may be given several times. "
            + "A text with characters that the model does not know is an error, or with --unknown skip left out: it is never written.",
        HelpName = "TEXT",
        Arity = ArgumentArity.OneOrMore,
    };
    private static readonly Option<ulong?> Seed = SharedOptions.WholeNumber<ulong>(
        "--seed", null, 0, "The same seed gives the same text; without one, a random seed is shown.");
    private static readonly Option<int?> Count = SharedOptions.WholeNumber<int>(
        "--count", 1, 1, "Number of samples to write, each from the start.");
    private static readonly Option<Choice<UnknownCharacters>> Unknown = SharedOptions.Unknown();
    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();
    private static readonly Option<bool> Json = SharedOptions.Json();

    public static Command Create()
    {
        var command = new Command("sample", """
            Writes text with a trained model, as it is produced.

            Example: charrnn sample runs/first --length 300 --temperature 0.8 --prime "public "
            """)
        {
            ModelPath, Best, Length, Temperature, TopK, TopP, Prime, PrimeFile, Stop, Seed, Count, Unknown,
            Device, SharedOptions.Quiet(), Json, SharedOptions.Verbose(),
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(Prime) is not null && result.GetResult(PrimeFile) is not null)
                result.AddError("--prime-file: is given with --prime; give one of them");
            if (result.GetResult(Stop) is { } stops && stops.Tokens.Any(token => token.Value.Length == 0))
                result.AddError("--stop: is empty; give a text");
        });
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        CharacterModel model = SharedOptions.LoadModel(options.GetRequiredValue(ModelPath), options.GetValue(Best));
        int[] inputs = ReadPrime(options, model.Vocabulary, stop);
        byte[] echo = model.Vocabulary.Decode(inputs);
        if (inputs.Length == 0)
            inputs = [model.Vocabulary.StartToken];
        StopTexts stops = StopTexts.Of(model.Vocabulary, options.GetValue(Stop) ?? [], options.GetValue(Unknown).Value, Stop.Name);

        ulong seed = options.GetValue(Seed) ?? (ulong)System.Random.Shared.NextInt64();
        var sampling = new SamplingOptions
        {
            Temperature = options.GetValue(Temperature)!.Value,
            TopK = options.GetValue(TopK)!.Value,
            TopP = options.GetValue(TopP)!.Value,
        };

        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device), model.Shape);
        using var deviceModel = new DeviceModel(device, model.Weights);
        using var sampler = new Sampler(deviceModel);
        if (options.GetValue(Seed) is null && !Output.IsQuiet)
            Output.Note($"seed {seed}");
        return Output.Timed("writing", () =>
        {
            int count = options.GetValue(Count)!.Value;
            for (int i = 0; i < count; i++)
            {
                string? stoppedBy = null;
                IEnumerable<int[]> chunks = sampler.Write(inputs, options.GetValue(Length)!.Value, sampling, seed, (ulong)i);
                IEnumerable<int[]> written = chunks.Select(chunk =>
                {
                    stop.ThrowIfCancellationRequested();
                    return chunk;
                });
                IEnumerable<byte[]> text = stops.Cut(written, found => stoppedBy = found).Select(chunk => model.Vocabulary.Decode(chunk));
                if (options.GetValue(Json))
                    WriteJson(i + 1, seed, echo, [.. text.SelectMany(bytes => bytes)], stoppedBy, model.Vocabulary.Encoding);
                else
                    WriteText(count == 1 ? 0 : i + 1, echo, text);
            }

            return 0;
        });
    }

    private static void WriteText(int number, byte[] echo, IEnumerable<byte[]> text)
    {
        if (number > 0)
            Output.Line($"=== sample {number} ===");
        Output.ModelText(echo);
        foreach (byte[] bytes in text)
            Output.ModelText(bytes);

        if (number > 0 || Output.IsTerminal)
            Output.Line("");
    }

    private static void WriteJson(int number, ulong seed, byte[] echo, byte[] text, string? stoppedBy, TextEncoding characters)
    {
        // A JSON string has no bytes: those of a bytes model are written as the characters of the same numbers.
        Encoding encoding = characters == TextEncoding.Bytes ? Encoding.Latin1 : Encoding.UTF8;
        Output.Line(JsonSerializer.Serialize(new
        {
            sample = number,
            seed,
            prime = encoding.GetString(echo),
            text = encoding.GetString(text),
            end = stoppedBy is null ? "length" : "stop",
            stop = stoppedBy,
        }));
    }

    private static int[] ReadPrime(ParseResult options, Vocabulary vocabulary, CancellationToken stop)
    {
        UnknownCharacters unknown = options.GetValue(Unknown).Value;
        if (options.GetValue(PrimeFile) is not { } path)
            return vocabulary.Encode(options.GetValue(Prime) ?? "", unknown, "--prime");
        if (path.Length == 0)
            throw new CharRnnException("--prime-file", "is not a path", "give the path of a text file");
        using Corpus corpus = SharedOptions.ReadText(how => Corpus.ReadWith(vocabulary, [path], unknown, how, stop), new CorpusOptions());
        int[] tokens = new int[corpus.Tokens.Length];
        corpus.Tokens.Read(0, tokens);
        return tokens;
    }
}
