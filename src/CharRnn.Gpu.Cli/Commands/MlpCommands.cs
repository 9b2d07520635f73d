using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using CharRnn.Files;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Verification;
using CharRnn.Networks;
using CharRnn.Reports;
using CharRnn.Storage;
using CharRnn.Tables;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary><c>charrnn mlp</c>: feed-forward networks on tables; trains, predicts, measures.</summary>
internal static class MlpCommands
{
    private static readonly Argument<string> Data = DataArgument();
    private static readonly Argument<string> ModelPath =
        SharedOptions.Model("The directory of a run of charrnn mlp train, or its .safetensors file.");
    private static readonly Option<Choice<string?>> Delimiter = DelimiterOption();
    private static readonly Option<string> Cache = TableCacheOption();
    private static readonly Option<bool> Best = SharedOptions.Best();
    private static readonly Option<DeviceSelection> Device = SharedOptions.Device();
    private static readonly Option<string> Predictions = new("--out")
    {
        Description = "Where the predictions go [default: stdout].",
        HelpName = "FILE",
    };

    private static readonly Option<string> Keep = new("--keep")
    {
        Description = "Columns of the table that go before the predictions. Names with commas between them.",
        HelpName = "COLUMN,...",
    };

    private static readonly Option<Choice<bool>> Unknown = SharedOptions.OneOf<bool>(
        "--unknown",
        "What to do about a category that was not learned: take it for none, and warn; or refuse the row.",
        new("none", false), new("error", true));

    private static readonly Option<bool> Json = SharedOptions.Json();

    private static readonly Option<int?> Repeats =
        SharedOptions.WholeNumber<int>("--repeats", 5, 1, "Number of times that each column is shuffled.");

    private static readonly Option<ulong?> Seed = SharedOptions.WholeNumber<ulong>("--seed", 1, 0, "Seed for the shuffling.");

    private static readonly Option<string> PageFile = new("--out")
    {
        Description = "A page to write besides, with the columns and which class is taken for which.",
        HelpName = "FILE",
    };

    private const string ReadingTable = "reading the table";

    // Rows that are read, predicted and written at once.
    private const int RowsAtOnce = 1 << 14;

    public static Command Create() => new("mlp", """
        Trains feed-forward networks on tables, predicts with them, measures them, and tells which columns matter.

        Example: charrnn mlp train iris.csv --label species --layers 16
        """)
    {
        MlpTrainCommand.Create(), CreatePredict(), CreateEval(), CreateInspect(),
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
            ModelPath, Data, Best, Delimiter, Unknown, Keep, Device, Predictions, SharedOptions.Quiet(), Json, SharedOptions.Verbose(),
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
            ModelPath, Data, Best, Delimiter, Cache, Unknown, Device, SharedOptions.Quiet(), Json, SharedOptions.Verbose(),
        };
        command.SetAction(Evaluate);
        return command;
    }

    private static Command CreateInspect()
    {
        var command = new Command("inspect", """
            Tells how much each column of a table that has the label matters to a network: how much worse its answers become when the
            values of the column are shuffled among the rows.

            Example: charrnn mlp inspect runs/iris iris.csv
            """)
        {
            ModelPath, Data, PageFile, Best, Delimiter, Cache, Unknown, Repeats, Seed, Device, SharedOptions.Quiet(),
            Json, SharedOptions.Verbose(),
        };
        command.SetAction(Inspect);
        return command;
    }

    private static int Predict(ParseResult options)
    {
        CancellationToken stop = Interrupts.Watch();
        NetworkModel model = LoadModel(options);
        string? file = options.GetValue(Predictions) is { } path
            ? SharedOptions.NewFile(Predictions, path, options.GetRequiredValue(ModelPath), options.GetRequiredValue(Data))
            : null;
        using TableReader reader = Output.Waited(
            ReadingTable,
            () => new TableReader(
                options.GetRequiredValue(Data), options.GetValue(Delimiter).Value, isLenient: true, cancellation: stop));
        using var rows = new RowsOfPrediction(options, model, reader, stop);
        if (file is null)
            rows.Write(bytes => Output.ModelText(bytes));
        else
            AtomicFile.Write(file, stream => rows.Write(bytes => stream.Write(bytes)));
        rows.RequireAll();
        return 0;
    }

    private static int Evaluate(ParseResult options) => Measure(options, inMemory: false, (_, _, rows, answers, _) =>
    {
        if (options.GetValue(Json))
            Output.Line(JsonSerializer.Serialize(answers.Json(rows)));
        else
            foreach (string line in answers.Describe(rows))
                Output.Line(line);
    });

    private static int Inspect(ParseResult options)
    {
        string? page = options.GetValue(PageFile) is { } path
            ? SharedOptions.NewFile(PageFile, path, options.GetRequiredValue(ModelPath), options.GetRequiredValue(Data))
            : null;
        return Measure(
            options, inMemory: true, // to shuffle them
            (model, predictor, rows, answers, stop) => Inspect(options, page, model, predictor, rows, answers, stop));
    }

    private static void Inspect(
        ParseResult options, string? page, NetworkModel model, Predictor predictor, LabelledData rows, TableAnswers answers,
        CancellationToken stop)
    {
        bool isQuantity = model.Encoding.Label.Categories is null, isBalanced = model.Encoding.IsBalanced;
        double Badness(TableAnswers measured)
        {
            double badness = measured.Quantities(rows)?.RootMeanSquare
                ?? -(isBalanced ? measured.Classes(rows)!.BalancedAccuracy : measured.Classes(rows)!.Accuracy);
            return double.IsFinite(badness) ? badness : throw new CharRnnException(
                options.GetRequiredValue(Data), "has rows that the network computes no finite number of when a column is shuffled",
                "leave out rows with extreme numbers");
        }

        string measure = isQuantity ? "root mean square error" : isBalanced ? "balanced accuracy" : "accuracy";
        double before = Badness(answers), whole = Math.Abs(before);
        IReadOnlyList<ColumnImportance> columns = Output.Waited(
            "shuffling columns",
            () => ColumnImportance.Of(
                model.Encoding, rows.X, options.GetValue(Repeats)!.Value, options.GetValue(Seed)!.Value, before,
                () => Badness(predictor.Measure(rows, stop))));
        string loss = isQuantity ? "added" : "lost";
        if (page is not null)
        {
            TablePage.Write(page, new TableInspection(
                options.GetRequiredValue(ModelPath), options.GetRequiredValue(Data), model.Encoding.Label.Name, rows.Count,
                answers.Figures(rows), $"{measure} that is {loss}",
                [.. columns.Select(column => (column.Column, column.Mean, column.Deviation))], model.Encoding.Label.Categories ?? [],
                answers.Classes(rows)?.Confusion ?? [], answers.Pairs(rows)));
            if (!Output.IsQuiet)
                Output.Note($"page: {page}");
        }

        if (options.GetValue(Json))
        {
            Output.Line(JsonSerializer.Serialize(new
            {
                rows = rows.Count,
                measure = isQuantity ? "rmse" : isBalanced ? "balanced_accuracy" : "accuracy",
                value = whole,
                columns = columns.Select(column => new { name = column.Column, importance = column.Mean, deviation = column.Deviation }),
            }));
            return;
        }

        Output.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{rows.Count:N0} rows, {measure} {whole:G4}; {loss} when a column is shuffled:"));
        string[] names = [.. columns.Select(column => TerminalText.OneLine(column.Column))];
        int width = names.Max(name => name.Length);
        foreach ((string name, ColumnImportance column) in names.Zip(columns))
        {
            string Number(double number) => number.ToString(isQuantity ? "G4" : "F4", CultureInfo.InvariantCulture);
            Output.Line($"{name.PadRight(width)}  {Number(column.Mean),10} ± {Number(column.Deviation)}");
        }
    }

    /// <summary>Applies a network to the rows of a table that have the label.</summary>
    private static int Measure(
        ParseResult options, bool inMemory, Action<NetworkModel, Predictor, LabelledData, TableAnswers, CancellationToken> measure)
    {
        CancellationToken stop = Interrupts.Watch();
        NetworkModel model = LoadModel(options);
        using Table table = ReadTable(
            options.GetRequiredValue(Data), options.GetValue(Delimiter).Value, options.GetValue(Cache), stop);
        var refused = new RefusedRows(table.Name);
        TableEncoding encoding = model.Encoding;
        int[] usable = [.. encoding.Missing == MissingValues.Error ? encoding.LabelledRows(table) : encoding.UsableRows(table)];
        EncodedRows rows = inMemory || NetworkEngine.HoldsAll(model.Shape, encoding.Columns, usable.Length, isWeighted: false, batchSize: 1)
            ? encoding.Encode(table, usable, model.Shape.Loss, withAnswers: true, options.GetValue(Unknown).Value, stop)
            : encoding.EncodeLater(table, usable, model.Shape.Loss, options.GetValue(Unknown).Value, stop);
        refused.Add(rows);
        if (rows.Rows.Count == 0)
            throw refused.Error ?? new CharRnnException(table.Name, "has no row with a label", "give a table that has the label");
        using Predictor predictor = Open(options, model, rows.Rows.Count);
        TableAnswers answers = predictor.Measure(rows.Data, stop);
        if (answers.FirstNotFinite >= 0)
            throw new CharRnnException(
                table.Name,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"line {table.LineOf(rows.Rows[answers.FirstNotFinite])}: what the network computes of it is not finite"),
                "give rows like those that it was trained on");
        measure(model, predictor, rows.Data, answers, stop);
        refused.Warn();
        return refused.Error is { } error ? throw error : 0;
    }

    /// <summary>Reads a table.</summary>
    /// <param name="path">The file; <c>-</c> for standard input.</param>
    /// <param name="delimiter">The value of --delimiter.</param>
    /// <param name="cache">The value of --cache; null if it is not given.</param>
    /// <param name="stop">Ends the reading.</param>
    public static Table ReadTable(string path, string? delimiter, string? cache, CancellationToken stop)
    {
        var storage = new TableStorage { Cache = CacheOption.DirectoryOf(cache) is { } directory ? new TableCache(directory) : null };
        return SharedOptions.Read(
            ReadingTable, progress => CsvTable.Read(path, delimiter, storage with { Progress = progress }, stop), table => table.Notes);
    }

    /// <summary>The option for where the columns of large tables are kept.</summary>
    public static Option<string> TableCacheOption() => CacheOption.Create("the columns of files");

    private static NetworkModel LoadModel(ParseResult options) =>
        SharedOptions.LoadModel(options.GetRequiredValue(ModelPath), options.GetValue(Best), NetworkFile.Load);

    private static Predictor Open(ParseResult options, NetworkModel model, int mostRows) =>
        new(SharedOptions.Open(options.GetValue(Device), opened => DeviceVerification.QuickCheck(opened, model.Shape)), model, mostRows);

    /// <summary>The option for what separates the fields of a table.</summary>
    public static Option<Choice<string?>> DelimiterOption() => new("--delimiter")
    {
        Description = "What separates the table's fields: a character, tab, or blank for any number of blanks; auto finds out.",
        HelpName = "auto|CHARACTER",
        DefaultValueFactory = _ => new("auto", null),
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
            switch (text)
            {
                case "auto":
                    return new(text, null);
                case "tab" or "\t":
                    return new("tab", "\t");
                case "blank" or " ":
                    return new("blank", " ");
            }

            if (text.Length != 1 || text[0] == '"' || char.IsWhiteSpace(text[0]) || char.IsSurrogate(text[0]))
                result.AddError($"--delimiter: is '{text}'; give one character that is not a quote, tab, blank or auto");
            return new(text, text);
        },
    };

    /// <summary>A network on a device.</summary>
    private sealed class Predictor : IDisposable
    {
        private readonly ComputeDevice _device;
        private readonly NetworkModel _model;
        private readonly NetworkPredictor _predictor;

        public Predictor(ComputeDevice device, NetworkModel model, int mostRows)
        {
            (_device, _model) = (device, model);
            try
            {
                _predictor = new NetworkPredictor(device, model.Shape, mostRows, model.Encoding.Columns);
            }
            catch
            {
                device.Dispose();
                throw;
            }
        }

        public float[] Apply(LabelledData data, CancellationToken stop) => _predictor.Apply(_model.Parameters, data, stop).Outputs;

        public TableAnswers Measure(LabelledData data, CancellationToken stop) => TableAnswers.Of(_model, _predictor, data, stop);

        public void Dispose()
        {
            _predictor.Dispose();
            _device.Dispose();
        }
    }

    /// <summary>The rows of a table with their predictions, as many at once as are read.</summary>
    private sealed class RowsOfPrediction(ParseResult options, NetworkModel model, TableReader reader, CancellationToken stop) : IDisposable
    {
        private readonly RefusedRows _refused = new(StandardStreams.NameOf(options.GetRequiredValue(Data)));
        private Predictor? _predictor;

        /// <summary>Reads, predicts and writes all rows.</summary>
        public void Write(Action<byte[]> write)
        {
            // A table without rows has its header.
            bool isFirst = true;
            int rows;
            do
            {
                using Table table = Output.Waited(ReadingTable, () => reader.Read(RowsAtOnce, stop));
                rows = table.Count;
                if (rows > 0 || isFirst)
                    write(Encoding.UTF8.GetBytes(Text(table, isFirst)));
                isFirst = false;
            }
            while (rows > 0);
        }

        /// <summary>Says what was unusual.</summary>
        /// <exception cref="CharRnnException">Rows were refused.</exception>
        public void RequireAll()
        {
            _refused.Warn();
            if (_refused.Error is { } error)
                throw error;
        }

        public void Dispose() => _predictor?.Dispose();

        private string Text(Table table, bool isFirst)
        {
            EncodedRows rows = model.Encoding.Encode(
                table, [.. Enumerable.Range(0, table.Count)], model.Shape.Loss, withAnswers: false, options.GetValue(Unknown).Value, stop);
            IReadOnlyList<TableColumn> kept = table.ColumnsOf(options.GetValue(Keep) ?? "");
            float[] outputs = [];
            if (rows.Rows.Count > 0)
            {
                _predictor ??= Open(options, model, table.Count);
                outputs = _predictor.Apply(rows.Data, stop);
            }

            var answers = new TableAnswers(model, outputs);
            _refused.Add(rows);
            int?[] places = new int?[table.Count];
            foreach ((int i, int row) in rows.Rows.Index())
                if (answers.IsFinite(i))
                    places[row] = i;
                else
                    _refused.Add(string.Create(
                        CultureInfo.InvariantCulture, $"line {table.LineOf(row)}: what the network computes of it is not finite"));
            var text = new StringWriter(CultureInfo.InvariantCulture);
            if (options.GetValue(Json))
                for (int row = 0; row < table.Count; row++)
                    text.Write(JsonSerializer.Serialize(
                        answers.JsonRow(places[row], table.LineOf(row), kept.Select(column => (column.Name, column.Text(row))))) + "\n");
            else
                CsvTable.Write(text,
                [
                    .. isFirst ? (IEnumerable<string>[])[kept.Select(column => column.Name).Concat(answers.Header)] : [],
                    .. Enumerable.Range(0, table.Count)
                        .Select(row => kept.Select(column => column.Text(row)).Concat(answers.Row(places[row]))),
                ]);
            return text.ToString();
        }
    }

    /// <summary>Counts what was unusual about the rows of a table.</summary>
    private sealed class RefusedRows(string table)
    {
        private readonly Dictionary<(string Column, bool AreMissing), UnusualCells> _unusual = [];
        private string? _first;
        private int _count;

        /// <summary>Says that rows were refused; null if none was.</summary>
        public CharRnnException? Error => _first is null ? null : new(
            table,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{_count} {(_count == 1 ? "row was" : "rows were")} refused{(_count == 1 ? "" : ", the first")} at {_first}"),
            "correct the values, or leave the rows out");

        public void Add(string reason)
        {
            _first ??= reason;
            _count++;
        }

        public void Add(EncodedRows rows)
        {
            foreach ((_, string reason) in rows.Refused)
                Add(reason);
            foreach (UnusualCells cells in rows.Notes)
            {
                (string, bool) key = (cells.Column, cells.AreMissing);
                _unusual[key] = _unusual.TryGetValue(key, out UnusualCells? before)
                    ? before with { Count = before.Count + cells.Count, Texts = [.. before.Texts.Union(cells.Texts)] }
                    : cells;
            }
        }

        /// <summary>Warns about cells that are not like those of the training.</summary>
        public void Warn()
        {
            const int most = 5;
            foreach ((string column, bool areMissing, int count, IReadOnlyList<string> texts) in _unusual.Values)
                Output.Warning(areMissing
                    ? string.Create(
                        CultureInfo.InvariantCulture,
                        $"{table}: column '{column}' has no value in {Rows(count)}, and had all in training: the usual one is taken")
                    : string.Create(
                        CultureInfo.InvariantCulture,
                        $"{table}: column '{column}' has a value that was not learned in {Rows(count)}: {Listed(texts)}"));

            static string Rows(int count) => count == 1 ? "1 row" : string.Create(CultureInfo.InvariantCulture, $"{count} rows");

            static string Listed(IReadOnlyList<string> texts) =>
                string.Join(", ", texts.Take(most)) + (texts.Count > most ? ", ..." : "");
        }
    }
}
