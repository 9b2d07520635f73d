using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn eval</c>: measures how well a model predicts a text.</summary>
internal static class EvalCommand
{
    private static readonly Argument<string> ModelPath = SharedOptions.Model("A run's directory, or a .safetensors file of a run.");
    private static readonly Argument<string[]> Input = new("INPUT")
    {
        Description = "Files, directories or globs; - reads stdin.",
        Arity = ArgumentArity.OneOrMore,
    };
    private static readonly Option<bool> Best = SharedOptions.Best();
    private static readonly Option<Choice<UnknownCharacters>> Unknown = SharedOptions.Unknown();
    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();
    private static readonly Option<bool> Json = SharedOptions.Json();

    public static Command Create()
    {
        var command = new Command("eval", """
            Measures a model on a text, in nats per character, bits per character and as perplexity.
            The loss is the mean of predicting each character from all characters before it, starting from zero state.

            Example: charrnn eval runs/first README.md --unknown skip
            """)
        {
            ModelPath, Input, Best, Unknown, Device, SharedOptions.Quiet(), Json, SharedOptions.Verbose(),
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        string path = options.GetRequiredValue(ModelPath);
        CharacterModel model = SharedOptions.LoadModel(path, options.GetValue(Best));
        using Corpus corpus = SharedOptions.ReadText(
            how => Corpus.ReadWith(model.Vocabulary, options.GetRequiredValue(Input), options.GetValue(Unknown).Value, how, stop),
            new CorpusOptions());
        if (corpus.Tokens.Length < 2)
            throw new CharRnnException(corpus.Name, "has a single character", "give a text of at least 2: the first is only an input");

        using ComputeDevice device = SharedOptions.Open(options.GetValue(Device), model.Shape);
        using var deviceModel = new DeviceModel(device, model.Weights);
        using var evaluator = new Evaluator(deviceModel, streams: 1);
        double loss = Output.Waited("evaluation", () => evaluator.Evaluate(corpus.Tokens, stop).Loss);
        if (!double.IsFinite(loss))
            throw new CharRnnException(
                path, $"its loss on {corpus.Name} is not finite: its weights are far too large",
                "give a model whose training did not diverge");
        if (options.GetValue(Json))
            Output.Line(JsonSerializer.Serialize(new
            {
                loss,
                bits_per_character = Loss.BitsPerCharacter(loss),
                perplexity = double.IsFinite(Loss.Perplexity(loss)) ? Loss.Perplexity(loss) : (double?)null, // JSON has no infinity
                characters = corpus.Tokens.Length,
            }));
        else
            Output.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"{loss:F4} nats per character, {Loss.BitsPerCharacter(loss):F4} bits per character, "
                    + $"perplexity {Loss.Perplexity(loss):F3}, over {corpus.Tokens.Length} characters"));
        return 0;
    }
}
