using System.CommandLine;
using System.Globalization;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Reports;
using CharRnn.Sampling;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn inspect</c>: shows what a network sees in a text, and describes its weights.</summary>
internal static class InspectCommand
{
    private const int Best = 5, OwnText = 1000;

    // A browser would take long to show a page with more.
    private const int MostCharacters = 20_000, MostValues = 16 << 20;

    // A unit beyond the first value hardly learns any more; one that moves less than the second says nothing.
    private const float Saturated = 0.97f, Dead = 0.01f;

    private static readonly Argument<string> ModelPath = SharedOptions.Model("A run's directory, or a .safetensors file of a run.");
    private static readonly Argument<string> Text = new("TEXT|FILE")
    {
        Description = "A file, - for stdin, or the text itself. Without it, the model writes the text.",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private static readonly Option<bool> BestModel = SharedOptions.Best();
    private static readonly Option<string> Out = new("--out") { Description = "The page [default: inspect.html].", HelpName = "FILE" };
    private static readonly Option<Choice<UnknownCharacters>> Unknown = SharedOptions.Unknown();
    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();

    public static Command Create()
    {
        var command = new Command("inspect", """
            Makes a page that shows what the network sees in a text, and prints its sizes, norms and saturation.
            The page colours the text by the activation of any hidden unit or by surprisal, shows the five likeliest next
            characters under each character, and finds the units that follow quotes, lines or indentation.

            Example: charrnn inspect runs/first README.md --unknown skip
            """)
        {
            ModelPath, Text, Out, BestModel, Unknown, Device, SharedOptions.Quiet(), SharedOptions.Verbose(),
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        string path = options.GetRequiredValue(ModelPath), page = SharedOptions.NewFile(
            Out, options.GetValue(Out) ?? "inspect.html", path, Path.Exists(options.GetValue(Text)) ? options.GetValue(Text) : null);
        CharacterModel model = SharedOptions.LoadModel(path, options.GetValue(BestModel));
        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device));
        using var deviceModel = new DeviceModel(device, model.Weights);

        int[] tokens = options.GetValue(Text) is { } text
            ? Read(text, model.Vocabulary, options.GetValue(Unknown).Value, stop)
            : Write(deviceModel, model.Vocabulary);
        int most = Math.Min(MostCharacters, Math.Max(2, MostValues / model.Shape.HiddenSize));
        if (tokens.Length < 2)
            throw new CharRnnException(
                options.GetValue(Text) is { Length: > 0 } given ? given : "TEXT",
                "has fewer than 2 characters that the model knows", "give a longer text");
        if (tokens.Length > most && !Output.IsQuiet)
            Output.Note(string.Create(CultureInfo.InvariantCulture, $"{options.GetValue(Text)}: the first {most:N0} of its characters"));
        tokens = tokens[..Math.Min(tokens.Length, most)];

        using var evaluator = new Evaluator(deviceModel, streams: 1);
        TextTrace trace = Output.Waited("reading it with the network", () => evaluator.Trace(new TokenArray(tokens), Best, stop));
        if (trace.Surprisal.Concat(trace.Activations).Concat(trace.BestProbabilities).Any(value => !float.IsFinite(value)))
            throw new CharRnnException(
                path, "its results are not finite: its weights are far too large",
                "give a model whose training did not diverge");
        InspectPage.Write(page, new Inspection(
            path, model.Vocabulary, tokens, trace.Activations, trace.BestTokens, trace.BestProbabilities, trace.Surprisal));
        if (!Output.IsQuiet)
            Summarise(model, trace, tokens.Length, page);
        return 0;
    }

    private static int[] Read(string text, Vocabulary vocabulary, UnknownCharacters unknown, CancellationToken stop)
    {
        bool isFile = StandardStreams.IsInput(text) || Path.Exists(text);
        if (!isFile && !text.Any(char.IsWhiteSpace) && (text.Contains('/', StringComparison.Ordinal) || Path.HasExtension(text)))
            throw new CharRnnException(text, "does not exist", "check the path; to give a text that looks like one, put it into a file");
        if (!isFile)
            return vocabulary.Encode(text, unknown, "TEXT");
        using Corpus corpus = SharedOptions.ReadText(how => Corpus.ReadWith(vocabulary, [text], unknown, how, stop), new CorpusOptions());
        int[] tokens = new int[Math.Min(corpus.Tokens.Length, MostCharacters + 1)];
        corpus.Tokens.Read(0, tokens);
        return tokens;
    }

    private static int[] Write(DeviceModel model, Vocabulary vocabulary)
    {
        using var sampler = new Sampler(model);
        IEnumerable<int[]> text = sampler.Write([vocabulary.StartToken], OwnText, new SamplingOptions(), 1, 0);
        return [vocabulary.StartToken, .. text.SelectMany(chunk => chunk)];
    }

    private static void Summarise(CharacterModel model, TextTrace trace, int length, string page)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        ModelShape shape = model.Shape;
        Output.Line(string.Create(
            invariant, $"model: {shape.HiddenSize} hidden units, {shape.VocabularySize} characters, {shape.ParameterCount:N0} parameters"));
        IEnumerable<string> characters = model.Vocabulary.CodePoints.Take(200).Select(c => Shown(model.Vocabulary.Encoding, c));
        Output.Line($"characters: {TerminalText.Escape(string.Concat(characters))}{(shape.VocabularySize > 200 ? " ..." : "")}");
        foreach (ParameterTensor<float> tensor in model.Weights.Tensors)
            Output.Line(string.Create(
                invariant,
                $"{tensor.Name,-4} norm {Math.Sqrt(tensor.Values.Sum(w => (double)w * w)),10:F3}   "
                    + $"root mean square {Math.Sqrt(tensor.Values.Average(w => (double)w * w)):F4}   "
                    + $"largest {tensor.Values.Max(Math.Abs):F3}"));

        int dead = Enumerable.Range(0, shape.HiddenSize).Count(unit =>
        {
            float[] values = [.. Enumerable.Range(0, length).Select(i => trace.Activations[(i * shape.HiddenSize) + unit])];
            return values.Max() - values.Min() < Dead;
        });
        double saturated = trace.Activations.Count(a => Math.Abs(a) > Saturated) / (double)trace.Activations.Length;
        double surprisal = trace.Surprisal.Skip(1).Average(s => (double)s);
        Output.Line(string.Create(
            invariant, $"units: {saturated:P1} of activations beyond {Saturated}, {dead} of {shape.HiddenSize} hardly move"));
        Output.Line(string.Create(
            invariant,
            $"text: {length:N0} characters, mean surprisal {surprisal:F4} nats, "
                + $"{Loss.BitsPerCharacter(surprisal):F4} bits per character"));
        Output.Line($"page: {page}");
    }

    private static string Shown(TextEncoding encoding, int character) => encoding == TextEncoding.Bytes && character > 0x7E
        ? $"\\x{character:X2}"
        : character switch { '\n' => @"\n", '\t' => @"\t", _ => char.ConvertFromUtf32(character) };
}
