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

    // A browser would take long to show a page with more; the values are those of all states together.
    private const int MostCharacters = 20_000, MostValues = 16 << 20;

    // A tanh beyond the first value hardly learns any more; a unit that moves less than the second says nothing.
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
            The page colours the text by the activation of any unit of any layer or by surprisal, shows the five likeliest
            next characters under each character, and finds the units that follow quotes, lines or indentation.

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
        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device), model.Shape);
        using var deviceModel = new DeviceModel(device, model.Weights);

        int[] tokens = options.GetValue(Text) is { } text
            ? Read(text, model.Vocabulary, options.GetValue(Unknown).Value, stop)
            : Write(deviceModel, model.Vocabulary);
        int most = Math.Min(MostCharacters, Math.Max(2, MostValues / model.Shape.HiddenSize / model.Shape.States.Count));
        if (tokens.Length < 2)
            throw new CharRnnException(
                options.GetValue(Text) is { Length: > 0 } given ? given : "TEXT",
                "has fewer than 2 characters that the model knows", "give a longer text");
        if (tokens.Length > most && !Output.IsQuiet)
            Output.Note(string.Create(
                CultureInfo.InvariantCulture,
                $"{options.GetValue(Text) ?? "the model's own text"}: the first {most:N0} of its characters"));
        tokens = tokens[..Math.Min(tokens.Length, most)];

        using var evaluator = new Evaluator(deviceModel, streams: 1);
        TextTrace trace = Output.Waited("reading it with the network", () => evaluator.Trace(new TokenArray(tokens), Best, stop));
        IEnumerable<float> results = trace.Surprisal.Concat(trace.BestProbabilities).Concat(trace.States.SelectMany(state => state.Values));
        if (results.Any(value => !float.IsFinite(value)))
            throw new CharRnnException(
                path, "its results are not finite: its weights are far too large",
                "give a model whose training did not diverge");
        InspectedState[] states = [.. trace.States.Select(state => Bounded(state, model.Shape))];
        InspectPage.Write(page, new Inspection(
            path, TrainCommand.Describe(model.Shape), model.Vocabulary, tokens, states, trace.BestTokens, trace.BestProbabilities,
            trace.Surprisal));
        if (!Output.IsQuiet)
            Summarise(model, trace, states, page);
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

    /// <summary>A state as it is shown, within -1 and 1: instead of a cell state its tanh, as h has it (E10).</summary>
    private static InspectedState Bounded(TracedState state, ModelShape shape)
    {
        string number = shape.Layers > 1 ? string.Create(CultureInfo.InvariantCulture, $"{state.Layer + 1}") : "";
        return state.IsCell
            ? new($"c{number}", $"tanh of the cell state{PlaceOf(state.Layer, shape)}", Array.ConvertAll(state.Values, MathF.Tanh))
            : new($"h{number}", $"hidden state{PlaceOf(state.Layer, shape)}", state.Values);
    }

    /// <summary>Which layer it is, where there are several.</summary>
    private static string PlaceOf(int layer, ModelShape shape) =>
        shape.Layers > 1 ? string.Create(CultureInfo.InvariantCulture, $", layer {layer + 1} of {shape.Layers}") : "";

    private static void Summarise(CharacterModel model, TextTrace trace, InspectedState[] states, string page)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        ModelShape shape = model.Shape;
        Output.Line(string.Create(
            invariant,
            $"model: {TrainCommand.Describe(shape)}, {shape.VocabularySize} characters, {shape.ParameterCount:N0} parameters"));
        IEnumerable<string> characters = model.Vocabulary.CodePoints.Take(200).Select(c => Shown(model.Vocabulary.Encoding, c));
        Output.Line($"characters: {TerminalText.Escape(string.Concat(characters))}{(shape.VocabularySize > 200 ? " ..." : "")}");
        int width = shape.Tensors.Max(tensor => tensor.Name.Length);
        foreach (ParameterTensor<float> tensor in model.Weights.Tensors)
            Output.Line(string.Create(
                invariant,
                $"{tensor.Spec.Name.PadRight(width)} norm {Math.Sqrt(tensor.Values.Sum(w => (double)w * w)),10:F3}   "
                    + $"root mean square {Math.Sqrt(tensor.Values.Average(w => (double)w * w)):F4}   "
                    + $"largest {tensor.Values.Max(Math.Abs):F3}"));

        foreach (InspectedState state in states)
        {
            double saturated = state.Values.Count(value => Math.Abs(value) > Saturated) / (double)state.Values.Length;
            int dead = Enumerable.Range(0, shape.HiddenSize).Count(unit => RangeOf(state.Values, unit, shape.HiddenSize) < Dead);
            Output.Line(string.Create(
                invariant, $"{state.Name}: {saturated:P1} of values beyond {Saturated}, {dead} of {shape.HiddenSize} units hardly move"));
        }

        foreach (GateSaturation gate in trace.Gates)
        {
            (double open, double closed) = (gate.OpenCount / (double)gate.Count, gate.ClosedCount / (double)gate.Count);
            Output.Line(string.Create(
                invariant,
                $"gate {gate.Gate}{PlaceOf(gate.Layer, shape)}: {open:P1} of values above {GateSaturation.Open}, "
                    + $"{closed:P1} below {GateSaturation.Closed}"));
        }

        double surprisal = trace.Surprisal.Skip(1).Average(s => (double)s);
        Output.Line(string.Create(
            invariant,
            $"text: {trace.Surprisal.Length:N0} characters, mean surprisal {surprisal:F4} nats, "
                + $"{Loss.BitsPerCharacter(surprisal):F4} bits per character"));
        Output.Line($"page: {page}");
    }

    /// <summary>How far a unit moves over the text: its largest value less its smallest one.</summary>
    private static float RangeOf(float[] values, int unit, int units)
    {
        (float least, float most) = (float.MaxValue, float.MinValue);
        for (int i = unit; i < values.Length; i += units)
            (least, most) = (Math.Min(least, values[i]), Math.Max(most, values[i]));
        return most - least;
    }

    private static string Shown(TextEncoding encoding, int character) => encoding == TextEncoding.Bytes && character > 0x7E
        ? $"\\x{character:X2}"
        : character switch { '\n' => @"\n", '\t' => @"\t", _ => char.ConvertFromUtf32(character) };
}
