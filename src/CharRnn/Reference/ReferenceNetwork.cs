using CharRnn.Networks;

namespace CharRnn.Reference;

/// <summary>
/// N1–N6 in plain double loops: what every kernel must agree with. It is written to be checked by eye against the equations
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
    public static double[][] Logits(NetworkParameters<double> p, double[] row)
    {
        var z = new double[p.Shape.Layers.Count][];
        double[] h = row;
        for (int l = 0; l < z.Length; l++)
        {
            int inputs = p.Shape.InputsOf(l), outputs = p.Shape.Layers[l].Width;
            z[l] = new double[outputs];
            for (int j = 0; j < outputs; j++)
            {
                z[l][j] = p.Biases[l][j];
                for (int i = 0; i < inputs; i++)
                    z[l][j] += p.Weights[l][(j * inputs) + i] * h[i];
            }

            h = [.. z[l].Select(value => Activate(p.Shape.Layers[l].Activation, value))];
        }

        return z;
    }

    /// <summary>What the network says of one row: probabilities, or with the squared error its outputs.</summary>
    public static double[] Output(NetworkParameters<double> p, double[] row)
    {
        double[] z = Logits(p, row)[^1];
        double logSumExp = ReferenceRnn.LogSumExp(z);
        return p.Shape.Loss switch
        {
            NetworkLoss.CrossEntropy => [.. z.Select(value => Math.Exp(value - logSumExp))],
            NetworkLoss.BinaryCrossEntropy => [.. z.Select(Sigmoid)],
            _ => [.. z.Select(value => Activate(p.Shape.Layers[^1].Activation, value))],
        };
    }

    /// <summary>N2: J over all rows.</summary>
    public static double Loss(NetworkParameters<double> p, LabelledData data)
    {
        double sum = 0;
        for (int r = 0; r < data.Count; r++)
            sum += RowLoss(p, data, r, Logits(p, Row(data, r))[^1]);
        return sum / data.Count;
    }

    /// <summary>N2–N5: J over all rows, and its gradient.</summary>
    public static (double Loss, NetworkParameters<double> Gradient) Run(NetworkParameters<double> p, LabelledData data)
    {
        var gradient = new NetworkParameters<double>(p.Shape);
        int last = p.Shape.Layers.Count - 1;
        double loss = 0;
        for (int r = 0; r < data.Count; r++)
        {
            double[] row = Row(data, r);
            double[][] z = Logits(p, row);
            loss += RowLoss(p, data, r, z[last]) / data.Count;
            double[] delta = OutputDelta(p, data, r, z[last]);
            for (int l = last; l >= 0; l--)
            {
                int inputs = p.Shape.InputsOf(l);
                double[] below = l == 0 ? row : [.. z[l - 1].Select(value => Activate(p.Shape.Layers[l - 1].Activation, value))];
                for (int j = 0; j < delta.Length; j++)
                {
                    gradient.Biases[l][j] += delta[j]; // N5
                    for (int i = 0; i < inputs; i++)
                        gradient.Weights[l][(j * inputs) + i] += delta[j] * below[i];
                }

                if (l == 0)
                    break;
                var deltaBelow = new double[inputs];
                for (int i = 0; i < inputs; i++)
                {
                    for (int j = 0; j < delta.Length; j++)
                        deltaBelow[i] += p.Weights[l][(j * inputs) + i] * delta[j];
                    deltaBelow[i] *= Derivative(p.Shape.Layers[l - 1].Activation, z[l - 1][i]); // N4
                }

                delta = deltaBelow;
            }
        }

        return (loss, gradient);
    }

    /// <summary>N6, in place.</summary>
    public static void Descend(NetworkParameters<double> p, NetworkParameters<double> gradient, double learningRate)
    {
        foreach ((double[] values, double[] slopes) in p.Arrays.Zip(gradient.Arrays))
            for (int i = 0; i < values.Length; i++)
                values[i] -= learningRate * slopes[i];
    }

    /// <summary>The gradient's Euclidean norm.</summary>
    public static double Norm(NetworkParameters<double> gradient) => Math.Sqrt(gradient.Arrays.Sum(values => values.Sum(g => g * g)));

    private static double RowLoss(NetworkParameters<double> p, LabelledData data, int r, double[] z)
    {
        int outputs = z.Length;
        double loss = 0;
        switch (p.Shape.Loss)
        {
            case NetworkLoss.CrossEntropy:
                return ReferenceRnn.LogSumExp(z) - z[data.Classes[r]];
            case NetworkLoss.BinaryCrossEntropy:
                for (int j = 0; j < outputs; j++)
                    loss += SoftPlus(z[j]) - (data.Targets[(r * outputs) + j] * z[j]); // -(y ln p + (1 - y) ln(1 - p))
                return loss;
            default:
                for (int j = 0; j < outputs; j++)
                    loss += Math.Pow(Activate(p.Shape.Layers[^1].Activation, z[j]) - data.Targets[(r * outputs) + j], 2);
                return loss / outputs;
        }
    }

    /// <summary>N3: δ[L] of a row, which carries J's 1/n.</summary>
    private static double[] OutputDelta(NetworkParameters<double> p, LabelledData data, int r, double[] z)
    {
        int outputs = z.Length;
        double logSumExp = ReferenceRnn.LogSumExp(z);
        ActivationFunction function = p.Shape.Layers[^1].Activation;
        return [.. z.Select((value, j) => p.Shape.Loss switch
        {
            NetworkLoss.CrossEntropy => (Math.Exp(value - logSumExp) - (data.Classes[r] == j ? 1 : 0)) / data.Count,
            NetworkLoss.BinaryCrossEntropy => (Sigmoid(value) - data.Targets[(r * outputs) + j]) / data.Count,
            _ => 2 * (Activate(function, value) - data.Targets[(r * outputs) + j]) * Derivative(function, value) / outputs / data.Count,
        })];
    }

    private static double[] Row(LabelledData data, int r) => [.. data.X[(r * data.Inputs)..((r + 1) * data.Inputs)].Select(value => (double)value)];

    // Neither overflows, whatever z.
    private static double Sigmoid(double z) => z >= 0 ? 1 / (1 + Math.Exp(-z)) : Math.Exp(z) / (1 + Math.Exp(z));

    private static double SoftPlus(double z) => Math.Max(z, 0) + Math.Log(1 + Math.Exp(-Math.Abs(z)));
}
