using CharRnn.Model;
using CharRnn.Training;

namespace CharRnn.Reference;

/// <summary>E9, E13–E16 and N6 in plain double loops: what every update on a device must agree with.</summary>
/// <param name="options">The rule and its numbers.</param>
/// <param name="shape">The model.</param>
public sealed class ReferenceOptimizer(UpdateOptions options, IModelShape shape)
{
    /// <summary>What the rule remembers, in the order of <see cref="UpdateOptions.Moments"/>.</summary>
    public IReadOnlyList<ParameterSet<double>> Moments { get; } = [.. options.Moments.Select(_ => new ParameterSet<double>(shape))];

    /// <summary>Updates so far.</summary>
    public long Steps { get; private set; }

    /// <summary>The gradient's Euclidean norm over all parameters.</summary>
    public static double Norm(ParameterSet<double> gradient) => Math.Sqrt(gradient.Tensors.Sum(tensor => tensor.Values.Sum(g => g * g)));

    /// <summary>One update with the options' own learning rate.</summary>
    public void Update(ParameterSet<double> theta, ParameterSet<double> gradient) => Update(theta, gradient, options.LearningRate);

    /// <summary>One update.</summary>
    /// <param name="theta">θ, updated.</param>
    /// <param name="gradient">g, as back-propagation computes it; left as it is.</param>
    /// <param name="rate">η.</param>
    public void Update(ParameterSet<double> theta, ParameterSet<double> gradient, double rate)
    {
        Steps++;
        double scale = options.ClipNorm is { } most ? Math.Min(1, most / Norm(gradient)) : 1; // E13
        for (int k = 0; k < theta.Tensors.Count; k++)
        {
            bool decays = theta.Tensors[k].Spec.Role != TensorRole.Bias;
            double[] weights = theta[k];
            for (int i = 0; i < weights.Length; i++)
            {
                double g = gradient[k][i] * scale;
                if (options.Clip is { } clip)
                    g = Math.Clamp(g, -clip, clip);
                if (decays && options.Optimizer == UpdateRule.AdamW)
                    weights[i] *= 1 - (rate * options.WeightDecay);
                else if (decays)
                    g += options.WeightDecay * weights[i];
                weights[i] -= Change(k, i, g, rate);
            }
        }
    }

    /// <summary>Updates the moments of a parameter, and returns what is subtracted from it.</summary>
    private double Change(int tensor, int index, double g, double rate)
    {
        double epsilon = options.Epsilon;
        switch (options.Optimizer)
        {
            case UpdateRule.Adagrad: // E9
                ref double sum = ref Moments[0][tensor][index];
                sum += g * g;
                return rate * g / Math.Sqrt(sum + epsilon);
            case UpdateRule.RmsProp: // E14
                ref double mean = ref Moments[0][tensor][index];
                mean = (options.RmsDecay * mean) + ((1 - options.RmsDecay) * g * g);
                return rate * g / (Math.Sqrt(mean) + epsilon);
            case UpdateRule.Sgd when options.Momentum > 0: // E16
                ref double velocity = ref Moments[0][tensor][index];
                velocity = (options.Momentum * velocity) + g;
                return rate * velocity;
            case UpdateRule.Sgd: // N6
                return rate * g;
            default: // E15
                ref double m = ref Moments[0][tensor][index];
                ref double v = ref Moments[1][tensor][index];
                m = (options.Beta1 * m) + ((1 - options.Beta1) * g);
                v = (options.Beta2 * v) + ((1 - options.Beta2) * g * g);
                double mHat = m / (1 - Math.Pow(options.Beta1, Steps)), vHat = v / (1 - Math.Pow(options.Beta2, Steps));
                return rate * mHat / (Math.Sqrt(vHat) + epsilon);
        }
    }
}
