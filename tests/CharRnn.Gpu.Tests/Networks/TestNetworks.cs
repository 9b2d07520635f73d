using CharRnn.Gpu.Tests.Kernels;
using CharRnn.Model;
using CharRnn.Networks;

namespace CharRnn.Gpu.Tests.Networks;

/// <summary>Networks and data for tests, made from seeds.</summary>
internal static class TestNetworks
{
    public static readonly ActivationFunction[] Activations = Enum.GetValues<ActivationFunction>();

    public static readonly NetworkLoss[] Losses = Enum.GetValues<NetworkLoss>();

    /// <summary>
    /// Hidden layers with one activation, and the output that the loss wants; with the squared error the activation once more.
    /// </summary>
    public static NetworkShape Shape(int inputs, int[] hidden, int outputs, ActivationFunction activation, NetworkLoss loss) => new(
        inputs,
        [
            .. hidden.Select(width => new Layer(width, activation)),
            new Layer(outputs, loss == NetworkLoss.SquaredError ? activation : ActivationFunction.Identity),
        ],
        loss);

    /// <summary>Random rows, with random answers of the kind that the loss wants.</summary>
    /// <param name="shape">The network.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="columns">What its inputs are; null where all of them are numbers. Each row has another category than the last.</param>
    public static LabelledData Data(NetworkShape shape, int rows, ulong seed, InputColumns? columns = null)
    {
        columns ??= new InputColumns(shape.Inputs);
        var x = new InputRows(
            columns, Values.Random(rows * columns.Numbers, seed),
            [
                .. Enumerable.Range(0, rows).SelectMany(row => columns.Firsts.Zip(
                    columns.Values, (first, values) => row % (values + 1) == values ? InputRows.NoInput : first + (row % (values + 1)))),
            ]);
        float[] y = Values.Random(rows * shape.Outputs, seed + 1);
        return shape.Loss switch
        {
            NetworkLoss.CrossEntropy => new LabelledData(
                x, [.. Enumerable.Range(0, rows).Select(r => (int)((y[r] + 1) / 2 * shape.Outputs))]),
            NetworkLoss.BinaryCrossEntropy => new LabelledData(x, shape.Outputs, [.. y.Select(value => value > 0 ? 1f : 0f)]),
            _ => new LabelledData(x, shape.Outputs, y),
        };
    }

    /// <summary>All inputs of all rows.</summary>
    public static float[] Inputs(InputRows x) => [.. Enumerable.Range(0, x.Count).SelectMany(x.Row).Select(value => (float)value)];

    /// <summary>Random parameters, biases too.</summary>
    public static ParameterSet<float> Parameters(NetworkShape shape, ulong seed)
    {
        ParameterSet<float> parameters = InitialNetwork.Create(shape, seed);
        foreach ((TensorSpec spec, float[] bias) in parameters.Tensors)
            if (spec.Role == TensorRole.Bias)
                Values.Random(bias.Length, seed + 5, 0.3f).CopyTo(bias, 0);
        return parameters;
    }

    public static double[] Flat(ParameterSet<double> parameters) => [.. parameters.Tensors.SelectMany(tensor => tensor.Values)];

    public static double[] Flat(ParameterSet<float> parameters) => Flat(parameters.Convert(value => (double)value));
}
