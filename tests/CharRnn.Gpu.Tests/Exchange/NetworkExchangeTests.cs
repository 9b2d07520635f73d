using System.Globalization;
using CharRnn.Exchange;
using CharRnn.Files;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Gpu.Tests.Networks;
using CharRnn.Gpu.Tests.Tables;
using CharRnn.Networks;
using CharRnn.Storage;
using CharRnn.Tables;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace CharRnn.Gpu.Tests.Exchange;

/// <summary>Networks on tables for other programs.</summary>
public class NetworkExchangeTests
{
    private static readonly Table Rows = TestTables.Of(
        "size|colour|found|label|price",
        "1.5|red|2024-01-31|a|10", "|blue|2024-03-01|b|12.5", "-3e9|red|1999-12-24|a|9", "4|NA|2024-02-29|c|11",
        "0.25|blue|2000-01-01|c|7");

    [Theory]
    [InlineData(NetworkLoss.CrossEntropy, ActivationFunction.Relu)]
    [InlineData(NetworkLoss.CrossEntropy, ActivationFunction.Identity)]
    [InlineData(NetworkLoss.BinaryCrossEntropy, ActivationFunction.Tanh)]
    [InlineData(NetworkLoss.SquaredError, ActivationFunction.Sigmoid)]
    public void The_ONNX_graph_reads_the_columns_of_a_table_and_answers_as_the_network_does(NetworkLoss loss, ActivationFunction activation)
    {
        using var directory = new TemporaryDirectory();
        NetworkModel model = Model(loss, activation);
        string path = directory.File("network.onnx");
        OnnxNetworkFile.Save(path, model);

        // Rows that training had, one with a category that it had not, and one without any values.
        Table table = TestTables.Of(
            "colour|found|size|label", "red|2024-01-31|1.5|a", "blue|2024-03-01||a", "red|1999-12-24|-3e9|a", "|2024-02-29|4|c",
            "pink|2024-02-29|4|c", "|||b");
        LabelledData data = model.Encoding.Encode(table, table.All(), loss, withAnswers: false,
            cancellation: TestContext.Current.CancellationToken).Data;
        using ComputeDevice device = DeviceCatalog.OpenCpu();
        using var predictor = new NetworkPredictor(device, model.Shape, table.Count, model.Encoding.Columns);
        float[] expected = predictor.Apply(model.Parameters, data, TestContext.Current.CancellationToken).Outputs;

        using var session = new InferenceSession(path);
        using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> outputs = session.Run(Inputs(session, table));
        Dictionary<string, DisposableNamedOnnxValue> named = outputs.ToDictionary(output => output.Name);
        if (loss == NetworkLoss.SquaredError)
        {
            ColumnEncoding price = model.Encoding.Label;
            double[] prices = [.. named["prediction"].AsTensor<double>()];
            Assert.Equal(expected.Select(y => (y * price.Deviation) + price.Mean), prices, (a, b) => Math.Abs(a - b) < 1e-4);
            return;
        }

        // Where a column is called label, the output has a mark.
        float[] probabilities = [.. named["probabilities"].AsTensor<float>()];
        float[] all = loss == NetworkLoss.CrossEntropy ? expected : [.. expected.SelectMany(p => (float[])[1 - p, p])];
        Assert.Equal(all, probabilities, (a, b) => Math.Abs(a - b) < 1e-5f);
        int classes = model.Encoding.Label.Categories!.Count;
        Assert.Equal(
            all.Chunk(classes).Select(row => model.Encoding.Label.Categories[Array.IndexOf(row, row.Max())]),
            named[loss == NetworkLoss.BinaryCrossEntropy ? "label_" : "label"].AsTensor<string>());
    }

    [Fact]
    public void The_state_for_PyTorch_has_the_places_of_the_linear_parts()
    {
        using var directory = new TemporaryDirectory();
        NetworkModel model = Model(NetworkLoss.CrossEntropy, ActivationFunction.Relu);
        PyTorchFile.Save(directory.File("state.safetensors"), model);
        using var file = SafetensorsFile.Open(directory.File("state.safetensors"));
        Assert.Equal(
            ["0.bias", "0.weight", "2.bias", "2.weight"], file.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        int inputs = model.Shape.Inputs;
        float[] weights = file.ReadFloats("0.weight", [5, inputs]);
        Assert.Equal(model.Parameters.Weights(0)[(2 * 5) + 3], weights[(3 * inputs) + 2]);
        Assert.Equal(model.Parameters.Biases(1), file.ReadFloats("2.bias", [3]));
    }

    /// <summary>The cells of a table as the graph wants them.</summary>
    private static IReadOnlyCollection<NamedOnnxValue> Inputs(InferenceSession session, Table table) =>
    [
        .. session.InputNames.Select(name =>
        {
            string[] parts = name.Split('.');
            TableColumn column = table.Column(parts[0]);
            string[] cells = [.. table.All().Select(column.Text)];
            int[] shape = [table.Count, 1];
            if (session.InputMetadata[name].ElementDataType == TensorElementType.String)
                return NamedOnnxValue.CreateFromTensor(name, new DenseTensor<string>(cells, shape));
            double[] numbers =
            [
                .. cells.Select(cell => cell.Length == 0 ? double.NaN : parts.Length == 1 ? Number(cell) : Part(Date(cell), parts[1])),
            ];
            return NamedOnnxValue.CreateFromTensor(name, new DenseTensor<double>(numbers, shape));
        }),
    ];

    private static double Number(string cell) => double.Parse(cell, CultureInfo.InvariantCulture);

    private static DateTime Date(string cell) => DateTime.ParseExact(cell, "yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static double Part(DateTime date, string part) => part switch
    {
        "year" => date.Year,
        "month" => date.Month,
        "day" => date.Day,
        _ => (int)date.DayOfWeek,
    };

    private static NetworkModel Model(NetworkLoss loss, ActivationFunction activation)
    {
        string label = loss switch
        {
            NetworkLoss.SquaredError => "price",
            NetworkLoss.BinaryCrossEntropy => "colour",
            _ => "label",
        };

        // Where colour is the label, the column that is called label is an input.
        TableEncoding encoding = TablePlan.Of(Rows, new TableOptions { Label = label, IsQuantity = loss == NetworkLoss.SquaredError })
            .Encoding.Fitted(Rows, Rows.All());
        if (loss != NetworkLoss.BinaryCrossEntropy)
            encoding = encoding with { Inputs = [.. encoding.Inputs.Where(column => column.Name is "size" or "colour" or "found")] };
        else
            encoding = encoding with { Inputs = [.. encoding.Inputs.Where(column => column.Name is "size" or "label" or "found")] };
        int outputs = loss == NetworkLoss.CrossEntropy ? encoding.Label.Categories!.Count : 1;
        var shape = new NetworkShape(
            encoding.Width, [new Layer(5, activation), new Layer(outputs, ActivationFunction.Identity)], loss);
        return new NetworkModel(TestNetworks.Parameters(shape, 3), encoding);
    }
}
