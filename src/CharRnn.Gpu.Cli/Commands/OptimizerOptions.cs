using System.CommandLine;
using System.Globalization;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>The optimizer's options, the same for texts and tables but for what holds where none is given.</summary>
internal sealed class OptimizerOptions
{
    private const string None = "none";
    private const string Float = "a number over 0, up to 3.4e38", Part = "a number from 0, below 1";

    private readonly Option<Choice<UpdateRule>> _rule;
    private readonly Option<double?> _learningRate, _momentum, _beta1, _beta2, _rmsDecay, _epsilon, _weightDecay;
    private readonly Option<Choice<double>> _clip, _clipNorm;

    /// <param name="verb">Gets the options.</param>
    /// <param name="defaults">The values of options that are not given.</param>
    /// <param name="otherRate">What the help says of the learning rate where it is not that of the defaults.</param>
    /// <param name="decay">What it says of the default weight decay.</param>
    public OptimizerOptions(TrainingVerb verb, UpdateOptions defaults, string otherRate, string decay)
    {
        string rate = string.Create(CultureInfo.InvariantCulture, $"{defaults.LearningRate}; {otherRate}");
        _rule = verb.Add(
            SharedOptions.OneOf("--optimizer", "The rule that updates the weights.", defaults.Optimizer), OnResume.Kept);
        _learningRate = verb.Add(
            SharedOptions.Number<double>(
                "--learning-rate", null, Float, IsFloat,
                $"η, the step size [default: {rate}]."),
            OnResume.Kept);
        _clip = verb.Add(
            NumberOrNone("--clip", defaults.Clip, "Limit each element of the gradient to ± this number; none switches it off."),
            OnResume.Kept);
        _clipNorm = verb.Add(
            NumberOrNone(
                "--clip-norm", defaults.ClipNorm,
                "Scale a gradient with a larger norm down to this norm, before --clip; none switches it off."),
            OnResume.Kept);
        _momentum = Add("--momentum", defaults.Momentum, Part, Limits.IsPart, "μ, the momentum of sgd.", UpdateRule.Sgd);
        _beta1 = Add("--beta1", defaults.Beta1, Part, Limits.IsPart, "β₁ of adam and adamw.", UpdateRule.Adam, UpdateRule.AdamW);
        _beta2 = Add("--beta2", defaults.Beta2, Part, Limits.IsPart, "β₂ of adam and adamw.", UpdateRule.Adam, UpdateRule.AdamW);
        _rmsDecay = Add("--rms-decay", defaults.RmsDecay, Part, Limits.IsPart, "α of rmsprop.", UpdateRule.RmsProp);
        _epsilon = Add(
            "--epsilon", defaults.Epsilon, Float, IsFloat, "ε, which keeps a divisor from being 0; sgd does not use it.",
            UpdateRule.Adagrad, UpdateRule.RmsProp, UpdateRule.Adam, UpdateRule.AdamW);
        _weightDecay = verb.Add(
            SharedOptions.Number<double>(
                "--weight-decay", null, "a number from 0", Limits.IsNotNegative,
                $"λ, which draws weights, but no biases, to 0 [default: {decay}, otherwise 0]."),
            OnResume.Kept);

        Option<double?> Add(
            string name, double value, string expected, Func<double, bool> isValid, string description, params UpdateRule[] rules) =>
            verb.Add(SharedOptions.Number(name, value, expected, isValid, description), OnResume.Kept, _rule, rules);
    }

    /// <summary>Reads the options; what is not given keeps its default.</summary>
    /// <param name="options">The command line.</param>
    /// <param name="defaultsOf">The defaults with a rule.</param>
    public T Read<T>(ParseResult options, Func<UpdateRule, T> defaultsOf)
        where T : UpdateOptions
    {
        UpdateOptions read = defaultsOf(options.GetValue(_rule).Value) with
        {
            Clip = Finite(options.GetValue(_clip).Value),
            ClipNorm = Finite(options.GetValue(_clipNorm).Value),
            Momentum = options.GetValue(_momentum)!.Value,
            Beta1 = options.GetValue(_beta1)!.Value,
            Beta2 = options.GetValue(_beta2)!.Value,
            RmsDecay = options.GetValue(_rmsDecay)!.Value,
            Epsilon = options.GetValue(_epsilon)!.Value,
        };
        if (options.GetValue(_learningRate) is { } learningRate)
            read = read with { LearningRate = learningRate };
        if (options.GetValue(_weightDecay) is { } weightDecay)
            read = read with { WeightDecay = weightDecay };
        return (T)read;
    }

    /// <summary>Whether a weight decay is given.</summary>
    public bool HasWeightDecay(ParseResult options) => options.GetValue(_weightDecay) is not null;

    /// <summary>The values of the options whose defaults depend on the rule, or that a rollback changes.</summary>
    public IReadOnlyList<(Option Option, object? Value)> Resolved(UpdateOptions optimizer) =>
        [(_learningRate, optimizer.LearningRate), (_weightDecay, optimizer.WeightDecay)];

    /// <summary>A limit as the command line has it; null limits nothing.</summary>
    public static string LimitText(double? limit) => limit?.ToString(CultureInfo.InvariantCulture) ?? None;

    // One word for one number, however it was given: a resume compares them.
    private static Choice<double> Limit(double value) => new(LimitText(Finite(value)), value);

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    // A device computes in float.
    private static bool IsFloat(double value) => Limits.IsPositive((float)value);

    /// <summary>A number over 0, or none, which is infinite.</summary>
    private static Option<Choice<double>> NumberOrNone(string name, double? defaultValue, string description) => new(name)
    {
        Description = description,
        HelpName = $"N|{None}",
        DefaultValueFactory = _ => Limit(defaultValue ?? double.PositiveInfinity),
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
            if (text == None)
                return Limit(double.PositiveInfinity);
            if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && IsFloat(value))
                return Limit(value);
            result.AddError($"{name}: is '{text}'; give {Float}, or {None}");
            return default;
        },
    };
}
