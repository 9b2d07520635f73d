using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Verification;
using CharRnn.Networks;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Tables;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn mlp</c>: feed-forward networks on tables; trains, predicts, measures.</summary>
internal static class MlpCommands
{
    private static readonly Argument<string> Data = DataArgument();
    private static readonly Argument<string> ModelPath =
        SharedOptions.Model("The directory of a run of charrnn mlp train, or its .safetensors file.");
    private static readonly Option<string> Delimiter = DelimiterOption();
    private static readonly Option<bool> Best = SharedOptions.Best();
    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();
    private static readonly Option<string> Predictions = new("--out")
    {
        Description = "Where the predictions go [default: stdout].",
        HelpName = "FILE",
    };

    private static readonly Option<bool> Json = SharedOptions.Json();

    public static Command Create() => new("mlp", """
        Trains feed-forward networks on tables, predicts with them and measures them.

        Example: charrnn mlp train iris.csv --label species --layers 16
        """)
    {
        MlpTrainCommand.Create(), CreatePredict(), CreateEval(),
    };

    /// <summary>The argument for a table.</summary>
    public static Argument<string> DataArgument() => new("DATA.csv")
    {
        Description = "A table in CSV: a header, then a row for each example; - reads stdin.",
    };

    private static Command CreatePredict()
    {
        var command = new Command("predict", """
            Writes what a network says of each row of a table, as CSV: the prediction, and of classes the probability of each.

            Example: charrnn mlp predict runs/iris flowers.csv
            """)
        {
            ModelPath, Data, Best, Delimiter, Device, Predictions, SharedOptions.Quiet(), SharedOptions.Verbose(),
        };
        command.SetAction(Predict);
        return command;
    }

    private static Command CreateEval()
    {
        var command = new Command("eval", """
            Measures a network on a table that has the label: loss, accuracy and which class is taken for which.

            Example: charrnn mlp eval runs/iris iris.csv
            """)
        {
            ModelPath, Data, Best, Delimiter, Device, SharedOptions.Quiet(), Json, SharedOptions.Verbose(),
        };
        command.SetAction(Evaluate);
        return command;
    }

    private static int Predict(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        NetworkModel model = LoadModel(options);
        Table table = ReadTable(options, stop);
        string? file = options.GetValue(Predictions) is { } path
            ? SharedOptions.NewFile(Predictions, path, options.GetRequiredValue(ModelPath), options.GetRequiredValue(Data))
            : null;
        LabelledData data = model.Encoding.Encode(table, [.. Enumerable.Range(0, table.Rows.Count)], model.Shape.Loss, withAnswers: false);
        NetworkAnswers answers = Apply(options, model, table, data, stop);
        var text = new StringWriter(CultureInfo.InvariantCulture);
        CsvTable.Write(text, new TableAnswers(model, answers.Outputs).Rows());
        byte[] csv = System.Text.Encoding.UTF8.GetBytes(text.ToString());
        if (file is null)
            Output.ModelText(csv);
        else
            AtomicFile.Write(file, stream => stream.Write(csv));
        return 0;
    }

    private static int Evaluate(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        NetworkModel model = LoadModel(options);
        Table table = ReadTable(options, stop);
        LabelledData data = model.Encoding.Encode(table, [.. Enumerable.Range(0, table.Rows.Count)], model.Shape.Loss, withAnswers: true);
        NetworkAnswers answers = Apply(options, model, table, data, stop);
        var measured = new TableAnswers(model, answers.Outputs);
        if (options.GetValue(Json))
            Output.Line(JsonSerializer.Serialize(measured.Json(answers.Loss, data)));
        else
            foreach (string line in measured.Describe(answers.Loss, data))
                Output.Line(line);
        return 0;
    }

    private static Table ReadTable(ParseResult options, CancellationToken stop) =>
        ReadTable(options.GetRequiredValue(Data), options.GetValue(Delimiter)!, stop);

    /// <summary>Reads a table.</summary>
    public static Table ReadTable(string path, string delimiter, CancellationToken stop) =>
        // A pipe may wait for its other end for ever: that happens on another thread, and a signal ends the waiting.
        Output.Waited(
            "reading the table", () => Task.Run(() => CsvTable.Read(path, delimiter), stop).WaitAsync(stop).GetAwaiter().GetResult());

    private static NetworkModel LoadModel(ParseResult options)
    {
        string path = options.GetRequiredValue(ModelPath);
        return NetworkFile.Load(RunSearch.FindModel(path, options.GetValue(Best)));
    }

    /// <summary>What a network says of a table's rows.</summary>
    /// <exception cref="CharRnnException">An output is not finite; the message names the line.</exception>
    private static NetworkAnswers Apply(ParseResult options, NetworkModel model, Table table, LabelledData data, CancellationToken stop)
    {
        using ComputeDevice device = SharedOptions.Open(
            options.GetValue(Device), opened => DeviceVerification.QuickCheck(opened, model.Shape));
        using var predictor = new NetworkPredictor(device, model.Shape, data.Count);
        NetworkAnswers answers = predictor.Apply(model.Parameters, data, stop);
        int bad = Array.FindIndex(answers.Outputs, output => !float.IsFinite(output));
        return bad < 0 ? answers : throw new CharRnnException(
            table.Name,
            string.Create(
                CultureInfo.InvariantCulture,
                $"line {table.Lines[bad / model.Shape.Outputs]}: what the network computes of it is not finite"),
            "give rows like those that it was trained on");
    }

    /// <summary>The option for what separates the fields of a table.</summary>
    public static Option<string> DelimiterOption() => new("--delimiter")
    {
        Description = "What separates the table's fields: a character, or tab.",
        HelpName = "CHARACTER",
        DefaultValueFactory = _ => ",",
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
            if (text == "tab")
                return "\t";
            if (text.Length != 1 || text[0] == '"' || char.IsWhiteSpace(text[0]) || char.IsSurrogate(text[0]))
                result.AddError($"--delimiter: is '{text}'; give one character that is neither a space nor a quote, or tab");
            return text;
        },
    };
}
