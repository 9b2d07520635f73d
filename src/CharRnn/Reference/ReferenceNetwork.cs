using CharRnn.Model;
using CharRnn.Networks;

namespace CharRnn.Reference;

/// <summary>
/// N1–N5 in plain double loops: what every kernel must agree with. It is written to be checked by eye against the equations
/// and shares nothing with the kernels.
/// </summary>
public static class ReferenceNetwork
{
    /// <summary>σ(z).</summary>
    public static double Activate(ActivationFunction function, double z) => function switch
    {
        ActivationFunction.Sigmoid => Sigmoid(z),
        ActivationFunction.Tanh => Math.Tanh(z),
        ActivationFunction.Relu => Math.Max(0, z),
        _ => z,
    };

    /// <summary>σ′(z); ReLU's at 0 is 0.</summary>
    public static double Derivative(ActivationFunction function, double z) => function switch
    {
        ActivationFunction.Sigmoid => Sigmoid(z) * (1 - Sigmoid(z)),
        ActivationFunction.Tanh => 1 - (Math.Tanh(z) * Math.Tanh(z)),
        ActivationFunction.Relu => z > 0 ? 1 : 0,
        _ => 1,
    };

    /// <summary>N1: z[l] of every layer, for one row.</summary>
    public static double[][] Logits(ParameterSet<double> p, double[] row) => Logits(p, row, (_, _) => 1);

    /// <summary>The same with dropout: the function gives m / (1 - p) of a layer and a neuron (E12).</summary>
    private static double[][] Logits(ParameterSet<double> p, double[] row, Func<int, int, double> kept)
    {
        var z = new double[p.Network.Layers.Count][];
        double[] h = row;
        for (int l = 0; l < z.Length; l++)
        {
            int inputs = p.Network.InputsOf(l), outputs = p.Network.Layers[l].Width;
            z[l] = new double[outputs];
            for (int j = 0; j < outputs; j++)
            {
                z[l][j] = p.Biases(l)[j];
                for (int i = 0; i < inputs; i++)
                    z[l][j] += p.Weights(l)[(i * outputs) + j] * h[i];
            }

            h = Below(p, z, l + 1, kept);
        }

        return z;
    }

    /// <summary>The network's answer for one row: probabilities, or with the squared error its outputs.</summary>
    public static double[] Output(ParameterSet<double> p, double[] row)
    {
        double[] z = Logits(p, row)[^1];
        double logSumExp = ReferenceRnn.LogSumExp(z);
        return p.Network.Loss switch
        {
            NetworkLoss.CrossEntropy => [.. z.Select(value => Math.Exp(value - logSumExp))],
            NetworkLoss.BinaryCrossEntropy => [.. z.Select(Sigmoid)],
            _ => [.. z.Select(value => Activate(p.Network.Layers[^1].Activation, value))],
        };
    }

    /// <summary>N2: J over all rows.</summary>
    public static double Loss(ParameterSet<double> p, LabelledData data)
    {
        double sum = 0;
        for (int r = 0; r < data.Count; r++)
            sum += WeightOf(data, r) * RowLoss(p, data, r, Logits(p, data.X.Row(r))[^1]);
        return sum / data.Count;
    }

    /// <summary>N2–N5: J over all rows, and its gradient.</summary>
    /// <param name="p">The parameters.</param>
    /// <param name="data">The rows.</param>
    /// <param name="dropout">m / (1 - p) of a hidden layer, a row and a neuron (E12); null without dropout.</param>
    public static (double Loss, ParameterSet<double> Gradient) Run(
        ParameterSet<double> p, LabelledData data, Func<int, int, int, double>? dropout = null)
    {
        var gradient = new ParameterSet<double>(p.Shape);
        int last = p.Network.Layers.Count - 1;
        double loss = 0;
        for (int r = 0; r < data.Count; r++)
        {
            int place = r;
            double Kept(int layer, int neuron) => dropout?.Invoke(layer, place, neuron) ?? 1;
            double[] row = data.X.Row(r);
            double[][] z = Logits(p, row, Kept);
            double weight = WeightOf(data, r) / data.Count;
            loss += weight * RowLoss(p, data, r, z[last]);
            double[] delta = [.. OutputDelta(p, data, r, z[last]).Select(slope => weight * slope)];
            for (int l = last; l >= 0; l--)
            {
                int inputs = p.Network.InputsOf(l);
                double[] below = l == 0 ? row : Below(p, z, l, Kept);
                for (int j = 0; j < delta.Length; j++)
                {
                    gradient.Biases(l)[j] += delta[j]; // N5
                    for (int i = 0; i < inputs; i++)
                        gradient.Weights(l)[(i * delta.Length) + j] += delta[j] * below[i];
                }

                if (l == 0)
                    break;
                var deltaBelow = new double[inputs];
                for (int i = 0; i < inputs; i++)
                {
                    for (int j = 0; j < delta.Length; j++)
                        deltaBelow[i] += p.Weights(l)[(i * delta.Length) + j] * delta[j];
                    deltaBelow[i] *= Kept(l - 1, i) * Derivative(p.Network.Layers[l - 1].Activation, z[l - 1][i]); // N4
                }

                delta = deltaBelow;
            }
        }

        return (loss, gradient);
    }

    /// <summary>What a layer above the first reads, for one row.</summary>
    private static double[] Below(ParameterSet<double> p, double[][] z, int layer, Func<int, int, double> kept) =>
        [.. z[layer - 1].Select((value, i) => kept(layer - 1, i) * Activate(p.Network.Layers[layer - 1].Activation, value))];

    private static double WeightOf(LabelledData data, int r) => data.Weights.Length > 0 ? data.Weights[r] : 1;

    private static double RowLoss(ParameterSet<double> p, LabelledData data, int r, double[] z)
    {
        int outputs = z.Length;
        double loss = 0;
        switch (p.Network.Loss)
        {
            case NetworkLoss.CrossEntropy:
                return ReferenceRnn.LogSumExp(z) - z[data.Classes[r]];
            case NetworkLoss.BinaryCrossEntropy:
                for (int j = 0; j < outputs; j++)
                    loss += SoftPlus(z[j]) - (data.Targets[(r * outputs) + j] * z[j]); // -(y ln p + (1 - y) ln(1 - p))
                return loss;
            default:
                for (int j = 0; j < outputs; j++)
                    loss += Math.Pow(Activate(p.Network.Layers[^1].Activation, z[j]) - data.Targets[(r * outputs) + j], 2);
                return loss / outputs;
        }
    }

    /// <summary>N3: δ[L] of a row, before its weight and J's 1/n.</summary>
    private static double[] OutputDelta(ParameterSet<double> p, LabelledData data, int r, double[] z)
    {
        int outputs = z.Length;
        double logSumExp = ReferenceRnn.LogSumExp(z);
        ActivationFunction function = p.Network.Layers[^1].Activation;
        return [.. z.Select((value, j) => p.Network.Loss switch
        {
            NetworkLoss.CrossEntropy => Math.Exp(value - logSumExp) - (data.Classes[r] == j ? 1 : 0),
            NetworkLoss.BinaryCrossEntropy => Sigmoid(value) - data.Targets[(r * outputs) + j],
            _ => 2 * (Activate(function, value) - data.Targets[(r * outputs) + j]) * Derivative(function, value) / outputs,
        })];
    }

    // Neither form overflows for any z.
    private static double Sigmoid(double z) => z >= 0 ? 1 / (1 + Math.Exp(-z)) : Math.Exp(z) / (1 + Math.Exp(z));

    private static double SoftPlus(double z) => Math.Max(z, 0) + Math.Log(1 + Math.Exp(-Math.Abs(z)));
}
