using System.Globalization;
using CharRnn.Gpu.Cli.Commands;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Tests.Tables;
using CharRnn.Networks;
using CharRnn.Storage;
using CharRnn.Tables;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>A table whose rows exceed a window is trained on and measured as one whose rows are in memory.</summary>
[Collection(typeof(DeviceTests))]
public sealed class LabelledTableTests
{
    private const int Rows = 500, WindowRows = 64;

    [Theory]
    [InlineData("kind", 7)]
    [InlineData("quantity", 7)]
    [InlineData("kind", 0)]
    public void Rows_that_are_read_when_they_are_needed_are_the_same(string label, int batch)
    {
        bool isBalanced = label == "kind";
        using LabelledTable whole = Read(label, batch, isBalanced, NetworkEngine.DefaultWindowBytes);
        using LabelledTable windowed = Read(label, batch, isBalanced, windowBytes: 0);
        Assert.Equal(batch == 0, windowed.Parts.Training.Rows is InputRows); // a step of all rows needs all of them
        Assert.IsNotType<InputRows>(windowed.Parts.Validation.Rows, exactMatch: true);
        Assert.Equal(whole.Parts.Encoding.ToJson(), windowed.Parts.Encoding.ToJson());
        Assert.Equal(whole.ConstantLoss, windowed.ConstantLoss, 1e-9);
        AssertSameRows(whole.Parts.Training, windowed.Parts.Training);
        AssertSameRows(whole.Parts.Validation, windowed.Parts.Validation);
        ((TableParts wholeParts, LabelledData wholeFold), (TableParts parts, LabelledData fold)) = (whole.Fold(1, 3), windowed.Fold(1, 3));
        AssertSameRows(wholeParts.Training, parts.Training);
        AssertSameRows(wholeFold, fold);
    }

    [Theory]
    [InlineData("kind")]
    [InlineData("quantity")]
    public void A_network_learns_them_and_is_measured_on_them(string label)
    {
        ComputeDevice device = TestDevices.Get(DeviceKind.Cpu);
        using LabelledTable table = Read(label, 7, isBalanced: label == "kind", windowBytes: 0);
        (LabelledData training, LabelledData validation) = (table.Parts.Training, table.Parts.Validation);
        var options = new NetworkOptions { BatchSize = 7, Optimizer = UpdateRule.AdamW, LearningRate = 0.02 };
        var schedule = new TrainingSchedule { Epochs = 6, LogEvery = 30, EvalEvery = 30, CheckpointEvery = 0 };
        (float[] Weights, double Loss, string Measured) Train(LabelledData training, LabelledData validation)
        {
            long bytes = WindowRows * DataSizes.Of(training).RowBytes(table.Shape);
            using var engine = new NetworkEngine(device, InitialNetwork.Create(table.Shape, 1), training, options, null, bytes);
            using var predictor = new NetworkPredictor(device, table.Shape, 50, training.Rows.Columns);
            Assert.Equal(WindowRows / 7 * 7, engine.RowsOnDevice);
            var learner = new TableLearner(engine, predictor, validation, table.ConstantLoss);
            var loop = new TrainingLoop(learner, options.LearningRate, schedule, null);
            Assert.Equal(TrainingOutcome.Finished, loop.Run(new Nobody(), TestContext.Current.CancellationToken));
            var model = new NetworkModel(engine.ReadWeights(), table.Parts.Encoding);
            var measured = TableAnswers.Of(model, predictor, training, TestContext.Current.CancellationToken);
            return (
                [.. model.Parameters.Tensors.SelectMany(tensor => tensor.Values)], loop.Best.ValidationLoss,
                string.Join('\n', measured.Describe(training)));
        }

        (float[] expected, double loss, string text) = Train(InMemory(training), InMemory(validation));
        (float[] actual, double windowedLoss, string windowedText) = Train(training, validation);
        Assert.Equal(expected, actual);
        Assert.Equal((loss, text), (windowedLoss, windowedText));
        Assert.InRange(windowedLoss, 0, table.ConstantLoss / 2); // it learns
    }

    private static LabelledTable Read(string label, int batchSize, bool isBalanced, long windowBytes)
    {
        // The last rows of the table are of one kind: a window of consecutive rows would have only those.
        Table table = TestTables.Of(
            "number|colour|day|other|kind|quantity",
            [
                .. Enumerable.Range(0, Rows).Select(row => string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(row % 11 == 3 ? "" : $"{row % 37}.5")}|{(row % 13 == 5 ? "" : "rgb"[row / 170])}|2024-0{1 + (row % 9)}-11|"
                    + $"{row * 7 % 50}|{(row < 170 ? "one" : row < 340 ? "two" : "three")}|{row}.25")),
            ]);
        TableEncoding encoding = TablePlan.Of(
            table, new() { Label = label, Ignored = label == "kind" ? "quantity" : "kind" }).Encoding;
        bool isQuantity = encoding.Label.Categories is null;
        var shape = new NetworkShape(
            encoding.Width, [new Layer(8, ActivationFunction.Tanh), new Layer(isQuantity ? 1 : 3, ActivationFunction.Identity)],
            isQuantity ? NetworkLoss.SquaredError : NetworkLoss.CrossEntropy);
        return new LabelledTable(
            table, LabelledTable.Rows(table, encoding, seed: 3, TestContext.Current.CancellationToken), encoding, shape, fraction: 0.2,
            isBalanced, isFitted: false, batchSize, TestContext.Current.CancellationToken, windowBytes)
        {
            Decisions = [],
            Columns = [],
        };
    }

    private static LabelledData InMemory(LabelledData data) => data.Select([.. Enumerable.Range(0, data.Count)]);

    private static void AssertSameRows(LabelledData expected, LabelledData actual)
    {
        static IEnumerable<string> Texts(LabelledData data)
        {
            LabelledData all = InMemory(data);
            return Enumerable.Range(0, all.Count).Select(row => string.Join(
                ' ', all.X.Row(row).Concat(
                    new[] { all.Classes.Select(y => (double)y), all.Targets.Select(y => (double)y), all.Weights.Select(w => (double)w) }
                        .SelectMany(values => values.Skip(row).Take(1)))));
        }

        Assert.Equal(Texts(expected).Order(StringComparer.Ordinal), Texts(actual).Order(StringComparer.Ordinal));
    }

    private sealed class Nobody : ITrainingObserver;
}
