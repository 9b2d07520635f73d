using System.CommandLine;
using System.Globalization;
using CharRnn.Exchange;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Model;
using CharRnn.Storage;
using CharRnn.Text;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn export</c> and <c>charrnn import</c>: models to and from other programs.</summary>
internal static class ExchangeCommands
{
    private static readonly Argument<string> ModelPath = SharedOptions.Model("A run's directory, or a .safetensors file of a run.");
    private static readonly Option<bool> Best = SharedOptions.Best();
    private static readonly Option<Choice<ExchangeFormat>> ExportFormat = SharedOptions.OneOf<ExchangeFormat>(
        "--format",
        "ONNX; NumPy arrays, for one vanilla layer with min-char-rnn's names; or the state of a PyTorch nn.RNN, nn.LSTM or nn.GRU and "
            + "nn.Linear, or of a network on tables nn.Sequential, as safetensors.",
        new("onnx", new(OnnxFile.Save, OnnxNetworkFile.Save, ".onnx")), new("npz", new(NpzFile.Save, null, ".npz")),
        new("pytorch", new(PyTorchFile.Save, PyTorchFile.Save, ".pytorch.safetensors")));
    private static readonly Option<string> ExportTo = new("--out")
    {
        Description = "The file to write [default: model.onnx, model.npz or model.pytorch.safetensors].",
        HelpName = "FILE",
    };

    private static readonly Argument<string> ForeignPath = new("FILE")
    {
        Description = "An .npz file of a model's arrays, or a .safetensors file of a PyTorch module's state.",
    };
    private static readonly Option<string> VocabularyFile = new("--vocabulary")
    {
        Description = "A file with the characters in index order, for a FILE that does not have them; - reads stdin.",
        HelpName = "FILE",
    };
    private static readonly Option<Choice<TextEncoding>> Encoding = SharedOptions.Encoding();
    private static readonly Option<string> ImportTo = new("--out")
    {
        Description = "The model to write [default: imported.safetensors].",
        HelpName = "FILE",
    };

    public static Command CreateExport()
    {
        var command = new Command("export", """
            Writes a model for other programs: ONNX, NumPy or PyTorch.
            The inputs of the ONNX graph of N layers are tokens int64 [T, B] and h0 [N, B, H], of an LSTM also c0; its outputs are
            logits [T, B, V] and hn [N, B, H], of an LSTM also cn. That of a network on tables reads the columns by their names.

            Example: charrnn export runs/first --format onnx --out first.onnx
            """)
        {
            ModelPath, ExportFormat, ExportTo, Best, SharedOptions.Quiet(), SharedOptions.Verbose(),
        };
        command.SetAction(options =>
        {
            string from = options.GetRequiredValue(ModelPath);
            Choice<ExchangeFormat> format = options.GetValue(ExportFormat);
            string path = SharedOptions.NewFile(ExportTo, options.GetValue(ExportTo) ?? $"model{format.Value.Extension}", from);
            (NetworkModel? network, CharacterModel? model) =
                SharedOptions.LoadModel(from, options.GetValue(Best), NetworkFile.LoadAny);
            if (network is not null)
            {
                Action<string, NetworkModel> write = format.Value.SaveNetwork
                    ?? throw new CharRnnException(from, "is a network on tables", "give --format onnx or pytorch");
                write(path, network);
                return Done(path, network);
            }

            format.Value.SaveText(path, model!);
            return Done(path, model!);
        });
        return command;
    }

    public static Command CreateImport()
    {
        var command = new Command("import", """
            Makes a model from the weights of another program: NumPy or PyTorch.
            NumPy's npz file has min-char-rnn's Wxh, Whh, Why, bh, by and chars, or layers.0.Wxh, layers.0.Whh, layers.0.bh and so on
            in the place of the first two and bh, and layers.0.bhn of a GRU. PyTorch's file is the state of an nn.RNN (tanh), nn.LSTM
            or nn.GRU and an nn.Linear, saved as safetensors. The shapes tell the cell. The characters are sorted into ascending order.

            Example: charrnn import weights.npz --out imported.safetensors
            """)
        {
            ForeignPath, VocabularyFile, Encoding, ImportTo, SharedOptions.Quiet(), SharedOptions.Verbose(),
        };
        command.SetAction(options =>
        {
            string from = options.GetRequiredValue(ForeignPath), path = options.GetValue(ImportTo) ?? "imported.safetensors";
            path = SharedOptions.NewFile(ImportTo, path, from);
            string? characters = options.GetValue(VocabularyFile);
            Vocabulary? vocabulary = characters is null ? null : ReadVocabulary(characters, options.GetValue(Encoding).Value);
            CharacterModel model = ForeignModel.Load(
                from, vocabulary, characters is null ? null : StandardStreams.NameOf(characters));
            ModelFile.Save(path, model);
            return Done(path, model);
        });
        return command;
    }

    private static int Done(string path, NetworkModel network)
    {
        if (!Output.IsQuiet)
            Output.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"{path}: a network of {network.Encoding.Inputs.Count} columns, {network.Shape.ParameterCount:N0} parameters"));
        return 0;
    }

    private static int Done(string path, CharacterModel model)
    {
        if (!Output.IsQuiet)
            Output.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"{path}: {TrainCommand.Describe(model.Shape)}, {model.Vocabulary.Size} characters, "
                    + $"{model.Shape.ParameterCount:N0} parameters"));
        return 0;
    }

    /// <summary>
    /// The characters of a file in the order in which they stand there, each once; an editor's line end at its end may be one more.
    /// </summary>
    private static Vocabulary ReadVocabulary(string path, TextEncoding encoding)
    {
        using Corpus corpus = Corpus.Read([path], new CorpusOptions { Encoding = encoding });
        int size = corpus.Vocabulary.Size;
        int[] tokens = new int[Math.Min(corpus.Tokens.Length, size + "\r\n".Length)];
        corpus.Tokens.Read(0, tokens);
        List<int> characters = [.. tokens.Select(token => corpus.Vocabulary.CodePoints[token])];
        while (characters.Count > size && characters[^1] is '\n' or '\r')
            characters.RemoveAt(characters.Count - 1);
        return corpus.Tokens.Length == tokens.Length && characters.Distinct().Count() == characters.Count
            ? new Vocabulary(encoding, characters)
            : throw new CharRnnException(
                corpus.Name, $"has {corpus.Tokens.Length} characters, {corpus.Vocabulary.Size} of them distinct",
                "give each character once, in index order, with nothing behind the last");
    }

    /// <summary>A format to export to.</summary>
    /// <param name="SaveText">Writes a character model.</param>
    /// <param name="SaveNetwork">Writes a network on tables; null if the format has none.</param>
    /// <param name="Extension">The end of the file's name.</param>
    private sealed record ExchangeFormat(
        Action<string, CharacterModel> SaveText, Action<string, NetworkModel>? SaveNetwork, string Extension);
}
